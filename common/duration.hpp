#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor {

/// Reads durations as the Prometheus family writes them: `200ms`, `15s`, `1h30m`; units d, h, m, s,
/// ms, each at most once, largest first, whole numbers.  None when it is anything else, or over
/// 1,000 days.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);

/// The inverse, in its shortest form: 90000 ms is `1m30s`, 0 is `0s`.
[[nodiscard]] std::string format_duration(std::chrono::milliseconds duration);

}  // namespace cpu_monitor
