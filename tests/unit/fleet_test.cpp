#include "exporter/fleet.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::minutes;
using std::chrono::seconds;
using namespace std::chrono_literals;

/// `since_start` after an arbitrary beginning.
Moment at(milliseconds since_start) {
  return {std::chrono::steady_clock::time_point{} + hours(5000) + since_start,
          std::chrono::system_clock::time_point{} + hours(480'000) + since_start};
}

Hello hello_of(const std::string& endpoint, milliseconds push_interval = 1s) {
  Hello hello;
  hello.endpoint = endpoint;
  hello.push_interval = push_interval;
  return hello;
}

CpuTimes times_of(Ticks user) {
  CpuTimes times;
  times.ticks[0] = user;
  times.fields = kCpuModeCount;
  return times;
}

CpuSample sample_of(std::uint64_t sequence) {
  CpuSample sample;
  sample.sequence = sequence;
  sample.percent = 50;
  return sample;
}

CpuSample counters_of(std::uint64_t sequence, milliseconds uptime, Ticks total,
                      std::vector<CoreTimes> cores = {}) {
  CpuSample sample = sample_of(sequence);
  sample.uptime = uptime;
  sample.cpu = CpuCounters{times_of(total), std::move(cores)};
  return sample;
}

std::optional<AgentView> find(const FleetSnapshot& snapshot, const std::string& endpoint) {
  for (const AgentView& agent : snapshot.agents) {
    if (agent.identity->endpoint == endpoint) return agent;
  }
  return std::nullopt;
}

std::optional<AgentView> look(const Fleet& fleet, milliseconds when,
                              const std::string& endpoint = "web-1") {
  return find(fleet.snapshot(at(when)), endpoint);
}

std::optional<AgentState> state(const Fleet& fleet, milliseconds when,
                                const std::string& endpoint = "web-1") {
  const auto view = look(fleet, when, endpoint);
  if (!view) return std::nullopt;
  return view->state;
}

/// Claims for a connection that must get the name.
Fleet::Claim claim(Fleet& fleet, const Hello& hello, Fleet::ConnectionId connection,
                   milliseconds when) {
  auto claim = fleet.claim(hello, {}, connection, at(when));
  EXPECT_TRUE(claim.has_value());
  return claim ? *std::move(claim) : Fleet::Claim{};
}

/// Claims for a connection that must not get the name: why not.
std::optional<RefusalCode> refusal(Fleet& fleet, const Hello& hello, Fleet::ConnectionId connection,
                                   milliseconds when) {
  const auto claim = fleet.claim(hello, {}, connection, at(when));
  if (claim) return std::nullopt;
  return claim.error().code;
}

Identity identity_of(Proof proof, std::map<std::string, std::string> labels = {}) {
  Identity identity;
  identity.proof = proof;
  identity.labels = std::move(labels);
  return identity;
}

/// Claims with a proof for a connection that must get the name.
Fleet::Claim claim_as(Proof proof, Fleet& fleet, const Hello& hello, Fleet::ConnectionId connection,
                      milliseconds when) {
  auto claim = fleet.claim(hello, identity_of(proof), connection, at(when));
  EXPECT_TRUE(claim.has_value());
  return claim ? *std::move(claim) : Fleet::Claim{};
}

/// Claims with a proof for a connection that must not get the name: why not.
std::optional<RefusalCode> refusal_as(Proof proof, Fleet& fleet, const Hello& hello,
                                      Fleet::ConnectionId connection, milliseconds when) {
  const auto claim = fleet.claim(hello, identity_of(proof), connection, at(when));
  if (claim) return std::nullopt;
  return claim.error().code;
}

/// Claims a name that must be given, and sends sample 1 under it.
void join(Fleet& fleet, const Hello& hello, Fleet::ConnectionId connection, milliseconds when) {
  claim(fleet, hello, connection, when);
  EXPECT_EQ(fleet.apply(hello.endpoint, connection, sample_of(1), at(when)),
            Fleet::Applied::applied);
}

/// A fleet in which web-1, connection 1, sent its sample 1 at 0 s.
class OneAgent {
 public:
  explicit OneAgent(milliseconds push_interval = 1s, Fleet::Limits limits = {}) : fleet(limits) {
    join(fleet, hello_of("web-1", push_interval), 1, 0s);
  }

  Fleet fleet;
};

Fleet::Limits limits_of(std::size_t max_agents) {
  Fleet::Limits limits;
  limits.max_agents = max_agents;
  return limits;
}

// ---------------------------------------------------------------------------------------------
// Silence.

struct SilenceCase {
  const char* name;
  milliseconds push_interval;
  milliseconds limit;
};

class SilenceLimit : public testing::TestWithParam<SilenceCase> {};

TEST_P(SilenceLimit, IsThreePushesButAtLeastTenSeconds) {
  EXPECT_EQ(Fleet::silence_limit(GetParam().push_interval), GetParam().limit);
}

INSTANTIATE_TEST_SUITE_P(PushIntervals, SilenceLimit,
                         testing::Values(SilenceCase{"Shortest", 100ms, 10s},
                                         SilenceCase{"OneSecond", 1s, 10s},
                                         SilenceCase{"JustBelowTheTurn", 3333ms, 10s},
                                         SilenceCase{"JustAboveTheTurn", 3334ms, 10002ms},
                                         SilenceCase{"AbsentInHello", 10s, 30s},
                                         SilenceCase{"OneMinute", 60s, 180s},
                                         SilenceCase{"Longest", 20min, 60min}),
                         [](const auto& param) { return param.param.name; });

struct StateCase {
  const char* name;
  milliseconds push_interval;
  milliseconds stale_after;
  milliseconds age;  ///< of the last sample
  AgentState state;
  bool shows_sample;
};

std::ostream& operator<<(std::ostream& out, const StateCase& tested) { return out << tested.name; }

class FleetState : public testing::TestWithParam<StateCase> {};

TEST_P(FleetState, FollowsTheAgeOfTheLastSample) {
  const StateCase& tested = GetParam();
  Fleet::Limits limits;
  limits.stale_after = tested.stale_after;
  const OneAgent one(tested.push_interval, limits);
  const auto view = look(one.fleet, tested.age);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->state, tested.state);
  EXPECT_EQ(view->sample != nullptr, tested.shows_sample);
  EXPECT_TRUE(view->last_sample);
}

INSTANTIATE_TEST_SUITE_P(
    Ages, FleetState,
    testing::Values(
        StateCase{"Fresh", 1s, 15s, 0s, AgentState::alive, true},
        StateCase{"SnapshotOlderThanSample", 1s, 15s, -1s, AgentState::alive, true},
        StateCase{"AtTheSilenceLimit", 1s, 15s, 10s, AgentState::alive, true},
        StateCase{"OverTheSilenceLimit", 1s, 15s, 10001ms, AgentState::silent, true},
        StateCase{"AtStaleAfter", 1s, 15s, 15s, AgentState::silent, true},
        StateCase{"OverStaleAfter", 1s, 15s, 15001ms, AgentState::gone, false},
        StateCase{"GoneForHours", 1s, 15s, 23h, AgentState::gone, false},
        StateCase{"SlowPusherIsNotDead", 60s, 15s, 180s, AgentState::alive, true},
        StateCase{"SlowPusherOverItsLimit", 60s, 15s, 180001ms, AgentState::gone, false},
        StateCase{"SlowestPusherIsNotDead", 20min, 15s, 60min, AgentState::alive, true},
        StateCase{"ShortStaleAfterWaitsForTheLimit", 1s, 1s, 10s, AgentState::alive, true},
        StateCase{"ShortStaleAfterOverTheLimit", 1s, 1s, 10001ms, AgentState::gone, false},
        StateCase{"LongStaleAfterStillShows", 1s, 1h, 60min, AgentState::silent, true},
        StateCase{"LongStaleAfterEnds", 1s, 1h, 3600001ms, AgentState::gone, false}),
    [](const auto& param) { return param.param.name; });

TEST(Fleet, IsEmptyAtFirst) {
  const Fleet fleet({});
  EXPECT_TRUE(fleet.snapshot(at(0s)).agents.empty());
  EXPECT_TRUE(fleet.snapshot(at(0s)).reported.empty());
}

TEST(Fleet, ShowsWhatTheHelloSaid) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.agent_version = "1.2.3";
  hello.labels = {{"rack", "b7"}};
  hello.ticks_per_second = 250;
  join(fleet, hello, 1, 0s);
  const auto view = look(fleet, 0s);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->identity->version, "1.2.3");
  EXPECT_EQ(view->identity->labels, hello.labels);
  EXPECT_EQ(view->identity->ticks_per_second, 250U);
}

TEST(Fleet, LeavesTheVersionEmptyWhenItIsUnknown) {
  const OneAgent one;
  EXPECT_EQ(look(one.fleet, 0s)->identity->version, "");
}

TEST(Fleet, SortsAgentsByEndpoint) {
  Fleet fleet({});
  join(fleet, hello_of("c"), 1, 0s);
  join(fleet, hello_of("a"), 2, 0s);
  join(fleet, hello_of("b"), 3, 0s);
  const FleetSnapshot snapshot = fleet.snapshot(at(0s));
  ASSERT_EQ(snapshot.agents.size(), 3U);
  EXPECT_EQ(snapshot.agents[0].identity->endpoint, "a");
  EXPECT_EQ(snapshot.agents[1].identity->endpoint, "b");
  EXPECT_EQ(snapshot.agents[2].identity->endpoint, "c");
}

TEST(Fleet, DoesNotShowANewNameBeforeItsFirstSample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  EXPECT_FALSE(look(fleet, 0s));
  EXPECT_FALSE(look(fleet, 10s));
}

TEST(Fleet, DoesNotShowANewSlowPusherBeforeItsFirstSample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1", 20min), 1, 0s);
  EXPECT_FALSE(look(fleet, 60min));
  EXPECT_EQ(state(fleet, 60min + 1ms), AgentState::gone);
}

TEST(Fleet, CallsANewNameDownWhenItsFirstSampleIsOverdue) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  const auto view = look(fleet, 10001ms);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->state, AgentState::silent);
  EXPECT_EQ(view->sample, nullptr);
  EXPECT_FALSE(view->last_sample);
  EXPECT_FALSE(view->clock_skew);
  EXPECT_EQ(state(fleet, 15001ms), AgentState::gone);
}

TEST(Fleet, RevivesAnOverdueNameByItsFirstSample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  ASSERT_EQ(state(fleet, 1h), AgentState::gone);
  EXPECT_EQ(fleet.apply("web-1", 1, sample_of(1), at(1h)), Fleet::Applied::applied);
  EXPECT_EQ(state(fleet, 1h), AgentState::alive);
}

TEST(Fleet, CallsAnAgentAliveFromItsFirstSample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  EXPECT_EQ(fleet.apply("web-1", 1, sample_of(1), at(5s)), Fleet::Applied::applied);
  EXPECT_EQ(state(fleet, 5s), AgentState::alive);
  EXPECT_EQ(state(fleet, 15s), AgentState::alive);
  EXPECT_EQ(state(fleet, 15001ms), AgentState::silent);
}

TEST(Fleet, DoesNotReviveAGoneAgentByAHello) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1"), 2, 1h);
  EXPECT_EQ(state(one.fleet, 1h), AgentState::gone);
  EXPECT_EQ(look(one.fleet, 1h)->sample, nullptr);
}

TEST(Fleet, DoesNotReviveAGoneAgentByAHelloWithALongInterval) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1", 20min), 2, 30min);
  EXPECT_EQ(state(one.fleet, 30min), AgentState::gone);
}

TEST(Fleet, DoesNotReviveASilentAgentByAHello) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1", 20min), 2, 11s);
  EXPECT_EQ(state(one.fleet, 11s), AgentState::silent);
}

TEST(Fleet, WaitsForTheLongerIntervalAfterARestartWithOne) {
  OneAgent one(1s);
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1", 60s), 2, 2s);
  EXPECT_EQ(state(one.fleet, 62s), AgentState::alive);
  EXPECT_EQ(state(one.fleet, 180001ms), AgentState::gone);
}

TEST(Fleet, DoesNotBlinkAfterARestartWithAShorterInterval) {
  OneAgent one(60s);
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1", 1s), 2, 59s);
  EXPECT_EQ(state(one.fleet, 59s), AgentState::alive);
  EXPECT_EQ(one.fleet.apply("web-1", 2, sample_of(1), at(60s)), Fleet::Applied::applied);
  EXPECT_EQ(state(one.fleet, 70s), AgentState::alive);
  EXPECT_EQ(state(one.fleet, 70001ms), AgentState::silent);
}

TEST(Fleet, KeepsAnAgentAliveThroughAReconnect) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  EXPECT_EQ(state(one.fleet, 3s), AgentState::alive);
  claim(one.fleet, hello_of("web-1"), 2, 5s);
  EXPECT_EQ(state(one.fleet, 5s), AgentState::alive);
  EXPECT_EQ(one.fleet.snapshot(at(5s)).agents.size(), 1U);
}

// ---------------------------------------------------------------------------------------------
// Samples.

TEST(FleetSample, ReplacesTheOneBefore) {
  OneAgent one;
  CpuSample second;
  second.sequence = 2;
  second.cpu = CpuCounters{times_of(7), {}};
  EXPECT_EQ(one.fleet.apply("web-1", 1, second, at(1s)), Fleet::Applied::applied);
  EXPECT_EQ(*look(one.fleet, 1s)->sample, second);
}

TEST(FleetSample, CarriesTheExportersClock) {
  OneAgent one;
  EXPECT_EQ(look(one.fleet, 9s)->last_sample, at(0s).system);
}

TEST(FleetSample, LeavesOlderSnapshotsAlone) {
  OneAgent one;
  const FleetSnapshot before = one.fleet.snapshot(at(0s));
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::applied);
  EXPECT_EQ(before.agents.at(0).sample->sequence, 1U);
}

