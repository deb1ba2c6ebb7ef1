#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "common/burst.hpp"
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

/// Runnable and uninterruptible tasks, averaged over 1, 5 and 15 minutes (/proc/loadavg).
struct LoadAverage {
  double one = 0;
  double five = 0;
  double fifteen = 0;

  bool operator==(const LoadAverage&) const = default;
};

/// The machine beside its CPU time.  Counters are cumulative since boot.
struct HostReadings {
  std::optional<LoadAverage> load;
  std::optional<std::uint64_t> context_switches;
  std::optional<std::uint64_t> interrupts;
  std::optional<std::uint64_t> forks;
  std::optional<std::uint64_t> running;  ///< tasks that want a CPU, now
  std::optional<std::uint64_t> blocked;  ///< tasks that wait for I/O, now
  /// Time in which some task waited for a CPU (/proc/pressure/cpu, "some").
  std::optional<std::uint64_t> cpu_waiting_us;
  /// Time in which all tasks of a CPU waited for interrupts (/proc/pressure/irq, "full").
  std::optional<std::uint64_t> irq_stalled_us;

  bool operator==(const HostReadings&) const = default;
};

/// What the scheduler counted of one CPU (/proc/schedstat).  Cumulative since boot.
struct SchedulerTimes {
  std::uint32_t cpu = 0;
  std::uint64_t running_ns = 0;  ///< tasks ran on it
  std::uint64_t waiting_ns = 0;  ///< tasks waited for it, added up
  std::uint64_t timeslices = 0;

  bool operator==(const SchedulerTimes&) const = default;
};

/// The agent's own cgroup (version 2): in a container, the container.
struct CgroupCpu {
  std::optional<double> utilization;  ///< 0..1 of `quota_cores`, since the last push
  std::optional<double> quota_cores;  ///< none: no quota
  std::uint64_t usage_us = 0;
  std::uint64_t user_us = 0;
  std::uint64_t system_us = 0;
  // Known when the CPU controller is on.
  std::optional<std::uint64_t> periods;
  std::optional<std::uint64_t> throttled_periods;
  std::optional<std::uint64_t> throttled_us;

  bool operator==(const CgroupCpu&) const = default;
};

/// What the agent itself costs.
struct ProcessCost {
  double cpu_seconds = 0;
  std::uint64_t resident_bytes = 0;

  bool operator==(const ProcessCost&) const = default;
};

struct CoreFrequency {
  std::uint32_t cpu = 0;
  std::uint64_t khz = 0;

  bool operator==(const CoreFrequency&) const = default;
};

/// Current clock rates, each list sorted by CPU (cpufreq in sysfs).
struct Frequencies {
  std::vector<CoreFrequency> scaling;   ///< scaling_cur_freq: what the governor asked for
  std::vector<CoreFrequency> hardware;  ///< cpuinfo_cur_freq: what the hardware says; often root's

  bool operator==(const Frequencies&) const = default;
};

struct CoreThrottles {
  std::uint32_t package = 0;
  std::uint32_t core = 0;
  std::uint64_t count = 0;

  bool operator==(const CoreThrottles&) const = default;
};

struct PackageThrottles {
  std::uint32_t package = 0;
  std::uint64_t count = 0;

  bool operator==(const PackageThrottles&) const = default;
};

/// How often heat made the hardware slow down, since boot.  Sorted by package, then core.
struct Throttles {
  std::vector<CoreThrottles> cores;
  std::vector<PackageThrottles> packages;

  bool operator==(const Throttles&) const = default;
};

struct ZoneTemperature {
  std::uint32_t zone = 0;  ///< N of thermal_zoneN; its type is a fact (cpu_facts.hpp)
  std::int64_t millicelsius = 0;

  bool operator==(const ZoneTemperature&) const = default;
};

/// What changes slowly or is slow to read: sent at most every 15 s.
///
/// A field that is absent here stands as an earlier sample of the connection said it; one whose
/// source has gone is sent empty.
struct SlowReadings {
  std::optional<std::uint64_t> boot_time_s;  ///< Unix time of the boot, as the kernel thinks now
  std::optional<ProcessCost> self;
  std::optional<Frequencies> frequency;
  std::optional<Throttles> throttles;
  std::optional<std::vector<ZoneTemperature>> temperature;  ///< sorted by zone

  [[nodiscard]] bool is_empty() const {
    return !boot_time_s && !self && !frequency && !throttles && !temperature;
  }

  /// Takes the fields that are absent here from `earlier`.
  void inherit(const SlowReadings& earlier) {
    if (!boot_time_s) boot_time_s = earlier.boot_time_s;
    if (!self) self = earlier.self;
    if (!frequency) frequency = earlier.frequency;
    if (!throttles) throttles = earlier.throttles;
    if (!temperature) temperature = earlier.temperature;
  }

  bool operator==(const SlowReadings&) const = default;
};

/// The value that crosses the wire: what one push says.  Every absent field means "not known",
/// never zero; those of `slow` excepted.
struct CpuSample {
  std::uint64_t sequence = 0;
  std::optional<double> percent;   ///< 0..100, busy share of the machine since the last push
  std::optional<CpuCounters> cpu;  ///< cumulative since boot, kept so that they never fall
  std::optional<std::chrono::milliseconds> time;  ///< wall clock of the agent, since the Unix epoch
  std::optional<std::chrono::milliseconds>
      uptime;  ///< CLOCK_BOOTTIME of the agent: since boot, suspends included
  HostReadings host;
  std::optional<BurstReadings> burst;
  std::optional<CgroupCpu> cgroup;
  std::vector<SchedulerTimes> schedstat;  ///< sorted by CPU
  SlowReadings slow;
  std::optional<DiscardCounts> discarded;

  bool operator==(const CpuSample&) const = default;
};

}  // namespace cpu_monitor
