#include "common/sample_json.hpp"

#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

constexpr std::uint64_t kLargest = 9007199254740991;               // 2^53 - 1
constexpr std::uint64_t kLargestOf64Bits = 18446744073709551615U;  // 2^64 - 1

std::string text_of(const CpuSample& sample) {
  std::string text;
  append_sample(text, sample);
  return text;
}

CpuTimes some_times(Ticks first, std::uint8_t fields) {
  CpuTimes times;
  times.fields = fields;
  for (std::size_t i = 0; i < fields; ++i) times.ticks[i] = first + i;
  return times;
}

CpuSample smallest_sample() {
  CpuSample sample;
  sample.sequence = 1;
  sample.percent = 14.6;
  return sample;
}

CpuSample full_sample() {
  CpuSample sample = smallest_sample();
  sample.cpu = CpuCounters{some_times(1000, 10), {{0, some_times(10, 10)}, {7, some_times(20, 8)}}};
  sample.time = std::chrono::milliseconds(1700000000123);
  sample.uptime = std::chrono::milliseconds(4242);
  sample.host = HostReadings{LoadAverage{0.5, 1, 12.25}, 100, 101, 102, 3, 0, 104, 105};
  sample.schedstat = {{0, kLargestOf64Bits, 7, 8}, {7, 9, 10, 11}};
  sample.burst = BurstReadings{{{1, 2, 3, 4, 5, 6, 7, 8}, 9.5},
                               {{8, 7, 6, 5, 4, 3, 2, 1}, 0.1 + 0.2},
                               {{0, 0, 0, 0, 0, 0, 0, kLargest}, 0},
                               0.5,
                               1,
                               0};
  sample.cgroup = CgroupCpu{0.75, 2.5, 30, 20, 10, 5, 4, kLargestOf64Bits};
  sample.discarded.emplace().add(DiscardReason::torn, 3);
  sample.slow.boot_time_s = 1700000000;
  sample.slow.self = ProcessCost{0.25, 2097152};
  sample.slow.frequency = Frequencies{{{0, 2400000}, {7, 800000}}, {{0, 2394375}}};
  sample.slow.throttles = Throttles{{{0, 0, 5}, {0, 1, 6}}, {{0, 7}}};
  sample.slow.temperature = std::vector<ZoneTemperature>{{0, 45000}, {3, -273150}};
  return sample;
}

TEST(SampleWriter, WritesTheSmallestSample) {
  EXPECT_EQ(text_of(smallest_sample()), R"({"type":"sample","sequence":1,"percent":14.6})");
}

TEST(SampleWriter, WritesEveryField) {
  EXPECT_EQ(
      text_of(full_sample()),
      R"({"type":"sample","sequence":1,"percent":14.6,"time_ms":1700000000123,)"
      R"("uptime_ms":4242,"cpu":{"total":[1000,1001,1002,1003,1004,1005,1006,1007,1008,1009],)"
      R"("cores":[[0,10,11,12,13,14,15,16,17,18,19],[7,20,21,22,23,24,25,26,27]]},)"
      R"("load":[0.5,1,12.25],"context_switches":100,"interrupts":101,"forks":102,"running":3,)"
      R"("blocked":0,"pressure":{"cpu_waiting_us":104,"irq_stalled_us":105},)"
      R"("schedstat":[[0,18446744073709551615,7,8],[7,9,10,11]],)"
      R"("burst":{"utilization":{"counts":[1,2,3,4,5,6,7,8],"sum":9.5},)"
      R"("busiest_core":{"counts":[8,7,6,5,4,3,2,1],"sum":0.30000000000000004},)"
      R"("runs":{"counts":[0,0,0,0,0,0,0,9007199254740991],"sum":0},)"
      R"("peak":0.5,"busiest_core_peak":1,"steal_peak":0},)"
      R"("cgroup":{"usage_us":30,"user_us":20,"system_us":10,"utilization":0.75,"quota_cores":2.5,)"
      R"("periods":5,"throttled_periods":4,"throttled_us":18446744073709551615},)"
      R"("discarded":{"torn":3},"boot_time_s":1700000000,)"
      R"("self":{"cpu_seconds":0.25,"resident_bytes":2097152},)"
      R"("frequency":{"scaling":[[0,2400000],[7,800000]],"hardware":[[0,2394375]]},)"
      R"("throttles":{"cores":[[0,0,5],[0,1,6]],"packages":[[0,7]]},)"
      R"("temperature":[[0,45000],[3,-273150]]})");
}

