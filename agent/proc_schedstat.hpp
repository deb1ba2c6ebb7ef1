#pragma once

#include <string_view>
#include <vector>

#include "common/cpu_sample.hpp"

namespace cpu_monitor::agent {

/// Parses the `cpuN` lines of /proc/schedstat (Documentation/scheduler/sched-stats.rst): the last
/// three of their nine numbers, which are nanoseconds, nanoseconds and a count since Linux 2.6.23.
/// Further numbers of newer versions are ignored; a line that is not of this form or has no newline
/// is left out, and all lines of a CPU that comes twice but the first.  Sorted by CPU, at most
/// kMaxCpus.
/// Threads: pure.
[[nodiscard]] std::vector<SchedulerTimes> parse_schedstat(std::string_view text);

}  // namespace cpu_monitor::agent
