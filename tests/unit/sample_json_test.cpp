#include "common/sample_json.hpp"

#include <limits>
#include <ostream>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

constexpr std::uint64_t kLargest = 9007199254740991;  // 2^53 - 1

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
  sample.discarded.emplace().add(DiscardReason::torn, 3);
  sample.self = ProcessCost{0.25, 2097152};
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
      R"("discarded":{"torn":3},"self":{"cpu_seconds":0.25,"resident_bytes":2097152}})");
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
    if (coin()) sample.self = ProcessCost{1e6 * percent(), below(kLargest + 1)};
    return sample;
  }

 private:
  std::uint64_t below(std::uint64_t bound) {
    return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(generator_);
  }
  bool coin() { return below(2) == 0; }

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

TEST(SampleJson, RefusesEveryPrefixOfALine) {
  const std::string text = text_of(full_sample());
  for (std::size_t bytes = 0; bytes < text.size(); ++bytes) {
    const auto scanned = scan_line(text.substr(0, bytes), Sender::agent);
    ASSERT_FALSE(scanned) << bytes;
    ASSERT_EQ(scanned.error().code, RefusalCode::bad_json) << bytes;
  }
}

TEST(SampleJson, SurvivesAnyFlippedByte) {
  const std::string text = text_of(full_sample());
  for (std::size_t at = 0; at < text.size(); ++at) {
    for (int byte = 0; byte < 256; ++byte) {
      std::string damaged = text;
      damaged[at] = static_cast<char>(byte);
      const auto scanned = scan_line(damaged, Sender::agent);
      if (!scanned) {
        ASSERT_FALSE(scanned.error().detail.empty());
      } else if (!scanned->fault) {
        ASSERT_GE(scanned->sample.sequence, 1U);
        ASSERT_LE(scanned->sample.sequence, kLargest);
      }
    }
  }
}

}  // namespace
}  // namespace cpu_monitor
