#include "common/cpu_times.hpp"

#include <algorithm>
#include <initializer_list>
#include <limits>
#include <optional>
#include <ostream>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

CpuTimes times_of(std::initializer_list<Ticks> ticks) {
  CpuTimes times;
  std::copy(ticks.begin(), ticks.end(), times.ticks.begin());
  times.fields = static_cast<std::uint8_t>(ticks.size());
  return times;
}

TEST(CpuTimes, KnowsOnlyItsLeadingFields) {
  const CpuTimes times = times_of({1, 2, 3, 4});
  EXPECT_TRUE(times.has(CpuMode::idle));
  EXPECT_FALSE(times.has(CpuMode::iowait));
  EXPECT_EQ(times[CpuMode::system], 3U);
}

TEST(CpuTimesTotal, SumsTheExclusiveModes) {
  EXPECT_EQ(total(times_of({1, 2, 4, 8, 16, 32, 64, 128})), 255U);
}

TEST(CpuTimesTotal, LeavesGuestOutSinceUserHoldsIt) {
  EXPECT_EQ(total(times_of({1, 1, 1, 1, 1, 1, 1, 1, 1000, 1000})), 8U);
}

TEST(CpuTimesTotal, TakesUnknownModesForNothing) {
  CpuTimes times = times_of({1, 2, 3, 4});
  times.ticks[static_cast<std::size_t>(CpuMode::steal)] = 1000;
  EXPECT_EQ(total(times), 10U);
}

TEST(CpuTimesTotal, IsZeroWhenNothingIsKnown) { EXPECT_EQ(total(CpuTimes{}), 0U); }

TEST(CpuTimesTotal, WrapsLikeTheNumbersItAdds) {
  EXPECT_EQ(total(times_of({std::numeric_limits<Ticks>::max(), 3, 0, 0})), 2U);
}

struct ModeCase {
  CpuMode mode;
  TickDelta delta;
};

class CpuTimesDifferenceOfOneMode : public testing::TestWithParam<ModeCase> {};

TEST_P(CpuTimesDifferenceOfOneMode, CountsItOnItsSide) {
  const CpuTimes earlier = times_of({10, 10, 10, 10, 10, 10, 10, 10, 10, 10});
  CpuTimes later = earlier;
  later.ticks[static_cast<std::size_t>(GetParam().mode)] += 7;
  EXPECT_EQ(difference(later, earlier), GetParam().delta);
}

INSTANTIATE_TEST_SUITE_P(
    AllModes, CpuTimesDifferenceOfOneMode,
    testing::Values(ModeCase{CpuMode::user, {7, 0}}, ModeCase{CpuMode::nice, {7, 0}},
                    ModeCase{CpuMode::system, {7, 0, 0, 7}}, ModeCase{CpuMode::idle, {0, 7}},
                    ModeCase{CpuMode::iowait, {0, 7}}, ModeCase{CpuMode::irq, {7, 0, 0, 7}},
                    ModeCase{CpuMode::softirq, {7, 0, 0, 7}}, ModeCase{CpuMode::steal, {7, 0, 7}},
                    ModeCase{CpuMode::guest, {0, 0}}, ModeCase{CpuMode::guest_nice, {0, 0}}),
    [](const auto& tested) { return std::string(kCpuModeNames[tested.param.mode]); });

TEST(CpuTimesDifference, IsSignedWhereCountersStepBack) {
  const TickDelta delta = difference(times_of({90, 0, 0, 40}), times_of({100, 0, 0, 50}));
  EXPECT_EQ(delta, (TickDelta{-10, -10}));
}

TEST(CpuTimesDifference, LetsIdleAndIowaitCancelOut) {
  const TickDelta delta = difference(times_of({5, 0, 0, 150, 60}), times_of({5, 0, 0, 100, 100}));
  EXPECT_EQ(delta, (TickDelta{0, 10}));
}

TEST(CpuTimesDifference, LooksOnlyAtModesBothReadingsKnow) {
  const CpuTimes four = times_of({10, 0, 0, 10});
  const CpuTimes eight = times_of({20, 0, 0, 30, 1000, 1000, 1000, 1000});
  EXPECT_EQ(difference(eight, four), (TickDelta{10, 20}));
  EXPECT_EQ(difference(four, eight), (TickDelta{-10, -20}));
}

TEST(CpuTimesDifference, IsDefinedForAnyRawCounter) {
  constexpr Ticks huge = std::numeric_limits<Ticks>::max();
  const CpuTimes high = times_of({huge, huge, huge, huge, huge, huge, huge, huge});
  const CpuTimes low = times_of({0, 0, 0, 0, 0, 0, 0, 0});
  EXPECT_EQ(difference(high, low), (TickDelta{-6, -2, -1, -3}));
  EXPECT_EQ(difference(low, high), (TickDelta{6, 2, 1, 3}));
}

TEST(TickDelta, AddsSideBySide) {
  TickDelta sum{1, 2};
  sum += TickDelta{10, -20};
  EXPECT_EQ(sum, (TickDelta{11, -18}));
}

struct RatioCase {
  const char* name;
  TickDelta delta;
  std::optional<double> ratio;
};

class BusyRatio : public testing::TestWithParam<RatioCase> {};

TEST_P(BusyRatio, IsTheBusyShareOrNone) {
  EXPECT_EQ(busy_ratio(GetParam().delta), GetParam().ratio);
}

constexpr std::int64_t kMax = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kMin = std::numeric_limits<std::int64_t>::min();

INSTANTIATE_TEST_SUITE_P(Table, BusyRatio,
                         testing::Values(RatioCase{"Idle", {0, 10}, 0.0},
                                         RatioCase{"Full", {10, 0}, 1.0},
                                         RatioCase{"Quarter", {1, 3}, 0.25},
                                         RatioCase{"Huge", {kMax, kMax}, 0.5},
                                         RatioCase{"NothingMoved", {0, 0}, std::nullopt},
                                         RatioCase{"BusySteppedBack", {-1, 10}, std::nullopt},
                                         RatioCase{"RestSteppedBack", {10, -1}, std::nullopt},
                                         RatioCase{"BothSteppedBack", {-1, -1}, std::nullopt},
                                         RatioCase{"SidesCancelOut", {5, -5}, std::nullopt},
                                         RatioCase{"Smallest", {kMin, kMin}, std::nullopt}),
                         [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace cpu_monitor
