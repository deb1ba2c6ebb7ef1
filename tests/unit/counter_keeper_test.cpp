#include "agent/counter_keeper.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <initializer_list>
#include <limits>
#include <map>
#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

constexpr std::array<Ticks, kCpuModeCount> kBusyMachine{10000, 100, 5000, 500000, 2000,
                                                        0,     300, 400,  1000,   10};

CpuTimes times(std::initializer_list<Ticks> ticks) {
  CpuTimes made;
  std::copy(ticks.begin(), ticks.end(), made.ticks.begin());
  made.fields = static_cast<std::uint8_t>(ticks.size());
  return made;
}

CpuTimes with_fields(CpuTimes whole, std::uint8_t fields) {
  whole.fields = fields;
  std::fill(whole.ticks.begin() + fields, whole.ticks.end(), Ticks{0});
  return whole;
}

std::string mode_name(const testing::TestParamInfo<CpuMode>& info) {
  std::string name;
  for (const char c : kCpuModeNames[info.param]) {
    if (c != '_') name += c;
  }
  return name;
}

/// A machine whose /proc/stat we write, and the keeper that reads it.
class Bench {
 public:
  explicit Bench(std::size_t cpus = 1, Ticks ticks_per_second = 100) : keeper(ticks_per_second) {
    for (std::uint32_t id = 0; id < cpus; ++id) {
      plug_in(id);
    }
  }

  /// As the kernel: the `cpu ` line sums the CPUs.
  void add(std::uint32_t id, CpuMode mode, std::int64_t ticks) {
    core(id).ticks[static_cast<std::size_t>(mode)] += static_cast<Ticks>(ticks);
    stat.total.ticks[static_cast<std::size_t>(mode)] += static_cast<Ticks>(ticks);
  }
  void add_to_all(CpuMode mode, std::int64_t ticks) {
    for (const CoreTimes& core : std::vector<CoreTimes>(stat.cores)) add(core.id, mode, ticks);
  }

  void plug_in(std::uint32_t id) {
    CoreTimes fresh{id, {}};
    fresh.times.fields = 10;
    stat.total.fields = 10;
    stat.cores.push_back(fresh);
    for (std::size_t mode = 0; mode < kCpuModeCount; ++mode) {
      add(id, static_cast<CpuMode>(mode), static_cast<std::int64_t>(kBusyMachine[mode]));
    }
  }
  /// Its line vanishes; its time stays in the sum.
  CoreTimes take_offline(std::uint32_t id) {
    const auto found = find(id);
    const CoreTimes taken = *found;
    stat.cores.erase(found);
    return taken;
  }
  void bring_online(const CoreTimes& core) {
    stat.cores.push_back(core);
    std::sort(stat.cores.begin(), stat.cores.end(),
              [](const CoreTimes& a, const CoreTimes& b) { return a.id < b.id; });
  }

  CpuTimes& core(std::uint32_t id) { return find(id)->times; }

  std::optional<TickDelta> read(milliseconds wall = 100ms) {
    now += wall;
    return keeper.update(stat, now);
  }

  [[nodiscard]] Ticks counter(CpuMode mode) const { return keeper.counters(false).total[mode]; }
  [[nodiscard]] Ticks counter(std::uint32_t id, CpuMode mode) const {
    for (const CoreTimes& core : keeper.counters(true).cores) {
      if (core.id == id) return core.times[mode];
    }
    ADD_FAILURE() << "CPU " << id << " is not shown";
    return 0;
  }
  [[nodiscard]] std::uint64_t discards(DiscardReason reason) const {
    return keeper.discards()[reason];
  }

  void expect_counters_equal_the_kernels() const {
    const CpuCounters counters = keeper.counters(true);
    EXPECT_EQ(counters.total.ticks, stat.total.ticks);
    EXPECT_EQ(counters.cores, stat.cores);
  }
  /// A reading without a ratio is all that a small step back may cost.
  void expect_no_time_was_dropped() const {
    EXPECT_EQ(discards(DiscardReason::suspend), 0u);
    EXPECT_EQ(discards(DiscardReason::wrapped), 0u);
  }

  ProcStat stat;
  milliseconds now = 1h;
  CounterKeeper keeper;

 private:
  std::vector<CoreTimes>::iterator find(std::uint32_t id) {
    return std::find_if(stat.cores.begin(), stat.cores.end(),
                        [id](const CoreTimes& core) { return core.id == id; });
  }
};

// --- the ordinary machine

TEST(CounterKeeper, KnowsNothingBeforeTheFirstReading) {
  const CounterKeeper keeper(100);
  EXPECT_EQ(keeper.counters(true).total.fields, 0);
  EXPECT_TRUE(keeper.counters(true).cores.empty());
  EXPECT_FALSE(keeper.discards().any());
}

TEST(CounterKeeper, FirstReadingYieldsNoDifference) {
  Bench bench;
  EXPECT_EQ(bench.read(), std::nullopt);
}

TEST(CounterKeeper, CountersStartAtTheKernelsTotals) {
  Bench bench(3);
  bench.read();
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, CountersGrowAsTheKernelsDo) {
  Bench bench(2);
  bench.read();
  for (std::int64_t i = 0; i < 100; ++i) {
    bench.add(0, CpuMode::user, i % 7);
    bench.add(1, CpuMode::idle, 10);
    bench.add(1, CpuMode::iowait, i % 3);
    bench.read();
    bench.expect_counters_equal_the_kernels();
  }
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, DifferenceIsThatOfTheWholeMachine) {
  Bench bench(2);
  bench.read();
  bench.add(0, CpuMode::user, 3);
  bench.add(0, CpuMode::system, 2);
  bench.add(1, CpuMode::irq, 1);
  bench.add(1, CpuMode::steal, 1);
  bench.add(1, CpuMode::idle, 9);
  bench.add(0, CpuMode::iowait, 4);
  EXPECT_EQ(bench.read(), (TickDelta{7, 13, 1, 3}));
}

TEST(CounterKeeper, GuestIsInsideUserAndNotAddedToTheDifference) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, 8);
  bench.add(0, CpuMode::guest, 8);
  bench.add(0, CpuMode::nice, 2);
  bench.add(0, CpuMode::guest_nice, 2);
  EXPECT_EQ(bench.read(), (TickDelta{10, 0}));
  bench.expect_counters_equal_the_kernels();
}

