#pragma once

#include <optional>
#include <string_view>

#include "common/cpu_sample.hpp"

namespace cpu_monitor::agent {

/// Parses /proc/loadavg: its first three numbers.  None when they are not three finite numbers from
/// 0, each followed by a space.  Threads: pure.
[[nodiscard]] std::optional<LoadAverage> parse_loadavg(std::string_view text);

}  // namespace cpu_monitor::agent