TEST(SampleWriter, WritesSlowReadingsWhoseSourceHasGoneEmpty) {
  CpuSample sample = smallest_sample();
  sample.slow.frequency.emplace();
  sample.slow.throttles.emplace();
  sample.slow.temperature.emplace();
  EXPECT_EQ(text_of(sample),
            R"({"type":"sample","sequence":1,"percent":14.6,"frequency":{},"throttles":{},)"
            R"("temperature":[]})");
}

TEST(SampleWriter, AppendsToWhatIsThere) {
  std::string text = "before";
  append_cpu(text, CpuCounters{some_times(1, 4), {}});
  EXPECT_EQ(text, R"(before{"total":[1,2,3,4]})");
}

TEST(SampleWriter, WritesTheLargestNumbers) {
  CpuSample sample;
  sample.sequence = kLargest;
  sample.cpu.emplace().total = some_times(kLargest - 3, 4);
  EXPECT_EQ(text_of(sample),
            R"({"type":"sample","sequence":9007199254740991,"cpu":{"total":[9007199254740988,)"
            R"(9007199254740989,9007199254740990,9007199254740991]}})");
}

TEST(SampleScanner, ReadsTheSmallestSample) {
  const auto scanned = scan_line(text_of(smallest_sample()), Sender::agent);
  ASSERT_TRUE(scanned);
  EXPECT_EQ(scanned->type, "sample");
  EXPECT_EQ(scanned->sample, smallest_sample());
  EXPECT_FALSE(scanned->fault.has_value());
}

TEST(SampleScanner, ReadsEveryField) {
  const auto scanned = scan_line(text_of(full_sample()), Sender::agent);
  ASSERT_TRUE(scanned);
  EXPECT_EQ(scanned->sample, full_sample());
  EXPECT_FALSE(scanned->fault.has_value());
}

TEST(SampleScanner, ReadsFieldsInAnyOrder) {
  const auto scanned = scan_line(
      R"({"cpu":{"cores":[[3,1,2,3,4]],"total":[5,6,7,8]},"percent":1,"sequence":9,"type":"sample"})",
      Sender::agent);
  ASSERT_TRUE(scanned);
  EXPECT_FALSE(scanned->fault.has_value());
  EXPECT_EQ(scanned->type, "sample");
  EXPECT_EQ(scanned->sample.sequence, 9U);
  EXPECT_EQ(scanned->sample.cpu, (CpuCounters{some_times(5, 4), {{3, some_times(1, 4)}}}));
}

TEST(SampleScanner, FindsNoTypeThatIsNoString) {
  const auto scanned = scan_line(R"({"type":5})", Sender::agent);
  ASSERT_TRUE(scanned);
  EXPECT_FALSE(scanned->type.has_value());
}

TEST(SampleScanner, ReadsAResumeOfAnExporterOnly) {
  constexpr std::string_view line =
      R"({"type":"welcome","resume":{"uptime_ms":5,"cpu":{"total":[1,2,3,4]}}})";
  const auto from_exporter = scan_line(line, Sender::exporter);
  ASSERT_TRUE(from_exporter);
  ASSERT_TRUE(from_exporter->resume.has_value());
  EXPECT_EQ(*from_exporter->resume,
            (Resume{std::chrono::milliseconds(5), CpuCounters{some_times(1, 4), {}}}));

  const auto from_agent = scan_line(line, Sender::agent);
  ASSERT_TRUE(from_agent);
  EXPECT_FALSE(from_agent->resume.has_value());
}

TEST(SampleScanner, JudgesNoSampleFieldsOfAnExporter) {
  const auto scanned = scan_line(R"({"type":"ack","sequence":"x","cpu":5})", Sender::exporter);
  ASSERT_TRUE(scanned);
  EXPECT_FALSE(scanned->fault.has_value());
}

