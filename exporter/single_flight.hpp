#pragma once

#include <condition_variable>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <utility>

namespace cpu_monitor::exporter {

/// Makes a value once for all who ask for it at the same time.
///
/// For each key one run at a time.  Who asks while one is under way shares the next one with all
/// others who do: a value never shows less than what was there when it was asked for.
///
/// Threads: safe from any thread; callers wait for each other.
/// Errors: what a run throws, all who share it get.
template <class Key, class Value>
class SingleFlight {
 public:
  using Result = std::shared_ptr<const Value>;

  /// `make()` returns a Value.
  template <class Make>
  [[nodiscard]] Result get(const Key& key, Make make) {
    auto flight = std::make_shared<Flight>();
    std::unique_lock lock(mutex_);
    Line& line = lines_[key];
    ++line.users;
    if (line.next) {
      flight = line.next;
      changed_.wait(lock, [&] { return flight->is_done; });
    } else {
      line.next = flight;
      changed_.wait(lock, [&] { return !line.is_running; });
      line.is_running = true;
      line.next.reset();
      lock.unlock();
      fly(*flight, make);
      lock.lock();
      line.is_running = false;
      flight->is_done = true;
      changed_.notify_all();
    }
    if (--line.users == 0) lines_.erase(key);
    if (flight->failure) std::rethrow_exception(flight->failure);
    return flight->result;
  }

 private:
  struct Flight {
    bool is_done = false;
    Result result;
    std::exception_ptr failure;
  };

  struct Line {
    bool is_running = false;
    std::shared_ptr<Flight> next;  ///< waits for the running one, and may still be joined
    int users = 0;
  };

  template <class Make>
  static void fly(Flight& flight, Make& make) {
    try {
      flight.result = std::make_shared<const Value>(make());
    } catch (...) {
      flight.failure = std::current_exception();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<Key, Line> lines_;
};

}  // namespace cpu_monitor::exporter
