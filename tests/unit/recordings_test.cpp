#include "exporter/recordings.hpp"

#include <atomic>
#include <deque>
#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/wait.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using tests::eventually;

using Outcome = Result<Recordings::Answer, RecordingFault>;
using Wanted = std::future<Outcome>;

constexpr std::chrono::system_clock::time_point kNow{1700000000s};
constexpr Recordings::ConnectionId kConnection = 5;

/// Long enough that a test which works never waits it out.
Recordings::Limits patient() {
  Recordings::Limits limits;
  limits.patience = 20s;
  return limits;
}

Recordings::Limits limits_of(std::chrono::milliseconds patience, std::chrono::milliseconds pause) {
  Recordings::Limits limits;
  limits.patience = patience;
  limits.pause = pause;
  return limits;
}

Recording piece_of(std::uint64_t request_id, std::uint32_t piece, std::uint32_t pieces,
                   const std::vector<std::uint32_t>& ages) {
  Recording recording;
  recording.request_id = request_id;
  recording.piece = piece;
  recording.pieces = pieces;
  recording.uptime = 1h;
  recording.interval = 100ms;
  for (const std::uint32_t age : ages) recording.readings.push_back({age, {100, 200, 10, 0}});
  return recording;
}

/// The web on many threads, the ingest thread is the test's.
class RecordingsTest : public testing::Test {
 protected:
  explicit RecordingsTest(Recordings::Limits limits = patient()) : recordings_(limits) {}
  ~RecordingsTest() override { recordings_.stop(); }

  Wanted want(const std::string& endpoint, std::chrono::milliseconds last = 1min) {
    return std::async(std::launch::async,
                      [this, endpoint, last] { return recordings_.get(endpoint, last); });
  }

  /// The next request that is to go out, once there is one.
  Recordings::Ask next_ask() {
    EXPECT_TRUE(eventually([this] {
      for (Recordings::Ask& ask : recordings_.take_asks()) asks_.push_back(std::move(ask));
      return !asks_.empty();
    }));
    Recordings::Ask ask = asks_.empty() ? Recordings::Ask{} : asks_.front();
    if (!asks_.empty()) asks_.pop_front();
    return ask;
  }

  std::uint64_t ask_of(Recordings::ConnectionId connection = kConnection) {
    const Recordings::Ask ask = next_ask();
    recordings_.asked(ask.request.request_id, connection);
    return ask.request.request_id;
  }

  bool take(const Recording& piece, Recordings::ConnectionId connection = kConnection) {
    return recordings_.take(connection, piece, kNow);
  }

  void expect_fault(Wanted& wanted, RecordingFault fault) {
    const Outcome outcome = wanted.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, fault);
  }

  Recordings recordings_;
  std::deque<Recordings::Ask> asks_;
};

TEST_F(RecordingsTest, WhatWasAskedForIsAnsweredPieceByPiece) {
  auto wanted = want("web-1", 10min);
  const Recordings::Ask ask = next_ask();
  EXPECT_EQ(ask.endpoint, "web-1");
  EXPECT_EQ(ask.request.last, 10min);
  const std::uint64_t id = ask.request.request_id;
  recordings_.asked(id, kConnection);
  EXPECT_TRUE(take(piece_of(id, 1, 3, {600000, 500000})));
  EXPECT_TRUE(take(piece_of(id, 2, 3, {})));
  EXPECT_TRUE(recordings_.take(kConnection, piece_of(id, 3, 3, {100, 0}), kNow + 3s));
  const Outcome outcome = wanted.get();
  ASSERT_TRUE(outcome);
  EXPECT_EQ((*outcome)->asked_at, kNow) << "of the first piece";
  EXPECT_EQ((*outcome)->interval, 100ms);
  EXPECT_EQ((*outcome)->readings.size(), 4U);
}

TEST_F(RecordingsTest, WhoeverCanSendIsCalledForEachRequest) {
  std::atomic<int> calls = 0;
  recordings_.on_ask([&calls] { ++calls; });
  auto one = want("web-1");
  auto other = want("web-2");
  ask_of(1);
  ask_of(2);
  EXPECT_EQ(calls, 2);
  recordings_.stop();
}

