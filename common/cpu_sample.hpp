#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/cpu_times.hpp"
#include "common/discard_reason.hpp"

namespace cpu_monitor {

/// One CPU by the kernel's number.
struct CoreTimes {
  std::uint32_t id = 0;
  CpuTimes times;

  bool operator==(const CoreTimes&) const = default;
};

/// Cumulative counters of a machine.  `cores` is sorted by id, ids may have gaps, and it is empty
/// when per-core counters are off.
struct CpuCounters {
  CpuTimes total;
  std::vector<CoreTimes> cores;

  bool operator==(const CpuCounters&) const = default;
};

/// What the agent itself costs.
struct ProcessCost {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;

  bool operator==(const ProcessCost&) const = default;
};

/// The value that crosses the wire: what one push says.  Every absent field means "not known",
/// never zero.
struct CpuSample {
  std::uint64_t sequence = 0;
  std::optional<double> percent;   ///< 0..100, busy share of the machine since the last push
  std::optional<CpuCounters> cpu;  ///< cumulative since boot, kept so that they never fall
  std::optional<std::chrono::milliseconds> time;  ///< wall clock of the agent, since the Unix epoch
  std::optional<std::chrono::milliseconds>
      uptime;  ///< CLOCK_BOOTTIME of the agent: since boot, suspends included
  std::optional<DiscardCounts> discarded;
  std::optional<ProcessCost> self;

  bool operator==(const CpuSample&) const = default;
};

}  // namespace cpu_monitor
