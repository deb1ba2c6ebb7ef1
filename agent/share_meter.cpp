#include "agent/share_meter.hpp"

#include <algorithm>
#include <utility>

namespace cpu_monitor::agent {

using std::chrono::milliseconds;

ShareMeter::ShareMeter(Ticks ticks_per_second, milliseconds sample_interval)
    : ticks_per_second_(static_cast<double>(ticks_per_second)),
      shortest_(std::max<milliseconds>(sample_interval * 3 / 4,
                                       milliseconds(1000 * kFewestTicks / ticks_per_second))),
      patience_(std::max<milliseconds>(kPatience, 2 * sample_interval)),
      long_patience_(std::max<milliseconds>(kLongPatience, 2 * sample_interval)) {}

std::optional<Share> ShareMeter::add(const TickDelta& delta, milliseconds elapsed, std::size_t cpus,
                                     bool is_one_still) {
  waiting_.delta += delta;
  waiting_.covers += elapsed;
  if (waiting_.covers < shortest_) return std::nullopt;
  const auto booked = static_cast<double>(waiting_.delta.busy + waiting_.delta.rest);
  const double expected = expected_ticks(cpus);
  const bool is_booked = booked > 0 && booked + kRounding >= kBooked * expected;
  const bool may_be_late = is_one_still && booked > 0;
  if (!is_booked && waiting_.covers < (may_be_late ? long_patience_ : patience_)) {
    return std::nullopt;
  }
  const Waiting taken = std::exchange(waiting_, {});
  if (booked < kWithheld * expected) return std::nullopt;
  const std::optional<double> busy = busy_ratio(taken.delta);
  if (!busy) return std::nullopt;
  const double all = static_cast<double>(taken.delta.busy + taken.delta.rest);
  const double steal = static_cast<double>(taken.delta.steal) / all;
  return Share{*busy, std::clamp(steal, 0.0, *busy), taken.delta, taken.covers};
}

double ShareMeter::expected_ticks(std::size_t cpus) const {
  using Seconds = std::chrono::duration<double>;
  return Seconds(waiting_.covers).count() * ticks_per_second_ * static_cast<double>(cpus);
}

}  // namespace cpu_monitor::agent
