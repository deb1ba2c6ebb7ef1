#include "agent/burst_window.hpp"

#include <numeric>
#include <ostream>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using Counts = std::array<std::uint64_t, BurstHistogram::kBuckets>;

/// Readings of a machine, one each 100 ms.
class BurstWindowTest : public testing::Test {
 protected:
  void add(const Utilization& reading) {
    now_ += 100ms;
    window_.add(reading, now_);
  }
  void add(double busy, double busiest = 0, double steal = 0) {
    Utilization reading;
    reading.machine = Share{busy, steal, {}, 100ms};
    reading.busiest_core = busiest;
    add(reading);
  }
  void add_many(int readings, double busy) {
    for (int i = 0; i < readings; ++i) add(busy);
  }
  [[nodiscard]] BurstReadings readings() const { return window_.readings(now_); }

  BurstWindow window_{100ms, 2min};
  milliseconds now_ = 1h;
};

TEST_F(BurstWindowTest, KnowsNothingBeforeTheFirstReading) {
  const BurstReadings none = readings();
  EXPECT_EQ(none.utilization, BurstHistogram{});
  EXPECT_EQ(none.busiest_core, BurstHistogram{});
  EXPECT_EQ(none.runs, BurstHistogram{});
  EXPECT_EQ(none.peak, std::nullopt);
  EXPECT_EQ(none.busiest_core_peak, std::nullopt);
  EXPECT_EQ(none.steal_peak, std::nullopt);
}

TEST_F(BurstWindowTest, AReadingThatSaysNothingIsNotCounted) {
  add(Utilization{});
  EXPECT_EQ(readings().utilization, BurstHistogram{});
  EXPECT_EQ(readings().peak, std::nullopt);
}

struct Bucket {
  double value;
  std::size_t bucket;
  friend std::ostream& operator<<(std::ostream& out, const Bucket& b) { return out << b.value; }
};

class RatioBucket : public BurstWindowTest, public testing::WithParamInterface<Bucket> {};

TEST_P(RatioBucket, HoldsTheValue) {
  add(GetParam().value, GetParam().value);
  Counts expected{};
  expected[GetParam().bucket] = 1;
  EXPECT_EQ(readings().utilization.counts, expected);
  EXPECT_EQ(readings().busiest_core.counts, expected);
}

INSTANTIATE_TEST_SUITE_P(Bounds, RatioBucket,
                         testing::Values(Bucket{0, 0}, Bucket{0.1, 0}, Bucket{0.1001, 1},
                                         Bucket{0.25, 1}, Bucket{0.2501, 2}, Bucket{0.5, 2},
                                         Bucket{0.75, 3}, Bucket{0.9, 4}, Bucket{0.9001, 5},
                                         Bucket{0.95, 5}, Bucket{0.99, 6}, Bucket{0.9901, 7},
                                         Bucket{1, 7}));

