#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "common/cpu_facts.hpp"
#include "common/cpu_sample.hpp"

namespace cpu_monitor::exporter {

/// The most series that a page shows because of what these say, with every group collected.  Pure.
[[nodiscard]] std::size_t series_of(const CpuSample& sample);
[[nodiscard]] std::size_t series_of(const CpuFacts& facts);

/// How many series all agents may bring together.
///
/// Counted by name, so that an agent that comes back is not counted twice, and as long as pages
/// show them.  Time is an argument.  Threads: one at a time.
class SeriesBudget {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit SeriesBudget(std::size_t limit) : limit_(limit) {}

  /// `holder`, which has the name now, brings `series`.  Takes what that is more than before, or
  /// nothing, and returns false, where so many are not left.  What was there once is kept: a page
  /// may show it for a while.
  [[nodiscard]] bool grow(std::string_view endpoint, std::uint64_t holder, std::size_t series) {
    auto found = shares_.find(endpoint);
    const std::size_t had = found == shares_.end() ? 0 : found->second.series;
    const std::size_t more = series - std::min(had, series);
    if (more > limit_ - used_) return false;
    used_ += more;
    if (found == shares_.end()) found = shares_.emplace(std::string(endpoint), Share()).first;
    found->second.series = had + more;
    found->second.holder = holder;
    found->second.ends.reset();
    return true;
  }

  /// `holder` left; its series are shown until `ends`, unless another one took the name over.
  void release(std::string_view endpoint, std::uint64_t holder, Time ends) {
    const auto found = shares_.find(endpoint);
    if (found != shares_.end() && found->second.holder == holder) found->second.ends = ends;
  }

  /// Gives back what is no longer shown.
  void expire(Time now) {
    std::erase_if(shares_, [&](const auto& entry) {
      const Share& share = entry.second;
      if (!share.ends || *share.ends > now) return false;
      used_ -= share.series;
      return true;
    });
  }

  [[nodiscard]] std::size_t used() const { return used_; }
  [[nodiscard]] std::size_t limit() const { return limit_; }

 private:
  struct Share {
    std::size_t series = 0;
    std::uint64_t holder = 0;
    std::optional<Time> ends;
  };

  std::size_t limit_;
  std::size_t used_ = 0;
  std::map<std::string, Share, std::less<>> shares_;
};

}  // namespace cpu_monitor::exporter