TEST(FleetSample, IsIgnoredFromAnotherConnection) {
  OneAgent one;
  EXPECT_EQ(one.fleet.apply("web-1", 2, sample_of(9), at(1s)), Fleet::Applied::not_holder);
  EXPECT_EQ(look(one.fleet, 1s)->sample->sequence, 1U);
}

TEST(FleetSample, IsIgnoredForAnUnknownName) {
  OneAgent one;
  EXPECT_EQ(one.fleet.apply("web-2", 1, sample_of(9), at(1s)), Fleet::Applied::not_holder);
  EXPECT_FALSE(look(one.fleet, 1s, "web-2"));
}

TEST(FleetSample, IsIgnoredAfterTheRelease) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::not_holder);
}

TEST(FleetSample, IsIgnoredAfterAGoodbye) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::not_holder);
  EXPECT_EQ(state(one.fleet, 1s), AgentState::silent);
}

TEST(FleetSample, IsIgnoredFromADisplacedConnection) {
  OneAgent one;
  claim(one.fleet, hello_of("web-1"), 2, 11s);
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(11s)), Fleet::Applied::not_holder);
  EXPECT_EQ(state(one.fleet, 11s), AgentState::silent);
}

struct SequenceCase {
  const char* name;
  std::uint64_t first;
  std::uint64_t second;
  Fleet::Applied applied;
};

class FleetSequence : public testing::TestWithParam<SequenceCase> {};

TEST_P(FleetSequence, MustRise) {
  const SequenceCase& tested = GetParam();
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(tested.first), at(0s)), Fleet::Applied::applied);
  EXPECT_EQ(fleet.apply("web-1", 1, sample_of(tested.second), at(1s)), tested.applied);
  const bool is_applied = tested.applied == Fleet::Applied::applied;
  EXPECT_EQ(look(fleet, 1s)->sample->sequence, is_applied ? tested.second : tested.first);
  EXPECT_EQ(look(fleet, 1s)->last_sample, at(is_applied ? 1s : 0s).system);
}

INSTANTIATE_TEST_SUITE_P(
    Pairs, FleetSequence,
    testing::Values(SequenceCase{"Next", 1, 2, Fleet::Applied::applied},
                    SequenceCase{"Gap", 1, 1000, Fleet::Applied::applied},
                    SequenceCase{"Largest", 1, UINT64_MAX, Fleet::Applied::applied},
                    SequenceCase{"Repeat", 5, 5, Fleet::Applied::sequence_not_rising},
                    SequenceCase{"Fall", 5, 4, Fleet::Applied::sequence_not_rising},
                    SequenceCase{"FallToOne", 5, 1, Fleet::Applied::sequence_not_rising},
                    SequenceCase{"FallToZero", 5, 0, Fleet::Applied::sequence_not_rising},
                    SequenceCase{"NothingBeyondTheLargest", UINT64_MAX, 1,
                                 Fleet::Applied::sequence_not_rising}),
    [](const auto& param) { return param.param.name; });

TEST(FleetSequenceStart, RefusesZero) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  EXPECT_EQ(fleet.apply("web-1", 1, sample_of(0), at(0s)), Fleet::Applied::sequence_not_rising);
}

TEST(FleetSequenceStart, DoesNotTakeARepeatForLife) {
  OneAgent one;
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(1), at(9s)), Fleet::Applied::sequence_not_rising);
  EXPECT_EQ(state(one.fleet, 10001ms), AgentState::silent);
}

struct SessionCase {
  const char* name;
  std::optional<std::string> before;
  std::optional<std::string> after;
  Fleet::Applied repeat;
};

class FleetSession : public testing::TestWithParam<SessionCase> {};

TEST_P(FleetSession, DecidesWhetherTheSequenceGoesOn) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.session = GetParam().before;
  claim(fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(5), at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  hello.session = GetParam().after;
  claim(fleet, hello, 2, 1s);
  EXPECT_EQ(fleet.apply("web-1", 2, sample_of(5), at(1s)), GetParam().repeat);
}

INSTANTIATE_TEST_SUITE_P(
    Reconnects, FleetSession,
    testing::Values(
        SessionCase{"SameGoesOn", "s1", "s1", Fleet::Applied::sequence_not_rising},
        SessionCase{"OtherStartsAnew", "s1", "s2", Fleet::Applied::applied},
        SessionCase{"NowUnknownStartsAnew", "s1", std::nullopt, Fleet::Applied::applied},
        SessionCase{"OnceUnknownStartsAnew", std::nullopt, "s1", Fleet::Applied::applied},
        SessionCase{"BothUnknownStartAnew", std::nullopt, std::nullopt, Fleet::Applied::applied},
        SessionCase{"BothEmptyStartAnew", "", "", Fleet::Applied::applied}),
    [](const auto& param) { return param.param.name; });

struct SkewCase {
  const char* name;
  milliseconds ahead;
};

class FleetClockSkew : public testing::TestWithParam<SkewCase> {};

TEST_P(FleetClockSkew, IsTheAgentsClockMinusTheExporters) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  CpuSample sample = sample_of(1);
  sample.time =
      std::chrono::duration_cast<milliseconds>(at(3s).system.time_since_epoch()) + GetParam().ahead;
  ASSERT_EQ(fleet.apply("web-1", 1, sample, at(3s)), Fleet::Applied::applied);
  EXPECT_EQ(look(fleet, 4s)->clock_skew, GetParam().ahead);
}

INSTANTIATE_TEST_SUITE_P(Skews, FleetClockSkew,
                         testing::Values(SkewCase{"None", 0ms}, SkewCase{"Ahead", 1500ms},
                                         SkewCase{"Behind", -1500ms},
                                         SkewCase{"YearsBehind", -hours(400'000)}),
                         [](const auto& param) { return param.param.name; });

TEST(FleetSample, KeepsTheClockSkewOfTheLastSampleThatHadATime) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  CpuSample sample = sample_of(1);
  sample.time = std::chrono::duration_cast<milliseconds>(at(0s).system.time_since_epoch()) + 70ms;
  ASSERT_EQ(fleet.apply("web-1", 1, sample, at(0s)), Fleet::Applied::applied);
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::applied);
  EXPECT_EQ(look(fleet, 1s)->clock_skew, 70ms);
  EXPECT_FALSE(look(fleet, 1h)->clock_skew) << "of a machine that is gone";
}

TEST(FleetSample, IsDroppedWhenItsTicksWouldChangeTheirMeaning) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  Hello hello = hello_of("web-1");
  hello.ticks_per_second = 1000;
  claim(one.fleet, hello, 2, 1s);
  const auto view = look(one.fleet, 1s);
  EXPECT_EQ(view->identity->ticks_per_second, 1000U);
  EXPECT_EQ(view->sample, nullptr);
}

// ---------------------------------------------------------------------------------------------
// Leaving, and being forgotten.

TEST(FleetRelease, ForgetsANameThatNeverSentASample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  fleet.release("web-1", 1);
  EXPECT_FALSE(look(fleet, 0s));
}

TEST(FleetRelease, KeepsWhatWasSaid) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  EXPECT_EQ(state(one.fleet, 10s), AgentState::alive);
  EXPECT_NE(look(one.fleet, 15s)->sample, nullptr);
}

TEST(FleetRelease, OfAnotherConnectionChangesNothing) {
  OneAgent one;
  one.fleet.release("web-1", 2);
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::applied);
}

TEST(FleetRelease, OfADisplacedConnectionDoesNotFreeTheName) {
  OneAgent one;
  claim(one.fleet, hello_of("web-1"), 2, 11s);
  one.fleet.release("web-1", 1);
  EXPECT_EQ(one.fleet.apply("web-1", 2, sample_of(1), at(12s)), Fleet::Applied::applied);
}

TEST(FleetRelease, OfAnUnknownNameChangesNothing) {
  OneAgent one;
  one.fleet.release("web-2", 1);
  EXPECT_EQ(one.fleet.snapshot(at(0s)).agents.size(), 1U);
}

TEST(FleetGoodbye, ToStopIsSilentAtOnce) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  EXPECT_EQ(state(one.fleet, 1s), AgentState::silent);
}

TEST(FleetGoodbye, ToStopIsHiddenAfterStaleAfter) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  EXPECT_TRUE(look(one.fleet, 16s));
  EXPECT_FALSE(look(one.fleet, 16001ms));
  EXPECT_FALSE(look(one.fleet, 23h));
}

TEST(FleetGoodbye, ToStopOfASlowPusherIsHiddenAfterStaleAfter) {
  OneAgent one(20min);
  one.fleet.leave("web-1", 1, false, at(1s));
  EXPECT_FALSE(look(one.fleet, 16001ms));
}

TEST(FleetHidden, IsNotShownAgainByAHello) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  claim(one.fleet, hello_of("web-1"), 2, 17s);
  EXPECT_FALSE(look(one.fleet, 17s));
  EXPECT_FALSE(look(one.fleet, 27s));
}

TEST(FleetHidden, IsDownWhenItsFirstSampleIsOverdue) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  claim(one.fleet, hello_of("web-1"), 2, 17s);
  const auto view = look(one.fleet, 27001ms);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->state, AgentState::silent);
  EXPECT_EQ(view->sample, nullptr) << "of the time before the goodbye";
  EXPECT_FALSE(view->last_sample);
}

TEST(FleetHidden, IsShownAgainByASample) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  join(one.fleet, hello_of("web-1"), 2, 17s);
  EXPECT_EQ(state(one.fleet, 17s), AgentState::alive);
  EXPECT_EQ(look(one.fleet, 17s)->last_sample, at(17s).system);
}

TEST(FleetHidden, ShowsNothingWithoutAGoodbye) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  EXPECT_EQ(state(one.fleet, 17s), AgentState::gone) << "a crash is shown until it is forgotten";
}

TEST(FleetGoodbye, ToStopIsForgottenAtOnceWithoutASample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  fleet.leave("web-1", 1, false, at(0s));
  EXPECT_FALSE(look(fleet, 0s));
}

TEST(FleetGoodbye, ToMoveIsForgottenAtOnce) {
  OneAgent one;
  one.fleet.leave("web-1", 1, true, at(1s));
  EXPECT_FALSE(look(one.fleet, 1s));
}

TEST(FleetGoodbye, FromAnotherConnectionChangesNothing) {
  OneAgent one;
  one.fleet.leave("web-1", 2, true, at(1s));
  one.fleet.leave("web-1", 2, false, at(1s));
  EXPECT_EQ(state(one.fleet, 1s), AgentState::alive);
}

TEST(FleetGoodbye, ForAnUnknownNameChangesNothing) {
  OneAgent one;
  one.fleet.leave("web-2", 1, true, at(1s));
  EXPECT_EQ(state(one.fleet, 1s), AgentState::alive);
}

TEST(FleetGoodbye, EndsWithTheNextSampleAndNotWithAHello) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  claim(one.fleet, hello_of("web-1"), 2, 2s);
  EXPECT_EQ(state(one.fleet, 2s), AgentState::silent);
  ASSERT_EQ(one.fleet.apply("web-1", 2, sample_of(1), at(3s)), Fleet::Applied::applied);
  EXPECT_EQ(state(one.fleet, 3s), AgentState::alive);
  EXPECT_TRUE(look(one.fleet, 1h)) << "a held name is never forgotten";
}

TEST(FleetGoodbye, OfAReturnedNameBeforeItsFirstSampleShowsNothing) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  claim(one.fleet, hello_of("web-1"), 2, 20s);
  one.fleet.leave("web-1", 2, false, at(21s));
  EXPECT_FALSE(look(one.fleet, 21s));
  EXPECT_FALSE(look(one.fleet, 1h));
}

TEST(FleetGoodbye, FreesTheName) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(1s));
  EXPECT_FALSE(claim(one.fleet, hello_of("web-1"), 2, 1s).displaced);
}

TEST(FleetMemory, EndsAfterForgetAfter) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  EXPECT_EQ(state(one.fleet, 24h), AgentState::gone);
  EXPECT_FALSE(look(one.fleet, 24h + 1ms));
}

TEST(FleetMemory, OfAHeldNameNeverEnds) {
  OneAgent one;
  EXPECT_EQ(state(one.fleet, hours(24 * 365)), AgentState::gone);
}

TEST(FleetMemory, CountsConnectsSinceTheNameWasFirstMet) {
  OneAgent one;
  EXPECT_EQ(look(one.fleet, 0s)->connects, 1U);
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1"), 2, 1s);
  EXPECT_EQ(look(one.fleet, 1s)->connects, 2U);
}

TEST(FleetMemory, StartsAnewForANameThatIsForgottenButNotYetExpired) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1"), 2, 25h);
  EXPECT_FALSE(look(one.fleet, 25h)) << "as of a name never heard of";
  ASSERT_EQ(one.fleet.apply("web-1", 2, sample_of(1), at(25h)), Fleet::Applied::applied);
  EXPECT_EQ(look(one.fleet, 25h)->connects, 1U);
}

TEST(FleetMemory, DoesNotCountARefusedHello) {
  OneAgent one;
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1"), 2, 1s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(look(one.fleet, 1s)->connects, 1U);
}

// ---------------------------------------------------------------------------------------------
// One name, one connection.

TEST(FleetTakeover, IsRefusedWhileTheHolderLives) {
  OneAgent one;
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1"), 2, 1s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(2s)), Fleet::Applied::applied);
  EXPECT_EQ(one.fleet.apply("web-1", 2, sample_of(9), at(2s)), Fleet::Applied::not_holder);
}

