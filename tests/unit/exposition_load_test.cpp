#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/exposition_page.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;

std::string page_of(const CpuSample& sample) {
  return render(agent_with(sample), groups_of({MetricGroup::load}));
}

AgentView agent_on(const KernelName& host) {
  AgentView agent = agent_of("web-1");
  AgentIdentity identity = *agent.identity;
  identity.host = host;
  agent.identity = std::make_shared<const AgentIdentity>(identity);
  return agent;
}

TEST(ExpositionHost, OfASampleThatSaysNothingIsNotThere) { EXPECT_EQ(page_of(CpuSample{}), ""); }

TEST(ExpositionHost, OfAnAgentWithoutASampleIsNotThere) {
  EXPECT_EQ(render(agent_of("web-1"), groups_of({MetricGroup::load})), "");
}

TEST(ExpositionHost, ShowsTheLoadAsTheKernelPrintsIt) {
  CpuSample sample;
  sample.host.load = LoadAverage{0.18, 12, 0.05};
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "node_load1"), "0.18");
  EXPECT_EQ(value(page, "node_load5"), "12");
  EXPECT_EQ(value(page, "node_load15"), "0.05");
  EXPECT_EQ(lines(page, "# TYPE ").size(), 3U);
}

struct NumberCase {
  const char* family;
  const char* type;
  std::optional<std::uint64_t> HostReadings::*reading;
  std::string_view largest;
};

class ExpositionHostNumber : public testing::TestWithParam<NumberCase> {};

TEST_P(ExpositionHostNumber, IsTheOnlyFamilyWhenItIsAllThatIsKnown) {
  CpuSample sample;
  sample.host.*GetParam().reading = UINT64_MAX;
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, GetParam().family), GetParam().largest);
  EXPECT_EQ(lines(page, "# TYPE "),
            Lines{std::string("# TYPE ") + GetParam().family + " " + GetParam().type});
}

TEST_P(ExpositionHostNumber, IsShownWhenItIsZero) {
  CpuSample sample;
  sample.host.*GetParam().reading = 0;
  EXPECT_EQ(value(page_of(sample), GetParam().family), "0");
}

INSTANTIATE_TEST_SUITE_P(
    Families, ExpositionHostNumber,
    testing::Values(
        NumberCase{"node_context_switches_total", "counter", &HostReadings::context_switches,
                   "18446744073709551615"},
        NumberCase{"node_intr_total", "counter", &HostReadings::interrupts, "18446744073709551615"},
        NumberCase{"node_forks_total", "counter", &HostReadings::forks, "18446744073709551615"},
        NumberCase{"node_procs_running", "gauge", &HostReadings::running, "18446744073709551615"},
        NumberCase{"node_procs_blocked", "gauge", &HostReadings::blocked, "18446744073709551615"},
        NumberCase{"node_pressure_cpu_waiting_seconds_total", "counter",
                   &HostReadings::cpu_waiting_us, "18446744073709.551615"},
        NumberCase{"node_pressure_irq_stalled_seconds_total", "counter",
                   &HostReadings::irq_stalled_us, "18446744073709.551615"}),
    [](const auto& param) { return std::string(param.param.family); });

TEST(ExpositionHost, ShowsItsClockAndItsBoot) {
  CpuSample sample;
  sample.time = 1'795'510'020'332ms;
  sample.slow.boot_time_s = 1'795'507'971;
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "node_time_seconds"), "1795510020.332");
  EXPECT_EQ(value(page, "node_boot_time_seconds"), "1795507971");
}

TEST(ExpositionUname, HasNodeExportersLabels) {
  const KernelName host{"Linux", "6.1.0", "#1 SMP", "x86_64", "web-1.lan", "lan"};
  EXPECT_EQ(lines(render(agent_on(host)), "node_uname_info"),
            Lines{R"(node_uname_info{endpoint="web-1",domainname="lan",machine="x86_64",)"
                  R"(nodename="web-1.lan",release="6.1.0",sysname="Linux",version="#1 SMP"} 1)"});
}

TEST(ExpositionUname, IsEscaped) {
  const KernelName host{"a\"b", "c\\d", "", "", "", ""};
  EXPECT_EQ(lines(render(agent_on(host)), "node_uname_info"),
            Lines{R"(node_uname_info{endpoint="web-1",domainname="",machine="",nodename="",)"
                  R"(release="c\\d",sysname="a\"b",version=""} 1)"});
}

TEST(ExpositionUname, LeavesWithTheMachine) {
  AgentView agent = agent_on({"Linux", "6.1.0", "#1 SMP", "x86_64", "web-1", "(none)"});
  agent.state = AgentState::silent;
  EXPECT_EQ(lines(render(agent), "node_uname_info{").size(), 1U);
  agent.state = AgentState::gone;
  EXPECT_EQ(lines(render(agent), "node_uname_info").size(), 0U);
}

TEST(ExpositionCgroup, ShowsTheTimesOfOneWithoutALimit) {
  CpuSample sample;
  sample.cgroup.emplace();
  sample.cgroup->usage_us = 10'000'001;
  sample.cgroup->user_us = 7'500'000;
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_usage_seconds_total"), "10.000001");
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_user_seconds_total"), "7.5");
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_system_seconds_total"), "0");
  EXPECT_EQ(lines(page, "# TYPE ").size(), 3U);
}

TEST(ExpositionCgroup, ShowsItsQuotaAndWhatItCost) {
  CpuSample sample;
  sample.cgroup.emplace();
  sample.cgroup->utilization = 0.25;
  sample.cgroup->quota_cores = 1.5;
  sample.cgroup->periods = 100;
  sample.cgroup->throttled_periods = 3;
  sample.cgroup->throttled_us = 45'000;
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_utilization_ratio"), "0.25");
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_quota_cores"), "1.5");
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_periods_total"), "100");
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_throttled_periods_total"), "3");
  EXPECT_EQ(value(page, "cpu_monitor_cgroup_throttled_seconds_total"), "0.045");
}

}  // namespace
}  // namespace cpu_monitor::exporter