TEST(CounterKeeper, GuestMayOutrunUserByATick) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, 9);
  bench.add(0, CpuMode::guest, 10);
  EXPECT_EQ(bench.read(), (TickDelta{9, 0}));
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, ATicklessMachineThatSleepsMovesByNothing) {
  Bench bench;
  bench.read();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(bench.read(), TickDelta{});
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, TheMachineMaySumMoreCpusThanAreOnline) {
  Bench bench(2);
  bench.take_offline(1);
  bench.read();
  bench.add(0, CpuMode::user, 5);
  EXPECT_EQ(bench.read(), (TickDelta{5, 0}));
  EXPECT_EQ(bench.counter(CpuMode::user), 20005u);
  EXPECT_EQ(bench.counter(0, CpuMode::user), 10005u);
}

TEST(CounterKeeper, CpusAreKeyedById) {
  Bench bench(0);
  for (const std::uint32_t id : {3u, 64u, 65535u}) bench.plug_in(id);
  bench.read();
  bench.add(64, CpuMode::user, 7);
  bench.read();
  EXPECT_EQ(bench.counter(3, CpuMode::user), 10000u);
  EXPECT_EQ(bench.counter(64, CpuMode::user), 10007u);
  EXPECT_EQ(bench.counter(65535, CpuMode::user), 10000u);
}

TEST(CounterKeeper, CoresAreLeftOutWhenNotAskedFor) {
  Bench bench(4);
  bench.read();
  EXPECT_TRUE(bench.keeper.counters(false).cores.empty());
  EXPECT_EQ(bench.keeper.counters(true).cores.size(), 4u);
}

TEST(CounterKeeper, AFileWithoutCpuLinesIsAMachineAllTheSame) {
  Bench bench;
  bench.stat.cores.clear();
  bench.read();
  bench.stat.total.ticks[0] += 5;
  EXPECT_EQ(bench.read(), (TickDelta{5, 0}));
}

// --- columns

class CounterKeeperColumns : public testing::TestWithParam<std::uint8_t> {};

TEST_P(CounterKeeperColumns, UnknownModesStayAbsent) {
  Bench bench;
  const auto read = [&bench] {
    ProcStat stat = bench.stat;
    stat.total = with_fields(stat.total, GetParam());
    stat.cores[0].times = with_fields(stat.cores[0].times, GetParam());
    bench.now += 100ms;
    return bench.keeper.update(stat, bench.now);
  };
  read();
  bench.add(0, CpuMode::user, 4);
  bench.add(0, CpuMode::guest_nice, 4);
  EXPECT_EQ(read(), (TickDelta{4, 0}));
  EXPECT_EQ(bench.keeper.counters(true).total, with_fields(bench.stat.total, GetParam()));
  EXPECT_EQ(bench.keeper.counters(true).cores.at(0).times,
            with_fields(bench.stat.cores[0].times, GetParam()));
}

std::string columns_name(const testing::TestParamInfo<std::uint8_t>& info) {
  return "Columns" + std::to_string(info.param);
}

INSTANTIATE_TEST_SUITE_P(Kernels, CounterKeeperColumns, testing::Values(4, 5, 6, 7, 8, 9, 10),
                         columns_name);

TEST(CounterKeeper, AModeThatAppearsLaterStartsAtTheKernelsValue) {
  CounterKeeper keeper(100);
  keeper.update({times({1, 2, 3, 4}), {}}, 1s);
  EXPECT_EQ(keeper.update({times({2, 2, 3, 5, 6, 7, 8, 900000}), {}}, 2s), (TickDelta{1, 1}));
  EXPECT_EQ(keeper.counters(false).total, times({2, 2, 3, 5, 6, 7, 8, 900000}));
  EXPECT_FALSE(keeper.discards().any());
}

TEST(CounterKeeper, AModeThatVanishesIsAbsentAndNoSuspend) {
  CounterKeeper keeper(100);
  keeper.update({times({1, 2, 3, 4, 5, 6, 7, 900000}), {}}, 1s);
  EXPECT_EQ(keeper.update({times({2, 2, 3, 5}), {}}, 2s), (TickDelta{1, 1}));
  EXPECT_EQ(keeper.counters(false).total, times({2, 2, 3, 5}));
  EXPECT_FALSE(keeper.discards().any());
}

TEST(CounterKeeper, AModeThatReturnsGoesOnFromItsCounter) {
  CounterKeeper keeper(100);
  keeper.update({times({1, 2, 3, 4, 100}), {}}, 1s);
  keeper.update({times({1, 2, 3, 4}), {}}, 2s);
  keeper.update({times({1, 2, 3, 4, 20}), {}}, 3s);
  EXPECT_EQ(keeper.counters(false).total, times({1, 2, 3, 4, 100}));
  keeper.update({times({1, 2, 3, 4, 25}), {}}, 4s);
  EXPECT_EQ(keeper.counters(false).total, times({1, 2, 3, 4, 105}));
}

// --- small steps back

class CounterKeeperMode : public testing::TestWithParam<CpuMode> {};

TEST_P(CounterKeeperMode, ASmallStepBackIsHeld) {
  Bench bench;
  bench.read();
  const Ticks before = bench.counter(GetParam());
  bench.add(0, GetParam(), -5);
  bench.read();
  EXPECT_EQ(bench.counter(GetParam()), before);
  EXPECT_EQ(bench.counter(0, GetParam()), before);
  bench.add(0, GetParam(), 4);
  bench.read();
  EXPECT_EQ(bench.counter(GetParam()), before);
  bench.add(0, GetParam(), 3);
  bench.read();
  EXPECT_EQ(bench.counter(GetParam()), before + 2);
  bench.expect_counters_equal_the_kernels();
  bench.expect_no_time_was_dropped();
}

TEST_P(CounterKeeperMode, AThousandWobblesAddNothing) {
  Bench bench;
  bench.read();
  const CpuCounters before = bench.keeper.counters(true);
  for (int i = 0; i < 1000; ++i) {
    bench.add(0, GetParam(), -1);
    bench.read();
    bench.add(0, GetParam(), 1);
    bench.read();
  }
  EXPECT_EQ(bench.keeper.counters(true), before);
  bench.expect_no_time_was_dropped();
}

TEST_P(CounterKeeperMode, AWrapIsDroppedAndCounted) {
  Bench bench;
  bench.read();
  const Ticks before = bench.counter(GetParam());
  bench.add(0, GetParam(), 1844674407370);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.counter(GetParam()), before);
  EXPECT_EQ(bench.discards(DiscardReason::wrapped), 1u)
      << "one reading, though the CPU and the machine wrapped";
  bench.add(0, GetParam(), 6);
  EXPECT_TRUE(bench.read());
  EXPECT_EQ(bench.counter(GetParam()), before + 6);
  EXPECT_EQ(bench.counter(0, GetParam()), before + 6);
}