TEST(SampleScanner, ReportsTheFirstFault) {
  const auto scanned = scan_line(R"({"type":"sample","percent":101,"sequence":0})", Sender::agent);
  ASSERT_TRUE(scanned);
  ASSERT_TRUE(scanned->fault.has_value());
  EXPECT_EQ(scanned->fault->code, RefusalCode::bad_field);
  EXPECT_NE(scanned->fault->detail.find("percent"), std::string::npos);
}

std::string line_with_cores(std::size_t count, const std::string& last = "") {
  std::string line = R"({"type":"sample","sequence":1,"cpu":{"total":[1,2,3,4],"cores":[)";
  for (std::size_t id = 0; id < count; ++id) {
    line += (id == 0 ? "[" : ",[") + std::to_string(id) + ",1,2,3,4]";
  }
  return line + last + "]}}";
}

TEST(SampleScanner, CallsOneCpuTooManyAMatterOfCapacity) {
  const auto scanned = scan_line(line_with_cores(kMaxCpus + 1), Sender::agent);
  ASSERT_TRUE(scanned);
  ASSERT_TRUE(scanned->fault.has_value());
  EXPECT_EQ(scanned->fault->code, RefusalCode::capacity);
  EXPECT_NE(scanned->fault->detail.find("1024"), std::string::npos);
  EXPECT_NE(scanned->fault->detail.find("--no-cpu.per-core"), std::string::npos);
}

TEST(SampleScanner, StillCallsABadFieldBeforeTooManyCpusBad) {
  std::string line = line_with_cores(kMaxCpus + 1);
  line.replace(line.find("[0,1,2,3,4]"), 11, "[0,1,2,3,-4]");
  const auto scanned = scan_line(line, Sender::agent);
  ASSERT_TRUE(scanned);
  ASSERT_TRUE(scanned->fault.has_value());
  EXPECT_EQ(scanned->fault->code, RefusalCode::bad_field);
}

TEST(SampleScanner, JudgesSyntaxBehindTooManyCpus) {
  const auto scanned = scan_line(line_with_cores(kMaxCpus + 1, ",[1,"), Sender::agent);
  ASSERT_FALSE(scanned);
  EXPECT_EQ(scanned.error().code, RefusalCode::bad_json);
}

TEST(SampleScanner, TakesTheMostCpus) {
  const auto scanned = scan_line(line_with_cores(kMaxCpus), Sender::agent);
  ASSERT_TRUE(scanned);
  EXPECT_FALSE(scanned->fault.has_value());
  EXPECT_EQ(scanned->sample.cpu->cores.size(), kMaxCpus);
}

TEST(SampleScanner, KeepsTheSumOfUnknownDiscardReasonsInRange) {
  std::string line = R"({"type":"sample","sequence":1,"discarded":{)";
  for (int i = 0; i < 3000; ++i) {
    line += "\"new_reason_" + std::to_string(i) + "\":" + std::to_string(kLargest) + ',';
  }
  line += R"("torn":1}})";
  const auto scanned = scan_line(line, Sender::agent);
  ASSERT_TRUE(scanned);
  ASSERT_FALSE(scanned->fault.has_value());
  EXPECT_EQ((*scanned->sample.discarded)[DiscardReason::other], kLargest);
  EXPECT_EQ((*scanned->sample.discarded)[DiscardReason::torn], 1U);
}

/// Samples of every shape the writer may be given.
class RandomSamples {
 public:
  CpuSample next() {
    CpuSample sample;
    sample.sequence = below(2) == 0 ? 1 + below(100) : 1 + below(kLargest);
    if (coin()) sample.percent = percent();
    if (coin()) sample.cpu = counters();
    if (coin()) sample.time = std::chrono::milliseconds(below(kLargest + 1));
    if (coin()) sample.uptime = std::chrono::milliseconds(below(kLargest + 1));
    if (coin() || !(sample.percent || sample.cpu)) sample.discarded = discards();
    sample.host = host();
    if (coin()) sample.schedstat = scheduler_times();
    if (coin()) sample.burst = burst();
    if (coin()) sample.cgroup = cgroup();
    sample.slow = slow();
    return sample;
  }