TEST_F(RecordingsTest, AnAgentThatCannotBeAskedIsNotConnected) {
  auto wanted = want("web-1");
  recordings_.give_up(next_ask().request.request_id, RecordingFault::not_connected);
  expect_fault(wanted, RecordingFault::not_connected);
}

TEST_F(RecordingsTest, WhoCouldNotBeAskedMayBeAskedAtOnce) {
  auto first = want("web-1");
  recordings_.give_up(next_ask().request.request_id, RecordingFault::not_connected);
  expect_fault(first, RecordingFault::not_connected);
  auto second = want("web-1");
  EXPECT_TRUE(take(piece_of(ask_of(), 1, 1, {0})));
  EXPECT_TRUE(second.get());
}

TEST_F(RecordingsTest, AConnectionThatEndsTakesItsRecordingAlong) {
  auto wanted = want("web-1");
  const auto id = ask_of();
  EXPECT_TRUE(take(piece_of(id, 1, 2, {100})));
  recordings_.lose(kConnection + 1);
  recordings_.lose(kConnection);
  expect_fault(wanted, RecordingFault::not_connected);
  EXPECT_FALSE(take(piece_of(id, 2, 2, {0})));
}

TEST_F(RecordingsTest, WhatCannotBeUsedEndsTheRecording) {
  auto wanted = want("web-1");
  ask_of();
  recordings_.spoil(kConnection + 1);
  recordings_.spoil(kConnection);
  expect_fault(wanted, RecordingFault::no_answer);
}

TEST_F(RecordingsTest, ARecordingThatNobodyAskedForIsNotTaken) {
  EXPECT_FALSE(take(piece_of(1, 1, 1, {0})));
  recordings_.spoil(kConnection);
  recordings_.lose(kConnection);
  recordings_.give_up(1, RecordingFault::not_connected);
  recordings_.asked(1, kConnection);
}

TEST_F(RecordingsTest, ARecordingBeforeTheRequestWentOutIsNotTaken) {
  auto wanted = want("web-1");
  const auto id = next_ask().request.request_id;
  EXPECT_FALSE(take(piece_of(id, 1, 1, {0})));
  recordings_.asked(id, kConnection);
  EXPECT_TRUE(take(piece_of(id, 1, 1, {0})));
  EXPECT_TRUE(wanted.get());
}

TEST_F(RecordingsTest, NobodyAnswersForAnother) {
  auto wanted = want("web-1");
  const auto id = ask_of();
  EXPECT_FALSE(take(piece_of(id, 1, 1, {0}), kConnection + 1));
  EXPECT_FALSE(take(piece_of(id + 1, 1, 1, {0})));
  EXPECT_TRUE(take(piece_of(id, 1, 1, {0}))) << "the right one still may";
  EXPECT_TRUE(wanted.get());
}

TEST_F(RecordingsTest, AnAnswerIsTakenOnce) {
  auto wanted = want("web-1");
  const auto id = ask_of();
  EXPECT_TRUE(take(piece_of(id, 1, 1, {0})));
  EXPECT_FALSE(take(piece_of(id, 1, 1, {0})));
  EXPECT_TRUE(wanted.get());
}

struct BadPieceCase {
  std::string name;
  std::vector<Recording> pieces;  ///< of request 1; the last is bad
};

std::ostream& operator<<(std::ostream& out, const BadPieceCase& one) { return out << one.name; }

class BadPiece : public RecordingsTest, public testing::WithParamInterface<BadPieceCase> {};

TEST_P(BadPiece, IsTheEndOfTheRecording) {
  auto wanted = want("web-1");
  ASSERT_EQ(ask_of(), 1U);
  const auto& pieces = GetParam().pieces;
  for (std::size_t i = 0; i + 1 < pieces.size(); ++i) EXPECT_TRUE(take(pieces[i])) << i;
  EXPECT_FALSE(take(pieces.back()));
  expect_fault(wanted, RecordingFault::no_answer);
}

