#include "agent/sampler.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"
#include "tests/support/temp_folder.hpp"

namespace cpu_monitor::agent {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;
using std::chrono::milliseconds;

struct Counters {
  std::int64_t user = 1000;
  std::int64_t idle = 90000;
  std::int64_t iowait = 500;

  [[nodiscard]] std::string line(std::string_view name) const {
    std::string text(name);
    for (const std::int64_t ticks : {user, std::int64_t{0}, std::int64_t{700}, idle, iowait}) {
      text += " " + std::to_string(ticks);
    }
    return text + " 0 0 0 0 0\n";
  }
};

/// A machine of one CPU whose /proc/stat we write.
class SamplerTest : public testing::Test {
 protected:
  SamplerTest() {
    reader_.emplace(root_.string(), (root_ / "sys").string());
    sampler_.emplace(*reader_, 100, 100ms);
  }

  void write(std::string_view text) const {
    std::ofstream(root_ / "stat", std::ios::binary | std::ios::trunc) << text;
  }
  void remove() const { fs::remove(root_ / "stat"); }

  void tick() {
    uptime_ += 100ms;
    sampler_->tick(uptime_);
  }
  void tick(const Counters& counters) {
    write(counters.line("cpu ") + counters.line("cpu0") + "intr 1\n");
    tick();
  }
  [[nodiscard]] CpuSample sample() {
    return sampler_->sample(uptime_, {MetricGroups::all(), true});
  }
  CpuSample end_window() {
    sampler_->end_window(uptime_);
    return sample();
  }

  void put(const fs::path& name, std::string_view text) const { folder_.put(name, text); }

  tests::TempFolder folder_;
  const fs::path& root_ = folder_.path();
  std::optional<HostReader> reader_;
  std::optional<Sampler> sampler_;
  milliseconds uptime_ = 1h;
  Counters now_;
};

std::uint64_t discarded(const CpuSample& sample, DiscardReason reason) {
  return sample.discarded ? (*sample.discarded)[reason] : 0;
}

// --- percent

TEST_F(SamplerTest, PercentIsTheBusyShareOfTheWindow) {
  tick(now_);
  now_.user += 25;
  now_.idle += 70;
  now_.iowait += 5;
  tick(now_);
  EXPECT_EQ(end_window().percent, 25.0);
}

TEST_F(SamplerTest, PercentSumsAllReadingsOfTheWindow) {
  tick(now_);
  for (int i = 0; i < 10; ++i) {
    now_.user += i;
    now_.idle += 10 - i;
    tick(now_);
  }
  EXPECT_EQ(end_window().percent, 45.0);
}

TEST_F(SamplerTest, PercentHasTwoDecimals) {
  tick(now_);
  now_.user += 4;
  now_.idle += 8;
  tick(now_);
  EXPECT_EQ(end_window().percent, 33.33);
}

TEST_F(SamplerTest, EachWindowStandsForItself) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  EXPECT_EQ(end_window().percent, 100.0);
  now_.idle += 10;
  tick(now_);
  EXPECT_EQ(end_window().percent, 0.0);
}

TEST_F(SamplerTest, AWindowBeginsWhereTheLastOneEnded) {
  tick(now_);
  static_cast<void>(end_window());
  now_.user += 9;
  now_.idle += 3;
  tick(now_);
  EXPECT_EQ(end_window().percent, 75.0) << "with a single reading, by that of the window before";
}

TEST_F(SamplerTest, AFirstReadingHasCountersButNoPercent) {
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  ASSERT_TRUE(sample.cpu);
  EXPECT_EQ(sample.cpu->total[CpuMode::idle], 90000u);
  EXPECT_EQ(sample.discarded, std::nullopt);
}

TEST_F(SamplerTest, AWindowInWhichNothingMovedIsIdle) {
  tick(now_);
  tick();
  tick();
  EXPECT_EQ(end_window().percent, 0.0);
  tick();
  EXPECT_EQ(end_window().percent, 0.0);
}

TEST_F(SamplerTest, AWindowGivesNoPercentTwice) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  EXPECT_EQ(end_window().percent, 100.0);
  EXPECT_EQ(end_window().percent, std::nullopt) << "the second had no reading";
}

// --- a sample between two pushes

TEST_F(SamplerTest, ASampleWithinTheFirstWindowHasCountersButNoPercent) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  EXPECT_EQ(sample().percent, std::nullopt);
  ASSERT_TRUE(sample().cpu);
  EXPECT_EQ(sample().cpu->total[CpuMode::user], 1010u);
}