TEST(FleetTakeover, RefusalLeavesWhatTheHolderSaidOfItself) {
  OneAgent one;
  Hello hello = hello_of("web-1");
  hello.agent_version = "9.9";
  hello.ticks_per_second = 1000;
  EXPECT_EQ(refusal(one.fleet, hello, 2, 1s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(look(one.fleet, 1s)->identity->version, "");
  EXPECT_EQ(look(one.fleet, 1s)->identity->ticks_per_second, 100U);
}

TEST(FleetTakeover, RefusalSaysWhatToDo) {
  OneAgent one;
  const auto claim = one.fleet.claim(hello_of("web-1"), {}, 2, at(1s));
  ASSERT_FALSE(claim);
  EXPECT_NE(claim.error().detail.find("two machines"), std::string::npos);
  EXPECT_NE(claim.error().detail.find("--endpoint"), std::string::npos);
  EXPECT_TRUE(is_showable_text(claim.error().detail));
}

TEST(FleetTakeover, OfTheSameProcessIsImmediate) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.session = "s1";
  claim(fleet, hello, 1, 0s);
  EXPECT_EQ(claim(fleet, hello, 2, 1ms).displaced, Fleet::ConnectionId{1});
  EXPECT_EQ(claim(fleet, hello, 3, 2ms).displaced, Fleet::ConnectionId{2});
}

TEST(FleetTakeover, ByAnotherProcessWithoutASessionIsRefused) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  EXPECT_EQ(refusal(fleet, hello_of("web-1"), 2, 1s), RefusalCode::endpoint_in_use);
}

TEST(FleetTakeover, ByAnotherProcessWithAnEmptySessionIsRefused) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.session = "";
  claim(fleet, hello, 1, 0s);
  EXPECT_EQ(refusal(fleet, hello, 2, 1s), RefusalCode::endpoint_in_use);
}

TEST(FleetTakeover, OfTheSameProcessDoesNotStartThePause) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.session = "s1";
  claim(fleet, hello, 1, 0s);
  claim(fleet, hello, 2, 1s);
  EXPECT_EQ(claim(fleet, hello_of("web-1"), 3, 12s).displaced, Fleet::ConnectionId{2});
}

TEST(FleetTakeover, ByAnotherSessionIsRefused) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.session = "s1";
  claim(fleet, hello, 1, 0s);
  hello.session = "s2";
  EXPECT_EQ(refusal(fleet, hello, 2, 1s), RefusalCode::endpoint_in_use);
}

TEST(FleetTakeover, ByTheSameBootAloneIsRefused) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.boot_id = "b1";
  claim(fleet, hello, 1, 0s);
  EXPECT_EQ(refusal(fleet, hello, 2, 1s), RefusalCode::endpoint_in_use)
      << "containers on one kernel share the boot";
}

TEST(FleetTakeover, OfASilentHolderClosesIt) {
  OneAgent one;
  EXPECT_EQ(claim(one.fleet, hello_of("web-1"), 2, 10001ms).displaced, Fleet::ConnectionId{1});
}

TEST(FleetTakeover, AtTheSilenceLimitIsRefused) {
  OneAgent one;
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1"), 2, 10s), RefusalCode::endpoint_in_use);
}

TEST(FleetTakeover, OfASlowPusherWaitsForItsInterval) {
  OneAgent one(60s);
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1", 1s), 2, 180s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(claim(one.fleet, hello_of("web-1", 1s), 2, 180001ms).displaced, Fleet::ConnectionId{1});
}

TEST(FleetTakeover, OfAHolderThatNeverSpokeWaitsAsLong) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  EXPECT_EQ(refusal(fleet, hello_of("web-1"), 2, 10s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(claim(fleet, hello_of("web-1"), 2, 10001ms).displaced, Fleet::ConnectionId{1});
}

TEST(FleetTakeover, LeavesTheNewcomerOfALongSilentNameTimeToSpeak) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  claim(one.fleet, hello_of("web-1"), 2, 1h);
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1"), 3, 1h + 10s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(claim(one.fleet, hello_of("web-1"), 3, 1h + 10001ms).displaced, Fleet::ConnectionId{2});
}

TEST(FleetTakeover, OfSilentHoldersComesOnceAMinute) {
  OneAgent one;
  claim(one.fleet, hello_of("web-1"), 2, 11s);
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1"), 3, 30s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1"), 3, 70999ms), RefusalCode::endpoint_in_use);
  EXPECT_EQ(claim(one.fleet, hello_of("web-1"), 3, 71s).displaced, Fleet::ConnectionId{2});
}

TEST(FleetTakeover, ByTheSameProcessIgnoresThePause) {
  OneAgent one;
  Hello hello = hello_of("web-1");
  hello.session = "s1";
  claim(one.fleet, hello, 2, 11s);
  EXPECT_EQ(claim(one.fleet, hello, 3, 12s).displaced, Fleet::ConnectionId{2});
}

TEST(FleetTakeover, IsNoneWhenTheNameIsFree) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  EXPECT_FALSE(claim(one.fleet, hello_of("web-1"), 2, 1s).displaced);
}

TEST(FleetTakeover, OfOneNameLeavesOthersAlone) {
  OneAgent one;
  claim(one.fleet, hello_of("web-2"), 2, 0s);
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::applied);
  EXPECT_EQ(one.fleet.apply("web-2", 2, sample_of(1), at(1s)), Fleet::Applied::applied);
}

TEST(FleetTakeover, TellsNamesApartByCase) {
  OneAgent one;
  join(one.fleet, hello_of("WEB-1"), 2, 0s);
  EXPECT_EQ(one.fleet.snapshot(at(0s)).agents.size(), 2U);
}

// ---------------------------------------------------------------------------------------------
// What was proved.

struct PatienceCase {
  const char* name;
  milliseconds push_interval;
  milliseconds limit;
};

class MissedPushesLimit : public testing::TestWithParam<PatienceCase> {};

TEST_P(MissedPushesLimit, IsTwoPushesButAtLeastTwoSeconds) {
  EXPECT_EQ(Fleet::missed_pushes_limit(GetParam().push_interval), GetParam().limit);
}

INSTANTIATE_TEST_SUITE_P(PushIntervals, MissedPushesLimit,
                         testing::Values(PatienceCase{"Shortest", 100ms, 2s},
                                         PatienceCase{"OneSecond", 1s, 2s},
                                         PatienceCase{"JustAboveTheTurn", 1001ms, 2002ms},
                                         PatienceCase{"OneMinute", 60s, 120s},
                                         PatienceCase{"Longest", 20min, 40min}),
                         [](const auto& param) { return param.param.name; });

/// How old the holder's last sample must be for a newcomer to get the name.
struct TakeoverCase {
  const char* name;
  Proof holder;
  Proof newcomer;
  milliseconds push_interval;
  std::optional<milliseconds> silence;  ///< more than that; none: it gets it at once
};

std::ostream& operator<<(std::ostream& out, const TakeoverCase& tested) {
  return out << tested.name;
}

class FleetProof : public testing::TestWithParam<TakeoverCase> {};

TEST_P(FleetProof, DecidesHowLongANewcomerWaits) {
  const TakeoverCase& tested = GetParam();
  Fleet fleet({});
  const Hello hello = hello_of("web-1", tested.push_interval);
  claim_as(tested.holder, fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(1), at(1s)), Fleet::Applied::applied);
  if (!tested.silence) {
    EXPECT_EQ(claim_as(tested.newcomer, fleet, hello, 2, 1s).displaced, Fleet::ConnectionId{1});
    return;
  }
  const milliseconds last_refused = 1s + *tested.silence;
  EXPECT_EQ(refusal_as(tested.newcomer, fleet, hello, 2, last_refused),
            RefusalCode::endpoint_in_use);
  EXPECT_EQ(claim_as(tested.newcomer, fleet, hello, 2, last_refused + 1ms).displaced,
            Fleet::ConnectionId{1});
}

INSTANTIATE_TEST_SUITE_P(
    Takeovers, FleetProof,
    testing::Values(
        TakeoverCase{"ExactOverExact", Proof::exact, Proof::exact, 1s, 2s},
        TakeoverCase{"ExactOverExactOfAFastPusher", Proof::exact, Proof::exact, 100ms, 2s},
        TakeoverCase{"ExactOverExactOfASlowPusher", Proof::exact, Proof::exact, 60s, 120s},
        TakeoverCase{"ExactOverAnyName", Proof::any_name, Proof::exact, 60s, std::nullopt},
        TakeoverCase{"ExactOverNone", Proof::none, Proof::exact, 60s, std::nullopt},
        TakeoverCase{"AnyNameOverNone", Proof::none, Proof::any_name, 60s, std::nullopt},
        TakeoverCase{"AnyNameOverAnyName", Proof::any_name, Proof::any_name, 1s, 10s},
        TakeoverCase{"AnyNameOverExact", Proof::exact, Proof::any_name, 1s, 10s},
        TakeoverCase{"NoneOverExact", Proof::exact, Proof::none, 60s, 180s},
        TakeoverCase{"NoneOverNone", Proof::none, Proof::none, 60s, 180s}),
    [](const auto& param) { return param.param.name; });

TEST(FleetProof, OfAHolderThatNeverSpokeCountsFromItsHello) {
  Fleet fleet({});
  claim_as(Proof::exact, fleet, hello_of("web-1"), 1, 0s);
  EXPECT_EQ(refusal_as(Proof::exact, fleet, hello_of("web-1"), 2, 2s),
            RefusalCode::endpoint_in_use);
  claim_as(Proof::exact, fleet, hello_of("web-1"), 2, 2001ms);
}

TEST(FleetProof, TakesOverOnceAMinute) {
  Fleet fleet({});
  claim_as(Proof::exact, fleet, hello_of("web-1"), 1, 0s);
  claim_as(Proof::exact, fleet, hello_of("web-1"), 2, 3s);
  EXPECT_EQ(refusal_as(Proof::exact, fleet, hello_of("web-1"), 3, 62999ms),
            RefusalCode::endpoint_in_use)
      << "two machines with one token do not take turns every two seconds";
  EXPECT_EQ(claim_as(Proof::exact, fleet, hello_of("web-1"), 3, 63s).displaced,
            Fleet::ConnectionId{2});
}

TEST(FleetProof, OfMoreIgnoresThePause) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  claim(fleet, hello_of("web-1"), 2, 11s);
  EXPECT_EQ(claim_as(Proof::exact, fleet, hello_of("web-1"), 3, 11s).displaced,
            Fleet::ConnectionId{2});
}

TEST(FleetProof, OfMoreDoesNotStartThePause) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  claim_as(Proof::exact, fleet, hello_of("web-1"), 2, 1s);
  EXPECT_EQ(claim_as(Proof::exact, fleet, hello_of("web-1"), 3, 3001ms).displaced,
            Fleet::ConnectionId{2});
}

TEST(FleetProof, OfLessIsNotMadeUpForByTheSession) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.session = "s1";
  claim_as(Proof::exact, fleet, hello, 1, 0s);
  EXPECT_EQ(refusal_as(Proof::any_name, fleet, hello, 2, 1s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(refusal_as(Proof::none, fleet, hello, 2, 1s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(claim_as(Proof::exact, fleet, hello, 2, 1s).displaced, Fleet::ConnectionId{1});
}

TEST(FleetProof, IsNoMatterWhenTheNameIsFree) {
  Fleet fleet({});
  claim_as(Proof::exact, fleet, hello_of("web-1"), 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(1), at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  EXPECT_FALSE(claim(fleet, hello_of("web-1"), 2, 1s).displaced);
}

TEST(FleetProof, OfTheHolderMayRiseAndFallWithAReload) {
  Fleet fleet({});
  claim_as(Proof::any_name, fleet, hello_of("web-1"), 1, 0s);
  fleet.confirm("web-1", 1, identity_of(Proof::exact));
  EXPECT_EQ(refusal_as(Proof::exact, fleet, hello_of("web-1"), 2, 1s),
            RefusalCode::endpoint_in_use);
  fleet.confirm("web-1", 1, identity_of(Proof::any_name));
  claim_as(Proof::exact, fleet, hello_of("web-1"), 2, 1s);
}

TEST(FleetProof, IsConfirmedOfTheHolderOnly) {
  Fleet fleet({});
  claim_as(Proof::exact, fleet, hello_of("web-1"), 1, 0s);
  fleet.confirm("web-1", 2, identity_of(Proof::none));
  fleet.confirm("web-2", 1, identity_of(Proof::none));
  EXPECT_EQ(refusal_as(Proof::exact, fleet, hello_of("web-1"), 2, 1s),
            RefusalCode::endpoint_in_use);
  EXPECT_TRUE(fleet.snapshot(at(1s)).agents.empty());
}

using Labels = std::map<std::string, std::string>;

TEST(FleetLabels, OfTheTokensFileWinOverThoseOfTheHello) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.labels = {{"rack", "mine"}, {"owner", "me"}};
  const Identity identity = identity_of(Proof::exact, {{"rack", "b7"}, {"site", "x"}});
  ASSERT_TRUE(fleet.claim(hello, identity, 1, at(0s)));
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(1), at(0s)), Fleet::Applied::applied);
  EXPECT_EQ(look(fleet, 0s)->identity->labels,
            (Labels{{"owner", "me"}, {"rack", "b7"}, {"site", "x"}}));
}

TEST(FleetLabels, AreThoseOfTheReloadedFile) {
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.labels = {{"rack", "mine"}};
  ASSERT_TRUE(fleet.claim(hello, identity_of(Proof::exact, {{"rack", "b7"}}), 1, at(0s)));
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(1), at(0s)), Fleet::Applied::applied);
  const auto before = look(fleet, 0s);
  fleet.confirm("web-1", 1, identity_of(Proof::exact, {{"site", "x"}}));
  EXPECT_EQ(look(fleet, 0s)->identity->labels, (Labels{{"rack", "mine"}, {"site", "x"}}));
  EXPECT_EQ(before->identity->labels, (Labels{{"rack", "b7"}})) << "of an older snapshot";
}

TEST(FleetLabels, ThatDidNotChangeCostNoNewIdentity) {
  OneAgent one;
  const auto before = look(one.fleet, 0s);
  one.fleet.confirm("web-1", 1, identity_of(Proof::none));
  EXPECT_EQ(look(one.fleet, 0s)->identity, before->identity);
}

