#pragma once

#include <algorithm>
#include <cstddef>
#include <functional>
#include <list>
#include <map>
#include <string>
#include <utility>

namespace cpu_monitor::exporter {

/// Lets a few in at once.  The others wait in a line, in which whoever comes from the place with
/// the fewest inside is next, and of those the first: a place that asks a hundred times keeps
/// nobody else waiting.
///
/// Ownership: must outlive its tickets.  Threads: one.
class Turns {
 public:
  explicit Turns(std::size_t most) : free_(most) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;

  /// A place inside, or in the line; given back when it goes.
  class Ticket {
   public:
    /// `on_turn` is called when its turn comes, but not if that is at once.
    Ticket(Turns& turns, std::string place, std::function<void()> on_turn)
        : turns_(turns), place_(std::move(place)), on_turn_(std::move(on_turn)) {
      if (turns_.free_ > 0) {
        turns_.enter(*this);
      } else {
        turns_.line_.push_back(this);
      }
    }
    ~Ticket() {
      if (is_turn_) {
        turns_.leave(*this);
      } else {
        turns_.line_.remove(this);
      }
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    [[nodiscard]] bool is_turn() const { return is_turn_; }

   private:
    friend class Turns;
    Turns& turns_;
    std::string place_;
    std::function<void()> on_turn_;
    bool is_turn_ = false;
  };

 private:
  [[nodiscard]] std::size_t inside_of(const std::string& place) const {
    const auto found = inside_.find(place);
    return found == inside_.end() ? 0 : found->second;
  }

  void enter(Ticket& ticket) {
    --free_;
    ++inside_[ticket.place_];
    ticket.is_turn_ = true;
  }

  void leave(const Ticket& ticket) {
    ++free_;
    if (--inside_[ticket.place_] == 0) inside_.erase(ticket.place_);
    call_next();
  }

  void call_next() {
    const auto crowd = [this](const Ticket* ticket) { return inside_of(ticket->place_); };
    const auto next = std::ranges::min_element(line_, {}, crowd);
    if (next == line_.end()) return;
    Ticket& ticket = **next;
    line_.erase(next);
    enter(ticket);
    ticket.on_turn_();
  }

  std::size_t free_;
  std::map<std::string, std::size_t> inside_;  ///< by place
  std::list<Ticket*> line_;
};

}  // namespace cpu_monitor::exporter