TEST_F(SamplerTest, ASampleWithinAWindowHasTheLastPercentAndTheNewestCounters) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  static_cast<void>(end_window());
  now_.idle += 30;
  tick(now_);
  EXPECT_EQ(sample().percent, 100.0);
  ASSERT_TRUE(sample().cpu);
  EXPECT_EQ(sample().cpu->total[CpuMode::idle], 90030u);
}

TEST_F(SamplerTest, ASampleWithinAWindowDoesNotEndIt) {
  tick(now_);
  static_cast<void>(end_window());
  now_.user += 10;
  tick(now_);
  static_cast<void>(sample());
  now_.idle += 30;
  tick(now_);
  static_cast<void>(sample());
  EXPECT_EQ(end_window().percent, 25.0) << "that of both readings";
}

TEST_F(SamplerTest, AReadingMoreWithinAWindowDoesNotChangeItsPercent) {
  Sampler undisturbed(*reader_, 100, 100ms);
  tick(now_);
  undisturbed.tick(uptime_);
  for (int i = 1; i <= 10; ++i) {
    now_.user += i;
    now_.idle += 10;
    if (i == 4) {
      tick(now_);
      static_cast<void>(sample());
      now_.user += 7;
    }
    tick(now_);
    undisturbed.tick(uptime_);
  }
  undisturbed.end_window(uptime_);
  EXPECT_EQ(end_window().percent, undisturbed.sample(uptime_, {MetricGroups::all(), true}).percent);
  EXPECT_EQ(sample().percent, 38.27);
}

TEST_F(SamplerTest, AWindowFromBeforeASuspendIsNotShownAfterIt) {
  tick(now_);
  static_cast<void>(end_window());
  for (int i = 0; i < 10; ++i) {
    now_.user += 10;
    tick(now_);
  }
  EXPECT_EQ(end_window().percent, 100.0);
  uptime_ += 1900ms;
  tick(now_);
  EXPECT_EQ(sample().percent, 100.0) << "two windows later it may still be the last";
  uptime_ += 1h;
  tick(now_);
  EXPECT_EQ(sample().percent, std::nullopt);
}

// --- steps back

TEST_F(SamplerTest, AStepBackInOneReadingOfTenLeavesTheOthersShare) {
  tick(now_);
  for (int i = 0; i < 10; ++i) {
    now_.user += 1;
    now_.idle += i == 4 ? 9 - 85 : 9;
    tick(now_);
  }
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, 10.0) << "the sum of all ten would say 66.7";
  EXPECT_EQ(discarded(sample, DiscardReason::stepped_back), 1u);
}

TEST_F(SamplerTest, AStepBackThatHealsWithinTheWindowIsCountedAllTheSame) {
  tick(now_);
  now_.idle -= 5;
  tick(now_);
  now_.idle += 90;
  now_.user += 10;
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, 10.0) << "that of the good reading alone";
  EXPECT_EQ(discarded(sample, DiscardReason::stepped_back), 1u);
}

TEST_F(SamplerTest, AStepBackBeginsNoNewWindow) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  now_.idle -= 5;
  tick(now_);
  now_.idle += 30;
  tick(now_);
  EXPECT_EQ(end_window().percent, 25.0);
}

TEST_F(SamplerTest, AWindowOfStepsBackOnlyGivesNoPercentAndCountsThem) {
  tick(now_);
  for (int i = 0; i < 3; ++i) {
    now_.idle -= 5;
    now_.user += 3;
    tick(now_);
  }
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  EXPECT_TRUE(sample.cpu);
  EXPECT_EQ(discarded(sample, DiscardReason::stepped_back), 3u);
}

TEST_F(SamplerTest, ABusySideThatSteppedBackGivesNoPercentEither) {
  tick(now_);
  now_.user -= 2;
  now_.idle += 2;
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt) << "though the two add up to nothing";
  EXPECT_EQ(discarded(sample, DiscardReason::stepped_back), 1u);
}

TEST_F(SamplerTest, IowaitBookedBackToIdleStillSaysTenPercent) {
  tick(now_);
  now_.user += 10;
  now_.idle += 130;
  now_.iowait -= 40;
  tick(now_);
  EXPECT_EQ(end_window().percent, 10.0);
}

TEST_F(SamplerTest, ASuspendLeavesThatIntervalOut) {
  tick(now_);
  now_.user += 1;
  now_.idle += 9;
  tick(now_);
  now_.idle -= 50000;
  now_.user += 5;
  tick(now_);
  now_.user += 1;
  now_.idle += 9;
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, 10.0);
  EXPECT_EQ(discarded(sample, DiscardReason::suspend), 1u);
}

TEST_F(SamplerTest, AWindowOfDroppedIntervalsOnlyGivesNoPercent) {
  tick(now_);
  static_cast<void>(end_window());
  now_.idle -= 50000;
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  EXPECT_TRUE(sample.cpu);
}