// ---------------------------------------------------------------------------------------------
// Resume.

struct BootCase {
  const char* name;
  std::optional<std::string> before;
  std::optional<std::string> after;
  std::uint32_t ticks_before;
  std::uint32_t ticks_after;
  bool resumes;
};

class FleetResume : public testing::TestWithParam<BootCase> {};

TEST_P(FleetResume, IsForTheSameBootInTheSameUnit) {
  const BootCase& tested = GetParam();
  Fleet fleet({});
  Hello hello = hello_of("web-1");
  hello.boot_id = tested.before;
  hello.ticks_per_second = tested.ticks_before;
  EXPECT_FALSE(claim(fleet, hello, 1, 0s).resume);
  const CpuSample sample = counters_of(1, 500s, 1234, {{0, times_of(1200)}, {3, times_of(34)}});
  ASSERT_EQ(fleet.apply("web-1", 1, sample, at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  hello.boot_id = tested.after;
  hello.ticks_per_second = tested.ticks_after;
  const auto resume = claim(fleet, hello, 2, 1s).resume;
  ASSERT_EQ(resume.has_value(), tested.resumes);
  if (resume) {
    EXPECT_EQ(*resume, (Resume{500s, *sample.cpu}));
  }
}

INSTANTIATE_TEST_SUITE_P(
    Boots, FleetResume,
    testing::Values(BootCase{"SameBoot", "b1", "b1", 100, 100, true},
                    BootCase{"OtherBoot", "b1", "b2", 100, 100, false},
                    BootCase{"NowUnknown", "b1", std::nullopt, 100, 100, false},
                    BootCase{"OnceUnknown", std::nullopt, "b1", 100, 100, false},
                    BootCase{"BothUnknown", std::nullopt, std::nullopt, 100, 100, false},
                    BootCase{"BothEmpty", "", "", 100, 100, false},
                    BootCase{"OtherUnit", "b1", "b1", 100, 250, false}),
    [](const auto& param) { return param.param.name; });

/// web-1 in boot b1; push() what it says, resume() what a restart would be told.
class ResumingAgent {
 public:
  ResumingAgent() { connect(); }

  void push(CpuSample sample) {
    sample.sequence = ++sequence_;
    EXPECT_EQ(fleet_.apply("web-1", connection_, std::move(sample), at(0s)),
              Fleet::Applied::applied);
  }

  std::optional<Resume> resume() {
    fleet_.release("web-1", connection_);
    return connect();
  }

  Fleet& fleet() { return fleet_; }
  [[nodiscard]] Fleet::ConnectionId connection() const { return connection_; }

 private:
  std::optional<Resume> connect() {
    Hello hello = hello_of("web-1");
    hello.boot_id = "b1";
    sequence_ = 0;
    return claim(fleet_, hello, ++connection_, 0s).resume;
  }

  Fleet fleet_{Fleet::Limits{}};
  Fleet::ConnectionId connection_ = 0;
  std::uint64_t sequence_ = 0;
};

TEST(FleetResumeCounters, AreThoseLastShown) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100, {{0, times_of(100)}}));
  agent.push(counters_of(2, 11s, 150, {{0, times_of(150)}}));
  EXPECT_EQ(agent.resume(), (Resume{11s, {times_of(150), {{0, times_of(150)}}}}));
}

TEST(FleetResumeCounters, ArePassedOnAgainByARestartThatNeverSpoke) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  EXPECT_TRUE(agent.resume());
  EXPECT_EQ(agent.resume(), (Resume{10s, {times_of(100), {}}}));
}

TEST(FleetResumeCounters, SurviveAGoodbye) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  agent.fleet().leave("web-1", agent.connection(), false, at(0s));
  EXPECT_TRUE(agent.resume());
}

struct StopCase {
  const char* name;
  milliseconds pause;
  const char* boot_id;
  bool is_moved;
  bool resumes;
};

class FleetResumeAfterGoodbye : public testing::TestWithParam<StopCase> {};

TEST_P(FleetResumeAfterGoodbye, LastsUntilTheNameIsForgotten) {
  const StopCase& tested = GetParam();
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  agent.fleet().leave("web-1", agent.connection(), tested.is_moved, at(0s));
  agent.fleet().expire(at(tested.pause));
  Hello hello = hello_of("web-1");
  hello.boot_id = tested.boot_id;
  const auto resume = claim(agent.fleet(), hello, 99, tested.pause).resume;
  ASSERT_EQ(resume.has_value(), tested.resumes);
  if (resume) {
    EXPECT_EQ(*resume, (Resume{10s, {times_of(100), {}}}));
  }
}

INSTANTIATE_TEST_SUITE_P(Pauses, FleetResumeAfterGoodbye,
                         testing::Values(StopCase{"MovedAndBack", 1s, "b1", true, false},
                                         StopCase{"MovedAndBackLater", 17s, "b1", true, false},
                                         StopCase{"StoppedForAnotherBoot", 17s, "b2", false, false},
                                         StopCase{"StoppedOverForgetAfter", 24h + 1ms, "b1", false,
                                                  false},
                                         StopCase{"StoppedForForgetAfter", 24h, "b1", false, true},
                                         StopCase{"StoppedOverStaleAfter", 17s, "b1", false, true},
                                         StopCase{"StoppedForASecond", 1s, "b1", false, true}),
                         [](const auto& param) { return param.param.name; });

TEST(FleetResumeCounters, OfAStoppedAgentSurviveARestartThatNeverSpoke) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  agent.fleet().leave("web-1", agent.connection(), false, at(0s));
  Hello hello = hello_of("web-1");
  hello.boot_id = "b1";
  EXPECT_TRUE(claim(agent.fleet(), hello, 98, 17s).resume);
  agent.fleet().release("web-1", 98);
  EXPECT_TRUE(claim(agent.fleet(), hello, 99, 1h).resume);
  agent.fleet().leave("web-1", 99, false, at(1h));
  EXPECT_TRUE(claim(agent.fleet(), hello, 100, 2h).resume);
}

TEST(FleetResumeCounters, SurviveUntilTheNameIsForgotten) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  agent.fleet().release("web-1", agent.connection());
  agent.fleet().expire(at(24h));
  Hello hello = hello_of("web-1");
  hello.boot_id = "b1";
  EXPECT_TRUE(claim(agent.fleet(), hello, 99, 24h).resume);
}

TEST(FleetResumeCounters, DieWithTheName) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  agent.fleet().leave("web-1", agent.connection(), true, at(0s));
  EXPECT_FALSE(agent.resume());
}

TEST(FleetResumeCounters, AreNoneAfterAnotherBootCameBetween) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  agent.fleet().release("web-1", agent.connection());
  Hello other = hello_of("web-1");
  other.boot_id = "b2";
  EXPECT_FALSE(claim(agent.fleet(), other, 99, 0s).resume);
  agent.fleet().release("web-1", 99);
  EXPECT_FALSE(agent.resume());
}

TEST(FleetResumeCounters, IgnoreASampleThatWasIgnored) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  EXPECT_EQ(agent.fleet().apply("web-1", agent.connection(), counters_of(1, 99s, 999), at(0s)),
            Fleet::Applied::sequence_not_rising);
  EXPECT_EQ(agent.fleet().apply("web-1", 77, counters_of(5, 99s, 999), at(0s)),
            Fleet::Applied::not_holder);
  EXPECT_EQ(agent.resume(), (Resume{10s, {times_of(100), {}}}));
}

TEST(FleetResumeCounters, OutliveASampleWithoutCounters) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  agent.push(sample_of(2));
  EXPECT_EQ(agent.resume(), (Resume{10s, {times_of(100), {}}}));
}

TEST(FleetResumeCounters, AreNoneWhenTheNewestHaveNoDate) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100));
  CpuSample undated = counters_of(2, 0s, 150);
  undated.uptime.reset();
  agent.push(undated);
  EXPECT_FALSE(agent.resume()) << "the older ones are not what was last shown";
}

TEST(FleetResumeCounters, KeepCoresThatANewerSampleLeftOut) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100, {{0, times_of(60)}, {1, times_of(40)}}));
  agent.push(counters_of(2, 20s, 200));
  const auto resume = agent.resume();
  ASSERT_TRUE(resume);
  EXPECT_EQ(resume->cpu.total, times_of(200));
  EXPECT_EQ(resume->cpu.cores, (std::vector<CoreTimes>{{0, times_of(60)}, {1, times_of(40)}}));
  EXPECT_EQ(resume->uptime, 10s) << "the age of the oldest part";
}

TEST(FleetResumeCounters, KeepACoreThatWentOffline) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100, {{0, times_of(60)}, {1, times_of(40)}, {2, times_of(5)}}));
  agent.push(counters_of(2, 20s, 200, {{0, times_of(160)}, {2, times_of(9)}}));
  EXPECT_EQ(agent.resume()->cpu.cores,
            (std::vector<CoreTimes>{{0, times_of(160)}, {1, times_of(40)}, {2, times_of(9)}}));
}

TEST(FleetResumeCounters, AreWholeAgainWhenTheCoreIsBack) {
  ResumingAgent agent;
  agent.push(counters_of(1, 10s, 100, {{0, times_of(60)}, {1, times_of(40)}}));
  agent.push(counters_of(2, 20s, 200, {{0, times_of(160)}}));
  agent.push(counters_of(3, 30s, 300, {{0, times_of(220)}, {1, times_of(41)}}));
  EXPECT_EQ(agent.resume(),
            (Resume{30s, {times_of(300), {{0, times_of(220)}, {1, times_of(41)}}}}));
}

TEST(FleetResumeCounters, DoNotGrowBeyondTheCpusOfOneMachine) {
  ResumingAgent agent;
  std::vector<CoreTimes> cores;
  for (std::uint32_t id = 0; id < kMaxCpus; ++id) cores.push_back({id, times_of(id)});
  agent.push(counters_of(1, 10s, 100, cores));
  for (CoreTimes& core : cores) core.id += 1;
  agent.push(counters_of(2, 20s, 200, cores));
  EXPECT_EQ(agent.resume(), (Resume{20s, {times_of(200), cores}}));
}

TEST(FleetResumeCounters, AreKeptUpToTheCpusOfOneMachine) {
  ResumingAgent agent;
  std::vector<CoreTimes> cores;
  for (std::uint32_t id = 0; id < kMaxCpus; ++id) cores.push_back({id, times_of(id)});
  agent.push(counters_of(1, 10s, 100, cores));
  agent.push(counters_of(2, 20s, 200, {{7, times_of(77)}}));
  const auto resume = agent.resume();
  ASSERT_EQ(resume->cpu.cores.size(), kMaxCpus);
  EXPECT_EQ(resume->cpu.cores[7], (CoreTimes{7, times_of(77)}));
}

/// Whether counters that came under one proof are told to who proves another.
struct ResumeProofCase {
  const char* name;
  Proof before;
  Proof after;
};

class FleetResumeProof : public testing::TestWithParam<ResumeProofCase> {};

Hello hello_of_boot(const std::string& boot_id) {
  Hello hello = hello_of("web-1");
  hello.boot_id = boot_id;
  return hello;
}

TEST_P(FleetResumeProof, MustBeTheSame) {
  const auto& [name, before, after] = GetParam();
  Fleet fleet({});
  const Hello hello = hello_of_boot("b1");
  claim_as(before, fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 10s, 100), at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  EXPECT_EQ(claim_as(after, fleet, hello, 2, 1s).resume.has_value(), before == after);
  fleet.release("web-1", 2);
  EXPECT_TRUE(claim_as(before, fleet, hello, 3, 2s).resume) << "who said nothing took nothing away";
}

INSTANTIATE_TEST_SUITE_P(
    Proofs, FleetResumeProof,
    testing::Values(ResumeProofCase{"None", Proof::none, Proof::none},
                    ResumeProofCase{"AnyName", Proof::any_name, Proof::any_name},
                    ResumeProofCase{"Exact", Proof::exact, Proof::exact},
                    ResumeProofCase{"NoneThenAnyName", Proof::none, Proof::any_name},
                    ResumeProofCase{"NoneThenExact", Proof::none, Proof::exact},
                    ResumeProofCase{"AnyNameThenExact", Proof::any_name, Proof::exact},
                    ResumeProofCase{"AnyNameThenNone", Proof::any_name, Proof::none},
                    ResumeProofCase{"ExactThenNone", Proof::exact, Proof::none},
                    ResumeProofCase{"ExactThenAnyName", Proof::exact, Proof::any_name}),
    [](const auto& param) { return param.param.name; });

TEST(FleetResumeProof, HoldsForTheCountersAndNotForTheName) {
  Fleet fleet({});
  const Hello hello = hello_of_boot("b1");
  claim(fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 10s, 100, {{900, times_of(7)}}), at(0s)),
            Fleet::Applied::applied);
  claim_as(Proof::exact, fleet, hello, 2, 1s);
  ASSERT_EQ(fleet.apply("web-1", 2, counters_of(1, 11s, 5), at(1s)), Fleet::Applied::applied);
  fleet.release("web-1", 2);
  EXPECT_EQ(claim_as(Proof::exact, fleet, hello, 3, 2s).resume, (Resume{11s, {times_of(5), {}}}))
      << "without the CPU that the stranger made up";
}

TEST(FleetResumeProof, IsNotChangedByASampleWithoutCounters) {
  Fleet fleet({});
  const Hello hello = hello_of_boot("b1");
  claim_as(Proof::exact, fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 10s, 100), at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  claim(fleet, hello, 2, 1s);
  ASSERT_EQ(fleet.apply("web-1", 2, sample_of(1), at(1s)), Fleet::Applied::applied);
  fleet.release("web-1", 2);
  EXPECT_TRUE(claim_as(Proof::exact, fleet, hello, 3, 2s).resume);
}

