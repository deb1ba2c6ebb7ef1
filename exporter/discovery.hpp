#pragma once

#include <string>

#include "exporter/external_url.hpp"
#include "exporter/fleet.hpp"

/// What stands on /sd: every agent as a target of its own, in the form of Prometheus' http_sd.
/// Pure.
namespace cpu_monitor::exporter {

/// Silent and gone ones too: a target that vanished would be no alert.
[[nodiscard]] std::string targets_json(const FleetSnapshot& snapshot, const ExternalUrl& url);

}  // namespace cpu_monitor::exporter