INSTANTIATE_TEST_SUITE_P(Modes, CounterKeeperMode,
                         testing::Values(CpuMode::user, CpuMode::nice, CpuMode::system,
                                         CpuMode::idle, CpuMode::iowait, CpuMode::irq,
                                         CpuMode::softirq, CpuMode::steal, CpuMode::guest,
                                         CpuMode::guest_nice),
                         mode_name);

TEST(CounterKeeper, ASmallStepBackYieldsNoDifferenceAndIsCounted) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, -5);
  bench.add(0, CpuMode::user, 3);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::stepped_back), 1u) << "once for the CPU and the machine";
  bench.expect_no_time_was_dropped();
}

TEST(CounterKeeper, TheReadingAfterAStepBackHasADifferenceAgain) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, -5);
  bench.read();
  bench.add(0, CpuMode::user, 1);
  bench.add(0, CpuMode::idle, 9);
  EXPECT_EQ(bench.read(), (TickDelta{1, 9}));
  EXPECT_EQ(bench.discards(DiscardReason::stepped_back), 1u);
}

TEST(CounterKeeper, AModeThatSteppedBackUnderItsOwnSideIsNoMatter) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, -20);
  bench.add(0, CpuMode::system, 21);
  bench.add(0, CpuMode::idle, 9);
  EXPECT_EQ(bench.read(), (TickDelta{1, 9, 0, 21}));
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, AGuestThatStepsBackAloneIsNoStepOfTheMachine) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::guest, -20);
  bench.add(0, CpuMode::idle, 9);
  EXPECT_EQ(bench.read(), (TickDelta{0, 9}));
  EXPECT_FALSE(bench.keeper.discards().any());
}

struct Side {
  const char* name;
  CpuMode back;
  CpuMode on;
  friend std::ostream& operator<<(std::ostream& out, const Side& side) { return out << side.name; }
};

/// What one side of a CPU lost, and what the rest of the machine gained meanwhile.
class CounterKeeperStepBack : public testing::TestWithParam<Side> {
 protected:
  std::optional<TickDelta> step_back(std::initializer_list<std::uint32_t> ids, std::int64_t ticks) {
    bench_.add_to_all(GetParam().back, 10);
    bench_.add_to_all(GetParam().on, 10);
    for (const std::uint32_t id : ids) bench_.add(id, GetParam().back, -10 - ticks);
    return bench_.read();
  }

  Bench bench_{8};
};

TEST_P(CounterKeeperStepBack, OfOneCpuHiddenInTheMachinesSumYieldsNoDifferenceAndIsCounted) {
  bench_.read();
  EXPECT_EQ(step_back({3}, CounterKeeper::kRounding + 1), std::nullopt);
  EXPECT_EQ(bench_.discards(DiscardReason::stepped_back), 1u);
  bench_.expect_no_time_was_dropped();
}

TEST_P(CounterKeeperStepBack, OfSeveralCpusIsCountedOncePerReading) {
  bench_.read();
  EXPECT_EQ(step_back({0, 3, 7}, 5), std::nullopt);
  EXPECT_EQ(step_back({1}, 5), std::nullopt);
  EXPECT_EQ(bench_.discards(DiscardReason::stepped_back), 2u);
}

TEST_P(CounterKeeperStepBack, OfOneCpuByRoundingIsNoMatter) {
  bench_.read();
  const auto delta = step_back({3}, CounterKeeper::kRounding);
  ASSERT_TRUE(delta);
  EXPECT_EQ(delta->busy + delta->rest, 80 + 70 - CounterKeeper::kRounding);
  EXPECT_FALSE(bench_.keeper.discards().any());
}

TEST_P(CounterKeeperStepBack, OfTheMachineAloneByATickYieldsNoDifferenceAndIsCounted) {
  bench_.read();
  bench_.stat.total.ticks[static_cast<std::size_t>(GetParam().back)] -= 1;
  bench_.stat.total.ticks[static_cast<std::size_t>(GetParam().on)] += 5;
  EXPECT_EQ(bench_.read(), std::nullopt);
  EXPECT_EQ(bench_.discards(DiscardReason::stepped_back), 1u);
}

TEST_P(CounterKeeperStepBack, BesideASuspendCountsTheSuspendAlone) {
  bench_.read();
  bench_.add(0, CpuMode::idle, -40000);
  EXPECT_EQ(step_back({3}, 5), std::nullopt);
  EXPECT_GE(bench_.discards(DiscardReason::suspend), 1u);
  EXPECT_EQ(bench_.discards(DiscardReason::stepped_back), 0u);
}

std::string side_name(const testing::TestParamInfo<Side>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Sides, CounterKeeperStepBack,
                         testing::Values(Side{"Busy", CpuMode::user, CpuMode::idle},
                                         Side{"Idle", CpuMode::idle, CpuMode::user},
                                         Side{"Iowait", CpuMode::iowait, CpuMode::system}),
                         side_name);

TEST(CounterKeeper, WobblesOfATickPerCoreOnManyCoresDropNothing) {
  Bench bench(64);
  bench.read();
  for (int i = 0; i < 100; ++i) {
    for (std::uint32_t id = 0; id < 64; ++id) {
      const bool is_busy = (id + static_cast<std::uint32_t>(i)) % 2 == 0;
      bench.add(id, CpuMode::user, is_busy ? 10 : -1);
      bench.add(id, CpuMode::idle, is_busy ? -1 : 10);
    }
    EXPECT_EQ(bench.read(), (TickDelta{32 * 9, 32 * 9}));
  }
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, IowaitBookedBackToIdleStillSaysTenPercent) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, 10);
  bench.add(0, CpuMode::idle, -40);
  bench.add(0, CpuMode::iowait, 130);
  EXPECT_EQ(bench.read(), (TickDelta{10, 90}));
  bench.add(0, CpuMode::user, 10);
  bench.add(0, CpuMode::idle, 130);
  bench.add(0, CpuMode::iowait, -40);
  EXPECT_EQ(bench.read(), (TickDelta{10, 90}));
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, AHeldCounterDoesNotMakeTheMachineLookBusy) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, -100);
  EXPECT_EQ(bench.read(), std::nullopt);
  bench.add(0, CpuMode::user, 10);
  bench.add(0, CpuMode::idle, 90);
  EXPECT_EQ(bench.read(), (TickDelta{10, 90})) << "though the idle counter stood still";
}

