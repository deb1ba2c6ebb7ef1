#include "agent/flight_recorder.hpp"

#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

Share share_of(double busy, milliseconds covers = 100ms) {
  Share share;
  share.busy = busy;
  share.ticks.busy = static_cast<std::int64_t>(busy * 1000);
  share.ticks.rest = 1000 - share.ticks.busy;
  share.covers = covers;
  return share;
}

class FlightRecorderTest : public testing::Test {
 protected:
  void add(const Utilization& reading, milliseconds step = 100ms) {
    now_ += step;
    recorder_.add(reading, now_);
  }
  void add(double busy, milliseconds step = 100ms) { add(Utilization{share_of(busy), busy}, step); }
  void add_unknown(milliseconds step = 100ms) { add(Utilization{}, step); }

  [[nodiscard]] std::vector<Recording> pieces(milliseconds last = 10min) const {
    std::vector<Recording> all;
    auto playback = recorder_.play({7, last}, now_);
    while (auto piece = playback.next()) all.push_back(*std::move(piece));
    return all;
  }

  [[nodiscard]] std::vector<RecordedReading> readings(milliseconds last = 10min) const {
    std::vector<RecordedReading> all;
    for (const Recording& piece : pieces(last)) {
      all.insert(all.end(), piece.readings.begin(), piece.readings.end());
    }
    return all;
  }

  [[nodiscard]] std::vector<HalfPercents> busy(milliseconds last = 10min) const {
    std::vector<HalfPercents> all;
    for (const RecordedReading& reading : readings(last)) all.push_back(reading.shares.busy);
    return all;
  }

  [[nodiscard]] std::vector<std::uint32_t> ages(milliseconds last = 10min) const {
    std::vector<std::uint32_t> all;
    for (const RecordedReading& reading : readings(last)) all.push_back(reading.age_ms);
    return all;
  }

  FlightRecorder recorder_{100ms};
  milliseconds now_ = 1h;
};

TEST_F(FlightRecorderTest, BeforeTheFirstReadingTheAnswerIsOneEmptyPiece) {
  const auto all = pieces();
  ASSERT_EQ(all.size(), 1U);
  Recording expected;
  expected.request_id = 7;
  expected.uptime = 1h;
  expected.interval = 100ms;
  EXPECT_EQ(all[0], expected);
}

TEST_F(FlightRecorderTest, KeepsEachReadingInHalfPercents) {
  add(0);
  add(0.123);
  add(1);
  EXPECT_EQ(busy(), (std::vector<HalfPercents>{0, 25, 200}));
  EXPECT_EQ(ages(), (std::vector<std::uint32_t>{200, 100, 0}));
}

TEST_F(FlightRecorderTest, KeepsTheShareOfTheKernelTheHypervisorAndTheBusiestCpu) {
  Utilization reading{share_of(0.6), 1.0};
  reading.machine->steal = 0.1;
  reading.machine->ticks.system = 250;
  add(reading);
  EXPECT_EQ(readings(), (std::vector<RecordedReading>{{0, {120, 200, 50, 20}}}));
}

TEST_F(FlightRecorderTest, AKernelShareThatSteppedBackIsNone) {
  Utilization reading{share_of(0.6), 1.0};
  reading.machine->ticks.system = -5;
  add(reading);
  EXPECT_EQ(readings()[0].shares.system, 0);
}

TEST_F(FlightRecorderTest, AKernelShareIsNoMoreThanTheBusyOne) {
  Utilization reading{share_of(0.1), 1.0};
  reading.machine->ticks.system = 900;  // user time stepped back meanwhile
  add(reading);
  EXPECT_EQ(readings()[0].shares.system, 20);
}

TEST_F(FlightRecorderTest, WhatIsNotKnownIsUnknown) {
  add(Utilization{share_of(0.5), std::nullopt});
  add(Utilization{std::nullopt, 0.75});
  const auto all = readings();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(all[0].shares.busiest_core, kUnknownShare);
  EXPECT_EQ(all[1].shares, (RecordedShares{kUnknownShare, 150, kUnknownShare, kUnknownShare}));
}

TEST_F(FlightRecorderTest, AShareThatWaitedIsThatOfAllTheTimeItCovers) {
  add(1);
  add_unknown();
  add_unknown();
  add(Utilization{share_of(0.1, 300ms), 0.0});
  EXPECT_EQ(busy(), (std::vector<HalfPercents>{200, 20, 20, 20}));
  EXPECT_EQ(readings()[1].shares.busiest_core, kUnknownShare);
}

TEST_F(FlightRecorderTest, AShareReachesBackNoFurtherThanItCovers) {
  add_unknown();
  add_unknown();
  add(Utilization{share_of(0.1, 200ms), 0.0});
  EXPECT_EQ(busy(), (std::vector<HalfPercents>{kUnknownShare, 20, 20}));
}

