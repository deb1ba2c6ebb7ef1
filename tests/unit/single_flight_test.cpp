#include "exporter/single_flight.hpp"

#include <algorithm>
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

/// Whoever asks while a run is under way must not get that run's value: it began before.  Many
/// times, since the second caller may come too late to meet the first run.
TEST(SingleFlight, DoesNotGiveARunThatBeganBefore) {
  for (int round = 0; round < 200; ++round) {
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
    std::this_thread::yield();
    may_end.open();
    first.join();
    second.join();
  }
}

constexpr int kCallers = 8;

/// Calls `ask` on kCallers threads while a run of `flights` that they cannot join is under way.
template <class Ask>
void ask_together(Flights& flights, Ask ask) {
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
  std::atomic<int> on_their_way = 0;
  std::vector<std::thread> callers;
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      ++on_their_way;
      ask();
    });
  }
  while (on_their_way < kCallers) std::this_thread::yield();
  may_end.open();
  first.join();
  for (std::thread& caller : callers) caller.join();
}

/// A caller may come too late for the run that the others share: not in each of many rounds.
constexpr int kRounds = 200;

TEST(SingleFlight, RunsOneByOneAndSharesThem) {
  int most_saved = 0;
  for (int round = 0; round < kRounds && most_saved < kCallers - 1; ++round) {
    Flights flights;
    std::atomic<int> runs = 0;
    std::atomic<int> at_once = 0;
    ask_together(flights, [&] {
      const auto value = flights.get(1, [&] {
        EXPECT_EQ(++at_once, 1);
        const int run = ++runs;
        --at_once;
        return std::to_string(run);
      });
      EXPECT_NE(*value, "");
    });
    most_saved = std::max(most_saved, kCallers - runs);
  }
  EXPECT_EQ(most_saved, kCallers - 1) << "all of them never shared one run";
}

TEST(SingleFlight, AFaultReachesAllWhoShareIt) {
  int most_shared = 0;
  for (int round = 0; round < kRounds && most_shared < kCallers - 1; ++round) {
    Flights flights;
    std::atomic<int> runs = 0;
    std::atomic<int> faults = 0;
    ask_together(flights, [&] {
      try {
        static_cast<void>(flights.get(1, [&]() -> std::string {
          ++runs;
          throw std::runtime_error("no page");
        }));
      } catch (const std::runtime_error&) {
        ++faults;
      }
    });
    EXPECT_EQ(faults, kCallers);
    most_shared = std::max(most_shared, faults - runs);
  }
  EXPECT_EQ(most_shared, kCallers - 1) << "all of them never shared one fault";
}

}  // namespace
}  // namespace cpu_monitor::exporter