TEST(CounterKeeper, IdleMayComeLateAndWhole) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, 50);
  bench.add(0, CpuMode::iowait, -40);
  EXPECT_EQ(bench.read(100ms), (TickDelta{0, 10}));
  EXPECT_EQ(bench.counter(CpuMode::idle), 500050u);
  EXPECT_EQ(bench.counter(CpuMode::iowait), 2000u);
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, SecondsOfIowaitMayBeBookedBackToIdle) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::iowait, -1500);
  bench.add(0, CpuMode::idle, 1510);
  EXPECT_EQ(bench.read(20s), (TickDelta{0, 10}));
  EXPECT_EQ(bench.counter(CpuMode::iowait), 2000u);
  EXPECT_EQ(bench.counter(CpuMode::idle), 501510u);
  EXPECT_FALSE(bench.keeper.discards().any());
}

// --- suspend and hotplug

class CounterKeeperFall : public testing::TestWithParam<CpuMode> {};

TEST_P(CounterKeeperFall, OfThreeSecondsStartsANewEpoch) {
  Bench bench;
  const std::int64_t room = 5000;
  bench.add(0, GetParam(), room);
  bench.read();
  const Ticks before = bench.counter(GetParam());
  bench.add(0, GetParam(), -300);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::suspend), 1u);
  EXPECT_EQ(bench.counter(GetParam()), before);
  bench.add(0, GetParam(), 7);
  EXPECT_TRUE(bench.read());
  EXPECT_EQ(bench.counter(GetParam()), before + 7);
  EXPECT_EQ(bench.counter(0, GetParam()), before + 7);
}

TEST_P(CounterKeeperFall, OfATickLessIsHeldAndCountedAsAStepBack) {
  Bench bench;
  const std::int64_t room = 5000;
  bench.add(0, GetParam(), room);
  bench.read();
  const Ticks before = bench.counter(GetParam());
  bench.add(0, GetParam(), -299);
  EXPECT_EQ(bench.read(), std::nullopt);
  bench.add(0, GetParam(), 7);
  EXPECT_TRUE(bench.read());
  EXPECT_EQ(bench.counter(GetParam()), before);
  EXPECT_EQ(bench.discards(DiscardReason::stepped_back), 1u);
  bench.expect_no_time_was_dropped();
}

INSTANTIATE_TEST_SUITE_P(Modes, CounterKeeperFall,
                         testing::Values(CpuMode::user, CpuMode::nice, CpuMode::system,
                                         CpuMode::idle, CpuMode::irq, CpuMode::softirq,
                                         CpuMode::steal),
                         mode_name);

TEST(CounterKeeper, AFallOfTheSumStartsANewEpoch) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, -150);
  bench.add(0, CpuMode::system, -150);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::suspend), 1u);
}

TEST(CounterKeeper, AFallOfTheSumByATickLessIsAStepBack) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, -150);
  bench.add(0, CpuMode::system, -149);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::stepped_back), 1u);
  bench.expect_no_time_was_dropped();
}

TEST(CounterKeeper, AFallOfIdleHiddenInTheSumStartsANewEpoch) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, -400);
  bench.add(0, CpuMode::user, 500);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::suspend), 1u);
  EXPECT_EQ(bench.counter(CpuMode::user), 10000u) << "the interval is dropped whole";
}

TEST(CounterKeeper, ASuspendNeverShowsOneHundredPercent) {
  Bench bench(4);
  bench.read();
  bench.add_to_all(CpuMode::idle, -100000);
  bench.add_to_all(CpuMode::user, 2);
  EXPECT_EQ(bench.read(8h), std::nullopt);
  bench.add_to_all(CpuMode::idle, 9);
  bench.add_to_all(CpuMode::user, 1);
  EXPECT_EQ(bench.read(), (TickDelta{4, 36}));
  EXPECT_EQ(bench.discards(DiscardReason::suspend), 1u);
}

TEST(CounterKeeper, OneSuspendedCpuLeavesTheOthersCountersAlone) {
  Bench bench(2);
  bench.read();
  bench.add(0, CpuMode::idle, -400);
  bench.add(1, CpuMode::idle, 10);
  bench.read();
  EXPECT_EQ(bench.counter(0, CpuMode::idle), 500000u);
  EXPECT_EQ(bench.counter(1, CpuMode::idle), 500010u);
}

TEST(CounterKeeper, ASuspendOfOneCpuHiddenInTheMachinesSumYieldsNoDifference) {
  Bench bench(8);
  bench.read();
  bench.add_to_all(CpuMode::idle, 1000);
  bench.add(0, CpuMode::idle, -6000);
  EXPECT_EQ(bench.read(10s), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::suspend), 1u) << "the sum grew by 20 s all the same";
  bench.add_to_all(CpuMode::idle, 10);
  EXPECT_EQ(bench.read(), (TickDelta{0, 80}));
}

TEST(CounterKeeper, AnOfflineCpuIsNotShown) {
  Bench bench(2);
  bench.read();
  bench.take_offline(1);
  bench.read();
  const auto cores = bench.keeper.counters(true).cores;
  ASSERT_EQ(cores.size(), 1u);
  EXPECT_EQ(cores[0].id, 0u);
}

TEST(CounterKeeper, ACpuThatReturnsGoesOnFromItsCounters) {
  Bench bench(2);
  bench.read();
  const CoreTimes gone = bench.take_offline(1);
  bench.read();
  bench.bring_online(gone);
  bench.add(1, CpuMode::user, 12);
  EXPECT_EQ(bench.read(), (TickDelta{12, 0}));
  EXPECT_EQ(bench.counter(1, CpuMode::user), 10012u);
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, ACpuThatReturnsWithItsIdleTimeLostKeepsItsCounters) {
  Bench bench(2);
  bench.read();
  const CoreTimes gone = bench.take_offline(1);
  bench.read(5min);
  bench.bring_online(gone);
  bench.add(1, CpuMode::idle, -499000);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.counter(1, CpuMode::idle), 500000u);
  EXPECT_EQ(bench.counter(CpuMode::idle), 1000000u);
  bench.add(1, CpuMode::idle, 10);
  EXPECT_EQ(bench.read(), (TickDelta{0, 10}));
  EXPECT_EQ(bench.counter(1, CpuMode::idle), 500010u);
  EXPECT_EQ(bench.counter(CpuMode::idle), 1000010u);
}