// --- readings that fail

struct Damage {
  const char* name;
  const char* text;
  DiscardReason reason;
  friend std::ostream& operator<<(std::ostream& out, const Damage& d) { return out << d.name; }
};

class SamplerDamage : public SamplerTest, public testing::WithParamInterface<Damage> {};

TEST_P(SamplerDamage, YieldsNoNumbersAndIsCounted) {
  write(GetParam().text);
  for (int i = 0; i < 3; ++i) tick();
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  EXPECT_EQ(sample.cpu, std::nullopt);
  EXPECT_EQ(discarded(sample, GetParam().reason), 3u);
}

TEST_P(SamplerDamage, DoesNotTouchTheCountersOrTheOtherReadings) {
  tick(now_);
  write(GetParam().text);
  tick();
  now_.user += 5;
  now_.idle += 15;
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, 25.0);
  ASSERT_TRUE(sample.cpu);
  EXPECT_EQ(sample.cpu->total[CpuMode::user], 1005u);
  EXPECT_EQ(discarded(sample, GetParam().reason), 1u);
}

std::string damage_name(const testing::TestParamInfo<Damage>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Texts, SamplerDamage,
    testing::Values(Damage{"Empty", "", DiscardReason::empty},
                    Damage{"Torn", "cpu  1 2 3 4\ncpu0 1 2", DiscardReason::torn},
                    Damage{"Negative", "cpu  1 2 -3 4\nintr 1\n", DiscardReason::malformed},
                    Damage{"AnotherFile", "hello\n", DiscardReason::malformed}),
    damage_name);

TEST_F(SamplerTest, AMissingFileYieldsNoNumbersAndIsCounted) {
  tick();
  tick();
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  EXPECT_EQ(sample.cpu, std::nullopt);
  EXPECT_EQ(discarded(sample, DiscardReason::missing), 2u);
  EXPECT_TRUE(sample.time);
}

TEST_F(SamplerTest, AFifoYieldsNoNumbersAndIsCounted) {
  ASSERT_EQ(::mkfifo((root_ / "stat").c_str(), 0600), 0);
  tick();
  EXPECT_EQ(discarded(end_window(), DiscardReason::not_a_file), 1u);
}

TEST_F(SamplerTest, AFileThatGoesAwayInventsNoNumbers) {
  tick(now_);
  static_cast<void>(end_window());
  remove();
  tick();
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  EXPECT_EQ(sample.cpu, std::nullopt);
  EXPECT_EQ(discarded(sample, DiscardReason::missing), 1u);
}

TEST_F(SamplerTest, AFailedTickHidesTheNumbersOfTheWindowBefore) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  ASSERT_EQ(end_window().percent, 100.0);
  remove();
  tick();
  EXPECT_EQ(sample().percent, std::nullopt);
  EXPECT_EQ(sample().cpu, std::nullopt);
  EXPECT_EQ(discarded(sample(), DiscardReason::missing), 1u);
}

TEST_F(SamplerTest, AFailedLastTickHidesTheNumbersOfItsWindow) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  remove();
  tick();
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  EXPECT_EQ(sample.cpu, std::nullopt);
}

TEST_F(SamplerTest, AFailedWindowLeavesNoPercentBehind) {
  tick(now_);
  now_.user += 10;
  tick(now_);
  ASSERT_EQ(end_window().percent, 100.0);
  remove();
  tick();
  static_cast<void>(end_window());
  now_.idle += 10;
  tick(now_);
  EXPECT_EQ(sample().percent, std::nullopt) << "of a window long past";
  EXPECT_TRUE(sample().cpu);
}

TEST_F(SamplerTest, AFileThatReturnsGoesOnWhereItWas) {
  tick(now_);
  remove();
  tick();
  static_cast<void>(end_window());
  now_.user += 10;
  now_.idle += 10;
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, 50.0);
  EXPECT_EQ(sample.cpu->total[CpuMode::user], 1010u);
  EXPECT_EQ(discarded(sample, DiscardReason::missing), 1u) << "counted since the agent started";
}

TEST_F(SamplerTest, AWindowWithoutAnyTickSaysSo) {
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.percent, std::nullopt);
  EXPECT_EQ(sample.cpu, std::nullopt);
  ASSERT_TRUE(sample.discarded);
  EXPECT_FALSE(sample.discarded->any());
}

