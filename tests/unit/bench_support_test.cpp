// What the programs of bench/ share, where a mistake would not show in their reports.

#include <algorithm>
#include <chrono>
#include <string>
#include <string_view>
#include <variant>

#include <gtest/gtest.h>

#include "bench/latency_histogram.hpp"
#include "bench/limit_page.hpp"
#include "bench/sample_line.hpp"
#include "bench/simulated_agent.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::bench {
namespace {

using namespace std::chrono_literals;

SampleShape full_shape() {
  SampleShape shape;
  shape.with_detail = true;
  return shape;
}

CpuSample decoded(std::string_view line) {
  EXPECT_TRUE(line.ends_with("}\n"));
  const auto message = decode_agent_message(line.substr(0, line.size() - 1));
  if (!message || !std::holds_alternative<CpuSample>(*message)) {
    ADD_FAILURE() << "not a sample: " << line;
    return {};
  }
  return std::get<CpuSample>(*message);
}

bool has_fallen(const CpuTimes& later, const CpuTimes& earlier) {
  return !std::ranges::equal(later.ticks, earlier.ticks, std::ranges::greater_equal());
}

void expect_no_counter_fell(const CpuSample& later, const CpuSample& earlier) {
  EXPECT_FALSE(has_fallen(later.cpu->total, earlier.cpu->total));
  for (std::size_t core = 0; core < earlier.cpu->cores.size(); ++core) {
    EXPECT_FALSE(has_fallen(later.cpu->cores[core].times, earlier.cpu->cores[core].times));
    EXPECT_GE(later.schedstat[core].running_ns, earlier.schedstat[core].running_ns);
    EXPECT_GE(later.schedstat[core].waiting_ns, earlier.schedstat[core].waiting_ns);
  }
  EXPECT_GE(later.host.context_switches, earlier.host.context_switches);
  EXPECT_GE(later.host.cpu_waiting_us, earlier.host.cpu_waiting_us);
  EXPECT_GE(later.burst->utilization.counts[0], earlier.burst->utilization.counts[0]);
}

TEST(SampleLine, GrowsByWhatASecondHolds) {
  const CpuSample before = simulated_sample(full_shape());
  SampleLine line(before);
  const CpuSample sample = decoded(line.next(kFirstTime + 5s, kFirstUptime + 1s));
  EXPECT_EQ(sample.sequence, kFirstSequence + 1);
  EXPECT_EQ(sample.time, kFirstTime + 5s);
  EXPECT_EQ(sample.uptime, kFirstUptime + 1s);
  EXPECT_EQ(total(sample.cpu->total), total(before.cpu->total) + 800);
  EXPECT_EQ(total(sample.cpu->cores[7].times), total(before.cpu->cores[7].times) + 100);
  EXPECT_EQ(sample.host.context_switches, *before.host.context_switches + 12'000);
  EXPECT_EQ(sample.schedstat[3].running_ns, before.schedstat[3].running_ns + 500'000'000);
  expect_no_counter_fell(sample, before);
}

TEST(SampleLine, MovesEvenWhenNoTimeHasPassed) {
  const CpuSample before = simulated_sample(full_shape());
  SampleLine line(before);
  const CpuSample sample = decoded(line.next(kFirstTime, kFirstUptime));
  EXPECT_EQ(total(sample.cpu->total), total(before.cpu->total) + 1);
  EXPECT_EQ(total(sample.cpu->cores[0].times), total(before.cpu->cores[0].times) + 1);
}

TEST(SampleLine, KeepsItsWidthAndItsCountersForEver) {
  SampleLine line(simulated_sample(full_shape()));
  CpuSample before = simulated_sample(full_shape());
  const std::size_t size = line.size();
  for (int month = 1; month <= 36; ++month) {
    const std::string_view text = line.next(kFirstTime, kFirstUptime + month * 720h);
    EXPECT_EQ(text.size(), size);
    const CpuSample sample = decoded(text);
    expect_no_counter_fell(sample, before);
    before = sample;
  }
}

TEST(SampleLine, ACopyIsAMachineOfItsOwn) {
  SampleLine line(simulated_sample(SampleShape{}));
  SampleLine copy = line;
  static_cast<void>(line.next(kFirstTime, kFirstUptime + 1s));
  EXPECT_EQ(line.sequence(), kFirstSequence + 1);
  EXPECT_EQ(copy.sequence(), kFirstSequence);
  EXPECT_EQ(decoded(copy.next(kFirstTime, kFirstUptime)).sequence, kFirstSequence + 1);
}

TEST(SampleLine, ItsSlowTailTakesThePlaceOfTheLastTwoBytes) {
  const CpuSample sample = simulated_sample(full_shape());
  const SlowReadings slow = simulated_slow_readings(full_shape());
  std::string line = encode(sample);
  line.resize(line.size() - 2);
  CpuSample expected = sample;
  expected.slow = slow;
  EXPECT_EQ(decoded(line + slow_tail(sample, slow)), expected);
  EXPECT_EQ(slow_tail(sample, SlowReadings{}), "");
}

TEST(SimulatedAgent, TellsOfATickLineOfAboutSevenHundredBytes) {
  SampleShape shape;
  shape.kind = SampleKind::ticks;
  EXPECT_NEAR(static_cast<double>(encode(simulated_sample(shape)).size()), 700, 20);
}

TEST(SimulatedAgent, ItsFactsAndHelloAreTaken) {
  for (const std::string& line : {encode(simulated_facts(kMaxCpus)),
                                  encode(simulated_hello(endpoint_name("sim-", 9), "s", 10ms))}) {
    EXPECT_TRUE(decode_agent_message(line.substr(0, line.size() - 1)).has_value()) << line;
  }
  EXPECT_EQ(endpoint_name("sim-", 0), "sim-00001");
  EXPECT_EQ(endpoint_name("sim-", 123'455), "sim-123456");
}

TEST(LatencyHistogram, IsExactToOnePercent) {
  LatencyHistogram histogram;
  for (int i = 1; i <= 100'000; ++i) histogram.add(std::chrono::microseconds(i));
  for (const double quantile : {0.01, 0.5, 0.9, 0.99, 0.999}) {
    const double expected = quantile * 1e8;
    EXPECT_NEAR(static_cast<double>(histogram.quantile(quantile).count()), expected,
                expected / 100);
  }
  EXPECT_EQ(histogram.max(), 100ms);
  EXPECT_EQ(histogram.quantile(1), 100ms);
}

TEST(LatencyHistogram, TakesWhatIsExtreme) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0ns);
  histogram.add(-1ns);
  histogram.add(std::chrono::nanoseconds::max());
  EXPECT_EQ(histogram.quantile(0.5), 0ns);
  EXPECT_EQ(histogram.quantile(0.99), std::chrono::nanoseconds::max());
  EXPECT_EQ(histogram.max(), std::chrono::nanoseconds::max());
}

TEST(LimitPage, IsTheTextOfTheExporter) {
  LimitPage page(2, 2);
  const std::string text(page.render());
  EXPECT_EQ(page.series(), 32U);
  EXPECT_EQ(std::ranges::count(text, '\n'), 34);
  EXPECT_TRUE(text.starts_with(
      "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n"
      "# TYPE node_cpu_seconds_total counter\n"
      "node_cpu_seconds_total{endpoint=\"sim-00001\",cpu=\"0\",mode=\"user\"} 512345.67\n"));
  for (const char* line :
       {"node_cpu_seconds_total{endpoint=\"sim-00001\",cpu=\"1\",mode=\"user\"} 512846\n",
        "node_cpu_seconds_total{endpoint=\"sim-00001\",cpu=\"0\",mode=\"irq\"} 0\n",
        "node_cpu_seconds_total{endpoint=\"sim-00002\",cpu=\"1\",mode=\"steal\"} 522.81\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line;
  }
}

}  // namespace
}  // namespace cpu_monitor::bench