TEST(CounterKeeper, ACpuThatReturnsMayHaveIdledSinceItLeft) {
  Bench bench(2);
  bench.read();
  const CoreTimes gone = bench.take_offline(1);
  for (int i = 0; i < 10; ++i) bench.read(1min);
  bench.bring_online(gone);
  bench.add(1, CpuMode::idle, 60000);
  bench.read();
  EXPECT_EQ(bench.counter(1, CpuMode::idle), 560000u);
  EXPECT_EQ(bench.discards(DiscardReason::wrapped), 0u);
}

TEST(CounterKeeper, ANewCpuStartsAtTheKernelsTotals) {
  Bench bench(1);
  bench.read();
  bench.stat.total.ticks = {20000, 200, 10000, 1000000, 4000, 0, 600, 800, 2000, 20};
  bench.keeper = CounterKeeper(100);
  bench.read();
  CoreTimes fresh{1, bench.core(0)};
  bench.bring_online(fresh);
  bench.read();
  EXPECT_EQ(bench.counter(1, CpuMode::idle), 500000u);
  EXPECT_FALSE(bench.keeper.discards().any());
}

// --- growth that time does not allow

TEST(CounterKeeper, AFieldMayGrowByOneAndAHalfTimesTheWallTimeAndTenSeconds) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, 1015);
  EXPECT_TRUE(bench.read(100ms));
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, ATickMoreIsAWrapOfThatCpu) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, 1016);
  EXPECT_EQ(bench.read(100ms), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::wrapped), 1u);
  EXPECT_EQ(bench.counter(0, CpuMode::idle), 500000u);
}

TEST(CounterKeeper, TheWallTimeCountsFromWhenTheSumLastMoved) {
  Bench bench;
  bench.read();
  for (int i = 0; i < 599; ++i) bench.read(100ms);
  bench.add(0, CpuMode::idle, 9000 + 1000);
  EXPECT_EQ(bench.read(100ms), (TickDelta{0, 10000}));
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, AMoveOfTheSumStartsTheWallTimeAnew) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, 1);
  bench.read(60s);
  bench.add(0, CpuMode::idle, 1016);
  EXPECT_EQ(bench.read(100ms), std::nullopt);
}

TEST(CounterKeeper, TheMachineMayGrowByWhatItsCpusMayGrowTogether) {
  Bench bench(64);
  bench.read();
  bench.add_to_all(CpuMode::idle, 1015);
  EXPECT_EQ(bench.read(100ms), (TickDelta{0, 64 * 1015}));
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, OneSleepingCpuMayBeLateByMinutesWhileTheOthersMove) {
  Bench bench(2);
  bench.read();
  for (int i = 0; i < 1800; ++i) {
    bench.add(0, CpuMode::user, 10);
    bench.read(100ms);
  }
  bench.add(1, CpuMode::idle, 18000);
  EXPECT_EQ(bench.read(100ms), (TickDelta{0, 18000}));
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeper, TheMachineAloneMayWrap) {
  Bench bench(2);
  bench.read();
  bench.stat.total.ticks[0] += 1'000'000;
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::wrapped), 1u);
  EXPECT_EQ(bench.counter(CpuMode::user), 20000u);
}

TEST(CounterKeeper, AReadingWithTwoWrappedFieldsIsCountedOnce) {
  CounterKeeper keeper(100);
  keeper.update({times({1, 1, 1, 1}), {}}, 1s);
  keeper.update({times({1'000'000, 2, 1'000'000, 5}), {}}, 2s);
  EXPECT_EQ(keeper.discards()[DiscardReason::wrapped], 1u);
  EXPECT_EQ(keeper.counters(false).total, times({1, 2, 1, 5})) << "the others went on";
}

TEST(CounterKeeper, AWrappedStealThatRecoversDoesNotFall) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::steal, 1844674407370);
  bench.read();
  bench.add(0, CpuMode::steal, -1844674407370);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.counter(CpuMode::steal), 400u);
  bench.add(0, CpuMode::steal, 3);
  EXPECT_EQ(bench.read(), (TickDelta{3, 0, 3}));
  EXPECT_EQ(bench.counter(CpuMode::steal), 403u);
}

TEST(CounterKeeper, AStealThatStepsBelowZeroIsHeldUntilItRecovers) {
  Bench bench;
  bench.core(0).ticks[7] = 10;
  bench.stat.total.ticks[7] = 10;
  bench.read();
  bench.add(0, CpuMode::steal, -26);
  ASSERT_EQ(bench.stat.total[CpuMode::steal], 18446744073709551600u);
  EXPECT_EQ(bench.read(), std::nullopt);
  EXPECT_EQ(bench.discards(DiscardReason::stepped_back), 1u);
  EXPECT_EQ(bench.counter(CpuMode::steal), 10u);
  bench.add(0, CpuMode::steal, 27);
  EXPECT_EQ(bench.read(), (TickDelta{27, 0, 27}));
  EXPECT_EQ(bench.counter(CpuMode::steal), 11u);
}

TEST(CounterKeeper, AClockThatStandsStillAllowsTheSlackOnly) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, 1000);
  EXPECT_TRUE(bench.read(0ms));
  bench.add(0, CpuMode::user, 1001);
  EXPECT_EQ(bench.read(0ms), std::nullopt);
}

TEST(CounterKeeper, AClockThatStepsBackAllowsTheSlackOnly) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::user, 1000);
  EXPECT_TRUE(bench.read(-30min));
  bench.add(0, CpuMode::user, 1001);
  EXPECT_EQ(bench.read(-10min), std::nullopt);
}

TEST(CounterKeeper, LimitsFollowTheTickRate) {
  Bench at_limit(1, 1024);
  at_limit.read();
  at_limit.add(0, CpuMode::idle, 10393);  // 1024 * (1.5 * 0.1 + 10) = 10393.6
  EXPECT_TRUE(at_limit.read(100ms));
  at_limit.add(0, CpuMode::idle, -3071);
  at_limit.read(100ms);
  at_limit.expect_no_time_was_dropped();

  Bench above(1, 1024);
  above.read();
  above.add(0, CpuMode::idle, 10394);
  EXPECT_EQ(above.read(100ms), std::nullopt);
  above.add(0, CpuMode::idle, -3072);
  EXPECT_EQ(above.read(100ms), std::nullopt);
  EXPECT_EQ(above.discards(DiscardReason::suspend), 1u);
}

// --- values that do not cross the wire