 private:
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(generator_);
  }
  bool coin() { return below(2) == 0; }
  std::uint64_t counter() { return coin() ? below(100000) : below(kLargestOf64Bits) + 1; }
  double ratio() { return percent() / 100; }

  template <class Value>
  std::optional<Value> perhaps(Value value) {
    return coin() ? std::optional<Value>(value) : std::nullopt;
  }

  /// Up to `most` numbers from 0 to `max`, rising.
  std::vector<std::uint32_t> rising(std::uint64_t most, std::uint64_t max) {
    std::vector<std::uint32_t> numbers;
    std::uint64_t next = below(3);
    for (std::uint64_t left = below(most + 1); left > 0 && next <= max; --left) {
      numbers.push_back(static_cast<std::uint32_t>(next));
      next += 1 + (coin() ? 0 : below(max / most));
    }
    return numbers;
  }

  double percent() {
    return below(4) == 0 ? static_cast<double>(below(101))
                         : std::uniform_real_distribution<double>(0, 100)(generator_);
  }

  CpuTimes times() {
    CpuTimes times;
    times.fields = static_cast<std::uint8_t>(kMinCpuFields + below(7));
    for (std::size_t i = 0; i < times.fields; ++i) {
      times.ticks[i] = coin() ? below(100000) : below(kLargest + 1);
    }
    return times;
  }

  CpuCounters counters() {
    CpuCounters counters;
    counters.total = times();
    std::uint32_t id = 0;
    for (std::uint64_t left = below(20); left > 0; --left) {
      id += static_cast<std::uint32_t>(1 + below(100));
      counters.cores.push_back({id, times()});
    }
    return counters;
  }

  HostReadings host() {
    HostReadings host;
    host.load = perhaps(LoadAverage{percent(), 1e3 * percent(), percent()});
    host.context_switches = perhaps(counter());
    host.interrupts = perhaps(counter());
    host.forks = perhaps(counter());
    host.running = perhaps(counter());
    host.blocked = perhaps(counter());
    host.cpu_waiting_us = perhaps(counter());
    host.irq_stalled_us = perhaps(counter());
    return host;
  }

  std::vector<SchedulerTimes> scheduler_times() {
    std::vector<SchedulerTimes> all;
    for (const std::uint32_t cpu : rising(20, kMaxCpuId)) {
      all.push_back({cpu, counter(), counter(), counter()});
    }
    return all;
  }

  BurstHistogram histogram() {
    BurstHistogram histogram;
    for (std::uint64_t& count : histogram.counts) count = coin() ? below(9) : below(kLargest + 1);
    histogram.sum = 1e9 * percent();
    return histogram;
  }

  BurstReadings burst() {
    return {histogram(),      histogram(),      histogram(),
            perhaps(ratio()), perhaps(ratio()), perhaps(ratio())};
  }

  CgroupCpu cgroup() {
    return {perhaps(ratio()), perhaps(0.01 + percent()), counter(),          counter(),
            counter(),        perhaps(counter()),        perhaps(counter()), perhaps(counter())};
  }

  std::vector<CoreFrequency> core_frequencies() {
    std::vector<CoreFrequency> all;
    for (const std::uint32_t cpu : rising(20, kMaxCpuId)) all.push_back({cpu, counter()});
    return all;
  }

  Throttles throttles() {
    Throttles throttles;
    for (const std::uint32_t package : rising(5, kMaxTopologyId)) {
      if (coin()) throttles.packages.push_back({package, counter()});
      for (const std::uint32_t core : rising(5, kMaxTopologyId)) {
        throttles.cores.push_back({package, core, counter()});
      }
    }
    return throttles;
  }

  std::vector<ZoneTemperature> temperatures() {
    std::vector<ZoneTemperature> all;
    for (const std::uint32_t zone : rising(9, kMaxCpuId)) {
      all.push_back({zone, static_cast<std::int64_t>(below(2000001)) - 1000000});
    }
    return all;
  }

  SlowReadings slow() {
    SlowReadings slow;
    slow.boot_time_s = perhaps(below(kLargest + 1));
    slow.self = perhaps(ProcessCost{1e6 * percent(), below(kLargest + 1)});
    slow.frequency = perhaps(Frequencies{core_frequencies(), core_frequencies()});
    slow.throttles = perhaps(throttles());
    slow.temperature = perhaps(temperatures());
    return slow;
  }

  DiscardCounts discards() {
    DiscardCounts counts;
    for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
      if (coin()) counts.add(static_cast<DiscardReason>(i), below(kLargest + 1));
    }
    return counts;
  }

  std::mt19937_64 generator_{20240229};
};