std::vector<std::uint32_t> falling_ages(std::uint32_t from, std::size_t count) {
  std::vector<std::uint32_t> ages;
  for (std::size_t i = 0; i < count; ++i) ages.push_back(from - static_cast<std::uint32_t>(i));
  return ages;
}

std::vector<Recording> with_another_uptime() {
  Recording second = piece_of(1, 2, 2, {0});
  second.uptime += 1ms;
  return {piece_of(1, 1, 2, {5}), second};
}

std::vector<Recording> with_another_interval() {
  Recording second = piece_of(1, 2, 2, {0});
  second.interval += 1ms;
  return {piece_of(1, 1, 2, {5}), second};
}

INSTANTIATE_TEST_SUITE_P(
    Recordings, BadPiece,
    testing::Values(
        BadPieceCase{"SecondFirst", {piece_of(1, 2, 2, {0})}},
        BadPieceCase{"TheSameAgain", {piece_of(1, 1, 3, {9}), piece_of(1, 1, 3, {8})}},
        BadPieceCase{"OneLeftOut", {piece_of(1, 1, 3, {9}), piece_of(1, 3, 3, {8})}},
        BadPieceCase{"OneBack",
                     {piece_of(1, 1, 4, {9}), piece_of(1, 2, 4, {8}), piece_of(1, 1, 4, {7})}},
        BadPieceCase{"MorePiecesThanSaid", {piece_of(1, 1, 2, {9}), piece_of(1, 2, 3, {8})}},
        BadPieceCase{"FewerPiecesThanSaid", {piece_of(1, 1, 3, {9}), piece_of(1, 2, 2, {8})}},
        BadPieceCase{"AnotherUptime", with_another_uptime()},
        BadPieceCase{"AnotherInterval", with_another_interval()},
        BadPieceCase{"OlderThanAskedFor", {piece_of(1, 1, 1, {60001})}},
        BadPieceCase{"OlderThanBefore", {piece_of(1, 1, 2, {9, 5}), piece_of(1, 2, 2, {6})}},
        BadPieceCase{"AsOldAsBefore", {piece_of(1, 1, 2, {9, 5}), piece_of(1, 2, 2, {5})}},
        BadPieceCase{"TooManyReadings",
                     {piece_of(1, 1, 2, falling_ages(60000, 6000)), piece_of(1, 2, 2, {0})}}),
    [](const auto& tested) { return tested.param.name; });

TEST_F(RecordingsTest, AsManyReadingsAsThereMayBeAreTaken) {
  auto wanted = want("web-1");
  const auto id = ask_of();
  EXPECT_TRUE(take(piece_of(id, 1, 2, falling_ages(60000, 5999))));
  EXPECT_TRUE(take(piece_of(id, 2, 2, {0})));
  const Outcome outcome = wanted.get();
  ASSERT_TRUE(outcome);
  EXPECT_EQ((*outcome)->readings.size(), 6000U);
}

TEST_F(RecordingsTest, WhoAsksForTheSameMachineMeanwhileSharesTheAnswer) {
  auto first = want("web-1", 10min);
  const auto id = ask_of();
  auto second = want("web-1", 1min);
  auto third = want("web-1", 10min);
  // They wait now, or find it kept in a moment: the agent is asked once in any case.
  EXPECT_TRUE(take(piece_of(id, 1, 1, {0})));
  const Outcome answer = first.get();
  ASSERT_TRUE(answer);
  EXPECT_EQ(*second.get(), *answer);
  EXPECT_EQ(*third.get(), *answer);
  EXPECT_TRUE(recordings_.take_asks().empty());
}

TEST_F(RecordingsTest, WhoeverComesWithinTheSecondGetsWhatIsKept) {
  auto first = want("web-1");
  EXPECT_TRUE(take(piece_of(ask_of(), 1, 1, {0})));
  const Outcome answer = first.get();
  auto second = want("web-1", 30s);
  EXPECT_EQ(*second.get(), *answer);
  EXPECT_TRUE(recordings_.take_asks().empty());
}