TEST(CounterKeeper, AFirstValueAtTheLimitIsKept) {
  CounterKeeper keeper(100);
  keeper.update({times({1, 2, 3, kMaxTicks}), {}}, 1s);
  EXPECT_EQ(keeper.counters(false).total, times({1, 2, 3, kMaxTicks}));
  EXPECT_FALSE(keeper.discards().any());
}

TEST(CounterKeeper, AFirstValueAboveTheLimitStartsAtZeroAndIsCounted) {
  CounterKeeper keeper(100);
  keeper.update({times({1, 2, 3, kMaxTicks + 1}), {}}, 1s);
  EXPECT_EQ(keeper.counters(false).total, times({1, 2, 3, 0}));
  EXPECT_EQ(keeper.discards()[DiscardReason::out_of_range], 1u);
}

TEST(CounterKeeper, ACounterThatStartedAtZeroGrowsAllTheSame) {
  CounterKeeper keeper(100);
  const Ticks huge = std::numeric_limits<Ticks>::max() - 15;
  keeper.update({times({1, 2, 3, 4, 5, 6, 7, huge}), {}}, 1s);
  EXPECT_EQ(keeper.update({times({1, 2, 3, 4, 5, 6, 7, huge + 6}), {}}, 2s), (TickDelta{6, 0, 6}));
  EXPECT_EQ(keeper.counters(false).total[CpuMode::steal], 6u);
  EXPECT_EQ(keeper.update({times({1, 2, 3, 4, 5, 6, 7, 3}), {}}, 3s), (TickDelta{13, 0, 13}));
  EXPECT_EQ(keeper.counters(false).total[CpuMode::steal], 19u) << "over the end of the ring";
  EXPECT_EQ(keeper.discards()[DiscardReason::out_of_range], 1u);
  EXPECT_EQ(keeper.discards()[DiscardReason::wrapped], 0u);
}

TEST(CounterKeeper, NoCounterGrowsAboveTheLimit) {
  CounterKeeper keeper(100);
  keeper.update({times({1, 2, 3, kMaxTicks - 4}), {}}, 1s);
  keeper.update({times({1, 2, 3, kMaxTicks + 5}), {}}, 2s);
  EXPECT_EQ(keeper.counters(false).total, times({1, 2, 3, kMaxTicks}));
}

// --- a restarted agent

/// A second agent on the bench's machine.
void restart(Bench& bench, const CpuCounters& shown, milliseconds shown_at) {
  bench.keeper = CounterKeeper(100);
  bench.read(0ms);
  bench.keeper.resume(shown, shown_at);
}

TEST(CounterKeeperResume, OrdinarilyCountersEqualTheKernels) {
  Bench bench(2);
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  const milliseconds shown_at = bench.now;
  bench.now += 3s;
  bench.add_to_all(CpuMode::user, 40);
  bench.add_to_all(CpuMode::idle, 250);
  restart(bench, shown, shown_at);
  bench.expect_counters_equal_the_kernels();
  bench.add_to_all(CpuMode::idle, 10);
  EXPECT_EQ(bench.read(), (TickDelta{0, 20}));
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeperResume, ManyRestartsAddUpToTheKernels) {
  Bench bench(2);
  bench.read();
  for (int i = 0; i < 50; ++i) {
    const CpuCounters shown = bench.keeper.counters(true);
    const milliseconds shown_at = bench.now;
    bench.now += 700ms;
    bench.add(0, CpuMode::user, i);
    bench.add(1, CpuMode::idle, 70);
    restart(bench, shown, shown_at);
    bench.add(1, CpuMode::idle, 10);
    bench.read();
  }
  bench.expect_counters_equal_the_kernels();
}

TEST(CounterKeeperResume, RestartsWithinAWobbleAddNothing) {
  Bench bench;
  bench.read();
  for (int i = 0; i < 20; ++i) {
    bench.add(0, CpuMode::iowait, -2);
    restart(bench, bench.keeper.counters(true), bench.now);
    bench.add(0, CpuMode::iowait, 1);
    bench.read();
    bench.add(0, CpuMode::iowait, 1);
    bench.read();
  }
  bench.expect_counters_equal_the_kernels();
}

TEST(CounterKeeperResume, SeveralReadingsMayComeBeforeIt) {
  Bench bench;
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  const milliseconds shown_at = bench.now;
  bench.keeper = CounterKeeper(100);
  for (int i = 0; i < 36000; ++i) {
    bench.add(0, CpuMode::idle, 10);
    bench.read();
  }
  bench.keeper.resume(shown, shown_at);
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeperResume, TheDifferenceGoesOnFromTheLastReading) {
  Bench bench;
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  bench.add(0, CpuMode::user, 900);
  bench.now += 10s;
  restart(bench, shown, bench.now - 10s);
  bench.add(0, CpuMode::user, 5);
  EXPECT_EQ(bench.read(), (TickDelta{5, 0}));
}

TEST(CounterKeeperResume, BeforeAnyReadingTheFirstOneIsJudgedAgainstIt) {
  Bench bench(2);
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  const milliseconds shown_at = bench.now;
  bench.keeper = CounterKeeper(100);
  bench.keeper.resume(shown, shown_at);
  bench.add_to_all(CpuMode::user, 60);
  EXPECT_EQ(bench.read(1s), std::nullopt) << "a first reading";
  bench.expect_counters_equal_the_kernels();
  bench.add_to_all(CpuMode::user, 10);
  EXPECT_EQ(bench.read(), (TickDelta{20, 0}));
}

TEST(CounterKeeperResume, BeforeAnyReadingNoCpuIsShown) {
  Bench bench(2);
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  CounterKeeper keeper(100);
  keeper.resume(shown, 1h);
  EXPECT_TRUE(keeper.counters(true).cores.empty());
}

