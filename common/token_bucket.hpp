#pragma once

#include <algorithm>
#include <chrono>

namespace cpu_monitor {

/// Limits a sustained rate: each event takes a token, tokens come back at `per_second` up to
/// `burst`.
///
/// Debt is allowed, and is paid by waiting: what has already been read is not thrown away. Threads:
/// one at a time.
class TokenBucket {
 public:
  using Clock = std::chrono::steady_clock;

  TokenBucket(double per_second, double burst, Clock::time_point now)
      : per_second_(per_second), burst_(burst), tokens_(burst), refilled_at_(now) {}

  void take(Clock::time_point now) {
    refill(now);
    tokens_ -= 1;
  }

  /// Undoes one take().
  void give_back() { tokens_ = std::min(burst_, tokens_ + 1); }

  /// What is left; below zero: debt.
  [[nodiscard]] double tokens(Clock::time_point now) const {
    const std::chrono::duration<double> passed = now - refilled_at_;
    return std::min(burst_, tokens_ + passed.count() * per_second_);
  }

  /// How long to wait until no debt is left; zero when there is none.
  [[nodiscard]] Clock::duration debt(Clock::time_point now) {
    refill(now);
    if (tokens_ >= 0) return Clock::duration::zero();
    return std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(-tokens_ / per_second_));
  }

 private:
  void refill(Clock::time_point now) {
    tokens_ = tokens(now);
    refilled_at_ = now;
  }

  double per_second_;
  double burst_;
  double tokens_;
  Clock::time_point refilled_at_;
};

}  // namespace cpu_monitor
