#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "agent/utilization.hpp"
#include "common/burst.hpp"

namespace cpu_monitor::agent {

/// Utilisation ten times a second -> cumulative histograms, and the peaks of the last window.
///
/// Shares are kept in steps of 1/10,000.  Histograms only ever grow, so whoever reads them later
/// has missed nothing.  A run ends with the first lower share, or when more than kRunGap passed
/// without any; it is counted then, at the length of the readings it was made of, each rounded to
/// whole sample intervals: a clock that is a millisecond late moves no run into the next bucket.
///
/// Units: times are CLOCK_BOOTTIME.  Threads: one at a time.  Allocates in set_peak_window only.
class BurstWindow {
 public:
  using Uptime = std::chrono::milliseconds;

  BurstWindow(std::chrono::milliseconds sample_interval, std::chrono::milliseconds peak_window);

  void add(const Utilization& reading, Uptime now);

  /// What is known of the new window is kept.
  void set_peak_window(std::chrono::milliseconds window);

  /// Everything so far, and the peaks of the last window as of `now`, in steps of one second.
  [[nodiscard]] BurstReadings readings(Uptime now) const;

  static constexpr std::chrono::seconds kRunGap{1};

 private:
  static constexpr double kShareSteps = 10000;

  /// In steps of 1/kShareSteps.
  using ShareSteps = std::uint16_t;

  struct Peaks {
    std::optional<ShareSteps> machine;
    std::optional<ShareSteps> busiest_core;
    std::optional<ShareSteps> steal;

    void raise(const Peaks& other);
  };

  /// The peaks of one second of uptime.
  struct Second {
    std::int64_t number = -1;
    Peaks peaks;
  };

  /// A histogram in whole steps, so that its sum is exact however long it grows.
  struct Steps {
    std::array<std::uint64_t, BurstHistogram::kBuckets> counts{};
    std::uint64_t sum = 0;
  };

  [[nodiscard]] static ShareSteps steps_of(double share);
  [[nodiscard]] static BurstHistogram histogram_of(const Steps& steps, double steps_per_unit);
  static void observe(Steps& histogram, const std::array<double, 7>& bounds, std::uint64_t steps,
                      double steps_per_unit);

  void follow_run(const Share& share, Uptime now);
  void end_run();
  void note_peaks(const Peaks& peaks, Uptime now);

  std::chrono::milliseconds sample_interval_;
  Steps utilization_;
  Steps busiest_core_;
  Steps runs_;                       ///< in milliseconds
  std::chrono::milliseconds run_{};  ///< length so far; 0: none
  Uptime last_share_at_{};
  std::vector<Second> seconds_;  ///< a ring: second n stands at n modulo its size
};

}  // namespace cpu_monitor::agent