TEST_F(SamplerTest, KnowsTheCpusOfTheLastGoodReading) {
  EXPECT_EQ(sampler_->cpu_count(), 0u);
  write("cpu  1 2 3 4\ncpu0 1 2 3 4\ncpu5 1 2 3 4\nintr 1\n");
  tick();
  EXPECT_EQ(sampler_->cpu_count(), 2u);
  write("cpu  1 2 3 4\ncpu0 1 2");
  tick();
  EXPECT_EQ(sampler_->cpu_count(), 2u);
}

// --- the rest of a sample

TEST_F(SamplerTest, CoresComeOnlyWhenAskedFor) {
  tick(now_);
  EXPECT_EQ(sampler_->sample(uptime_, {MetricGroups::all(), true}).cpu->cores.size(), 1u);
  EXPECT_TRUE(sampler_->sample(uptime_, {MetricGroups::all(), false}).cpu->cores.empty());
}

TEST_F(SamplerTest, CarriesBothClocks) {
  tick(now_);
  const auto before = std::chrono::system_clock::now().time_since_epoch();
  const CpuSample sample = sampler_->sample(123456ms, {MetricGroups::all(), true});
  EXPECT_EQ(sample.uptime, 123456ms);
  ASSERT_TRUE(sample.time);
  EXPECT_GE(*sample.time + 1ms, before);
  EXPECT_LE(*sample.time, before + 1min);
}

TEST_F(SamplerTest, LeavesTheSequenceToTheLink) {
  tick(now_);
  EXPECT_EQ(end_window().sequence, 0u);
}

TEST_F(SamplerTest, ResumesFromWhatWasShown) {
  CpuCounters shown;
  shown.total.fields = 10;
  shown.total.ticks = {2000, 0, 700, 990000, 500};
  tick(now_);
  sampler_->resume(shown, uptime_ - 1s);
  now_.user += 10;
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.cpu->total[CpuMode::user], 2010u);
  EXPECT_EQ(sample.cpu->total[CpuMode::idle], 990000u);
  EXPECT_EQ(sample.percent, 100.0) << "from the kernel's own numbers";
}

TEST_F(SamplerTest, ResumesThoughNothingCouldBeReadYet) {
  CpuCounters shown;
  shown.total.fields = 10;
  shown.total.ticks = {2000, 0, 700, 990000, 500};
  tick();
  sampler_->resume(shown, uptime_ - 1s);
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.cpu->total[CpuMode::user], 2000u);
  EXPECT_EQ(sample.percent, std::nullopt);
}

// --- the log

