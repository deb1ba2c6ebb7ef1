#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

/// Texts of the small files of /sys/devices/system/cpu and /sys/class/thermal.  Threads: pure.
namespace cpu_monitor::agent {

/// Parses a list of CPUs as `online` and `isolated` hold it: "0-3,8,10-11", or nothing at all.
/// Sorted, each once.  None when it is not such a list, runs backwards, or names a CPU above
/// kMaxCpuId.
[[nodiscard]] std::optional<std::vector<std::uint32_t>> parse_cpu_list(std::string_view text);

/// One whole number from 0, white space around it ignored.  None for anything else, such as
/// "<unsupported>".
[[nodiscard]] std::optional<std::uint64_t> parse_unsigned(std::string_view text);

/// The same, negative numbers allowed: temperatures.
[[nodiscard]] std::optional<std::int64_t> parse_signed(std::string_view text);

/// Words between blanks, those that can't be shown left out: scaling_available_governors.
[[nodiscard]] std::vector<std::string> parse_words(std::string_view text);

/// The number at the end of a name such as "cpu12" or "thermal_zone0", which begins with `stem`.
/// None when anything else follows the stem, a number with zeros before it included.
[[nodiscard]] std::optional<std::uint32_t> parse_numbered_name(std::string_view name,
                                                               std::string_view stem);

}  // namespace cpu_monitor::agent