TEST_F(BurstWindowTest, SumsAreExactHoweverLongTheyGrow) {
  add_many(100'000, 0.1);
  EXPECT_EQ(readings().utilization.sum, 10'000);
}

TEST_F(BurstWindowTest, ThreeHundredMillisecondsAreOneRun) {
  add(0.05);
  add_many(3, 1);
  EXPECT_EQ(readings().runs, BurstHistogram{}) << "it may go on";
  add(0.05);
  const BurstHistogram runs = readings().runs;
  EXPECT_EQ(runs.counts, (Counts{0, 1}));
  EXPECT_EQ(runs.sum, 0.3);
}

struct Run {
  int readings;
  std::size_t bucket;
  friend std::ostream& operator<<(std::ostream& out, const Run& r) { return out << r.readings; }
};

class RunBucket : public BurstWindowTest, public testing::WithParamInterface<Run> {};

TEST_P(RunBucket, HoldsTheLength) {
  add_many(GetParam().readings, 0.9);
  add(0.8999);
  Counts expected{};
  expected[GetParam().bucket] = 1;
  EXPECT_EQ(readings().runs.counts, expected);
  EXPECT_EQ(readings().runs.sum, GetParam().readings / 10.0);
}

INSTANTIATE_TEST_SUITE_P(Bounds, RunBucket,
                         testing::Values(Run{1, 0}, Run{2, 1}, Run{3, 1}, Run{4, 2}, Run{10, 2},
                                         Run{11, 3}, Run{30, 3}, Run{31, 4}, Run{100, 4},
                                         Run{300, 5}, Run{301, 6}, Run{600, 6}, Run{601, 7}));

TEST_F(BurstWindowTest, SixHundredBlipsAndOnePlateauAreToldApart) {
  for (int i = 0; i < 600; ++i) {
    add(1);
    add(0);
  }
  add_many(600, 1);
  add(0);
  EXPECT_EQ(readings().runs.counts, (Counts{600, 0, 0, 0, 0, 0, 1, 0}));
  EXPECT_EQ(readings().runs.sum, 120);
}

TEST_F(BurstWindowTest, AReadingThatIsMillisecondsLateMovesNoRun) {
  for (const milliseconds elapsed : {103ms, 98ms, 104ms}) {
    now_ += elapsed;
    Utilization reading;
    reading.machine = Share{1, 0, {}, elapsed};
    window_.add(reading, now_);
  }
  add(0);
  EXPECT_EQ(readings().runs.counts, (Counts{0, 1}));
  EXPECT_EQ(readings().runs.sum, 0.3);
}

TEST_F(BurstWindowTest, AShareOfALongStretchIsALongRun) {
  now_ += 500ms;
  Utilization reading;
  reading.machine = Share{1, 0, {}, 500ms};
  window_.add(reading, now_);
  add(0);
  EXPECT_EQ(readings().runs.sum, 0.5);
  EXPECT_EQ(readings().utilization.counts[7], 1U) << "but it is one reading";
}

TEST_F(BurstWindowTest, AReadingWithoutAShareNeitherEndsARunNorMakesItLonger) {
  add_many(2, 1);
  add(Utilization{});
  add_many(2, 1);
  add(0);
  EXPECT_EQ(readings().runs.counts, (Counts{0, 0, 1}));
  EXPECT_EQ(readings().runs.sum, 0.4);
}

TEST_F(BurstWindowTest, ARunDoesNotReachOverAGap) {
  add_many(2, 1);
  now_ += 5s;
  add_many(3, 1);
  add(0);
  EXPECT_EQ(readings().runs.counts, (Counts{0, 2}));
  EXPECT_EQ(readings().runs.sum, 0.5);
}

TEST(BurstWindow, KnowsSlowReadings) {
  BurstWindow window(10s, 2min);
  Utilization reading;
  reading.machine = Share{1, 0, {}, 10s};
  for (int i = 1; i <= 3; ++i) window.add(reading, i * 10s);
  reading.machine->busy = 0;
  window.add(reading, 40s);
  EXPECT_EQ(window.readings(40s).runs.counts, (Counts{0, 0, 0, 0, 0, 1}));
}

// --- peaks

TEST_F(BurstWindowTest, ThePeakIsTheHighestReading) {
  add(0.3, 0.6, 0.1);
  add(0.98, 1, 0.02);
  add(0.2, 0.4, 0.15);
  EXPECT_EQ(readings().peak, 0.98);
  EXPECT_EQ(readings().busiest_core_peak, 1);
  EXPECT_EQ(readings().steal_peak, 0.15);
}

TEST_F(BurstWindowTest, APeakStaysForTheWindowAndLeavesAfterIt) {
  add(1);
  const milliseconds peak_at = now_;
  while (now_ - peak_at < 2min) {
    add(0.1);
    ASSERT_EQ(readings().peak, 1) << (now_ - peak_at).count() << " ms later";
  }
  add_many(10, 0.1);
  EXPECT_EQ(readings().peak, 0.1) << "a second after the window";
}

TEST_F(BurstWindowTest, PeaksAgeWithoutReadings) {
  add(1);
  EXPECT_EQ(window_.readings(now_ + 2min).peak, 1);
  EXPECT_EQ(window_.readings(now_ + 2min + 1s).peak, std::nullopt);
  EXPECT_EQ(window_.readings(now_ + 24h).peak, std::nullopt) << "a suspend";
}

TEST_F(BurstWindowTest, APeakOfAnEarlierRoundOfTheRingIsNotTakenForNew) {
  add(1);
  now_ += 121s;
  add(0.2);
  EXPECT_EQ(readings().peak, 0.2);
}

TEST_F(BurstWindowTest, ALongerWindowKeepsWhatIsKnown) {
  add(0.7);
  add_many(600, 0.1);
  window_.set_peak_window(1h);
  EXPECT_EQ(readings().peak, 0.7);
  now_ += 50min;
  add(0.2);
  EXPECT_EQ(readings().peak, 0.7);
}

TEST_F(BurstWindowTest, AShorterWindowForgetsWhatIsOlder) {
  add(1);
  add_many(300, 0.1);
  add(0.5);
  window_.set_peak_window(10s);
  EXPECT_EQ(readings().peak, 0.5);
}

TEST_F(BurstWindowTest, APartOfASecondRoundsTheWindowUp) {
  window_.set_peak_window(1500ms);
  add(1);
  now_ += 1900ms;
  EXPECT_EQ(readings().peak, 1);
  now_ += 2s;
  EXPECT_EQ(readings().peak, std::nullopt);
}

TEST_F(BurstWindowTest, AnotherWindowTouchesNoHistogram) {
  add_many(5, 0.95);
  const BurstHistogram before = readings().utilization;
  window_.set_peak_window(5s);
  EXPECT_EQ(readings().utilization, before);
}

// --- properties

TEST_F(BurstWindowTest, HistogramsOnlyGrowAndHoldEveryReading) {
  std::mt19937 random(3);
  std::uint64_t shares = 0;
  BurstReadings before = readings();
  for (int i = 0; i < 5000; ++i) {
    if (random() % 7 == 0) {
      add(Utilization{});
    } else {
      add(static_cast<double>(random() % 10001) / 10000,
          static_cast<double>(random() % 10001) / 10000);
      ++shares;
    }
    const BurstReadings after = readings();
    for (const auto member :
         {&BurstReadings::utilization, &BurstReadings::busiest_core, &BurstReadings::runs}) {
      for (std::size_t b = 0; b < BurstHistogram::kBuckets; ++b) {
        ASSERT_GE((after.*member).counts[b], (before.*member).counts[b]);
      }
      ASSERT_GE((after.*member).sum, (before.*member).sum);
    }
    before = after;
  }
  const auto total = [](const Counts& counts) {
    return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
  };
  EXPECT_EQ(total(readings().utilization.counts), shares);
  EXPECT_EQ(total(readings().busiest_core.counts), shares);
}

}  // namespace
}  // namespace cpu_monitor::agent