std::size_t occurrences(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

class SamplerLog : public SamplerTest {
 protected:
  SamplerLog() { testing::internal::CaptureStderr(); }
  ~SamplerLog() override {
    if (is_capturing_) static_cast<void>(testing::internal::GetCapturedStderr());
  }

  std::string logged() {
    is_capturing_ = false;
    return testing::internal::GetCapturedStderr();
  }

  bool is_capturing_ = true;
};

TEST_F(SamplerLog, AGoodMachineIsNotWorthALine) {
  for (int i = 0; i < 10; ++i) tick(now_);
  EXPECT_EQ(logged(), "");
}

TEST_F(SamplerLog, AStandingFailureIsLoggedOnceWithItsPath) {
  for (int i = 0; i < 2000; ++i) tick();
  const std::string text = logged();
  EXPECT_EQ(occurrences(text, "\n"), 1u) << text;
  EXPECT_EQ(occurrences(text, "level=warn"), 1u) << text;
  EXPECT_EQ(occurrences(text, "reason=missing"), 1u) << text;
  EXPECT_EQ(occurrences(text, (root_ / "stat").string()), 1u) << text;
}

TEST_F(SamplerLog, DamagedTextIsLoggedWithItsPath) {
  write("cpu  1 2 3 4\n");
  tick();
  const std::string text = logged();
  EXPECT_EQ(occurrences(text, "reason=torn"), 1u) << text;
  EXPECT_EQ(occurrences(text, (root_ / "stat").string()), 1u) << text;
}

TEST_F(SamplerLog, ItsEndIsLoggedOnce) {
  tick();
  for (int i = 0; i < 10; ++i) tick(now_);
  const std::string text = logged();
  EXPECT_EQ(occurrences(text, "level=warn"), 1u) << text;
  EXPECT_EQ(occurrences(text, "level=info"), 1u) << text;
}

TEST_F(SamplerLog, AnotherReasonIsLogged) {
  tick();
  uptime_ += Sampler::kLogPause;
  write("cpu  1 2 3 4\n");
  tick();
  const std::string text = logged();
  EXPECT_EQ(occurrences(text, "reason=missing"), 1u) << text;
  EXPECT_EQ(occurrences(text, "reason=torn"), 1u) << text;
}

TEST_F(SamplerLog, AFailureThatComesAndGoesDoesNotFloodTheLog) {
  for (int i = 0; i < 250; ++i) {
    write("cpu  1 2 3 4\n");
    tick();
    tick(now_);
  }
  const std::string text = logged();
  EXPECT_EQ(occurrences(text, "level=warn"), 1u) << text;
  EXPECT_EQ(occurrences(text, "level=info"), 1u) << text;
}

TEST_F(SamplerLog, AFailureHeldBackIsLoggedInTheEndIfItStands) {
  tick();
  tick(now_);
  remove();
  for (milliseconds waited = 0ms; waited < Sampler::kLogPause; waited += 100ms) tick();
  EXPECT_EQ(occurrences(logged(), "reason=missing"), 2u);
}

// --- the machine beside its CPU time

class SamplerHostTest : public SamplerTest {
 protected:
  void put_cgroup(std::string_view stat, std::string_view max) const {
    put("self/cgroup", "0::/box\n");
    put("sys/fs/cgroup/cgroup.controllers", "cpu\n");
    put("sys/fs/cgroup/box/cpu.stat", stat);
    put("sys/fs/cgroup/box/cpu.max", max);
  }
  /// The reader looks for its cgroup once.
  void restart() {
    sampler_.reset();
    reader_.emplace(root_.string(), (root_ / "sys").string());
    sampler_.emplace(*reader_, 100, 100ms);
  }
  [[nodiscard]] static MetricGroups only(MetricGroup group) {
    MetricGroups groups;
    groups.add(group);
    return groups;
  }
};

constexpr std::string_view kCgroupStat =
    "usage_usec 1000000\nuser_usec 700000\nsystem_usec 300000\n"
    "nr_periods 10\nnr_throttled 2\nthrottled_usec 5000\n";

TEST_F(SamplerHostTest, CarriesWhatStandsBehindTheCpuLines) {
  write(now_.line("cpu ") + now_.line("cpu0") +
        "intr 55 1 2\nctxt 66\nbtime 1700000000\nprocesses 77\nprocs_running 3\nprocs_blocked 1\n");
  tick();
  const HostReadings host = end_window().host;
  EXPECT_EQ(host.interrupts, 55U);
  EXPECT_EQ(host.context_switches, 66U);
  EXPECT_EQ(host.forks, 77U);
  EXPECT_EQ(host.running, 3U);
  EXPECT_EQ(host.blocked, 1U);
  EXPECT_EQ(sampler_->boot_time_s(), 1700000000U);
}

TEST_F(SamplerHostTest, ABootBefore1970IsNotKnown) {
  for (const char* btime : {"18446744073709548016", "9007199254740992"}) {
    write(now_.line("cpu ") + now_.line("cpu0") + "intr 1\nbtime " + btime + "\n");
    tick();
    EXPECT_EQ(sampler_->boot_time_s(), std::nullopt) << btime;
  }
}

TEST_F(SamplerHostTest, WhateverTheKernelSaysTheExporterTakesIt) {
  const std::string huge = "18446744073709551615";
  put("loadavg", "1e308 99999.99 0.00 1/2 3\n");
  put("pressure/cpu", "some total=" + huge + "\n");
  put("pressure/irq", "full total=" + huge + "\n");
  put("schedstat", "cpu65535 0 0 0 0 0 0 " + huge + " " + huge + " " + huge + "\n");
  put_cgroup("usage_usec " + huge + "\nuser_usec " + huge + "\nsystem_usec " + huge +
                 "\nnr_periods " + huge + "\nnr_throttled " + huge + "\nthrottled_usec " + huge +
                 "\n",
             huge + " 1\n");
  restart();
  write("cpu  " + huge + " 0 0 0\ncpu65535 " + huge + " 0 0 0\nintr " + huge + "\nctxt " + huge +
        "\nbtime " + huge + "\nprocesses " + huge + "\nprocs_running " + huge + "\nprocs_blocked " +
        huge + "\n");
  tick();
  CpuSample sample = end_window();
  sample.sequence = 1;
  sample.slow.boot_time_s = sampler_->boot_time_s();
  const std::string line = encode(sample);
  const auto message = decode_agent_message(std::string_view(line).substr(0, line.size() - 1));
  ASSERT_TRUE(message) << message.error().detail;
  EXPECT_EQ(std::get<CpuSample>(*message), sample);
}

TEST_F(SamplerHostTest, CarriesLoadPressureAndScheduler) {
  put("loadavg", "0.50 1.25 2.00 1/234 5678\n");
  put("pressure/cpu", "some avg10=0.00 avg60=0.00 avg300=0.00 total=123\n");
  put("pressure/irq", "full avg10=0.00 avg60=0.00 avg300=0.00 total=45\n");
  put("schedstat", "version 15\ntimestamp 1\ncpu0 0 0 0 0 0 0 11 12 13\n");
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.host.load, (LoadAverage{0.5, 1.25, 2}));
  EXPECT_EQ(sample.host.cpu_waiting_us, 123U);
  EXPECT_EQ(sample.host.irq_stalled_us, 45U);
  ASSERT_EQ(sample.schedstat.size(), 1U);
  EXPECT_EQ(sample.schedstat[0], (SchedulerTimes{0, 11, 12, 13}));
}

