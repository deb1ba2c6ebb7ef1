#pragma once

#include <algorithm>
#include <cstddef>
#include <deque>
#include <string>
#include <utility>

namespace cpu_monitor::exporter {

/// Jobs that wait, each place in its turn: a flood from one place lets one of its jobs through for
/// each of every other's.
///
/// Threads: one at a time.
template <class Job>
class FairQueue {
 public:
  FairQueue(std::size_t most, std::size_t most_of_place)
      : most_(most), most_of_place_(most_of_place) {}

  [[nodiscard]] bool empty() const { return turns_.empty(); }

  /// False when there is no room for it; then `job` is as it was.
  [[nodiscard]] bool push(const std::string& place, Job& job) {
    if (size_ == most_) return false;
    auto turn = std::ranges::find(turns_, place, &Turn::place);
    if (turn == turns_.end()) turn = turns_.insert(turn, Turn{place, {}});
    if (turn->jobs.size() == most_of_place_) return false;
    turn->jobs.push_back(std::move(job));
    ++size_;
    return true;
  }

  /// Of the place whose turn it is, which goes to the end of the line.  REQUIRES: not empty.
  [[nodiscard]] Job pop() {
    Turn turn = std::move(turns_.front());
    turns_.pop_front();
    Job job = std::move(turn.jobs.front());
    turn.jobs.pop_front();
    if (!turn.jobs.empty()) turns_.push_back(std::move(turn));
    --size_;
    return job;
  }

 private:
  struct Turn {
    std::string place;
    std::deque<Job> jobs;
  };

  std::size_t most_;
  std::size_t most_of_place_;
  std::deque<Turn> turns_;
  std::size_t size_ = 0;
};

}  // namespace cpu_monitor::exporter
