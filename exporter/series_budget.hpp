#pragma once

#include <algorithm>
#include <cstddef>

#include "common/cpu_facts.hpp"
#include "common/cpu_sample.hpp"

namespace cpu_monitor::exporter {

/// The most series that a page shows because of what these say, with every group collected.  Pure.
[[nodiscard]] std::size_t series_of(const CpuSample& sample);
[[nodiscard]] std::size_t series_of(const CpuFacts& facts);

/// How many series all connected agents may bring together.
///
/// Threads: one at a time.
class SeriesBudget {
 public:
  explicit SeriesBudget(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] std::size_t used() const { return used_; }

 private:
  friend class SeriesShare;
  std::size_t limit_;
  std::size_t used_ = 0;
};

/// What one connection takes of it, given back at its end.
///
/// Ownership: the budget's must be longer.
class SeriesShare {
 public:
  explicit SeriesShare(SeriesBudget& budget) : budget_(budget) {}
  ~SeriesShare() { budget_.used_ -= used_; }
  SeriesShare(const SeriesShare&) = delete;
  SeriesShare& operator=(const SeriesShare&) = delete;

  /// Takes as many as `series` is more than before, or nothing, and returns false, where so many
  /// are not left.  What an agent had once it keeps: a page may show it for a while.
  [[nodiscard]] bool grow_to(std::size_t series) {
    if (series <= used_) return true;
    if (series - used_ > budget_.limit_ - std::min(budget_.used_, budget_.limit_)) return false;
    budget_.used_ += series - used_;
    used_ = series;
    return true;
  }

 private:
  SeriesBudget& budget_;
  std::size_t used_ = 0;
};

}  // namespace cpu_monitor::exporter
