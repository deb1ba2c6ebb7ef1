#pragma once

#include <cstdint>
#include <string_view>

namespace cpu_monitor::exporter {

/// Who is calling, judged by the first bytes of a connection.
enum class Caller : std::uint8_t {
  unknown_yet,  ///< too few bytes to tell
  agent,        ///< a JSON line (or something that will be refused as one)
  legacy,       ///< the classroom project's Python client
  tls,          ///< a TLS ClientHello
  http,         ///< an HTTP request
};

/// The type of a TLS handshake record, with which a connection of TLS begins, and no other.
inline constexpr char kFirstByteOfTls = '\x16';

/// Pure.  Decides within kLegacyPrefix.size() bytes.
[[nodiscard]] Caller recognise(std::string_view first_bytes);

}  // namespace cpu_monitor::exporter
