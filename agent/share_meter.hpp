#pragma once

#include <chrono>
#include <cstddef>
#include <optional>

#include "common/cpu_times.hpp"

namespace cpu_monitor::agent {

/// How busy a CPU, or a machine, was in a stretch of time.
struct Share {
  double busy = 0;                     ///< 0..1
  double steal = 0;                    ///< 0..1, inside busy
  TickDelta ticks;                     ///< what it was made of
  std::chrono::milliseconds covers{};  ///< the stretch

  bool operator==(const Share&) const = default;
};

/// Raw ticks -> busy shares, not taken before the time they are of was booked.
///
/// Kernels book idle time late and whole now and then: five readings of 100 ms without any, then 50
/// ticks at once.  The one busy tick of such a reading is no 100 %.  So a share waits until the
/// ticks make up most of the wall time since the last one, and then covers all of it.
/// It does not wait for ever, since some hypervisors withhold time for good without saying so in
/// steal: not longer than kPatience where nothing looks late, not longer than kLongPatience where
/// something does.  What is booked by then is the share, unless that is next to nothing.
/// Wall time only decides when: a share is ticks by ticks.  Nor is one taken of much less than a
/// sample interval, such as a reading out of turn makes, or of less than kFewestTicks: in 15 ms one
/// tick would be 100 %.
///
/// Threads: one at a time.
class ShareMeter {
 public:
  ShareMeter(Ticks ticks_per_second, std::chrono::milliseconds sample_interval);

  /// One more reading of `cpus` CPUs together, `elapsed` after the one before.  None while the
  /// share has to wait, and when nothing moved at all.  `is_one_still`: one of the CPUs booked
  /// nothing since the last share, so its idle time may be late.
  [[nodiscard]] std::optional<Share> add(const TickDelta& delta, std::chrono::milliseconds elapsed,
                                         std::size_t cpus, bool is_one_still);

  /// Of a single CPU.  Without any idle time some may be late.
  [[nodiscard]] std::optional<Share> add(const TickDelta& delta,
                                         std::chrono::milliseconds elapsed) {
    return add(delta, elapsed, 1, waiting_.delta.rest + delta.rest == 0);
  }

  /// Forgets what waits: a reading in between said nothing.
  void reset() { waiting_ = {}; }

  static constexpr double kBooked = 0.8;               ///< of the wall time: enough at once
  static constexpr double kWithheld = 0.1;             ///< enough after the wait
  static constexpr double kRounding = 2;               ///< ticks that rounding may hide
  static constexpr Ticks kFewestTicks = 5;             ///< of wall time
  static constexpr std::chrono::seconds kPatience{1};  ///< and two sample intervals at least
  static constexpr std::chrono::seconds kLongPatience{10};

 private:
  struct Waiting {
    TickDelta delta;
    std::chrono::milliseconds covers{};
  };

  [[nodiscard]] double expected_ticks(std::size_t cpus) const;

  double ticks_per_second_;
  std::chrono::milliseconds shortest_;
  std::chrono::milliseconds patience_;
  std::chrono::milliseconds long_patience_;
  Waiting waiting_;
};

}  // namespace cpu_monitor::agent