TEST_F(RecordingsTest, WhoWantsMoreThanIsKeptWaitsForTheNext) {
  auto first = want("web-1", 1min);
  EXPECT_TRUE(take(piece_of(ask_of(), 1, 1, {0})));
  EXPECT_TRUE(first.get());
  const auto asked_at = std::chrono::steady_clock::now();
  auto second = want("web-1", 10min);
  const Recordings::Ask ask = next_ask();
  EXPECT_GE(std::chrono::steady_clock::now() - asked_at, 800ms) << "one a second";
  EXPECT_EQ(ask.request.last, 10min);
  recordings_.asked(ask.request.request_id, kConnection);
  EXPECT_TRUE(take(piece_of(ask.request.request_id, 1, 1, {600000, 0})));
  EXPECT_EQ((*second.get())->readings.size(), 2U);
}

TEST_F(RecordingsTest, WhoWantsMoreThanIsUnderWayWaitsForTheNext) {
  auto first = want("web-1", 1min);
  const auto id = ask_of();
  auto second = want("web-1", 10min);
  EXPECT_TRUE(take(piece_of(id, 1, 1, {0})));
  EXPECT_TRUE(first.get());
  const Recordings::Ask ask = next_ask();
  EXPECT_EQ(ask.request.last, 10min);
  recordings_.asked(ask.request.request_id, kConnection);
  EXPECT_TRUE(take(piece_of(ask.request.request_id, 1, 1, {600000})));
  EXPECT_TRUE(second.get());
}

TEST_F(RecordingsTest, AFourthIsOneTooMany) {
  auto first = want("web-1");
  auto second = want("web-2");
  auto third = want("web-3");
  const auto first_id = ask_of(1);
  ask_of(2);
  ask_of(3);
  auto fourth = want("web-4");
  expect_fault(fourth, RecordingFault::busy);
  auto one_who_would_share = want("web-1");
  expect_fault(one_who_would_share, RecordingFault::busy);
  // Of the three, any may be the one of the first request.
  for (const Recordings::ConnectionId each : {1U, 2U, 3U}) {
    static_cast<void>(recordings_.take(each, piece_of(first_id, 1, 1, {0}), kNow));
  }
  ASSERT_TRUE(eventually([&] {
    return first.wait_for(0s) == std::future_status::ready ||
           second.wait_for(0s) == std::future_status::ready ||
           third.wait_for(0s) == std::future_status::ready;
  }));
  auto fifth = want("web-5");
  EXPECT_EQ(next_ask().endpoint, "web-5");
  recordings_.stop();
}

TEST_F(RecordingsTest, AStopSendsEverybodyAway) {
  auto unasked = want("web-1");
  next_ask();
  auto asked = want("web-2");
  ask_of();
  auto sharing = want("web-2", 10min);
  recordings_.stop();
  expect_fault(unasked, RecordingFault::stopping);
  expect_fault(asked, RecordingFault::stopping);
  expect_fault(sharing, RecordingFault::stopping);
  auto late = want("web-3");
  expect_fault(late, RecordingFault::stopping);
  EXPECT_TRUE(recordings_.take_asks().empty());
}

TEST_F(RecordingsTest, AStopSendsAwayWhoWaitsOutThePause) {
  auto first = want("web-1", 1min);
  EXPECT_TRUE(take(piece_of(ask_of(), 1, 1, {0})));
  EXPECT_TRUE(first.get());
  auto second = want("web-1", 10min);
  recordings_.stop();
  expect_fault(second, RecordingFault::stopping);
}

TEST_F(RecordingsTest, AnAnswerAfterAStopIsNotTaken) {
  auto wanted = want("web-1");
  const auto id = ask_of();
  recordings_.stop();
  EXPECT_FALSE(take(piece_of(id, 1, 1, {0})));
  expect_fault(wanted, RecordingFault::stopping);
}

class HastyRecordings : public RecordingsTest {
 protected:
  HastyRecordings() : RecordingsTest(limits_of(50ms, 1ms)) {}
};

TEST_F(HastyRecordings, AnAgentThatSaysNothingDidNotAnswer) {
  auto wanted = want("web-1");
  const auto id = ask_of();
  expect_fault(wanted, RecordingFault::no_answer);
  EXPECT_FALSE(take(piece_of(id, 1, 1, {0}))) << "it is too late";
}