TEST(FleetResumeProof, RisesWithThatOfTheHolder) {
  Fleet fleet({});
  const Hello hello = hello_of_boot("b1");
  claim_as(Proof::any_name, fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 10s, 100), at(0s)), Fleet::Applied::applied);
  fleet.confirm("web-1", 1, identity_of(Proof::exact));
  fleet.release("web-1", 1);
  EXPECT_TRUE(claim_as(Proof::exact, fleet, hello, 2, 1s).resume);
}

TEST(FleetResumeProof, DoesNotRiseForCountersOfSomebodyElse) {
  Fleet fleet({});
  const Hello hello = hello_of_boot("b1");
  claim(fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 10s, 100), at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  claim_as(Proof::any_name, fleet, hello, 2, 1s);
  fleet.confirm("web-1", 2, identity_of(Proof::exact));
  fleet.release("web-1", 2);
  EXPECT_FALSE(claim_as(Proof::exact, fleet, hello, 3, 2s).resume);
}

/// Counters that somebody said, and whether a restarted agent is told them.
struct CountersCase {
  const char* name;
  milliseconds uptime;
  Ticks total;
  std::vector<CoreTimes> cores;
  bool is_plausible;
};

std::ostream& operator<<(std::ostream& out, const CountersCase& tested) {
  return out << tested.name;
}

class FleetResumeCountersOf : public testing::TestWithParam<CountersCase> {};

TEST_P(FleetResumeCountersOf, AMachineThatCannotHaveCountedThemAreKept) {
  const CountersCase& tested = GetParam();
  ResumingAgent agent;
  agent.push(counters_of(1, tested.uptime, tested.total, tested.cores));
  EXPECT_EQ(agent.resume().has_value(), tested.is_plausible);
}

CpuTimes idle_and_steal_of(Ticks idle, Ticks steal) {
  CpuTimes times = times_of(0);
  times.ticks[3] = idle;
  times.ticks[7] = steal;
  return times;
}

CpuTimes guest_of(Ticks guest) {
  CpuTimes times = times_of(0);
  times.ticks[8] = guest;
  return times;
}

// 100 ticks a second.  A CPU may have counted twice the uptime and ten minutes: 60,000 ticks more.
constexpr Ticks kAtBoot = 60'000;
constexpr Ticks kAfterAnHour = 2 * 360'000 + kAtBoot;
constexpr hours kFiftyYears{24 * 365 * 50};

INSTANTIATE_TEST_SUITE_P(
    Counters, FleetResumeCountersOf,
    testing::Values(
        CountersCase{"Nothing", 0s, 0, {}, true},
        CountersCase{"OneBusyCpu", 1h, 360'000, {{0, times_of(360'000)}}, true},
        CountersCase{"MostlySuspended", hours(1000), 360'000, {{0, times_of(360'000)}}, true},
        CountersCase{"SeededJustAfterBoot", 0s, kAtBoot, {{0, times_of(kAtBoot)}}, true},
        CountersCase{"MoreThanIsSeededAfterBoot", 0s, 0, {{0, times_of(kAtBoot + 1)}}, false},
        CountersCase{"StealCountedBesideIdle",
                     1h,
                     700'000,
                     {{0, idle_and_steal_of(360'000, 340'000)}},
                     true},
        CountersCase{"MoreStealThanThereCanBe",
                     1h,
                     0,
                     {{0, idle_and_steal_of(360'000, kAfterAnHour)}},
                     false},
        CountersCase{"CpuAtItsLimit", 1h, 0, {{5, times_of(kAfterAnHour)}}, true},
        CountersCase{"CpuOverItsLimit", 1h, 0, {{5, times_of(kAfterAnHour + 1)}}, false},
        CountersCase{"LastOfManyCpusOverItsLimit",
                     1h,
                     0,
                     {{0, times_of(1)}, {1, times_of(1)}, {2, times_of(kMaxTicks)}},
                     false},
        CountersCase{"GuestAtItsLimit", 1h, 0, {{0, guest_of(kAfterAnHour)}}, true},
        CountersCase{"GuestOverItsLimit", 1h, 0, {{0, guest_of(kAfterAnHour + 1)}}, false},
        CountersCase{"SumOfManyCpus", 1h, 512 * Ticks{360'000}, {}, true},
        CountersCase{"SumAtItsLimit", 1h, kMaxCpus* kAfterAnHour, {}, true},
        CountersCase{"SumOverItsLimit", 1h, kMaxCpus* kAfterAnHour + 1, {}, false},
        CountersCase{"SumAtTheEndOfNumbers", hours(10'000), kMaxTicks, {}, false},
        CountersCase{"FiftyYears", kFiftyYears, 100, {{0, times_of(100)}}, true},
        CountersCase{"MoreThanFiftyYears", kFiftyYears + 1ms, 100, {{0, times_of(100)}}, false},
        CountersCase{"UptimeAtTheEndOfNumbers",
                     milliseconds((std::int64_t{1} << 53) - 1),
                     kMaxTicks,
                     {{0, times_of(kMaxTicks)}},
                     false}),
    [](const auto& param) { return param.param.name; });

TEST(FleetResumeCounters, AreJudgedInTheUnitOfTheirMachine) {
  for (const std::uint32_t ticks_per_second : {100U, 1000U}) {
    Fleet fleet({});
    Hello hello = hello_of_boot("b1");
    hello.ticks_per_second = ticks_per_second;
    claim(fleet, hello, 1, 0s);
    ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 1h, 0, {{0, times_of(3'600'000)}}), at(0s)),
              Fleet::Applied::applied);
    fleet.release("web-1", 1);
    EXPECT_EQ(claim(fleet, hello, 2, 1s).resume.has_value(), ticks_per_second == 1000);
  }
}

TEST(FleetResumeCounters, ThatCannotBeAreReplacedByThoseThatCan) {
  ResumingAgent agent;
  agent.push(counters_of(1, 1h, kMaxTicks));
  EXPECT_FALSE(agent.resume());
  agent.push(counters_of(1, 1h, 100));
  EXPECT_TRUE(agent.resume());
}

// ---------------------------------------------------------------------------------------------
// Expected machines.

/// What is shown of a machine that is expected and did not come.
bool is_missing(const std::optional<AgentView>& view) {
  return view && view->state == AgentState::gone && !view->has_come && !view->sample &&
         !view->slow && !view->facts && !view->last_sample && !view->clock_skew &&
         view->connects == 0;
}

TEST(FleetExpected, AreAbsentWhileTheExporterIsYoung) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  EXPECT_FALSE(look(fleet, 0s));
  EXPECT_FALSE(look(fleet, 59999ms));
  EXPECT_TRUE(is_missing(look(fleet, 60s)));
  EXPECT_TRUE(is_missing(look(fleet, hours(24 * 365)))) << "never forgotten";
}

TEST(FleetExpected, AreAbsentWhenNobodyIsExpected) {
  Fleet fleet({});
  fleet.expect({}, at(0s));
  EXPECT_TRUE(fleet.snapshot(at(1h)).agents.empty());
}

TEST(FleetExpected, ComeInTheOrderOfNames) {
  Fleet fleet({});
  fleet.expect({"a", "c", "d", "f"}, at(0s));
  join(fleet, hello_of("b"), 1, 60s);
  join(fleet, hello_of("d"), 2, 60s);
  join(fleet, hello_of("e"), 3, 60s);
  std::string names;
  std::string missing;
  for (const AgentView& agent : fleet.snapshot(at(60s)).agents) {
    names += agent.identity->endpoint;
    if (!agent.has_come) missing += agent.identity->endpoint;
  }
  EXPECT_EQ(names, "abcdef");
  EXPECT_EQ(missing, "acf");
}

TEST(FleetExpected, AreExpectedInAnyOrder) {
  Fleet fleet({});
  fleet.expect({"c", "a", "b", "a"}, at(0s));
  const auto snapshot = fleet.snapshot(at(1h));
  ASSERT_EQ(snapshot.agents.size(), 3U);
  EXPECT_EQ(snapshot.agents[0].identity->endpoint, "a");
  EXPECT_EQ(snapshot.agents[2].identity->endpoint, "c");
}

TEST(FleetExpected, AreAliveWhenTheyCome) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  join(fleet, hello_of("web-1"), 1, 30s);
  EXPECT_EQ(state(fleet, 30s), AgentState::alive) << "also while the exporter is young";
  EXPECT_TRUE(look(fleet, 30s)->has_come);
  EXPECT_EQ(fleet.snapshot(at(61s)).agents.size(), 1U);
}

TEST(FleetExpected, DoNotVanishWithTheirHello) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  ASSERT_TRUE(is_missing(look(fleet, 70s)));
  claim(fleet, hello_of("web-1"), 1, 71s);
  const auto view = look(fleet, 71s);
  ASSERT_TRUE(view);
  EXPECT_EQ(view->state, AgentState::silent);
  EXPECT_EQ(view->connects, 1U);
  EXPECT_TRUE(view->has_come);
  ASSERT_EQ(fleet.apply("web-1", 1, sample_of(1), at(72s)), Fleet::Applied::applied);
  EXPECT_EQ(state(fleet, 72s), AgentState::alive);
}

TEST(FleetExpected, AreMissingAgainWhenTheyLeaveWithoutASample) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  claim(fleet, hello_of("web-1"), 1, 70s);
  fleet.release("web-1", 1);
  EXPECT_TRUE(is_missing(look(fleet, 71s)));
  claim(fleet, hello_of("web-1"), 2, 72s);
  fleet.leave("web-1", 2, false, at(73s));
  EXPECT_TRUE(is_missing(look(fleet, 73s)));
}

TEST(FleetExpected, WithAHelloOnlyAreAbsentWhileTheExporterIsYoung) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  claim(fleet, hello_of("web-1"), 1, 58s);
  EXPECT_FALSE(look(fleet, 59s));
  EXPECT_EQ(state(fleet, 60s), AgentState::silent);
}

TEST(FleetExpected, AreNeverForgotten) {
  OneAgent one;
  one.fleet.expect({"web-1"}, at(0s));
  one.fleet.release("web-1", 1);
  for (const milliseconds when : {24h + 1ms, milliseconds(hours(24 * 365))}) {
    one.fleet.expire(at(when));
    const auto view = look(one.fleet, when);
    ASSERT_TRUE(view);
    EXPECT_EQ(view->state, AgentState::gone);
    EXPECT_TRUE(view->has_come);
    EXPECT_EQ(view->last_sample, at(0s).system) << "how long ago is what people ask";
  }
}

TEST(FleetExpected, AreNotHiddenByAGoodbye) {
  for (const milliseconds push_interval : {milliseconds(1s), milliseconds(20min)}) {
    OneAgent one(push_interval);
    one.fleet.expect({"web-1"}, at(0s));
    one.fleet.leave("web-1", 1, false, at(1s));
    EXPECT_EQ(state(one.fleet, 1s), AgentState::silent);
    EXPECT_EQ(state(one.fleet, 15s), AgentState::silent);
    EXPECT_EQ(state(one.fleet, 16001ms), AgentState::gone) << "its values leave all the same";
    EXPECT_EQ(look(one.fleet, 16001ms)->sample, nullptr);
    EXPECT_EQ(state(one.fleet, hours(100)), AgentState::gone);
    claim(one.fleet, hello_of("web-1", push_interval), 2, hours(100));
    EXPECT_EQ(state(one.fleet, hours(100)), AgentState::gone) << "a hello is no sign of life";
    ASSERT_EQ(one.fleet.apply("web-1", 2, sample_of(1), at(hours(100))), Fleet::Applied::applied);
    EXPECT_EQ(state(one.fleet, hours(100)), AgentState::alive);
  }
}

TEST(FleetExpected, AreNotRevivedByAHelloSoonAfterTheirGoodbye) {
  OneAgent one(20min);
  one.fleet.expect({"web-1"}, at(0s));
  one.fleet.leave("web-1", 1, false, at(1s));
  ASSERT_EQ(state(one.fleet, 17s), AgentState::gone);
  claim(one.fleet, hello_of("web-1", 20min), 2, 17s);
  EXPECT_EQ(state(one.fleet, 17s), AgentState::gone);
}

TEST(FleetExpected, AreMissingAfterTheyMoved) {
  OneAgent one;
  one.fleet.expect({"web-1"}, at(0s));
  one.fleet.leave("web-1", 1, true, at(61s));
  EXPECT_TRUE(is_missing(look(one.fleet, 61s)));
}

TEST(FleetExpected, KeepTheirCountersForAnAgentThatGoesOn) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  const Hello hello = hello_of_boot("b1");
  claim(fleet, hello, 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 10s, 100), at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  fleet.expire(at(hours(100)));
  EXPECT_TRUE(claim(fleet, hello, 2, hours(100)).resume);
}

TEST(FleetReload, ExpectsNewNamesAtOnce) {
  Fleet fleet({});
  fleet.expect({}, at(0s));
  fleet.expect({"web-1"}, at(30s));
  EXPECT_FALSE(look(fleet, 59s)) << "the exporter is young";
  EXPECT_TRUE(is_missing(look(fleet, 60s)));
  fleet.expect({"web-1", "web-2"}, at(2h));
  EXPECT_TRUE(is_missing(look(fleet, 2h, "web-2")));
}

TEST(FleetReload, NoLongerExpectsWhatIsNotListed) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  ASSERT_TRUE(look(fleet, 1h));
  fleet.expect({}, at(1h));
  EXPECT_FALSE(look(fleet, 1h));
}

TEST(FleetReload, ForgetsWhatIsNotListedInTheUsualWay) {
  OneAgent one;
  one.fleet.expect({"web-1"}, at(0s));
  one.fleet.release("web-1", 1);
  one.fleet.expect({}, at(1h));
  EXPECT_EQ(state(one.fleet, 24h), AgentState::gone);
  EXPECT_FALSE(look(one.fleet, 24h + 1ms));
}

TEST(FleetReload, HidesWhatSaidGoodbyeAndIsNotListed) {
  OneAgent one;
  one.fleet.expect({"web-1"}, at(0s));
  one.fleet.leave("web-1", 1, false, at(1s));
  ASSERT_TRUE(look(one.fleet, 1h));
  one.fleet.expect({}, at(1h));
  EXPECT_FALSE(look(one.fleet, 1h));
}

