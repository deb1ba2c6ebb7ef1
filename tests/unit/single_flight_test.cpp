#include "exporter/single_flight.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using Flights = SingleFlight<int, std::string>;

/// Something that threads wait for.
class Gate {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    is_open_ = true;
    changed_.notify_all();
  }
  void pass() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
};

TEST(SingleFlight, GivesWhatWasMade) {
  Flights flights;
  EXPECT_EQ(*flights.get(1, [] { return std::string("page"); }), "page");
}

TEST(SingleFlight, MakesAnewForWhoComesLater) {
  Flights flights;
  int made = 0;
  const auto make = [&made] { return std::to_string(++made); };
  EXPECT_EQ(*flights.get(1, make), "1");
  EXPECT_EQ(*flights.get(1, make), "2");
}

TEST(SingleFlight, LetsWhatItThrowsThrough) {
  Flights flights;
  const auto fail = []() -> std::string { throw std::runtime_error("no page"); };
  EXPECT_THROW(static_cast<void>(flights.get(1, fail)), std::runtime_error);
  EXPECT_EQ(*flights.get(1, [] { return std::string("page"); }), "page") << "and goes on";
}

TEST(SingleFlight, RunsOtherKeysMeanwhile) {
  Flights flights;
  Gate began;
  Gate may_end;
  std::thread slow([&] {
    static_cast<void>(flights.get(1, [&] {
      began.open();
      may_end.pass();
      return std::string("one");
    }));
  });
  began.pass();
  EXPECT_EQ(*flights.get(2, [] { return std::string("two"); }), "two");
  may_end.open();
  slow.join();
}

/// Whoever asks while a run is under way must not get that run's value: it began before.
TEST(SingleFlight, DoesNotGiveARunThatBeganBefore) {
  Flights flights;
  Gate began;
  Gate may_end;
  std::atomic<int> truth = 1;
  std::thread first([&] {
    EXPECT_EQ(*flights.get(1,
                           [&] {
                             const int seen = truth;
                             began.open();
                             may_end.pass();
                             return std::to_string(seen);
                           }),
              "1");
  });
  began.pass();
  truth = 2;
  std::thread second(
      [&] { EXPECT_EQ(*flights.get(1, [&] { return std::to_string(truth.load()); }), "2"); });
  may_end.open();
  first.join();
  second.join();
}

TEST(SingleFlight, ManyAtATimeShareFewRunsOneByOne) {
  constexpr int kCallers = 16;
  Flights flights;
  Gate began;
  Gate may_end;
  std::atomic<int> runs = 0;
  std::atomic<int> at_once = 0;
  std::atomic<int> waiting = 0;
  const auto make = [&] {
    EXPECT_EQ(++at_once, 1);
    const int run = ++runs;
    began.open();
    may_end.pass();
    --at_once;
    return std::to_string(run);
  };
  std::vector<std::thread> callers;
  callers.emplace_back([&] { EXPECT_EQ(*flights.get(1, make), "1"); });
  began.pass();
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      ++waiting;
      const auto value = flights.get(1, make);
      EXPECT_NE(*value, "1");
    });
  }
  while (waiting < kCallers) std::this_thread::yield();
  may_end.open();
  for (std::thread& caller : callers) caller.join();
  // A caller may still have been on its way when the others' run began, but never alone for long.
  EXPECT_GE(runs, 2);
  EXPECT_LE(runs, 1 + kCallers);
}

TEST(SingleFlight, AFaultReachesAllWhoShareIt) {
  constexpr int kCallers = 8;
  Flights flights;
  Gate began;
  Gate may_end;
  std::thread first([&] {
    static_cast<void>(flights.get(1, [&] {
      began.open();
      may_end.pass();
      return std::string();
    }));
  });
  began.pass();
  std::atomic<int> faults = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      try {
        static_cast<void>(
            flights.get(1, []() -> std::string { throw std::runtime_error("no page"); }));
      } catch (const std::runtime_error&) {
        ++faults;
      }
    });
  }
  may_end.open();
  first.join();
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(faults, kCallers);
}

}  // namespace
}  // namespace cpu_monitor::exporter