TEST_F(HastyRecordings, AnAgentThatStopsHalfWayDidNotAnswer) {
  auto wanted = want("web-1");
  static_cast<void>(take(piece_of(ask_of(), 1, 2, {5})));
  expect_fault(wanted, RecordingFault::no_answer);
}

TEST_F(HastyRecordings, ARequestThatNobodyTookIsWithdrawn) {
  auto wanted = want("web-1");
  expect_fault(wanted, RecordingFault::no_answer);
  EXPECT_TRUE(recordings_.take_asks().empty());
}

class ImpatientRecordings : public RecordingsTest {
 protected:
  ImpatientRecordings() : RecordingsTest(limits_of(50ms, 20s)) {}
};

TEST_F(ImpatientRecordings, APauseThatIsLongerThanThePatienceIsNoAnswer) {
  auto first = want("web-1");
  ask_of();
  expect_fault(first, RecordingFault::no_answer);
  auto second = want("web-1");
  expect_fault(second, RecordingFault::no_answer);
  EXPECT_TRUE(recordings_.take_asks().empty());
}

TEST(Recordings, AreFreedWhenNobodySharesThemAnyLonger) {
  Recordings recordings(limits_of(20s, 10ms));
  std::weak_ptr<const ReceivedRecording> kept;
  {
    auto wanted = std::async(std::launch::async, [&] { return recordings.get("web-1", 1min); });
    std::vector<Recordings::Ask> asks;
    ASSERT_TRUE(eventually([&] { return !(asks = recordings.take_asks()).empty(); }));
    recordings.asked(asks[0].request.request_id, kConnection);
    EXPECT_TRUE(
        recordings.take(kConnection, piece_of(asks[0].request.request_id, 1, 1, {0}), kNow));
    kept = *wanted.get();
  }
  EXPECT_TRUE(eventually([&] {
    recordings.expire();
    return kept.expired();
  }));
}

TEST(Recordings, OnlySomeAreKept) {
  Recordings recordings(limits_of(20s, 20s));
  std::vector<std::weak_ptr<const ReceivedRecording>> kept;
  for (int i = 0; i < 10; ++i) {
    const std::string endpoint = "web-" + std::to_string(i);
    auto wanted = std::async(std::launch::async, [&] { return recordings.get(endpoint, 1min); });
    std::vector<Recordings::Ask> asks;
    ASSERT_TRUE(eventually([&] { return !(asks = recordings.take_asks()).empty(); }));
    recordings.asked(asks[0].request.request_id, kConnection);
    EXPECT_TRUE(
        recordings.take(kConnection, piece_of(asks[0].request.request_id, 1, 1, {0}), kNow));
    kept.push_back(*wanted.get());
  }
  recordings.expire();
  const auto is_there = [](const auto& recording) { return !recording.expired(); };
  EXPECT_EQ(std::count_if(kept.begin(), kept.end(), is_there), Recordings::kKept);
  EXPECT_TRUE(is_there(kept.back())) << "the newest";
}

TEST(Recordings, OneThousandRequestsFromManyThreadsAreAllAnswered) {
  Recordings recordings(limits_of(20s, 0ms));
  std::atomic<bool> is_over = false;
  std::thread ingest([&] {
    while (!is_over) {
      for (const Recordings::Ask& ask : recordings.take_asks()) {
        recordings.asked(ask.request.request_id, kConnection);
        static_cast<void>(
            recordings.take(kConnection, piece_of(ask.request.request_id, 1, 1, {0}), kNow));
      }
      recordings.expire();
    }
  });
  std::vector<std::thread> workers;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 3; ++i) {
    workers.emplace_back([&, i] {
      for (int n = 0; n < 334; ++n) {
        const auto last = std::chrono::seconds(1 + (n + i) % 3);
        if (recordings.get("web-" + std::to_string((n + i) % 2), last)) ++answered;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  is_over = true;
  ingest.join();
  EXPECT_EQ(answered, 3 * 334);
}

}  // namespace
}  // namespace cpu_monitor::exporter