TEST_F(FlightRecorderTest, AShareDoesNotReachBehindOneThatIsKnown) {
  add_unknown();
  add(0.5);
  add(Utilization{share_of(0.1, 10s), 0.0});
  EXPECT_EQ(busy(), (std::vector<HalfPercents>{kUnknownShare, 100, 20}));
}

TEST_F(FlightRecorderTest, TheTimeOfASuspendIsAHole) {
  add(0.5);
  add_unknown(5min);
  add(0.25);
  EXPECT_EQ(ages(), (std::vector<std::uint32_t>{300100, 100, 0}));
  EXPECT_EQ(busy(), (std::vector<HalfPercents>{100, kUnknownShare, 50}));
}

TEST_F(FlightRecorderTest, WhatLiesBehindALongGapIsForgotten) {
  add(0.5);
  add(0.25, 10min + 1ms);
  EXPECT_EQ(busy(), std::vector<HalfPercents>{50});
}

TEST_F(FlightRecorderTest, WhatIsAsOldAsCanBeAskedForIsThere) {
  add(0.5);
  add(0.25, 10min);
  EXPECT_EQ(ages(), (std::vector<std::uint32_t>{600000, 0}));
}

TEST_F(FlightRecorderTest, AMachineThatSleptForWeeksShowsNothingOfBefore) {
  add(0.5);
  now_ += milliseconds(std::uint64_t{1} << 32U) - 50ms;  // the milliseconds wrapped
  EXPECT_TRUE(readings().empty());
  add(0.25);
  EXPECT_EQ(busy(), std::vector<HalfPercents>{50});
}

TEST_F(FlightRecorderTest, TheMillisecondsMayWrap) {
  now_ = milliseconds(std::uint64_t{1} << 32U) - 250ms;
  for (int i = 0; i < 5; ++i) add(0.1 * i);
  EXPECT_EQ(ages(), (std::vector<std::uint32_t>{400, 300, 200, 100, 0}));
  EXPECT_EQ(busy(200ms), (std::vector<HalfPercents>{40, 60, 80}));
}

TEST_F(FlightRecorderTest, AReadingThatIsNotLaterIsDropped) {
  add(0.5);
  recorder_.add({share_of(0.25), 0.25}, now_);
  recorder_.add({share_of(0.25), 0.25}, now_ - 1s);
  EXPECT_EQ(busy(), std::vector<HalfPercents>{100});
}

TEST_F(FlightRecorderTest, NoMoreIsGivenThanWasAskedFor) {
  for (int i = 0; i < 30; ++i) add(0.5);
  EXPECT_EQ(ages(1s).front(), 1000U);
  EXPECT_EQ(ages(1s).size(), 11U);
  EXPECT_EQ(ages(999ms).front(), 900U);
  EXPECT_EQ(ages(1ms), std::vector<std::uint32_t>{0});
}

TEST_F(FlightRecorderTest, AskedForMoreThanThereEverIsItGivesTenMinutes) {
  FlightRecorder slow(10s);
  for (int i = 0; i <= 120; ++i) slow.add({share_of(0.5), 0.5}, i * 10s);
  auto playback = slow.play({1, 24h}, 1200s);
  const auto piece = playback.next();
  ASSERT_TRUE(piece);
  EXPECT_EQ(piece->readings.size(), 61U);
  EXPECT_EQ(piece->readings.front().age_ms, 600000U);
  EXPECT_EQ(piece->interval, 10s);
}

TEST_F(FlightRecorderTest, TheNewestSixThousandAreKept) {
  for (int i = 0; i < 7000; ++i) add(i % 2 == 0 ? 0.5 : 1);
  const auto all = pieces();
  ASSERT_EQ(all.size(), 12U);
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].piece, i + 1);
    EXPECT_EQ(all[i].pieces, 12U);
    EXPECT_EQ(all[i].uptime, now_);
    EXPECT_EQ(all[i].readings.size(), 500U);
  }
  EXPECT_EQ(readings().front().age_ms, 599900U);
}

TEST_F(FlightRecorderTest, WhatIsOverwrittenWhileItIsGivenIsMissing) {
  for (int i = 0; i < 6000; ++i) add(0.5);
  auto playback = recorder_.play({7, 10min}, now_);
  for (int i = 0; i < 700; ++i) add(1);
  EXPECT_TRUE(playback.next()->readings.empty());
  const auto second = playback.next();
  ASSERT_EQ(second->readings.size(), 300U);
  EXPECT_EQ(second->readings[0], (RecordedReading{529900, {100, 100, 0, 0}}));
  int others = 0;
  while (const auto piece = playback.next()) others += static_cast<int>(piece->readings.size());
  EXPECT_EQ(others, 5000) << "and none that came later";
}

TEST_F(FlightRecorderTest, NoPieceIsLongerThanASmallLine) {
  for (int i = 0; i < 6000; ++i) add(1);
  for (const Recording& piece : pieces()) EXPECT_LE(encode(piece).size(), 16U * 1024);
}

}  // namespace
}  // namespace cpu_monitor::agent