TEST_F(SamplerHostTest, WhatIsNotThereIsAbsent) {
  tick(now_);
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.host.load, std::nullopt);
  EXPECT_EQ(sample.host.context_switches, std::nullopt);
  EXPECT_EQ(sample.host.cpu_waiting_us, std::nullopt);
  EXPECT_EQ(sample.host.irq_stalled_us, std::nullopt);
  EXPECT_TRUE(sample.schedstat.empty());
  EXPECT_EQ(sample.cgroup, std::nullopt);
  EXPECT_EQ(sampler_->boot_time_s(), std::nullopt);
}

TEST_F(SamplerHostTest, WhatIsNotThereIsLookedForAgainLater) {
  restart();
  tick(now_);
  EXPECT_EQ(sample().host.load, std::nullopt);
  put("loadavg", "0.50 1.25 2.00 1/234 5678\n");
  uptime_ += Sampler::kLookAgainAfter - 1ms;
  EXPECT_EQ(sample().host.load, std::nullopt);
  uptime_ += 1ms;
  EXPECT_TRUE(sample().host.load);
}

TEST_F(SamplerHostTest, WhatWasThereIsLookedForAtEveryPush) {
  put("loadavg", "0.50 1.25 2.00 1/234 5678\n");
  restart();
  tick(now_);
  EXPECT_TRUE(sample().host.load);
  fs::remove(root_ / "loadavg");
  for (int push = 0; push < 3; ++push) EXPECT_EQ(sample().host.load, std::nullopt);
  put("loadavg", "0.50 1.25 2.00 1/234 5678\n");
  EXPECT_TRUE(sample().host.load);
}

TEST_F(SamplerHostTest, ADamagedStatLeavesTheOtherFiles) {
  put("loadavg", "0.50 1.25 2.00 1/234 5678\n");
  write("nonsense");
  tick();
  const CpuSample sample = end_window();
  EXPECT_EQ(sample.cpu, std::nullopt);
  EXPECT_EQ(sample.host.context_switches, std::nullopt);
  EXPECT_TRUE(sample.host.load);
}

TEST_F(SamplerHostTest, HoldsTheGroupsThatAreAskedForAlone) {
  put("loadavg", "0.50 1.25 2.00 1/234 5678\n");
  put("schedstat", "cpu0 0 0 0 0 0 0 11 12 13\n");
  put_cgroup(kCgroupStat, "200000 100000\n");
  restart();
  tick(now_);
  sampler_->end_window(uptime_);
  const CpuSample load = sampler_->sample(uptime_, {only(MetricGroup::load), false});
  EXPECT_TRUE(load.host.load);
  EXPECT_TRUE(load.cgroup);
  EXPECT_EQ(load.burst, std::nullopt);
  EXPECT_TRUE(load.schedstat.empty());
  const CpuSample burst = sampler_->sample(uptime_, {only(MetricGroup::burst), false});
  EXPECT_EQ(burst.host, HostReadings{});
  EXPECT_EQ(burst.cgroup, std::nullopt);
  EXPECT_TRUE(burst.burst);
  const CpuSample detail = sampler_->sample(uptime_, {only(MetricGroup::detail), false});
  EXPECT_FALSE(detail.schedstat.empty());
}

TEST_F(SamplerHostTest, TheCgroupsUseIsAShareOfItsQuota) {
  put_cgroup(kCgroupStat, "50000 100000\n");
  restart();
  tick(now_);
  const CpuSample first = end_window();
  ASSERT_TRUE(first.cgroup);
  EXPECT_EQ(first.cgroup->quota_cores, 0.5);
  EXPECT_EQ(first.cgroup->utilization, std::nullopt) << "there is no window yet";
  EXPECT_EQ(first.cgroup->usage_us, 1000000U);
  EXPECT_EQ(first.cgroup->throttled_us, 5000U);

  put("sys/fs/cgroup/box/cpu.stat", "usage_usec 1020000\nuser_usec 720000\nsystem_usec 300000\n");
  tick(now_);
  const CpuSample second = end_window();
  ASSERT_TRUE(second.cgroup);
  EXPECT_EQ(second.cgroup->utilization, 0.4) << "20 ms of 50 in 100 ms";
  EXPECT_EQ(second.cgroup->periods, std::nullopt);
}

