#include "agent/share_meter.hpp"

#include <ostream>
#include <random>
#include <utility>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr Ticks kHz = 100;
constexpr milliseconds kInterval = 100ms;

TEST(ShareMeter, AReadingWhoseTimeIsBookedIsAShareAtOnce) {
  ShareMeter meter(kHz, kInterval);
  const auto share = meter.add({3, 7, 1}, 100ms);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 0.3);
  EXPECT_DOUBLE_EQ(share->steal, 0.1);
  EXPECT_EQ(share->covers, 100ms);
  EXPECT_EQ(share->ticks, (TickDelta{3, 7, 1}));
}

TEST(ShareMeter, OneBusyTickWhoseIdleTimeIsLateIsNoHundredPercent) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_FALSE(meter.add({1, 0}, 100ms));
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(meter.add({0, 0}, 100ms));
  const auto share = meter.add({0, 49}, 100ms);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 0.02);
  EXPECT_EQ(share->covers, 500ms);
}

TEST(ShareMeter, OneLateCpuOfTwoMakesTheMachineWait) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_FALSE(meter.add({10, 0}, 100ms, 2, false)) << "half of the time is not booked";
  const auto share = meter.add({10, 20}, 100ms, 2, false);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 0.5);
}

TEST(ShareMeter, ABurstIsSeenInTheReadingItHappensIn) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_DOUBLE_EQ(meter.add({0, 20}, 100ms, 2, false)->busy, 0);
  EXPECT_DOUBLE_EQ(meter.add({20, 0}, 100ms, 2, false)->busy, 1);
  EXPECT_DOUBLE_EQ(meter.add({0, 20}, 100ms, 2, false)->busy, 0);
}

struct Rounding {
  const char* name;
  TickDelta delta;
  milliseconds elapsed;
  std::size_t cpus;
  bool is_share;
  friend std::ostream& operator<<(std::ostream& out, const Rounding& r) { return out << r.name; }
};

class ShareMeterRounding : public testing::TestWithParam<Rounding> {};

TEST_P(ShareMeterRounding, DecidesWhetherTheTimeIsBooked) {
  ShareMeter meter(kHz, kInterval);
  const Rounding& given = GetParam();
  EXPECT_EQ(meter.add(given.delta, given.elapsed, given.cpus, false).has_value(), given.is_share);
}

INSTANTIATE_TEST_SUITE_P(
    Cases, ShareMeterRounding,
    testing::Values(Rounding{"all of it", {4, 6}, 100ms, 1, true},
                    Rounding{"more than all of it", {4, 60}, 100ms, 1, true},
                    Rounding{"a reading that came late", {4, 6}, 110ms, 1, true},
                    Rounding{"six of ten, the least", {1, 5}, 100ms, 1, true},
                    Rounding{"five of ten", {1, 4}, 100ms, 1, false},
                    Rounding{"fourteen of twenty, the least", {7, 7}, 100ms, 2, true},
                    Rounding{"thirteen of twenty", {7, 6}, 100ms, 2, false},
                    Rounding{"less than three quarters of an interval", {7, 0}, 74ms, 1, false},
                    Rounding{"three quarters of an interval", {7, 0}, 75ms, 1, true},
                    Rounding{"no tick in 10 ms", {0, 0}, 10ms, 1, false},
                    Rounding{"nothing in 100 ms", {0, 0}, 100ms, 1, false},
                    Rounding{"nothing in an hour", {0, 0}, 1h, 1, false},
                    Rounding{"a tenth of a second's ticks", {4, 6}, 1s, 1, true},
                    Rounding{"less than a tenth of them", {4, 5}, 1s, 1, false},
                    Rounding{"just under a second", {4, 6}, 999ms, 1, false},
                    Rounding{"a machine without CPU lines", {1, 0}, 100ms, 0, true},
                    Rounding{"no time at all", {1, 1}, 0ms, 1, false}));

TEST(ShareMeter, AReadingOutOfTurnIsTakenTogetherWithTheNext) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_FALSE(meter.add({1, 0}, 15ms)) << "one tick in 15 ms is no 100 %";
  const auto share = meter.add({1, 8}, 85ms);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 0.2);
  EXPECT_EQ(share->covers, 100ms);
}

TEST(ShareMeter, AShareOfShortReadingsCoversFiveTicks) {
  ShareMeter meter(kHz, 10ms);
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(meter.add({i == 0 ? 1 : 0, i == 0 ? 0 : 1}, 10ms));
  const auto share = meter.add({0, 1}, 10ms);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 0.2);
  EXPECT_EQ(share->covers, 50ms);
}

