#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace cpu_monitor::agent {

/// Finds `total`, in microseconds since boot, in the line `kind` ("some" or "full") of a file of
/// /proc/pressure (Documentation/accounting/psi.rst in the kernel).  None when there is no such
/// whole line, or no whole number in it.  Threads: pure.
[[nodiscard]] std::optional<std::uint64_t> parse_pressure_total(std::string_view text,
                                                                std::string_view kind);

}  // namespace cpu_monitor::agent
