#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

#include "agent/burst_window.hpp"
#include "agent/counter_keeper.hpp"
#include "agent/flight_recorder.hpp"
#include "agent/host_reader.hpp"
#include "agent/proc_stat.hpp"
#include "agent/utilization.hpp"
#include "common/cpu_sample.hpp"
#include "common/discard_reason.hpp"
#include "common/log.hpp"
#include "common/metric_group.hpp"

namespace cpu_monitor::agent {

/// CLOCK_BOOTTIME: since boot, suspends included.
[[nodiscard]] std::chrono::milliseconds uptime_now();

/// What a sample is to hold.
struct SampleScope {
  MetricGroups groups;  ///< what the exporter collects
  bool with_cores = true;
};

/// One tick: read, parse, keep.  One push: what became known since the last.
///
/// A file that cannot be read or understood yields no numbers: the tick is counted by reason, and
/// the reason is logged when it begins, changes and ends, not at every tick; one that comes and
/// goes is logged once in kLogPause.  Of the files that not every machine has nothing is said: what
/// they would hold is absent.
///
/// Ownership: `reader` must outlive it.  Threads: one at a time.
class Sampler {
 public:
  Sampler(HostReader& reader, Ticks ticks_per_second, std::chrono::milliseconds sample_interval);

  /// Takes one reading.
  void tick(std::chrono::milliseconds uptime);

  /// A push is due: the window since the last one is whole, and a new one begins.
  void end_window(std::chrono::milliseconds uptime);

  /// What is known now: the percentage of the last whole window, the newest counters, the files
  /// that are read at a push.  The total of the CPU counters is in it whatever `scope` says: it is
  /// where a restarted agent goes on from.  `sequence` is left 0 for the link to set, `slow` empty.
  /// When the last tick read nothing good there is neither percent nor cpu, only what was
  /// discarded.
  [[nodiscard]] CpuSample sample(std::chrono::milliseconds uptime, const SampleScope& scope);

  /// As of the last tick.
  [[nodiscard]] std::optional<std::uint64_t> boot_time_s() const;

  void set_peak_window(std::chrono::milliseconds window) { bursts_.set_peak_window(window); }

  /// See CounterKeeper::resume.
  void resume(const CpuCounters& shown, std::chrono::milliseconds shown_at) {
    keeper_.resume(shown, shown_at);
  }

  /// The last readings, one by one.
  [[nodiscard]] const FlightRecorder& recorder() const { return recorder_; }

  /// CPUs in the last good reading.
  [[nodiscard]] std::size_t cpu_count() const { return reading_.cores.size(); }

  static constexpr std::chrono::minutes kLogPause{1};

  /// A file that this machine never had is looked for again so much later: not finding it costs
  /// more than reading it.
  static constexpr std::chrono::seconds kLookAgainAfter{15};

 private:
  using Fault = Error<DiscardReason>;

  struct Window {
    TickDelta shares;                                   ///< of the shares that were taken in it
    bool has_reading = false;                           ///< one that says anything
    bool has_moved = false;                             ///< some tick was booked
    std::optional<std::chrono::milliseconds> began_at;  ///< uptime; none: with the first tick
  };

  /// The reading that the use of the own cgroup is counted from.
  struct CgroupMark {
    std::uint64_t usage_us = 0;
    std::chrono::milliseconds uptime{};
  };

  /// Of a file that not every machine has.  One that was never seen is looked for seldom; one that
  /// was may be back with the next push (lxcfs starts again).
  struct Presence {
    bool was_seen = false;
    std::optional<std::chrono::milliseconds> missed_at;  ///< uptime; none: look at the next push
  };

  [[nodiscard]] std::optional<Fault> read();
  void measure(std::chrono::milliseconds uptime);
  void note_success();
  void note_failure(const Fault& fault, std::chrono::milliseconds uptime);
  [[nodiscard]] std::optional<double> window_percent() const;
  [[nodiscard]] DiscardCounts discards() const;
  [[nodiscard]] std::optional<std::string_view> read(HostFile file,
                                                     std::chrono::milliseconds uptime);
  [[nodiscard]] HostReadings read_host(std::chrono::milliseconds uptime);
  void read_cgroup(std::chrono::milliseconds uptime);

  HostReader& reader_;
  CounterKeeper keeper_;
  UtilizationMeter meter_;
  BurstWindow bursts_;
  FlightRecorder recorder_;
  ProcStat reading_;
  ProcStat spare_;         ///< the memory of the reading before, for the next one
  std::string_view text_;  ///< of the last tick, if that was good; in the reader's buffer
  std::optional<std::chrono::milliseconds> read_at_;  ///< the last good reading
  Window window_;
  std::chrono::milliseconds window_expires_at_{};  ///< uptime at which the last one is too old
  std::optional<double> percent_;                  ///< of the last whole window
  std::optional<CgroupCpu> cgroup_;                ///< as of the end of the last whole window
  std::optional<CgroupMark> cgroup_mark_;
  std::array<Presence, kHostFiles> presence_;  ///< by HostFile
  DiscardCounts own_discards_;  ///< those of reading and parsing; the keeper has its own
  std::optional<DiscardReason> standing_failure_;  ///< as last logged
  log::Throttle failure_log_{kLogPause};
};

}  // namespace cpu_monitor::agent
