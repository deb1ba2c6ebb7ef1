#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor {

/// `2031-12-31`: a day of the calendar with four, two and two digits, or none.
[[nodiscard]] std::optional<std::chrono::sys_days> parse_day(std::string_view text);

/// Its inverse, for the years 0 to 9999.
[[nodiscard]] std::string format_day(std::chrono::sys_days day);

}  // namespace cpu_monitor
