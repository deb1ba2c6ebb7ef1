#include <chrono>
#include <cstdint>
#include <string>

#include <gtest/gtest.h>

#include "common/messages.hpp"
#include "tests/support/exposition_page.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;

AgentView agent_with_bursts(const BurstReadings& bursts) {
  CpuSample sample;
  sample.burst = bursts;
  return agent_with(sample);
}

std::string page_of(const BurstReadings& bursts) {
  return render(agent_with_bursts(bursts), groups_of({MetricGroup::burst}));
}

TEST(ExpositionBurst, IsNotThereWhenTheSampleHasNone) {
  EXPECT_EQ(render(agent_with(CpuSample{}), groups_of({MetricGroup::burst})), "");
  EXPECT_EQ(render(agent_of("web-1"), groups_of({MetricGroup::burst})), "");
}

TEST(ExpositionBurst, CountsUpToEachBound) {
  BurstReadings bursts;
  bursts.utilization = {{1, 2, 3, 4, 5, 6, 7, 8}, 12.25};
  const std::string name = "cpu_monitor_host_utilization_ratio";
  EXPECT_EQ(lines(page_of(bursts), name), (Lines{name + R"(_bucket{endpoint="web-1",le="0.1"} 1)",
                                                 name + R"(_bucket{endpoint="web-1",le="0.25"} 3)",
                                                 name + R"(_bucket{endpoint="web-1",le="0.5"} 6)",
                                                 name + R"(_bucket{endpoint="web-1",le="0.75"} 10)",
                                                 name + R"(_bucket{endpoint="web-1",le="0.9"} 15)",
                                                 name + R"(_bucket{endpoint="web-1",le="0.95"} 21)",
                                                 name + R"(_bucket{endpoint="web-1",le="0.99"} 28)",
                                                 name + R"(_bucket{endpoint="web-1",le="+Inf"} 36)",
                                                 name + R"(_sum{endpoint="web-1"} 12.25)",
                                                 name + R"(_count{endpoint="web-1"} 36)"}));
}

TEST(ExpositionBurst, BoundsRunsInSeconds) {
  BurstReadings bursts;
  bursts.runs = {{0, 0, 0, 0, 0, 0, 0, 2}, 130.5};
  const std::string name = "cpu_monitor_host_burst_seconds";
  const std::string page = page_of(bursts);
  for (const std::string bound : {"0.1", "0.3", "1", "3", "10", "30", "60"}) {
    EXPECT_EQ(value(page, name + "_bucket", ",le=\"" + bound + "\""), "0") << bound;
  }
  EXPECT_EQ(value(page, name + "_bucket", ",le=\"+Inf\""), "2");
  EXPECT_EQ(value(page, name + "_sum"), "130.5");
  EXPECT_EQ(value(page, name + "_count"), "2");
}

TEST(ExpositionBurst, KeepsTheThreeHistogramsApart) {
  BurstReadings bursts;
  bursts.utilization.counts[0] = 1;
  bursts.busiest_core.counts[7] = 2;
  bursts.runs.counts[3] = 3;
  const std::string page = page_of(bursts);
  EXPECT_EQ(value(page, "cpu_monitor_host_utilization_ratio_count"), "1");
  EXPECT_EQ(value(page, "cpu_monitor_host_busiest_core_ratio_count"), "2");
  EXPECT_EQ(value(page, "cpu_monitor_host_burst_seconds_count"), "3");
}

TEST(ExpositionBurst, StaysExactAtTheLargestCounts) {
  BurstReadings bursts;
  bursts.utilization.counts.fill(kMaxTicks);
  EXPECT_EQ(value(page_of(bursts), "cpu_monitor_host_utilization_ratio_count"),
            "72057594037927928");
}

TEST(ExpositionBurst, OfAMachineBeforeItsFirstReadingHasZeros) {
  const std::string page = page_of(BurstReadings{});
  EXPECT_EQ(lines(page, "# TYPE "), (Lines{"# TYPE cpu_monitor_host_utilization_ratio histogram",
                                           "# TYPE cpu_monitor_host_busiest_core_ratio histogram",
                                           "# TYPE cpu_monitor_host_burst_seconds histogram"}));
  EXPECT_EQ(value(page, "cpu_monitor_host_utilization_ratio_bucket", ",le=\"+Inf\""), "0");
  EXPECT_EQ(value(page, "cpu_monitor_host_utilization_ratio_sum"), "0");
}

TEST(ExpositionPeaks, AreThereOneByOne) {
  BurstReadings bursts;
  bursts.busiest_core_peak = 0;
  const std::string page = page_of(bursts);
  EXPECT_EQ(value(page, "cpu_monitor_host_busiest_core_peak_ratio"), "0");
  EXPECT_EQ(page.find("utilization_peak"), std::string::npos);
  EXPECT_EQ(page.find("steal_peak"), std::string::npos);
}

TEST(ExpositionPeaks, ShowTheShortestExactNumber) {
  BurstReadings bursts;
  bursts.peak = 0.995;
  bursts.busiest_core_peak = 1;
  bursts.steal_peak = 1.0 / 3;
  const std::string page = page_of(bursts);
  EXPECT_EQ(value(page, "cpu_monitor_host_utilization_peak_ratio"), "0.995");
  EXPECT_EQ(value(page, "cpu_monitor_host_busiest_core_peak_ratio"), "1");
  EXPECT_EQ(value(page, "cpu_monitor_host_steal_peak_ratio"), "0.3333333333333333");
}

TEST(ExpositionPeaks, NameTheirWindow) {
  BurstReadings bursts;
  bursts.peak = 0.5;
  FleetSnapshot fleet;
  fleet.agents = {agent_with_bursts(bursts)};
  const std::string page = text_written([&fleet](PageWriter& writer) {
    render_agents(fleet, {groups_of({MetricGroup::burst}), 90s}, writer);
  });
  EXPECT_EQ(
      lines(page, "# HELP cpu_monitor_host_utilization_peak_ratio"),
      Lines{"# HELP cpu_monitor_host_utilization_peak_ratio Highest busy share of the machine "
            "in one reading within the last 1m30s (--peak.window)."});
}

}  // namespace
}  // namespace cpu_monitor::exporter
