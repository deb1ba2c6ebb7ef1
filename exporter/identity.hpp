#pragma once

#include <cstdint>
#include <map>
#include <string>

namespace cpu_monitor::exporter {

/// How well a peer proved that it may speak under its endpoint name, the weakest first.
enum class Proof : std::uint8_t {
  none,      ///< it showed nothing, and nothing was asked for
  any_name,  ///< a token that is good for every name: it belongs to the fleet
  exact,     ///< a token or a certificate for this very name
};

/// Who a peer is, as far as it was proved.
struct Identity {
  Proof proof = Proof::none;
  std::map<std::string, std::string> labels;  ///< trusted ones, from the tokens file
};

}  // namespace cpu_monitor::exporter
