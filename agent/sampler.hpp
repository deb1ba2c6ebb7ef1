#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "agent/counter_keeper.hpp"
#include "agent/host_reader.hpp"
#include "agent/proc_stat.hpp"
#include "common/cpu_sample.hpp"
#include "common/discard_reason.hpp"
#include "common/log.hpp"

namespace cpu_monitor::agent {

/// CLOCK_BOOTTIME: since boot, suspends included.
[[nodiscard]] std::chrono::milliseconds uptime_now();

/// One tick: read, parse, keep.  One push: what became known since the last.
///
/// A file that cannot be read or understood yields no numbers: the tick is counted by reason, and
/// the reason is logged when it begins, changes and ends, not at every tick; one that comes and
/// goes is logged once in kLogPause.
///
/// Ownership: `reader` must outlive it.  Threads: one at a time.
class Sampler {
 public:
  Sampler(HostReader& reader, Ticks ticks_per_second);

  /// Takes one reading.
  void tick(std::chrono::milliseconds uptime);

  /// A push is due: the window since the last one is whole, and a new one begins.
  void end_window();

  /// What is known now: the percentage of the last whole window, the newest counters.  `sequence`
  /// is left 0 for the link to set.  When the last tick read nothing good there is neither percent
  /// nor cpu, only what was discarded.
  [[nodiscard]] CpuSample sample(std::chrono::milliseconds uptime, bool with_cores) const;

  /// See CounterKeeper::resume.
  void resume(const CpuCounters& shown, std::chrono::milliseconds shown_at) {
    keeper_.resume(shown, shown_at);
  }

  /// CPUs in the last good reading.
  [[nodiscard]] std::size_t cpu_count() const { return reading_.cores.size(); }

  static constexpr std::chrono::minutes kLogPause{1};

 private:
  using Fault = Error<DiscardReason>;

  struct Window {
    TickDelta delta;  ///< raw, dropped intervals left out
    bool has_delta = false;
  };

  [[nodiscard]] std::optional<Fault> read();
  void note_success();
  void note_failure(const Fault& fault, std::chrono::milliseconds uptime);
  [[nodiscard]] std::optional<double> window_percent() const;
  [[nodiscard]] DiscardCounts discards() const;

  HostReader& reader_;
  CounterKeeper keeper_;
  ProcStat reading_;
  ProcStat spare_;  ///< the memory of the reading before, for the next one
  Window window_;
  std::optional<double> percent_;  ///< of the last whole window
  bool is_reading_good_ = false;   ///< the last tick's
  DiscardCounts own_discards_;     ///< those of reading and parsing; the keeper has its own
  std::optional<DiscardReason> standing_failure_;  ///< as last logged
  log::Throttle failure_log_{kLogPause};
};

}  // namespace cpu_monitor::agent