TEST(CounterKeeperResume, BeforeAnyReadingAManyCoreMachineMayHaveIdledMeanwhile) {
  Bench bench(64);
  bench.read();
  const CpuCounters shown = bench.keeper.counters(false);
  const milliseconds shown_at = bench.now;
  bench.keeper = CounterKeeper(100);
  bench.keeper.resume(shown, shown_at);
  bench.add_to_all(CpuMode::idle, 6000);
  bench.read(1min);
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeperResume, AManyCoreMachineMayHaveIdledMeanwhile) {
  Bench bench(64);
  bench.read();
  const CpuCounters shown = bench.keeper.counters(false);
  const milliseconds shown_at = bench.now;
  bench.add_to_all(CpuMode::idle, 6000);
  bench.now += 1min;
  restart(bench, shown, shown_at);
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeperResume, AfterASuspendCountersGoOnFromTheShownOnes) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::idle, -400000);
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  ASSERT_GT(shown.total[CpuMode::idle], bench.stat.total[CpuMode::idle]);
  bench.add(0, CpuMode::idle, 100);
  bench.now += 1s;
  restart(bench, shown, bench.now - 1s);
  EXPECT_EQ(bench.keeper.counters(true), shown) << "that second is dropped";
  bench.add(0, CpuMode::idle, 10);
  bench.read();
  EXPECT_EQ(bench.counter(CpuMode::idle), shown.total[CpuMode::idle] + 10);
  EXPECT_EQ(bench.counter(0, CpuMode::idle), shown.total[CpuMode::idle] + 10);
}

TEST(CounterKeeperResume, AModeFarAboveTheKernelsIsNotHeldForHours) {
  Bench bench;
  bench.read();
  CpuCounters shown = bench.keeper.counters(true);
  shown.total.ticks[0] += 60000;
  bench.add(0, CpuMode::idle, 360000);
  bench.now += 1h;
  restart(bench, shown, bench.now - 1h);
  bench.add(0, CpuMode::user, 5);
  bench.read();
  EXPECT_EQ(bench.counter(CpuMode::user), shown.total[CpuMode::user] + 5);
}

TEST(CounterKeeperResume, AHeldCounterIsHeldOn) {
  Bench bench;
  bench.read();
  bench.add(0, CpuMode::iowait, -1000);
  bench.add(0, CpuMode::idle, 1000);
  bench.read(10s);
  const CpuCounters shown = bench.keeper.counters(true);
  ASSERT_EQ(shown.total[CpuMode::iowait], 2000u);
  bench.add(0, CpuMode::idle, 50);
  restart(bench, shown, bench.now);
  EXPECT_EQ(bench.counter(CpuMode::iowait), 2000u);
  EXPECT_EQ(bench.counter(CpuMode::idle), 501050u) << "what was idled meanwhile is not lost";
  EXPECT_FALSE(bench.keeper.discards().any());
  bench.add(0, CpuMode::iowait, 1003);
  bench.read(10s);
  EXPECT_EQ(bench.counter(CpuMode::iowait), 2003u);
}

TEST(CounterKeeperResume, GrowthThatTimeDoesNotAllowIsDropped) {
  Bench bench;
  bench.read();
  CpuCounters shown = bench.keeper.counters(true);
  bench.add(0, CpuMode::steal, 1844674407370);
  restart(bench, shown, bench.now);
  EXPECT_EQ(bench.counter(CpuMode::steal), 400u);
  EXPECT_EQ(bench.counter(0, CpuMode::steal), 400u);
  EXPECT_EQ(bench.discards(DiscardReason::wrapped), 1u);
  bench.add(0, CpuMode::steal, 2);
  bench.read();
  EXPECT_EQ(bench.counter(CpuMode::steal), 402u);
}

TEST(CounterKeeperResume, ACpuThatIsOfflineKeepsItsCountersForItsReturn) {
  Bench bench(2);
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  CoreTimes gone = bench.take_offline(1);
  restart(bench, shown, bench.now);
  EXPECT_EQ(bench.keeper.counters(true).cores.size(), 1u);
  gone.times.ticks[3] = 5;
  bench.bring_online(gone);
  bench.read();
  EXPECT_EQ(bench.counter(1, CpuMode::idle), 500000u);
  bench.core(1).ticks[3] += 10;
  bench.read();
  EXPECT_EQ(bench.counter(1, CpuMode::idle), 500010u);
}

TEST(CounterKeeperResume, ACpuThatWasNotShownKeepsItsOwnStart) {
  Bench bench(2);
  bench.read();
  CpuCounters shown = bench.keeper.counters(true);
  shown.cores.pop_back();
  restart(bench, shown, bench.now);
  bench.expect_counters_equal_the_kernels();
}

TEST(CounterKeeperResume, ModesThatWereNotShownKeepTheirOwnStart) {
  Bench bench;
  bench.read();
  CpuCounters shown = bench.keeper.counters(true);
  shown.total = with_fields(shown.total, 4);
  shown.cores[0].times = with_fields(shown.cores[0].times, 8);
  restart(bench, shown, bench.now);
  bench.expect_counters_equal_the_kernels();
  EXPECT_FALSE(bench.keeper.discards().any());
}

TEST(CounterKeeperResume, ModesThatAreUnknownNowStayAbsent) {
  Bench bench;
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  bench.stat.total = with_fields(bench.stat.total, 8);
  bench.core(0) = with_fields(bench.core(0), 7);
  restart(bench, shown, bench.now);
  bench.expect_counters_equal_the_kernels();
  EXPECT_EQ(bench.keeper.counters(false).total.fields, 8);
}

TEST(CounterKeeperResume, AShownTimeInTheFutureAllowsTheSlackOnly) {
  Bench bench;
  bench.read();
  const CpuCounters shown = bench.keeper.counters(true);
  bench.add(0, CpuMode::idle, 1001);
  restart(bench, shown, bench.now + 24h * 365);
  EXPECT_EQ(bench.counter(0, CpuMode::idle), 500000u);
}

// --- properties

bool is_nowhere_below(const CpuTimes& later, const CpuTimes& earlier) {
  for (std::size_t mode = 0; mode < std::min(later.fields, earlier.fields); ++mode) {
    if (later.ticks[mode] < earlier.ticks[mode]) return false;
  }
  return true;
}

/// Remembers all that was ever published.
class Audience {
 public:
  void watch(const CpuCounters& counters) {
    ASSERT_TRUE(is_nowhere_below(counters.total, total_)) << "the machine fell";
    remember(total_, counters.total);
    for (const CoreTimes& core : counters.cores) {
      ASSERT_TRUE(is_nowhere_below(core.times, cores_[core.id])) << "CPU " << core.id << " fell";
      remember(cores_[core.id], core.times);
    }
  }

 private:
  static void remember(CpuTimes& known, const CpuTimes& shown) {
    for (std::size_t mode = 0; mode < shown.fields; ++mode) {
      ASSERT_LE(shown.ticks[mode], kMaxTicks);
      known.ticks[mode] = shown.ticks[mode];
    }
    known.fields = std::max(known.fields, shown.fields);
  }

  CpuTimes total_;
  std::map<std::uint32_t, CpuTimes> cores_;
};