TEST_F(SamplerHostTest, ACgroupMayNotUseMoreThanItsQuota) {
  put_cgroup(kCgroupStat, "50000 100000\n");
  restart();
  tick(now_);
  static_cast<void>(end_window());
  put("sys/fs/cgroup/box/cpu.stat", "usage_usec 1100000\nuser_usec 800000\nsystem_usec 300000\n");
  tick(now_);
  EXPECT_EQ(end_window().cgroup->utilization, 1.0);
}

TEST_F(SamplerHostTest, ACgroupWithoutAQuotaHasNoShareOfIt) {
  put_cgroup(kCgroupStat, "max 100000\n");
  restart();
  tick(now_);
  static_cast<void>(end_window());
  tick(now_);
  const auto cgroup = end_window().cgroup;
  ASSERT_TRUE(cgroup);
  EXPECT_EQ(cgroup->quota_cores, std::nullopt);
  EXPECT_EQ(cgroup->utilization, std::nullopt);
}

TEST_F(SamplerHostTest, ACgroupThatBeganAnewHasNoShareForOneWindow) {
  put_cgroup(kCgroupStat, "50000 100000\n");
  restart();
  tick(now_);
  static_cast<void>(end_window());
  put("sys/fs/cgroup/box/cpu.stat", "usage_usec 10\nuser_usec 5\nsystem_usec 5\n");
  tick(now_);
  EXPECT_EQ(end_window().cgroup->utilization, std::nullopt);
}

TEST_F(SamplerHostTest, WithoutTheCpuControllerThereIsNoCgroup) {
  put_cgroup(kCgroupStat, "max 100000\n");
  fs::remove(root_ / "sys/fs/cgroup/box/cpu.max");
  restart();
  tick(now_);
  EXPECT_EQ(end_window().cgroup, std::nullopt);
}

// --- bursts

TEST_F(SamplerTest, ABurstOfOneReadingIsInTheHistogramAndThePeak) {
  tick(now_);
  for (int i = 0; i < 10; ++i) {
    (i == 4 ? now_.user : now_.idle) += 10;
    tick(now_);
  }
  const auto burst = end_window().burst;
  ASSERT_TRUE(burst);
  EXPECT_EQ(burst->peak, 1);
  EXPECT_EQ(burst->utilization.counts[0], 9U);
  EXPECT_EQ(burst->utilization.counts[7], 1U);
  EXPECT_EQ(burst->busiest_core.counts[7], 1U);
  EXPECT_EQ(burst->runs.counts[0], 1U);
}

TEST_F(SamplerTest, ASuspendIsNoBurst) {
  now_.idle = 500000;
  tick(now_);
  now_.idle -= 348400;
  now_.user += 5;
  uptime_ += 1h;
  tick(now_);
  now_.idle += 10;
  tick(now_);
  const auto burst = end_window().burst;
  ASSERT_TRUE(burst);
  EXPECT_EQ(burst->peak, 0);
}

TEST_F(SamplerTest, IdleTimeThatComesLateIsNoBurst) {
  tick(now_);
  now_.user += 1;
  tick(now_);
  for (int i = 0; i < 3; ++i) tick();
  now_.idle += 49;
  tick(now_);
  const auto burst = end_window().burst;
  ASSERT_TRUE(burst);
  EXPECT_EQ(burst->peak, 0.02);
  EXPECT_EQ(burst->busiest_core_peak, 0.02);
}

// --- properties

TEST_F(SamplerTest, AnyCutIntoWindowsAddsUpToTheSame) {
  std::mt19937 random(5);
  for (int round = 0; round < 20; ++round) {
    Sampler one_window(*reader_, 100, 100ms);
    Sampler many_windows(*reader_, 100, 100ms);
    const Counters first = now_;
    double busy = 0;
    double all_before = 0;
    for (int i = 0; i < 60; ++i) {
      if (i > 0) {
        now_.user += static_cast<std::int64_t>(random() % 10);
        now_.idle += static_cast<std::int64_t>(10 + random() % 10);
      }
      tick(now_);
      one_window.tick(uptime_);
      many_windows.tick(uptime_);
      if (random() % 5 != 0 && i != 59) continue;
      const auto all = static_cast<double>(now_.user + now_.idle - first.user - first.idle);
      many_windows.end_window(uptime_);
      const CpuSample sample = many_windows.sample(uptime_, {MetricGroups::all(), false});
      if (sample.percent) busy += *sample.percent / 100 * (all - all_before);
      all_before = all;
    }
    EXPECT_NEAR(busy, static_cast<double>(now_.user - first.user), 0.2);
    one_window.end_window(uptime_);
    const CpuSample whole = one_window.sample(uptime_, {MetricGroups::all(), false});
    ASSERT_TRUE(whole.percent);
    EXPECT_NEAR(*whole.percent, 100 * busy / all_before, 0.1);
    EXPECT_EQ(whole.cpu->total[CpuMode::user], static_cast<Ticks>(now_.user));
    EXPECT_EQ(whole.cpu->total[CpuMode::idle], static_cast<Ticks>(now_.idle));
  }
}