TEST(FleetReload, ListsWhatIsKnownAlready) {
  OneAgent one;
  one.fleet.expect({}, at(0s));
  one.fleet.release("web-1", 1);
  one.fleet.expect({"web-1"}, at(23h));
  EXPECT_EQ(state(one.fleet, hours(48)), AgentState::gone);
  EXPECT_TRUE(look(one.fleet, hours(48))->has_come);
}

TEST(FleetReload, ListsWhatIsForgottenButNotYetExpired) {
  OneAgent one;
  one.fleet.expect({}, at(0s));
  one.fleet.release("web-1", 1);
  one.fleet.expect({"web-1"}, at(hours(48)));
  EXPECT_TRUE(is_missing(look(one.fleet, hours(48)))) << "as when it had expired";
}

TEST(FleetReload, LeavesLiveAgentsAlone) {
  OneAgent one;
  one.fleet.expect({"web-1"}, at(0s));
  one.fleet.expect({"web-2"}, at(1s));
  EXPECT_EQ(state(one.fleet, 1s), AgentState::alive);
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(2s)), Fleet::Applied::applied);
}

TEST(FleetForgive, GivesExpectedMachinesTheirMinuteOfRunningTime) {
  Fleet fleet({});
  fleet.expect({"web-1"}, at(0s));
  fleet.forgive(1h, at(1h + 12s));
  EXPECT_FALSE(look(fleet, 1h + 59s));
  EXPECT_TRUE(is_missing(look(fleet, 1h + 60s)));
}

// ---------------------------------------------------------------------------------------------
// Capacity.

TEST(FleetCapacity, TakesAsManyAsItMay) {
  Fleet fleet(limits_of(2));
  join(fleet, hello_of("a"), 1, 0s);
  join(fleet, hello_of("b"), 2, 0s);
  EXPECT_EQ(refusal(fleet, hello_of("c"), 3, 0s), RefusalCode::capacity);
  EXPECT_EQ(fleet.snapshot(at(0s)).agents.size(), 2U);
}

TEST(FleetCapacity, RefusalSaysWhatToDo) {
  Fleet fleet(limits_of(1));
  claim(fleet, hello_of("a"), 1, 0s);
  const auto claim = fleet.claim(hello_of("b"), {}, 2, at(0s));
  ASSERT_FALSE(claim);
  EXPECT_NE(claim.error().detail.find("--ingest.max-agents"), std::string::npos);
  EXPECT_TRUE(is_showable_text(claim.error().detail));
}

TEST(FleetCapacity, IsNoMatterForAKnownName) {
  Fleet fleet(limits_of(1));
  claim(fleet, hello_of("a"), 1, 0s);
  ASSERT_EQ(fleet.apply("a", 1, sample_of(1), at(0s)), Fleet::Applied::applied);
  fleet.release("a", 1);
  claim(fleet, hello_of("a"), 2, 1s);
}

TEST(FleetCapacity, CountsNamesThatSaidNothingYet) {
  Fleet fleet(limits_of(1));
  claim(fleet, hello_of("a"), 1, 0s);
  EXPECT_EQ(refusal(fleet, hello_of("b"), 2, 9s), RefusalCode::capacity);
}

TEST(FleetCapacity, AdmitsANewcomerSoonAfterAFloodOfNamesWithLongIntervals) {
  constexpr std::size_t kNames = 50;
  Fleet fleet(limits_of(kNames));
  for (std::size_t i = 0; i < kNames; ++i) {
    const std::string name = "flood-" + std::to_string(i);
    join(fleet, hello_of(name, 20min), i, 0s);
    fleet.release(name, i);
  }
  EXPECT_EQ(refusal(fleet, hello_of("web-1"), 100, 15s), RefusalCode::capacity);
  join(fleet, hello_of("web-1"), 101, 15001ms);
  EXPECT_EQ(state(fleet, 15001ms), AgentState::alive);
  EXPECT_EQ(fleet.snapshot(at(15001ms)).agents.size(), kNames);
}

TEST(FleetCapacity, NeverEvictsAHolderForANewcomer) {
  Fleet fleet(limits_of(1));
  join(fleet, hello_of("a", 20min), 1, 0s);
  EXPECT_EQ(refusal(fleet, hello_of("b"), 2, 10h), RefusalCode::capacity);
}

TEST(FleetCapacity, KeepsPlacesForExpectedMachinesThatHaveNotCome) {
  Fleet fleet(limits_of(3));
  fleet.expect({"web-1", "web-2"}, at(0s));
  join(fleet, hello_of("flood-1"), 1, 1s);
  EXPECT_EQ(refusal(fleet, hello_of("flood-2"), 2, 1s), RefusalCode::capacity);
  join(fleet, hello_of("web-1"), 3, 2s);
  EXPECT_EQ(refusal(fleet, hello_of("flood-2"), 4, 3s), RefusalCode::capacity);
  join(fleet, hello_of("web-2"), 5, 4s);
}

TEST(FleetCapacity, KeepsNoPlaceForWhoIsNotExpectedAnyMore) {
  Fleet fleet(limits_of(2));
  fleet.expect({"web-1", "web-2"}, at(0s));
  EXPECT_EQ(refusal(fleet, hello_of("a"), 1, 1s), RefusalCode::capacity);
  fleet.expect({"web-1"}, at(2s));
  join(fleet, hello_of("a"), 2, 3s);
  EXPECT_EQ(refusal(fleet, hello_of("b"), 3, 3s), RefusalCode::capacity);
}

TEST(FleetCapacity, IsForExpectedMachinesAloneWhenThereAreMoreOfThem) {
  Fleet fleet(limits_of(1));
  fleet.expect({"web-1", "web-2"}, at(0s));
  EXPECT_EQ(refusal(fleet, hello_of("a"), 1, 1s), RefusalCode::capacity);
  join(fleet, hello_of("web-2"), 2, 1s);
  EXPECT_EQ(refusal(fleet, hello_of("web-1"), 3, 2s), RefusalCode::capacity);
}

/// A full fleet of three, whose names a, b, c were heard at 0, 1 and 2 s and are free.
class FullFleet : public testing::Test {
 protected:
  FullFleet() {
    for (const int i : {0, 1, 2}) {
      const std::string name(1, static_cast<char>('a' + i));
      const auto connection = static_cast<Fleet::ConnectionId>(i);
      join(fleet_, hello_of(name), connection, seconds(i));
      fleet_.release(name, connection);
    }
  }

  [[nodiscard]] std::string names(milliseconds when) const {
    std::string names;
    for (const AgentView& agent : fleet_.snapshot(at(when)).agents) {
      names += agent.identity->endpoint;
    }
    return names;
  }

  Fleet fleet_{limits_of(3)};
};

TEST_F(FullFleet, RefusesWhileItsAgentsAreAlive) {
  EXPECT_EQ(refusal(fleet_, hello_of("d"), 9, 3s), RefusalCode::capacity);
}

TEST_F(FullFleet, RefusesWhileItsAgentsAreOnlySilent) {
  EXPECT_EQ(refusal(fleet_, hello_of("d"), 9, 15s), RefusalCode::capacity);
}

TEST_F(FullFleet, GivesThePlaceOfTheOneUnheardLongest) {
  join(fleet_, hello_of("d"), 9, 1h);
  EXPECT_EQ(names(1h), "bcd");
  join(fleet_, hello_of("e"), 10, 1h);
  EXPECT_EQ(names(1h), "cde");
}

TEST_F(FullFleet, GivesThePlaceOfASlowPusherUnheardLongest) {
  join(fleet_, hello_of("a", 20min), 9, 3s);
  fleet_.release("a", 9);
  join(fleet_, hello_of("b"), 10, 10s);
  fleet_.release("b", 10);
  join(fleet_, hello_of("c"), 11, 10s);
  ASSERT_EQ(state(fleet_, 19s, "a"), AgentState::alive);
  join(fleet_, hello_of("d"), 12, 19s);
  EXPECT_EQ(names(19s), "bcd");
}

TEST_F(FullFleet, GivesTheOnlyPlaceThatIsFree) {
  join(fleet_, hello_of("d"), 9, 15001ms);
  EXPECT_EQ(names(15001ms), "bcd");
  EXPECT_EQ(refusal(fleet_, hello_of("e"), 10, 15001ms), RefusalCode::capacity);
}

TEST_F(FullFleet, NeverGivesAHeldPlace) {
  claim(fleet_, hello_of("a"), 9, 1h);
  join(fleet_, hello_of("d"), 10, 1h);
  EXPECT_EQ(names(1h), "acd");
}

TEST_F(FullFleet, GivesHiddenPlacesInTheirTurn) {
  join(fleet_, hello_of("c"), 9, 1h);
  fleet_.leave("c", 9, false, at(1h));
  ASSERT_EQ(names(2h), "ab");
  join(fleet_, hello_of("d"), 10, 2h);
  EXPECT_EQ(names(2h), "bd");
  join(fleet_, hello_of("e"), 11, 2h);
  EXPECT_EQ(names(2h), "de");
  join(fleet_, hello_of("f"), 12, 2h);
  EXPECT_EQ(names(2h), "def");
}

TEST_F(FullFleet, GivesForgottenPlaces) {
  join(fleet_, hello_of("d"), 9, 25h);
  join(fleet_, hello_of("e"), 10, 25h);
  join(fleet_, hello_of("f"), 11, 25h);
  EXPECT_EQ(names(25h), "def");
}

TEST_F(FullFleet, LosesNothingByARefusal) {
  EXPECT_EQ(refusal(fleet_, hello_of("d"), 9, 3s), RefusalCode::capacity);
  EXPECT_EQ(names(3s), "abc");
}

TEST_F(FullFleet, GivesNoPlaceOfAnExpectedMachineToAnother) {
  fleet_.expect({"a", "b"}, at(3s));
  join(fleet_, hello_of("d"), 9, 1h);
  EXPECT_EQ(names(1h), "abd");
  EXPECT_EQ(refusal(fleet_, hello_of("e"), 10, 1h), RefusalCode::capacity);
}

TEST_F(FullFleet, GivesAnExpectedMachineThePlaceOfOneThatIsNot) {
  fleet_.expect({"a", "d"}, at(3s));
  join(fleet_, hello_of("d"), 9, 1h);
  EXPECT_EQ(names(1h), "acd");
  EXPECT_TRUE(look(fleet_, 1h, "a")->has_come);
}

TEST_F(FullFleet, GivesAnExpectedMachineThePlaceOfAnotherThatIsGone) {
  fleet_.expect({"a", "b", "c", "d"}, at(3s));
  join(fleet_, hello_of("d"), 9, 1h);
  EXPECT_EQ(names(1h), "abcd");
  EXPECT_TRUE(is_missing(look(fleet_, 1h, "a"))) << "only what was known of it is lost";
  EXPECT_TRUE(look(fleet_, 1h, "b")->has_come);
}

TEST_F(FullFleet, GivesAnExpectedMachineNoPlaceThatIsHeldOrWasJustHeard) {
  fleet_.expect({"d"}, at(3s));
  EXPECT_EQ(refusal(fleet_, hello_of("d"), 9, 4s), RefusalCode::capacity);
  for (const char* const name : {"a", "b", "c"}) {
    join(fleet_, hello_of(name), static_cast<Fleet::ConnectionId>(name[0]), 5s);
  }
  EXPECT_EQ(refusal(fleet_, hello_of("d"), 9, 1h), RefusalCode::capacity);
}

TEST_F(FullFleet, HasRoomForAnExpectedMachineUnderAFloodOfGoneNames) {
  fleet_.expect({"z"}, at(3s));
  for (Fleet::ConnectionId i = 0; i < 50; ++i) {
    const std::string name = "flood-" + std::to_string(i);
    const milliseconds when = 1min + i * 20s;
    join(fleet_, hello_of(name), 100 + i, when);
    fleet_.release(name, 100 + i);
  }
  join(fleet_, hello_of("z"), 9, 1h);
  EXPECT_EQ(state(fleet_, 1h, "z"), AgentState::alive);
}

TEST_F(FullFleet, GivesAsManyPlacesAsAreNeeded) {
  fleet_.expect({"z"}, at(3s));
  join(fleet_, hello_of("d"), 9, 10min);
  EXPECT_EQ(names(10min), "cdz") << "one for d, and one that is kept for z";
}

TEST_F(FullFleet, LosesNothingWhenTooFewPlacesCanBeGiven) {
  fleet_.expect({"x", "y", "z"}, at(3s));
  EXPECT_EQ(refusal(fleet_, hello_of("d"), 9, 10min), RefusalCode::capacity);
  EXPECT_EQ(names(10min), "abcxyz");
}

// ---------------------------------------------------------------------------------------------
// One agent; its last minutes; forgetting on demand.

TEST(FleetLook, ShowsWhatASnapshotShows) {
  Fleet fleet(limits_of(10));
  fleet.expect({"expected"}, at(0s));
  join(fleet, hello_of("web-1"), 1, 0s);
  join(fleet, hello_of("left"), 2, 0s);
  fleet.leave("left", 2, false, at(1s));
  claim(fleet, hello_of("says-nothing"), 3, 0s);
  for (const milliseconds when : {milliseconds(0s), milliseconds(12s), milliseconds(20s),
                                  milliseconds(61s), milliseconds(25h)}) {
    for (const char* const name : {"web-1", "left", "says-nothing", "expected", "nobody"}) {
      const auto whole = look(fleet, when, name);
      const auto one = fleet.look(name, at(when));
      ASSERT_EQ(one.has_value(), whole.has_value()) << name << " at " << when.count();
      if (!one) continue;
      EXPECT_EQ(one->state, whole->state);
      EXPECT_EQ(one->has_come, whole->has_come);
      EXPECT_EQ(one->is_expected, whole->is_expected);
      EXPECT_EQ(one->sample, whole->sample);
    }
  }
}