using Random = std::mt19937_64;

Ticks hostile_value(Random& random, Ticks before) {
  switch (random() % 12) {
    case 0:
      return random();
    case 1:
      return before - random() % 2000;
    case 2:
      return before + random() % 2000;
    case 3:
      return 0;
    case 4:
      return std::numeric_limits<Ticks>::max() - random() % 100;
    case 5:
      return random() % (2 * kMaxTicks);
    case 6:
      return before - random() % 5;
    default:
      return before + random() % 11;
  }
}

enum class Columns { fixed, changing };

void make_hostile(Random& random, CpuTimes& cpu, Columns columns) {
  if (cpu.fields == 0 || (columns == Columns::changing && random() % 50 == 0)) {
    cpu.fields = static_cast<std::uint8_t>(4 + random() % 7);
  }
  const bool is_calm = random() % 3 != 0;
  for (std::size_t mode = 0; mode < cpu.fields; ++mode) {
    Ticks& ticks = cpu.ticks[mode];
    ticks = is_calm ? ticks + random() % 11 : hostile_value(random, ticks);
  }
  std::fill(cpu.ticks.begin() + cpu.fields, cpu.ticks.end(), Ticks{0});
}

ProcStat hostile_reading(Random& random, std::map<std::uint32_t, CpuTimes>& machine,
                         Columns columns = Columns::changing) {
  ProcStat stat;
  for (auto& [id, cpu] : machine) {
    if (id != 0 && random() % 8 == 0) continue;
    make_hostile(random, cpu, columns);
    if (id == 0) {
      stat.total = cpu;
    } else {
      stat.cores.push_back({id, cpu});
    }
  }
  return stat;
}

TEST(CounterKeeperProperty, NoCounterEverFallsWhateverTheReadings) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Random random{seed};
    std::map<std::uint32_t, CpuTimes> machine{{0, {}}, {1, {}}, {7, {}}, {9, {}}};
    CounterKeeper keeper(100);
    Audience audience;
    milliseconds now = 1h;
    for (int i = 0; i < 500; ++i) {
      now += milliseconds(random() % 3000);
      keeper.update(hostile_reading(random, machine), now);
      ASSERT_NO_FATAL_FAILURE(audience.watch(keeper.counters(true))) << "seed " << seed;
    }
  }
}

TEST(CounterKeeperProperty, NoSideOfADifferenceIsNegativeWhateverTheReadings) {
  std::size_t differences = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Random random{seed};
    std::map<std::uint32_t, CpuTimes> machine{{0, {}}, {1, {}}};
    CounterKeeper keeper(100);
    milliseconds now = 1h;
    for (int i = 0; i < 500; ++i) {
      now += milliseconds(random() % 3000);
      const auto delta = keeper.update(hostile_reading(random, machine), now);
      if (!delta) continue;
      ++differences;
      ASSERT_GE(delta->busy, 0) << "seed " << seed;
      ASSERT_GE(delta->rest, 0) << "seed " << seed;
    }
  }
  EXPECT_GT(differences, 1000u);
}

void expect_nowhere_below(const CpuCounters& later, const CpuCounters& earlier) {
  EXPECT_TRUE(is_nowhere_below(later.total, earlier.total));
  for (const CoreTimes& core : later.cores) {
    for (const CoreTimes& before : earlier.cores) {
      if (before.id != core.id) continue;
      EXPECT_TRUE(is_nowhere_below(core.times, before.times)) << core.id;
    }
  }
}

TEST(CounterKeeperProperty, NoRestartMakesACounterFall) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    Random random{seed};
    std::map<std::uint32_t, CpuTimes> machine{{0, {}}, {1, {}}, {7, {}}, {9, {}}};
    CounterKeeper keeper(100);
    milliseconds now = 1h;
    const auto read = [&](std::size_t readings) {
      for (; readings > 0; --readings) {
        now += milliseconds(random() % 3000);
        keeper.update(hostile_reading(random, machine, Columns::fixed), now);
      }
    };
    read(1);
    for (int restarts = 0; restarts < 50; ++restarts) {
      const CpuCounters shown = keeper.counters(true);
      const milliseconds shown_at = now;
      keeper = CounterKeeper(100);
      read(random() % 4);
      keeper.resume(shown, shown_at);
      read(1 + random() % 10);
      expect_nowhere_below(keeper.counters(true), shown);
      ASSERT_FALSE(HasFailure()) << "seed " << seed;
    }
  }
}

TEST(CounterKeeperProperty, AWellBehavedMachineIsCountedExactly) {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    Random random{seed};
    Bench bench(1 + random() % 6);
    bench.read();
    const CpuTimes first = bench.stat.total;
    TickDelta sum;
    for (int i = 0; i < 300; ++i) {
      const auto wall = milliseconds(random() % 2000);
      for (const CoreTimes& core : std::vector<CoreTimes>(bench.stat.cores)) {
        for (std::size_t mode = 0; mode < kCpuModeCount; ++mode) {
          const auto limit = static_cast<unsigned long>(wall.count() / 10 + 1);
          bench.add(core.id, static_cast<CpuMode>(mode),
                    static_cast<std::int64_t>(random() % limit));
        }
      }
      const auto delta = bench.read(wall);
      ASSERT_TRUE(delta);
      sum += *delta;
      if (random() % 50 == 0) {
        const CpuCounters shown = bench.keeper.counters(true);
        restart(bench, shown, bench.now);
      }
    }
    bench.expect_counters_equal_the_kernels();
    EXPECT_EQ(sum, difference(bench.stat.total, first));
    EXPECT_FALSE(bench.keeper.discards().any());
  }
}

TEST(CounterKeeperProperty, LookingAtTheCountersChangesNothing) {
  Random random(11);
  std::map<std::uint32_t, CpuTimes> machine{{0, {}}, {1, {}}, {2, {}}};
  CounterKeeper watched(100);
  CounterKeeper alone(100);
  milliseconds now = 1h;
  for (int i = 0; i < 2000; ++i) {
    now += milliseconds(random() % 3000);
    const ProcStat reading = hostile_reading(random, machine);
    EXPECT_EQ(watched.update(reading, now), alone.update(reading, now));
    if (random() % 3 == 0) static_cast<void>(watched.counters(true));
  }
  EXPECT_EQ(watched.counters(true), alone.counters(true));
  EXPECT_EQ(watched.discards(), alone.discards());
}

}  // namespace
}  // namespace cpu_monitor::agent
