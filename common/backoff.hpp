#pragma once

#include <algorithm>
#include <chrono>
#include <random>

namespace cpu_monitor {

/// Waits between attempts, with full jitter: each is uniform in 0..min(cap, base * 2^n), n the
/// failures so far.  The whole range is random, so that a fleet cut off in one moment does not come
/// back in one.
///
/// Threads: one at a time.
class Backoff {
 public:
  using Milliseconds = std::chrono::milliseconds;

  Backoff(Milliseconds base, Milliseconds cap)
      : base_(std::min(base, cap)), cap_(cap), ceiling_(base_) {}

  template <class Generator>
  [[nodiscard]] Milliseconds next(Generator& generator) {
    const Milliseconds ceiling = ceiling_;
    ceiling_ = ceiling_ <= cap_ / 2 ? ceiling_ * 2 : cap_;
    return Milliseconds(
        std::uniform_int_distribution<Milliseconds::rep>(0, ceiling.count())(generator));
  }

  void reset() { ceiling_ = base_; }

 private:
  Milliseconds base_;
  Milliseconds cap_;
  Milliseconds ceiling_;
};

}  // namespace cpu_monitor
