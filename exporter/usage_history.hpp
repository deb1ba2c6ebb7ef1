#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cpu_monitor::exporter {

/// The last minutes of one machine, for a person who looks: its busy share in slots of two seconds.
/// Plain data, of a fixed size, in whole percent.
///
/// Threads: one at a time.
class UsageHistory {
 public:
  using Clock = std::chrono::steady_clock;

  static constexpr std::chrono::seconds kStep{2};
  static constexpr std::size_t kSlots = 150;

  struct Slot {
    std::uint8_t percent = kNone;  ///< 0..100: the mean since the push before, of the last push
    std::uint8_t peak = kNone;     ///< 0..100: the highest reading, as far as it is known

    bool operator==(const Slot&) const = default;
  };
  static constexpr std::uint8_t kNone = 255;

  /// What a push said of the time `covered` before `now`.  Time does not run backwards.
  void add(Clock::time_point now, Clock::duration covered, double percent,
           std::optional<double> peak_percent) {
    const std::int64_t number = number_of(now);
    move_on_to(number);
    const std::int64_t first = std::max(number_of(now - covered) + 1, number - kLast);
    for (std::int64_t each = std::min(first, number); each <= number; ++each) {
      Slot& slot = slots_[index_of(each)];
      slot.percent = whole(percent);
      if (!peak_percent) continue;
      const std::uint8_t peak = whole(*peak_percent);
      if (slot.peak == kNone || slot.peak < peak) slot.peak = peak;
    }
  }

  /// `ago` slots before the one that `now` falls in.
  [[nodiscard]] Slot at(Clock::time_point now, std::size_t ago) const {
    const auto number = number_of(now) - static_cast<std::int64_t>(ago);
    const bool is_kept = number <= newest_ && number >= newest_ - kLast;
    return is_kept ? slots_[index_of(number)] : Slot{};
  }

  /// Until the slot that `now` falls in is over.
  [[nodiscard]] static Clock::duration until_end_of_slot(Clock::time_point now) {
    return (number_of(now) + 1) * Clock::duration(kStep) - now.time_since_epoch();
  }

 private:
  [[nodiscard]] static std::int64_t number_of(Clock::time_point time) {
    return time.time_since_epoch() / kStep;
  }

  [[nodiscard]] static std::size_t index_of(std::int64_t number) {
    return static_cast<std::size_t>(number) % kSlots;
  }

  [[nodiscard]] static std::uint8_t whole(double percent) {
    return static_cast<std::uint8_t>(std::lround(percent));
  }

  /// The slots between were nobody's.
  void move_on_to(std::int64_t number) {
    for (std::int64_t each = std::max(newest_ + 1, number - kLast); each <= number; ++each) {
      slots_[index_of(each)] = {};
    }
    newest_ = number;
  }

  static constexpr std::int64_t kLast = kSlots - 1;

  std::int64_t newest_ = 0;  ///< number of the newest slot
  std::array<Slot, kSlots> slots_{};
};

}  // namespace cpu_monitor::exporter
