#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "common/cpu_sample.hpp"
#include "common/discard_reason.hpp"
#include "common/result.hpp"

namespace cpu_monitor::agent {

/// What one reading of /proc/stat says, in the kernel's own numbers.
struct ProcStat {
  CpuTimes total;                ///< the `cpu ` line.  It sums possible, not online, CPUs.
  std::vector<CoreTimes> cores;  ///< the `cpuN` lines, sorted by id.  An offline CPU has none.
};

/// Parses the CPU lines at the head of /proc/stat (proc(5); fs/proc/stat.c in the kernel).
///
/// Units: USER_HZ ticks since boot.  4 to 10 columns are kept, further ones ignored, missing ones
/// are absent.  The CPU lines must be followed by the start of another line (`intr` on every
/// kernel), else the reading is torn and a CPU could look unplugged.  Nothing behind that point is
/// looked at.
/// Cost: `recycled` lends its memory, so that a steady stream of readings allocates nothing.
/// Errors: Error{empty | torn | malformed, what is wrong}; never a partial result.
/// Lifetime: keeps nothing of `text`.  Threads: pure.
[[nodiscard]] Result<ProcStat, DiscardReason> parse_proc_stat(std::string_view text,
                                                              ProcStat recycled = {});

/// What stands behind the CPU lines of /proc/stat.  Counters are since boot; absent: no such line.
struct StatCounters {
  std::optional<std::uint64_t> interrupts;        ///< the first number of `intr`
  std::optional<std::uint64_t> context_switches;  ///< `ctxt`
  std::optional<std::uint64_t> boot_time_s;       ///< `btime`, Unix time
  std::optional<std::uint64_t> forks;             ///< `processes`
  std::optional<std::uint64_t> running;           ///< `procs_running`
  std::optional<std::uint64_t> blocked;           ///< `procs_blocked`

  bool operator==(const StatCounters&) const = default;
};

/// Reads the lines behind the CPU lines.  A line that is cut off by the end of the text, or whose
/// first number is none, is absent; the rest is read all the same.
/// Cost: one pass; `intr` may be megabytes long.  Lifetime: keeps nothing of `text`.  Threads:
/// pure.
[[nodiscard]] StatCounters parse_stat_counters(std::string_view text);

}  // namespace cpu_monitor::agent