TEST(Uptime, IsTheKernelsAndRunsForward) {
  const milliseconds first = uptime_now();
  const milliseconds second = uptime_now();
  EXPECT_GE(second, first);
  std::ifstream file("/proc/uptime");
  double seconds = 0;
  file >> seconds;
  EXPECT_NEAR(seconds, static_cast<double>(first.count()) / 1000, 5);
}

TEST(SamplerOnThisMachine, ReadsAPlausibleShare) {
  HostReader reader("/proc", "/sys");
  Sampler sampler(reader, static_cast<Ticks>(::sysconf(_SC_CLK_TCK)), 100ms);
  const milliseconds start = uptime_now();
  CpuSample sample;
  volatile unsigned work = 0;
  while (!sample.percent && uptime_now() - start < 20s) {
    sampler.tick(uptime_now());
    for (unsigned i = 0; i < 20'000'000; ++i) work = work + i;
    sampler.tick(uptime_now());
    sampler.end_window(uptime_now());
    sample = sampler.sample(uptime_now(), {MetricGroups::all(), true});
  }
  ASSERT_TRUE(sample.percent);
  EXPECT_GE(*sample.percent, 0);
  EXPECT_LE(*sample.percent, 100);
  ASSERT_TRUE(sample.cpu);
  EXPECT_GE(sample.cpu->cores.size(), 1u);
  EXPECT_GT(sample.cpu->total[CpuMode::user], 0u);
  EXPECT_TRUE(sample.host.load);
  EXPECT_TRUE(sample.host.context_switches);
  EXPECT_TRUE(sampler.boot_time_s());
}

// --- the flight recorder

class SamplerRecorder : public SamplerTest {
 protected:
  void tick_by(std::int64_t user, std::int64_t idle) {
    now_.user += user;
    now_.idle += idle;
    tick(now_);
  }

  [[nodiscard]] std::vector<RecordedReading> recorded() const {
    auto playback = sampler_->recorder().play({1, 10min}, uptime_);
    return playback.next()->readings;
  }
};

TEST_F(SamplerRecorder, HoldsEachReadingButTheFirst) {
  tick(now_);
  tick_by(1, 9);
  tick_by(10, 0);
  EXPECT_EQ(recorded(),
            (std::vector<RecordedReading>{{100, {20, 20, 0, 0}}, {0, {200, 200, 0, 0}}}));
}

TEST_F(SamplerRecorder, TakesSharesOfRawTicksAndNotOfHeldCounters) {
  tick(now_);
  tick_by(1, 9);
  now_.iowait -= 50;  // taken back, as kernels do: what is shown stands still meanwhile
  tick_by(1, 59);
  tick_by(1, 9);
  for (const RecordedReading& reading : recorded()) EXPECT_EQ(reading.shares.busy, 20);
}

TEST_F(SamplerRecorder, ASuspendIsAHoleAndNotFullLoad) {
  tick(now_);
  tick_by(1, 9);
  uptime_ += 5min;
  tick_by(8, 2);  // what waking up took
  tick_by(1, 9);
  EXPECT_EQ(recorded(), (std::vector<RecordedReading>{
                            {300200, {20, 20, 0, 0}}, {100, {}}, {0, {20, 20, 0, 0}}}));
}

TEST_F(SamplerRecorder, CountersThatFellInASuspendAreNoReading) {
  tick(now_);
  tick_by(1, 9);
  tick_by(5, -50000);
  tick_by(1, 9);
  EXPECT_EQ(recorded(), (std::vector<RecordedReading>{{200, {20, 20, 0, 0}}, {0, {20, 20, 0, 0}}}));
}

TEST_F(SamplerRecorder, AReadingThatFailsIsAHole) {
  tick(now_);
  tick_by(1, 9);
  remove();
  tick();
  tick();
  tick_by(1, 29);
  EXPECT_EQ(recorded(), (std::vector<RecordedReading>{{300, {20, 20, 0, 0}}, {0, {7, 7, 0, 0}}}));
}

}  // namespace
}  // namespace cpu_monitor::agent
