#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

/// Texts of control groups, version 2 (Documentation/admin-guide/cgroup-v2.rst).  Threads: pure.
namespace cpu_monitor::agent {

/// The path of the own cgroup, beginning with '/', from the line `0::/path` of /proc/self/cgroup.
/// None without such a line (version 1 only).
[[nodiscard]] std::optional<std::string> parse_cgroup_path(std::string_view text);

/// What cpu.stat says.  The last three are there when the CPU controller is on.
struct CgroupCpuStat {
  std::uint64_t usage_us = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  std::optional<std::uint64_t> periods;
  std::optional<std::uint64_t> throttled_periods;
  std::optional<std::uint64_t> throttled_us;

  bool operator==(const CgroupCpuStat&) const = default;
};

/// None when usage_usec, user_usec or system_usec is missing, cut off or no whole number.
[[nodiscard]] std::optional<CgroupCpuStat> parse_cgroup_cpu_stat(std::string_view text);

/// The quota in CPUs: 1.5 of "150000 100000".  None for "max ...", and for anything else that is
/// not two whole numbers above 0.
[[nodiscard]] std::optional<double> parse_cpu_max(std::string_view text);

}  // namespace cpu_monitor::agent
