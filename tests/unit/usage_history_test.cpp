#include "exporter/usage_history.hpp"

#include <chrono>
#include <optional>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using Slot = UsageHistory::Slot;

constexpr std::uint8_t kNone = UsageHistory::kNone;

/// Slots begin at whole multiples of two seconds.
UsageHistory::Clock::time_point at(std::chrono::milliseconds time) {
  return UsageHistory::Clock::time_point{} + std::chrono::hours(5000) + time;
}

TEST(UsageHistory, IsEmptyAtFirst) {
  const UsageHistory history;
  for (std::size_t ago = 0; ago < UsageHistory::kSlots; ++ago) {
    EXPECT_EQ(history.at(at(0s), ago), Slot{});
  }
}

TEST(UsageHistory, KeepsTheLastPushOfASlotAndItsHighestPeak) {
  UsageHistory history;
  history.add(at(0s), 1s, 10, 90.0);
  history.add(at(1s), 1s, 20.4, 50.0);
  EXPECT_EQ(history.at(at(1s), 0), (Slot{20, 90}));
}

TEST(UsageHistory, MovesOnWithTime) {
  UsageHistory history;
  history.add(at(0s), 1s, 10, std::nullopt);
  history.add(at(2s), 1s, 30, 40.0);
  EXPECT_EQ(history.at(at(2s), 0), (Slot{30, 40}));
  EXPECT_EQ(history.at(at(2s), 1), (Slot{10, kNone}));
  EXPECT_EQ(history.at(at(6s), 0), Slot{}) << "nothing was said since";
  EXPECT_EQ(history.at(at(6s), 2), (Slot{30, 40}));
}

TEST(UsageHistory, LeavesAHoleWhereNothingWasSaid) {
  UsageHistory history;
  history.add(at(0s), 1s, 10, 10.0);
  history.add(at(20s), 1s, 20, 20.0);
  EXPECT_EQ(history.at(at(20s), 0), (Slot{20, 20}));
  for (std::size_t ago = 1; ago < 10; ++ago) EXPECT_EQ(history.at(at(20s), ago), Slot{}) << ago;
  EXPECT_EQ(history.at(at(20s), 10), (Slot{10, 10}));
}

TEST(UsageHistory, APushStandsForAllItCovers) {
  UsageHistory history;
  history.add(at(0s), 0s, 10, 10.0);
  history.add(at(10s), 10s, 50, 99.0);
  for (std::size_t ago = 0; ago < 5; ++ago) {
    EXPECT_EQ(history.at(at(10s), ago), (Slot{50, 99})) << ago;
  }
  EXPECT_EQ(history.at(at(10s), 5), (Slot{10, 10}));
}

TEST(UsageHistory, ForgetsWhatIsTooOld) {
  UsageHistory history;
  history.add(at(0s), 1s, 10, 10.0);
  EXPECT_EQ(history.at(at(298s), 149), (Slot{10, 10}));
  history.add(at(300s), 1s, 20, 20.0);
  EXPECT_EQ(history.at(at(300s), 150), Slot{});
  EXPECT_EQ(history.at(at(300s), 149), Slot{});
}

TEST(UsageHistory, ForgetsAllAfterALongSilence) {
  UsageHistory history;
  for (int i = 0; i < 150; ++i) history.add(at(i * 2s), 2s, i % 100, std::nullopt);
  history.add(at(100h), 2s, 1, std::nullopt);
  EXPECT_EQ(history.at(at(100h), 0), (Slot{1, kNone}));
  for (std::size_t ago = 1; ago < UsageHistory::kSlots; ++ago) {
    ASSERT_EQ(history.at(at(100h), ago), Slot{}) << ago;
  }
}

TEST(UsageHistory, CoversNoMoreThanItHas) {
  UsageHistory history;
  history.add(at(0s), 1h, 42, 43.0);
  for (std::size_t ago = 0; ago < UsageHistory::kSlots; ++ago) {
    ASSERT_EQ(history.at(at(0s), ago), (Slot{42, 43})) << ago;
  }
}

TEST(UsageHistory, IsFullWithASlotEachTwoSeconds) {
  UsageHistory history;
  for (int i = 0; i < 1000; ++i) history.add(at(i * 2s), 2s, i % 101, std::nullopt);
  for (std::size_t ago = 0; ago < UsageHistory::kSlots; ++ago) {
    ASSERT_EQ(history.at(at(1998s), ago).percent, (999 - ago) % 101);
  }
}

TEST(UsageHistory, KnowsWhenASlotIsOver) {
  EXPECT_EQ(UsageHistory::until_end_of_slot(at(0s)), 2s);
  EXPECT_EQ(UsageHistory::until_end_of_slot(at(1999ms)), 1ms);
  EXPECT_EQ(UsageHistory::until_end_of_slot(at(2s)), 2s);
}

}  // namespace
}  // namespace cpu_monitor::exporter
