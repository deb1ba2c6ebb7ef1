#pragma once

#include <cstddef>
#include <map>
#include <string>

#include "common/token_bucket.hpp"

namespace cpu_monitor::exporter {

/// How many attempts to connect may fail from one place, before it has to wait.
///
/// Only failures count: a whole site of good agents may stand behind one address, and each of them
/// comes in at the first attempt.  Time is an argument.  Threads: one at a time.
class FailureBudget {
 public:
  using Clock = TokenBucket::Clock;

  /// `burst` failures at once, `per_second` sustained; of at most `max_places`, the one that failed
  /// least lately makes room.
  FailureBudget(double per_second, double burst, std::size_t max_places)
      : per_second_(per_second), burst_(burst), max_places_(max_places) {}

  void count(const std::string& place, Clock::time_point now) {
    auto found = buckets_.find(place);
    if (found == buckets_.end()) {
      if (buckets_.size() >= max_places_) make_room(now);
      found = buckets_.emplace(place, TokenBucket(per_second_, burst_, now)).first;
    }
    found->second.take(now);
  }

  [[nodiscard]] bool is_spent(const std::string& place, Clock::time_point now) {
    const auto found = buckets_.find(place);
    return found != buckets_.end() && found->second.tokens(now) < 1;
  }

  [[nodiscard]] std::size_t size() const { return buckets_.size(); }

 private:
  void make_room(Clock::time_point now) {
    std::erase_if(buckets_, [&](auto& entry) { return entry.second.tokens(now) >= burst_; });
    if (buckets_.size() < max_places_) return;
    auto best = buckets_.begin();
    for (auto one = buckets_.begin(); one != buckets_.end(); ++one) {
      if (one->second.tokens(now) > best->second.tokens(now)) best = one;
    }
    buckets_.erase(best);
  }

  double per_second_;
  double burst_;
  std::size_t max_places_;
  std::map<std::string, TokenBucket> buckets_;
};

}  // namespace cpu_monitor::exporter