CpuSample burst_of(std::uint64_t sequence, double percent, std::size_t bucket) {
  CpuSample sample = sample_of(sequence);
  sample.percent = percent;
  sample.burst.emplace().utilization.counts[bucket] = sequence;
  return sample;
}

TEST(FleetHistory, KeepsWhatWasPushedAndTheHighestReadingBetween) {
  Fleet fleet(limits_of(10));
  claim(fleet, hello_of("web-1"), 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, burst_of(1, 10, 0), at(0s)), Fleet::Applied::applied);
  ASSERT_EQ(fleet.apply("web-1", 1, burst_of(2, 20, 4), at(2s)), Fleet::Applied::applied);
  ASSERT_EQ(fleet.apply("web-1", 1, burst_of(3, 30, 7), at(4s)), Fleet::Applied::applied);
  const UsageHistory history = fleet.histories({"web-1"}).at(0);
  EXPECT_EQ(history.at(at(4s).steady, 0), (UsageHistory::Slot{30, 100}));
  EXPECT_EQ(history.at(at(4s).steady, 1), (UsageHistory::Slot{20, 90}));
  EXPECT_EQ(history.at(at(4s).steady, 2), (UsageHistory::Slot{10, UsageHistory::kNone}))
      << "of the first push it is not known when its readings were";
}

TEST(FleetHistory, OutlivesTheSample) {
  Fleet fleet(limits_of(10));
  join(fleet, hello_of("web-1"), 1, 0s);
  fleet.release("web-1", 1);
  fleet.expire(at(1min));
  EXPECT_EQ(fleet.histories({"web-1"}).at(0).at(at(1min).steady, 30).percent, 50);
}

TEST(FleetHistory, IsEmptyForWhoIsNotKnown) {
  const Fleet fleet(limits_of(10));
  EXPECT_EQ(fleet.histories({"nobody"}).at(0).at(at(0s).steady, 0), UsageHistory::Slot{});
}

TEST(FleetCounts, ClaimsThatWereRefused) {
  Fleet fleet(limits_of(10));
  join(fleet, hello_of("web-1"), 1, 0s);
  EXPECT_EQ(look(fleet, 0s)->refused_claims, 0U);
  EXPECT_EQ(refusal(fleet, hello_of("web-1"), 2, 1s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(refusal(fleet, hello_of("web-1"), 3, 1s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(look(fleet, 1s)->refused_claims, 2U);
}

TEST(FleetCounts, PlacesThatAreTaken) {
  Fleet fleet(limits_of(10));
  EXPECT_EQ(fleet.snapshot(at(0s)).places_taken, 0U);
  EXPECT_EQ(fleet.snapshot(at(0s)).max_places, 10U);
  fleet.expect({"web-1", "web-2"}, at(0s));
  EXPECT_EQ(fleet.snapshot(at(0s)).places_taken, 2U) << "kept for who has not come";
  join(fleet, hello_of("web-1"), 1, 0s);
  join(fleet, hello_of("other"), 2, 0s);
  EXPECT_EQ(fleet.snapshot(at(0s)).places_taken, 3U);
}

TEST(FleetForget, ForgetsAtOnce) {
  Fleet fleet(limits_of(10));
  join(fleet, hello_of("web-1"), 1, 0s);
  fleet.release("web-1", 1);
  EXPECT_EQ(fleet.forget("web-1", at(1s)), Fleet::Forgotten::forgotten);
  EXPECT_FALSE(look(fleet, 1s));
  EXPECT_EQ(fleet.forget("web-1", at(1s)), Fleet::Forgotten::unknown);
}

TEST(FleetForget, SparesWhoIsConnectedOrExpected) {
  Fleet fleet(limits_of(10));
  fleet.expect({"expected", "absent"}, at(0s));
  join(fleet, hello_of("web-1"), 1, 0s);
  join(fleet, hello_of("expected"), 2, 0s);
  fleet.release("expected", 2);
  EXPECT_EQ(fleet.forget("web-1", at(1s)), Fleet::Forgotten::connected);
  EXPECT_EQ(fleet.forget("expected", at(1s)), Fleet::Forgotten::expected);
  EXPECT_EQ(fleet.forget("absent", at(2h)), Fleet::Forgotten::expected);
  EXPECT_EQ(fleet.forget("nobody", at(1s)), Fleet::Forgotten::unknown);
  EXPECT_TRUE(look(fleet, 1s));
  EXPECT_TRUE(look(fleet, 1s, "expected"));
}

// ---------------------------------------------------------------------------------------------
// Values without a name.

TEST(FleetReported, IsShownUntilWithdrawn) {
  Fleet fleet({});
  fleet.report(1, "127.0.0.1:5000", 14.6);
  const FleetSnapshot snapshot = fleet.snapshot(at(hours(100)));
  ASSERT_EQ(snapshot.reported.size(), 1U);
  EXPECT_EQ(snapshot.reported[0].endpoint, "127.0.0.1:5000");
  EXPECT_EQ(snapshot.reported[0].percent, 14.6);
  fleet.withdraw(1);
  EXPECT_TRUE(fleet.snapshot(at(hours(100))).reported.empty());
}

TEST(FleetReported, IsReplacedByTheNextOfTheConnection) {
  Fleet fleet({});
  fleet.report(1, "127.0.0.1:5000", 14.6);
  fleet.report(1, "127.0.0.1:5000", 20);
  ASSERT_EQ(fleet.snapshot(at(0s)).reported.size(), 1U);
  EXPECT_EQ(fleet.snapshot(at(0s)).reported[0].percent, 20);
}

TEST(FleetReported, IsSortedByEndpoint) {
  Fleet fleet({});
  fleet.report(1, "127.0.0.1:7", 1);
  fleet.report(2, "127.0.0.1:5", 2);
  const FleetSnapshot snapshot = fleet.snapshot(at(0s));
  ASSERT_EQ(snapshot.reported.size(), 2U);
  EXPECT_EQ(snapshot.reported[0].endpoint, "127.0.0.1:5");
}

TEST(FleetReported, WithdrawingAnUnknownConnectionChangesNothing) {
  Fleet fleet({});
  fleet.report(1, "127.0.0.1:7", 1);
  fleet.withdraw(2);
  EXPECT_EQ(fleet.snapshot(at(0s)).reported.size(), 1U);
}

TEST(FleetReported, TakesNoPlaceOfAnAgent) {
  Fleet fleet(limits_of(1));
  fleet.report(1, "127.0.0.1:7", 1);
  claim(fleet, hello_of("a"), 2, 0s);
}

// ---------------------------------------------------------------------------------------------
// expire() is housekeeping: no answer depends on it.

std::string describe(const FleetSnapshot& snapshot) {
  std::ostringstream text;
  for (const AgentView& agent : snapshot.agents) {
    text << agent.identity->endpoint << ' ' << kAgentStateNames[agent.state] << ' '
         << agent.connects << ' ' << (agent.sample ? agent.sample->sequence : 0) << ' '
         << (agent.last_sample ? agent.last_sample->time_since_epoch().count() : 0) << '\n';
  }
  return text.str();
}

/// One step that two fleets take alike; says what came of it.
class RandomStep {
 public:
  explicit RandomStep(std::mt19937& random)
      : action_(random() % 10),
        proof_(static_cast<Proof>(random() % 3)),
        name_(1, static_cast<char>('a' + random() % 6)),
        connection_(random() % 12),
        sequence_(random() % 50),
        push_interval_(random() % 3 == 0 ? 60s : 1s),
        session_(random() % 3) {}

  std::string take(Fleet& fleet, milliseconds now) const {
    if (action_ < 3) return take_claim(fleet, now);
    if (action_ < 6) {
      CpuSample sample = counters_of(sequence_, now, sequence_ * 100);
      return std::to_string(
          static_cast<int>(fleet.apply(name_, connection_, std::move(sample), at(now))));
    }
    if (action_ == 6) fleet.release(name_, connection_);
    if (action_ == 7) fleet.leave(name_, connection_, sequence_ % 4 == 0, at(now));
    if (action_ == 8) fleet.confirm(name_, connection_, identity_of(proof_));
    if (action_ == 9) fleet.expect({name_, "d"}, at(now));
    return {};
  }

 private:
  std::string take_claim(Fleet& fleet, milliseconds now) const {
    Hello hello = hello_of(name_, push_interval_);
    hello.session = std::to_string(session_);
    hello.boot_id = "b1";
    const auto claim = fleet.claim(hello, identity_of(proof_), connection_, at(now));
    if (!claim) return std::string(kRefusalCodeNames[claim.error().code]);
    return std::to_string(claim->displaced.value_or(99)) + " " +
           std::to_string(claim->resume ? claim->resume->uptime.count() : -1);
  }

  std::uint64_t action_;
  Proof proof_;
  std::string name_;
  Fleet::ConnectionId connection_;
  std::uint64_t sequence_;
  milliseconds push_interval_;
  std::uint64_t session_;
};

constexpr std::array<milliseconds, 6> kPauses{100ms, 1s, 4s, 16s, 61s, 25h};

milliseconds random_pause(std::mt19937& random) {
  return kPauses.at(random() % 20 == 0 ? 5 : random() % 5);
}

class FleetExpire : public testing::TestWithParam<unsigned> {};

TEST_P(FleetExpire, ChangesNoAnswer) {
  std::mt19937 random(GetParam());
  Fleet tidied(limits_of(4));
  Fleet untouched(limits_of(4));
  milliseconds now = 0s;
  for (int i = 0; i < 1000; ++i) {
    const RandomStep step(random);
    ASSERT_EQ(step.take(tidied, now), step.take(untouched, now)) << "step " << i;
    now += random_pause(random);
    if (random() % 2 == 0) tidied.expire(at(now));
    ASSERT_EQ(describe(tidied.snapshot(at(now))), describe(untouched.snapshot(at(now))))
        << "step " << i;
  }
}

TEST_P(FleetExpire, DoesTheSameOnceAndTwice) {
  std::mt19937 random(GetParam());
  Fleet once(limits_of(4));
  Fleet twice(limits_of(4));
  milliseconds now = 0s;
  for (int i = 0; i < 300; ++i) {
    const RandomStep step(random);
    ASSERT_EQ(step.take(once, now), step.take(twice, now)) << "step " << i;
    now += random_pause(random);
    once.expire(at(now));
    twice.expire(at(now));
    twice.expire(at(now));
    ASSERT_EQ(describe(once.snapshot(at(now))), describe(twice.snapshot(at(now))));
  }
}

TEST_P(FleetExpire, NeverHoldsMoreThanItMay) {
  std::mt19937 random(GetParam());
  Fleet fleet(limits_of(4));
  milliseconds now = 0s;
  for (int i = 0; i < 1000; ++i) {
    const RandomStep step(random);
    step.take(fleet, now);
    const auto agents = fleet.snapshot(at(now)).agents;
    ASSERT_LE(std::ranges::count_if(agents, &AgentView::has_come), 4);
    now += random_pause(random);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, FleetExpire, testing::Range(1U, 13U));

TEST(FleetExpireMemory, LetsGoOfTheSampleOfAGoneAgent) {
  OneAgent one;
  const std::weak_ptr<const CpuSample> sample = look(one.fleet, 0s)->sample;
  one.fleet.expire(at(15s));
  EXPECT_FALSE(sample.expired());
  one.fleet.expire(at(15001ms));
  EXPECT_TRUE(sample.expired());
}

// ---------------------------------------------------------------------------------------------
// What a process said stands until it says otherwise.

/// Process p1 as web-1, connection 1: its sample 1 at 0 s said that the machine booted at 1000.
class SlowAgent {
 public:
  SlowAgent() {
    claim(fleet, hello_of_process("p1"), 1, 0s);
    CpuSample first = sample_of(1);
    first.slow.boot_time_s = 1000;
    first.slow.self = ProcessCost{0.5, 4096};
    EXPECT_EQ(fleet.apply("web-1", 1, first, at(0s)), Fleet::Applied::applied);
  }

  static Hello hello_of_process(const std::string& session) {
    Hello hello = hello_of("web-1");
    hello.session = session;
    return hello;
  }

  /// What is shown after `sample` on `connection`.
  SlowReadings slow_after(CpuSample sample, Fleet::ConnectionId connection, milliseconds when) {
    EXPECT_EQ(fleet.apply("web-1", connection, std::move(sample), at(when)),
              Fleet::Applied::applied);
    const auto slow = look(fleet, when)->slow;
    return slow ? *slow : SlowReadings{};
  }

  Fleet fleet{Fleet::Limits{}};
};

TEST(FleetSlowReadings, StandUntilTheProcessSaysOtherwise) {
  SlowAgent agent;
  EXPECT_EQ(agent.slow_after(sample_of(2), 1, 1s).boot_time_s, 1000U);
  CpuSample third = sample_of(3);
  third.slow.boot_time_s = 1001;
  const SlowReadings after_third = agent.slow_after(third, 1, 2s);
  EXPECT_EQ(after_third.boot_time_s, 1001U);
  EXPECT_EQ(after_third.self, (ProcessCost{0.5, 4096}));
  EXPECT_EQ(agent.slow_after(sample_of(4), 1, 3s), after_third);
}

TEST(FleetSlowReadings, OfASourceThatHasGoneStayEmpty) {
  SlowAgent agent;
  CpuSample second = sample_of(2);
  second.slow.temperature.emplace({ZoneTemperature{0, 44'000}});
  EXPECT_EQ(agent.slow_after(second, 1, 1s).temperature->size(), 1U);
  CpuSample third = sample_of(3);
  third.slow.temperature.emplace();
  EXPECT_TRUE(agent.slow_after(third, 1, 2s).temperature->empty());
  EXPECT_TRUE(agent.slow_after(sample_of(4), 1, 3s).temperature->empty());
}

TEST(FleetSlowReadings, OutliveAReconnectOfTheProcess) {
  SlowAgent agent;
  agent.fleet.release("web-1", 1);
  claim(agent.fleet, SlowAgent::hello_of_process("p1"), 2, 5s);
  EXPECT_EQ(agent.slow_after(sample_of(2), 2, 5s).boot_time_s, 1000U);
}

TEST(FleetSlowReadings, OutliveASilenceOnAnOpenConnection) {
  SlowAgent agent;
  agent.fleet.expire(at(1h));
  EXPECT_EQ(agent.slow_after(sample_of(2), 1, 1h).boot_time_s, 1000U);
}

TEST(FleetSlowReadings, AreNotInheritedFromAnotherProcess) {
  SlowAgent agent;
  agent.fleet.release("web-1", 1);
  claim(agent.fleet, SlowAgent::hello_of_process("p2"), 2, 5s);
  EXPECT_EQ(look(agent.fleet, 5s)->slow->boot_time_s, 1000U) << "the last sample still is";
  EXPECT_EQ(agent.slow_after(sample_of(1), 2, 5s), SlowReadings{});
}

TEST(FleetSlowReadings, AreNotInheritedByAProcessThatDoesNotSayWhichItIs) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  CpuSample first = sample_of(1);
  first.slow.boot_time_s = 1000;
  ASSERT_EQ(fleet.apply("web-1", 1, first, at(0s)), Fleet::Applied::applied);
  fleet.release("web-1", 1);
  claim(fleet, hello_of("web-1"), 2, 1s);
  ASSERT_EQ(fleet.apply("web-1", 2, sample_of(1), at(1s)), Fleet::Applied::applied);
  EXPECT_EQ(look(fleet, 1s)->slow, nullptr);
}

TEST(FleetSlowReadings, AreSaidAnewByAProcessThatWasGone) {
  for (const bool expires : {false, true}) {
    SlowAgent agent;
    agent.fleet.release("web-1", 1);
    if (expires) agent.fleet.expire(at(1h));
    claim(agent.fleet, SlowAgent::hello_of_process("p1"), 2, 1h);
    EXPECT_EQ(agent.slow_after(sample_of(2), 2, 1h), SlowReadings{}) << expires;
  }
}

TEST(FleetSlowReadings, OfAnIgnoredSampleAreIgnored) {
  SlowAgent agent;
  CpuSample repeated = sample_of(1);
  repeated.slow.boot_time_s = 7;
  EXPECT_EQ(agent.fleet.apply("web-1", 1, repeated, at(1s)), Fleet::Applied::sequence_not_rising);
  EXPECT_EQ(agent.fleet.apply("web-1", 9, repeated, at(1s)), Fleet::Applied::not_holder);
  EXPECT_EQ(agent.slow_after(sample_of(2), 1, 1s).boot_time_s, 1000U);
}

CpuFacts facts_of(std::vector<std::uint32_t> online) {
  CpuFacts facts;
  facts.online = std::move(online);
  return facts;
}

TEST(FleetFacts, AreNoneUntilTheyAreSaid) {
  const SlowAgent agent;
  EXPECT_EQ(look(agent.fleet, 0s)->facts, nullptr);
}

TEST(FleetFacts, StandUntilTheNext) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0, 1})));
  EXPECT_EQ(agent.fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::applied);
  EXPECT_EQ(*look(agent.fleet, 1s)->facts, facts_of({0, 1}));
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  EXPECT_EQ(*look(agent.fleet, 1s)->facts, facts_of({0}));
}

TEST(FleetFacts, LeaveThoseOfAnEarlierSnapshotAlone) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0, 1})));
  const auto earlier = look(agent.fleet, 1s);
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  EXPECT_EQ(*earlier->facts, facts_of({0, 1}));
}