TEST(SampleJson, ReadsBackWhatItWrites) {
  RandomSamples samples;
  for (int i = 0; i < 2000; ++i) {
    const CpuSample sample = samples.next();
    const std::string text = text_of(sample);
    const auto scanned = scan_line(text, Sender::agent);
    ASSERT_TRUE(scanned) << text;
    ASSERT_FALSE(scanned->fault.has_value()) << scanned->fault->detail << '\n' << text;
    ASSERT_EQ(scanned->sample, sample) << text;
  }
}

CpuSample sample_of_the_largest_machine() {
  CpuSample sample = full_sample();
  sample.cpu->cores.clear();
  sample.schedstat.clear();
  sample.slow.frequency.emplace();
  sample.slow.throttles.emplace();
  for (std::uint32_t cpu = kMaxCpuId - kMaxCpus + 1; cpu <= kMaxCpuId; ++cpu) {
    constexpr Ticks kTwoYears = Ticks{100} * 86400 * 730;
    constexpr std::uint64_t kTwoYearsInNs = std::uint64_t{86400} * 730 * 1'000'000'000;
    sample.cpu->cores.push_back({cpu, some_times(kTwoYears, 10)});
    sample.schedstat.push_back({cpu, kTwoYearsInNs, kTwoYearsInNs, kTwoYearsInNs / 10000});
    sample.slow.frequency->scaling.push_back({cpu, 4000000});
    sample.slow.frequency->hardware.push_back({cpu, 4000000});
    sample.slow.throttles->cores.push_back({cpu / 128, cpu, 1000000});
    sample.slow.throttles->packages.push_back({cpu, 1000000});
  }
  sample.slow.temperature->clear();
  for (std::uint32_t zone = 0; zone < kMaxThermalZones; ++zone) {
    sample.slow.temperature->push_back({zone, -100000});
  }
  return sample;
}

/// Every column of every CPU full after two years, all groups on.
TEST(SampleJson, FitsALineOfTheLargestMachine) {
  const CpuSample sample = sample_of_the_largest_machine();
  const std::string text = text_of(sample);
  EXPECT_LE(text.size(), kMaxLineBytes);
  const auto scanned = scan_line(text, Sender::agent);
  ASSERT_TRUE(scanned);
  EXPECT_FALSE(scanned->fault.has_value()) << scanned->fault->detail;
  EXPECT_EQ(scanned->sample, sample);
}

TEST(SampleJson, RefusesEveryPrefixOfALine) {
  const std::string text = text_of(full_sample());
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    const auto scanned = scan_line(text.substr(0, bytes), Sender::agent);
    ASSERT_FALSE(scanned) << bytes;
    ASSERT_EQ(scanned.error().code, RefusalCode::bad_json) << bytes;
  }
}

/// By one that means something to JSON, or that no text may hold.
TEST(SampleJson, SurvivesAnyDamagedByte) {
  constexpr std::string_view kBytes("\"\\{}[]:,-+.eE0149ntu \0\n\x80\xC3\xFF", 26);
  const std::string text = text_of(full_sample());
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (const char byte : kBytes) {
      std::string damaged = text;
      damaged[at] = byte;
      const auto scanned = scan_line(damaged, Sender::agent);
      if (!scanned) {
        ASSERT_FALSE(scanned.error().detail.empty());
      } else if (!scanned->fault) {
        ASSERT_GE(scanned->sample.sequence, 1U);
        ASSERT_LE(scanned->sample.sequence, kLargest);
        ASSERT_EQ(scan_line(text_of(scanned->sample), Sender::agent)->sample, scanned->sample);
      }
    }
  }
}

}  // namespace
}  // namespace cpu_monitor