TEST(ShareMeter, OfLongReadingsWaitsForTwo) {
  ShareMeter meter(kHz, 1s);
  EXPECT_FALSE(meter.add({12, 0}, 1s, 1, false));
  const auto share = meter.add({12, 176}, 1s, 1, false);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 0.12);
}

TEST(ShareMeter, AHypervisorThatWithholdsTimeIsWaitedForOneSecondOnly) {
  ShareMeter meter(kHz, kInterval);
  for (int i = 0; i < 9; ++i) EXPECT_FALSE(meter.add({3, 0}, 100ms, 1, false));
  const auto share = meter.add({3, 0}, 100ms, 1, false);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 1);
  EXPECT_EQ(share->covers, 1s);
}

TEST(ShareMeter, WhereACpuStandsStillItWaitsTenSeconds) {
  ShareMeter meter(kHz, kInterval);
  for (int i = 0; i < 99; ++i) ASSERT_FALSE(meter.add({10, 0}, 100ms, 2, true)) << i;
  EXPECT_TRUE(meter.add({10, 0}, 100ms, 2, true));
}

TEST(ShareMeter, ACpuWithoutIdleTimeIsWaitedForTenSeconds) {
  ShareMeter meter(kHz, kInterval);
  for (int i = 0; i < 29; ++i) ASSERT_FALSE(meter.add({i % 2, 0}, 100ms)) << i;
  const auto share = meter.add({0, 286}, 100ms);
  ASSERT_TRUE(share);
  EXPECT_LT(share->busy, 0.06);
}

TEST(ShareMeter, IdleTimeThatComesAfterTheWaitMakesNoShareOfOneTick) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_FALSE(meter.add({1, 0}, 100ms));
  for (int i = 0; i < 20; ++i) EXPECT_FALSE(meter.add({0, 0}, 100ms));
  const auto share = meter.add({0, 209}, 100ms);
  ASSERT_TRUE(share);
  EXPECT_LT(share->busy, 0.01);
}

TEST(ShareMeter, NothingMovedIsNoShareAndIsNotWaitedForAgain) {
  ShareMeter meter(kHz, kInterval);
  for (int i = 0; i < 10; ++i) EXPECT_FALSE(meter.add({0, 0}, 100ms));
  const auto share = meter.add({1, 9}, 100ms);
  ASSERT_TRUE(share);
  EXPECT_EQ(share->covers, 100ms);
}

TEST(ShareMeter, AResetForgetsWhatWaits) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_FALSE(meter.add({1, 0}, 100ms));
  meter.reset();
  const auto share = meter.add({0, 10}, 100ms);
  ASSERT_TRUE(share);
  EXPECT_DOUBLE_EQ(share->busy, 0);
}

TEST(ShareMeter, StealBelowZeroIsNone) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_DOUBLE_EQ(meter.add({5, 5, -2}, 100ms)->steal, 0);
}

TEST(ShareMeter, StealIsNeverMoreThanBusy) {
  ShareMeter meter(kHz, kInterval);
  EXPECT_DOUBLE_EQ(meter.add({2, 8, 5}, 100ms)->steal, 0.2);
}

TEST(ShareMeter, KnowsOtherTickRates) {
  ShareMeter meter(1024, kInterval);
  EXPECT_FALSE(meter.add({10, 0}, 100ms)) << "ten ticks of a hundred";
  EXPECT_TRUE(meter.add({0, 180}, 100ms));
}

TEST(ShareMeter, AnyDelayOfIdleTimeAddsUpToTheSameTicks) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    ShareMeter meter(kHz, kInterval);
    TickDelta given;
    TickDelta taken;
    std::int64_t late = 0;
    for (int i = 0; i < 200; ++i) {
      const auto busy = static_cast<std::int64_t>(random() % 11);
      std::int64_t rest = 10 - busy;
      if (random() % 3 == 0) {
        late += rest;
        rest = 0;
      } else {
        rest += std::exchange(late, 0);
      }
      given += {busy, rest};
      if (const auto share = meter.add({busy, rest}, 100ms)) {
        taken += share->ticks;
        EXPECT_LE(share->busy, 1);
        EXPECT_GE(share->busy, 0);
      }
    }
    if (const auto share = meter.add({0, 200}, 2s, 1, false)) taken += share->ticks;
    given += {0, 200};
    EXPECT_EQ(taken, given);
  }
}

}  // namespace
}  // namespace cpu_monitor::agent