TEST(FleetFacts, AreNoSignOfLife) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  EXPECT_EQ(state(agent.fleet, 10001ms), AgentState::silent);
}

TEST(FleetFacts, AreHiddenWhenTheAgentIsGone) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  EXPECT_NE(look(agent.fleet, 15s)->facts, nullptr);
  EXPECT_EQ(look(agent.fleet, 15001ms)->facts, nullptr);
  agent.fleet.expire(at(1h));
  EXPECT_EQ(agent.fleet.apply("web-1", 1, sample_of(2), at(1h)), Fleet::Applied::applied);
  EXPECT_EQ(*look(agent.fleet, 1h)->facts, facts_of({0})) << "the process never left";
}

TEST(FleetFacts, OfADisplacedConnectionAreIgnored) {
  SlowAgent agent;
  claim(agent.fleet, SlowAgent::hello_of_process("p1"), 2, 1s);
  EXPECT_TRUE(agent.fleet.learn("web-1", 2, facts_of({0, 1})));
  EXPECT_FALSE(agent.fleet.learn("web-1", 1, facts_of({7})));
  EXPECT_EQ(*look(agent.fleet, 1s)->facts, facts_of({0, 1}));
}

TEST(FleetFacts, OfANameThatNobodyHoldsAreIgnored) {
  SlowAgent agent;
  EXPECT_FALSE(agent.fleet.learn("web-2", 1, facts_of({0})));
  agent.fleet.release("web-1", 1);
  EXPECT_FALSE(agent.fleet.learn("web-1", 1, facts_of({0})));
  EXPECT_EQ(look(agent.fleet, 1s)->facts, nullptr);
}

TEST(FleetFacts, OutliveAReconnectOfTheProcess) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  agent.fleet.release("web-1", 1);
  claim(agent.fleet, SlowAgent::hello_of_process("p1"), 2, 5s);
  EXPECT_EQ(*look(agent.fleet, 5s)->facts, facts_of({0}));
}

TEST(FleetFacts, LeaveWithTheirProcess) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  agent.fleet.release("web-1", 1);
  claim(agent.fleet, SlowAgent::hello_of_process("p2"), 2, 5s);
  EXPECT_EQ(look(agent.fleet, 5s)->facts, nullptr);
}

TEST(FleetFacts, LeaveWithAGoodbye) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  agent.fleet.leave("web-1", 1, false, at(1s));
  claim(agent.fleet, SlowAgent::hello_of_process("p1"), 2, 20s);
  EXPECT_EQ(agent.fleet.apply("web-1", 2, sample_of(2), at(20s)), Fleet::Applied::applied);
  EXPECT_EQ(look(agent.fleet, 20s)->facts, nullptr);
}

TEST(FleetFacts, AreFreedWithAnAgentThatIsGoneAndNotConnected) {
  SlowAgent agent;
  EXPECT_TRUE(agent.fleet.learn("web-1", 1, facts_of({0})));
  const std::weak_ptr<const CpuFacts> facts = look(agent.fleet, 0s)->facts;
  agent.fleet.expire(at(1h));
  EXPECT_FALSE(facts.expired());
  agent.fleet.release("web-1", 1);
  agent.fleet.expire(at(1h));
  EXPECT_TRUE(facts.expired());
}

// ---------------------------------------------------------------------------------------------
// A pause of the exporter itself.

TEST(FleetIsBehind, IsNotKnownBeforeTheFirstExpire) {
  const Fleet fleet({});
  EXPECT_FALSE(fleet.is_behind(at(1h)));
}

TEST(FleetIsBehind, SaysThatExpireIsOverdue) {
  Fleet fleet({});
  fleet.expire(at(5s));
  EXPECT_FALSE(fleet.is_behind(at(5s)));
  EXPECT_FALSE(fleet.is_behind(at(6s)));
  EXPECT_TRUE(fleet.is_behind(at(6001ms)));
  fleet.expire(at(7s));
  EXPECT_FALSE(fleet.is_behind(at(7s)));
}

TEST(FleetIsBehind, DoesNotTakeAnEarlierMomentForOne) {
  Fleet fleet({});
  fleet.expire(at(5s));
  EXPECT_FALSE(fleet.is_behind(at(0s)));
}

TEST(FleetForgive, StillFindsADeadAgentDeadAfterItsLimitOfRunningTime) {
  OneAgent one;
  one.fleet.forgive(1h, at(1h + 12s));
  EXPECT_EQ(state(one.fleet, 1h + 10s), AgentState::alive);
  EXPECT_EQ(state(one.fleet, 1h + 10001ms), AgentState::silent);
  EXPECT_EQ(state(one.fleet, 1h + 15001ms), AgentState::gone);
}

TEST(FleetForgive, GivesNothingToWhatWasHeardAfterThePause) {
  OneAgent one;
  // Its last words lay in our socket, and were read before the pause was noticed.
  ASSERT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1h)), Fleet::Applied::applied);
  one.fleet.forgive(1h, at(1h));
  EXPECT_EQ(state(one.fleet, 1h + 10s), AgentState::alive);
  EXPECT_EQ(state(one.fleet, 1h + 10001ms), AgentState::silent);
}

TEST(FleetForgive, DoesNotReviveAnAgentThatWasSilentBeforeThePause) {
  OneAgent one;
  ASSERT_EQ(state(one.fleet, 12s), AgentState::silent);
  one.fleet.forgive(1h, at(1h + 12s));
  EXPECT_EQ(state(one.fleet, 1h + 12s), AgentState::silent);
  EXPECT_EQ(state(one.fleet, 1h + 15001ms), AgentState::gone);
}

TEST(FleetForgive, KeepsAnAgentAliveThatWasSilentOnlyDuringThePause) {
  OneAgent one;
  one.fleet.forgive(1h, at(1h + 12s));
  EXPECT_EQ(state(one.fleet, 1h + 1s), AgentState::alive);
  EXPECT_NE(look(one.fleet, 1h + 1s)->sample, nullptr);
  EXPECT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1h + 2s)), Fleet::Applied::applied);
  EXPECT_EQ(state(one.fleet, 1h + 12s), AgentState::alive);
}

TEST(FleetForgive, DoesNotChangeWhenTheLastSampleCame) {
  OneAgent one;
  one.fleet.forgive(1h, at(1h + 12s));
  EXPECT_EQ(look(one.fleet, 1h)->last_sample, at(0s).system);
}

TEST(FleetForgive, DoesNotHandANameOverForASilenceOfTheExporter) {
  OneAgent one;
  one.fleet.forgive(1h, at(1h + 12s));
  EXPECT_EQ(refusal(one.fleet, hello_of("web-1"), 2, 1h + 10s), RefusalCode::endpoint_in_use);
  EXPECT_EQ(claim(one.fleet, hello_of("web-1"), 2, 1h + 10001ms).displaced, Fleet::ConnectionId{1});
}

TEST(FleetForgive, GivesANewNameItsTimeForTheFirstSample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  fleet.forgive(1h, at(1h + 12s));
  EXPECT_FALSE(look(fleet, 1h + 10s));
  EXPECT_EQ(state(fleet, 1h + 10001ms), AgentState::silent);
}

TEST(FleetForgive, ShowsAStoppedAgentItsTimeOfRunningTime) {
  OneAgent one;
  one.fleet.leave("web-1", 1, false, at(0s));
  one.fleet.forgive(1h, at(1h + 12s));
  EXPECT_TRUE(look(one.fleet, 1h + 15s));
  EXPECT_FALSE(look(one.fleet, 1h + 15001ms));
}

TEST(FleetForgive, ForgetsNobodyEarly) {
  OneAgent one;
  one.fleet.release("web-1", 1);
  one.fleet.forgive(hours(48), at(hours(48)));
  one.fleet.expire(at(hours(48)));
  EXPECT_TRUE(look(one.fleet, hours(72)));
  EXPECT_FALSE(look(one.fleet, hours(72) + 1ms));
}

constexpr std::uint64_t kSamples = 3000;

TEST(FleetThreads, NeverShowHalfASample) {
  Fleet fleet({});
  claim(fleet, hello_of("web-1"), 1, 0s);
  ASSERT_EQ(fleet.apply("web-1", 1, counters_of(1, 1s, 1, {{0, times_of(1)}}), at(0s)),
            Fleet::Applied::applied);
  const std::jthread ingest([&fleet] {
    for (std::uint64_t i = 2; i <= kSamples; ++i) {
      EXPECT_EQ(fleet.apply("web-1", 1, counters_of(i, 1s, i, {{0, times_of(i)}}), at(0s)),
                Fleet::Applied::applied);
      fleet.report(2, "127.0.0.1:7", static_cast<double>(i % 100));
      fleet.expire(at(0s));
    }
  });
  std::uint64_t shown = 0;
  while (shown < kSamples) {
    const FleetSnapshot snapshot = fleet.snapshot(at(0s));
    const auto sample = snapshot.agents.at(0).sample;
    ASSERT_GE(sample->sequence, shown);
    shown = sample->sequence;
    ASSERT_EQ(sample->cpu->total, times_of(shown));
    ASSERT_EQ(sample->cpu->cores.at(0).times, times_of(shown));
  }
}

TEST(FleetMemory, ASnapshotKeepsItsSampleWhileNewOnesCome) {
  OneAgent one;
  const FleetSnapshot before = one.fleet.snapshot(at(1s));
  const CpuSample held = *before.agents[0].sample;
  CpuSample next = sample_of(2);
  next.percent = 99;
  ASSERT_EQ(one.fleet.apply("web-1", 1, next, at(1s)), Fleet::Applied::applied);
  EXPECT_EQ(*before.agents[0].sample, held);
  EXPECT_EQ(*one.fleet.snapshot(at(1s)).agents[0].sample, next);
}

TEST(FleetMemory, ASampleTakesThePlaceOfOneThatNobodyHolds) {
  OneAgent one;
  const CpuSample* const first = one.fleet.snapshot(at(1s)).agents[0].sample.get();
  ASSERT_EQ(one.fleet.apply("web-1", 1, sample_of(2), at(1s)), Fleet::Applied::applied);
  const auto second = one.fleet.snapshot(at(1s)).agents[0].sample;
  EXPECT_EQ(second.get(), first);
  EXPECT_EQ(*second, sample_of(2));
}

}  // namespace
}  // namespace cpu_monitor::exporter
