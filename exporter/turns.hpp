#pragma once

#include <cstddef>
#include <functional>
#include <list>
#include <utility>

namespace cpu_monitor::exporter {

/// Lets a few in at once, the others in the order in which they came.
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
    Ticket(Turns& turns, std::function<void()> on_turn)
        : turns_(turns), on_turn_(std::move(on_turn)) {
      if (turns_.free_ > 0) {
        --turns_.free_;
        is_turn_ = true;
      } else {
        turns_.line_.push_back(this);
      }
    }
    ~Ticket() {
      if (!is_turn_) {
        turns_.line_.remove(this);
      } else if (turns_.line_.empty()) {
        ++turns_.free_;
      } else {
        Ticket& next = *turns_.line_.front();
        turns_.line_.pop_front();
        next.is_turn_ = true;
        next.on_turn_();
      }
    }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;

    [[nodiscard]] bool is_turn() const { return is_turn_; }

   private:
    Turns& turns_;
    std::function<void()> on_turn_;
    bool is_turn_ = false;
  };

 private:
  std::size_t free_;
  std::list<Ticket*> line_;
};

}  // namespace cpu_monitor::exporter
