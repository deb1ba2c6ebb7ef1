#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <queue>
#include <vector>

namespace cpu_monitor::bench {

/// What is due next of many agents.
///
/// Threads: one at a time.
class Timers {
 public:
  using Time = std::chrono::steady_clock::time_point;

  enum class Kind : std::uint8_t { connect, push };
  struct Entry {
    Time when;
    std::uint32_t agent = 0;
    Kind kind = Kind::push;
  };

  void add(const Entry& entry) { entries_.push(entry); }
  void clear() { entries_ = {}; }

  /// When the next one is due, or `latest` if that is sooner.
  [[nodiscard]] Time next(Time latest) const {
    return entries_.empty() ? latest : std::min(latest, entries_.top().when);
  }

  /// Calls `on_due(const Entry&)` for those due at `now`, earliest first; it may add others.
  template <class OnDue>
  void run(Time now, OnDue&& on_due) {
    while (!entries_.empty() && entries_.top().when <= now) {
      const Entry entry = entries_.top();
      entries_.pop();
      on_due(entry);
    }
  }

 private:
  struct IsLater {
    bool operator()(const Entry& a, const Entry& b) const { return a.when > b.when; }
  };
  std::priority_queue<Entry, std::vector<Entry>, IsLater> entries_;
};

}  // namespace cpu_monitor::bench
