#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/counter_keeper.hpp"
#include "agent/share_meter.hpp"

namespace cpu_monitor::agent {

/// What one reading of the counters says of the time since the one before.
struct Utilization {
  std::optional<Share> machine;
  std::optional<double> busiest_core;  ///< 0..1, the highest share of those CPUs that have one
};

/// A share meter for the machine and one for each CPU.
///
/// Threads: one at a time.  Allocates when a CPU is met for the first time only.
class UtilizationMeter {
 public:
  UtilizationMeter(Ticks ticks_per_second, std::chrono::milliseconds sample_interval)
      : ticks_per_second_(ticks_per_second),
        sample_interval_(sample_interval),
        machine_(ticks_per_second, sample_interval) {}

  /// `machine` and `cores` as CounterKeeper found them, `elapsed` after the reading before.
  [[nodiscard]] Utilization add(const std::optional<TickDelta>& machine,
                                const std::vector<CoreStep>& cores,
                                std::chrono::milliseconds elapsed);

 private:
  struct Core {
    ShareMeter meter;
    std::uint64_t last_round = 0;  ///< the last reading it was in
    bool is_still = true;          ///< it booked nothing since the machine's last share
  };

  [[nodiscard]] std::optional<Share> add_core(const CoreStep& step,
                                              std::chrono::milliseconds elapsed);

  Ticks ticks_per_second_;
  std::chrono::milliseconds sample_interval_;
  ShareMeter machine_;
  std::map<std::uint32_t, Core> cores_;
  std::uint64_t round_ = 0;
};

}  // namespace cpu_monitor::agent
