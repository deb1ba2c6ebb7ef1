#include "exporter/exposition.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <limits>
#include <map>
#include <memory>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/exposition_page.hpp"

namespace cpu_monitor::exporter {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

std::chrono::system_clock::time_point unix_time(milliseconds since_epoch) {
  return std::chrono::system_clock::time_point{} + since_epoch;
}

CpuSample counters_of(CpuTimes total, std::vector<CoreTimes> cores = {}) {
  CpuSample sample;
  sample.cpu = CpuCounters{total, std::move(cores)};
  return sample;
}

void add_everything_else(CpuSample& sample) {
  sample.time = 1'700'000'000'123ms;
  sample.host = {LoadAverage{0.18, 0.5, 12}, 675545, 517809, 9333, 6, 1, 1234567, 7};
  sample.burst = BurstReadings{{{100, 20, 3, 0, 1, 0, 0, 2}, 22.5},
                               {{0, 0, 100, 20, 3, 0, 0, 3}, 60.125},
                               {{5, 1, 0, 0, 0, 0, 0, 1}, 71.5},
                               0.995,
                               1.0,
                               0.25};
  sample.cgroup = CgroupCpu{0.5, 1.5, 10'000'000, 7'500'000, 2'500'001, 100, 3, 45'000};
  sample.schedstat = {{0, 2045936778163039, 343796328169361, 4767485306}, {12, 1, 0, 2}};
  sample.slow.boot_time_s = 1'699'990'000;
  sample.slow.frequency = Frequencies{{{0, 800'000}, {12, 1'900'001}}, {{0, 799'998}}};
  sample.slow.throttles = Throttles{{{0, 0, 5}, {0, 1, 0}}, {{0, 30}}};
  sample.slow.temperature.emplace({ZoneTemperature{0, 44'000}, ZoneTemperature{3, -1'500}});
}

CpuFacts all_facts() {
  CpuFacts facts;
  facts.models = {
      {"GenuineIntel", "6", "142", "Intel(R) \"i7\" @ 1.90GHz", "0xb4", "10", "8192 KB"}};
  facts.cpus = {{0, 0, "0", "0"}, {12, 0, "0", "1"}};
  facts.online = {0, 12};
  facts.offline = {13};
  facts.isolated = {12};
  facts.frequency_limits = {{0, 400'000, 4'200'000, 800'000, 1'900'000},
                            {12, std::nullopt, 4'200'000, std::nullopt, std::nullopt}};
  facts.governors = {{{0, 12}, {"performance", "powersave"}, "powersave"}};
  facts.thermal_zones = {{0, "x86_pkg_temp"}};
  return facts;
}

/// One fleet with all there can be: a live agent, a silent one with fewer fields, one that is gone.
FleetSnapshot golden_fleet() {
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = "db-1";
  identity->version = "1.2.3";
  identity->labels = {{"owner", "a \"quoted\" name \\ x"}, {"rack", "b7"}};
  identity->ticks_per_second = 100;
  identity->host = KernelName{"Linux", "6.1.0-18-amd64", "#1 SMP \"x\"", "x86_64", "db", "(none)"};
  identity->proc_filesystem = "fuse.lxcfs";
  CpuSample sample = counters_of(times_of({1000, 205, 30, 4, 50, 0, 123456, 9, 7, 0}),
                                 {{0, times_of({500, 100, 15, 2, 25, 0, 61728, 4, 3, 0})},
                                  {12, times_of({500, 105, 15, 2, 25, 0, 61728, 5, 4, 0})}});
  add_everything_else(sample);
  sample.percent = 12.5;
  sample.discarded.emplace();
  sample.discarded->add(DiscardReason::wrapped, 3);
  sample.discarded->add(DiscardReason::torn);
  sample.slow.self = ProcessCost{1.25, 3'500'000};
  AgentView alive;
  alive.identity = identity;
  alive.state = AgentState::alive;
  alive.slow = std::make_shared<const SlowReadings>(std::exchange(sample.slow, {}));
  alive.sample = std::make_shared<const CpuSample>(sample);
  alive.facts = std::make_shared<const CpuFacts>(all_facts());
  alive.last_sample = unix_time(1'700'000'000'250ms);
  alive.clock_skew = -1500ms;
  alive.connects = 3;

  AgentView silent = agent_of("old-kernel", 1024);
  silent.state = AgentState::silent;
  silent.sample = std::make_shared<const CpuSample>(counters_of(times_of({1024, 512, 1, 0})));
  silent.last_sample = unix_time(1'699'999'990'000ms);

  AgentView gone = agent_of("web-1");
  gone.state = AgentState::gone;
  gone.last_sample = unix_time(1'699'990'000'001ms);
  gone.connects = 2;

  FleetSnapshot fleet;
  fleet.agents = {alive, silent, gone};
  fleet.reported = {{"127.0.0.1:5000", 14.6}};
  return fleet;
}

constexpr std::string_view kGoldenPage =
    R"page(# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
# TYPE node_cpu_seconds_total counter
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="user"} 5
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="nice"} 1
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="system"} 0.15
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="idle"} 0.02
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="iowait"} 0.25
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="irq"} 0
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="softirq"} 617.28
node_cpu_seconds_total{endpoint="db-1",cpu="0",mode="steal"} 0.04
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="user"} 5
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="nice"} 1.05
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="system"} 0.15
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="idle"} 0.02
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="iowait"} 0.25
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="irq"} 0
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="softirq"} 617.28
node_cpu_seconds_total{endpoint="db-1",cpu="12",mode="steal"} 0.05
# HELP node_load1 1m load average.
# TYPE node_load1 gauge
node_load1{endpoint="db-1"} 0.18
# HELP node_load5 5m load average.
# TYPE node_load5 gauge
node_load5{endpoint="db-1"} 0.5
# HELP node_load15 15m load average.
# TYPE node_load15 gauge
node_load15{endpoint="db-1"} 12
# HELP node_context_switches_total Total number of context switches.
# TYPE node_context_switches_total counter
node_context_switches_total{endpoint="db-1"} 675545
# HELP node_intr_total Total number of interrupts serviced.
# TYPE node_intr_total counter
node_intr_total{endpoint="db-1"} 517809
# HELP node_forks_total Total number of forks.
# TYPE node_forks_total counter
node_forks_total{endpoint="db-1"} 9333
# HELP node_procs_running Number of processes in runnable state.
# TYPE node_procs_running gauge
node_procs_running{endpoint="db-1"} 6
# HELP node_procs_blocked Number of processes blocked waiting for I/O to complete.
# TYPE node_procs_blocked gauge
node_procs_blocked{endpoint="db-1"} 1
# HELP node_pressure_cpu_waiting_seconds_total Total time in seconds that processes have waited for CPU time
# TYPE node_pressure_cpu_waiting_seconds_total counter
node_pressure_cpu_waiting_seconds_total{endpoint="db-1"} 1.234567
# HELP node_pressure_irq_stalled_seconds_total Total time in seconds no process could make progress due to IRQ congestion
# TYPE node_pressure_irq_stalled_seconds_total counter
node_pressure_irq_stalled_seconds_total{endpoint="db-1"} 0.000007
# HELP node_boot_time_seconds Node boot time, in unixtime.
# TYPE node_boot_time_seconds gauge
node_boot_time_seconds{endpoint="db-1"} 1699990000
# HELP node_time_seconds System time in seconds since epoch (1970).
# TYPE node_time_seconds gauge
node_time_seconds{endpoint="db-1"} 1700000000.123
# HELP node_uname_info Labeled system information as provided by the uname system call.
# TYPE node_uname_info gauge
node_uname_info{endpoint="db-1",domainname="(none)",machine="x86_64",nodename="db",release="6.1.0-18-amd64",sysname="Linux",version="#1 SMP \"x\""} 1
# HELP cpu_monitor_host_cpu_seconds_total Seconds all CPUs of the machine together spent in each mode.
# TYPE cpu_monitor_host_cpu_seconds_total counter
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="user"} 10
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="nice"} 2.05
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="system"} 0.3
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="idle"} 0.04
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="iowait"} 0.5
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="irq"} 0
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="softirq"} 1234.56
cpu_monitor_host_cpu_seconds_total{endpoint="db-1",mode="steal"} 0.09
cpu_monitor_host_cpu_seconds_total{endpoint="old-kernel",mode="user"} 1
cpu_monitor_host_cpu_seconds_total{endpoint="old-kernel",mode="nice"} 0.5
cpu_monitor_host_cpu_seconds_total{endpoint="old-kernel",mode="system"} 0.0009765625
cpu_monitor_host_cpu_seconds_total{endpoint="old-kernel",mode="idle"} 0
# HELP cpu_monitor_cgroup_utilization_ratio Share of its quota that the agent's cgroup used since the last push.
# TYPE cpu_monitor_cgroup_utilization_ratio gauge
cpu_monitor_cgroup_utilization_ratio{endpoint="db-1"} 0.5
# HELP cpu_monitor_cgroup_usage_seconds_total CPU time that the agent's cgroup has used.
# TYPE cpu_monitor_cgroup_usage_seconds_total counter
cpu_monitor_cgroup_usage_seconds_total{endpoint="db-1"} 10
# HELP cpu_monitor_cgroup_user_seconds_total CPU time that the agent's cgroup has used in user mode.
# TYPE cpu_monitor_cgroup_user_seconds_total counter
cpu_monitor_cgroup_user_seconds_total{endpoint="db-1"} 7.5
# HELP cpu_monitor_cgroup_system_seconds_total CPU time that the agent's cgroup has used in the kernel.
# TYPE cpu_monitor_cgroup_system_seconds_total counter
cpu_monitor_cgroup_system_seconds_total{endpoint="db-1"} 2.500001
# HELP cpu_monitor_cgroup_periods_total Periods over which the quota of the agent's cgroup was enforced.
# TYPE cpu_monitor_cgroup_periods_total counter
cpu_monitor_cgroup_periods_total{endpoint="db-1"} 100
# HELP cpu_monitor_cgroup_throttled_periods_total Periods in which the agent's cgroup had used up its quota.
# TYPE cpu_monitor_cgroup_throttled_periods_total counter
cpu_monitor_cgroup_throttled_periods_total{endpoint="db-1"} 3
# HELP cpu_monitor_cgroup_throttled_seconds_total Time that the agent's cgroup had to wait for its next period.
# TYPE cpu_monitor_cgroup_throttled_seconds_total counter
cpu_monitor_cgroup_throttled_seconds_total{endpoint="db-1"} 0.045
# HELP cpu_monitor_cgroup_quota_cores CPUs' worth of time that the agent's cgroup may use.
# TYPE cpu_monitor_cgroup_quota_cores gauge
cpu_monitor_cgroup_quota_cores{endpoint="db-1"} 1.5
# HELP cpu_monitor_host_utilization_ratio Busy share of the machine in every reading since the agent started.
# TYPE cpu_monitor_host_utilization_ratio histogram
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="0.1"} 100
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="0.25"} 120
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="0.5"} 123
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="0.75"} 123
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="0.9"} 124
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="0.95"} 124
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="0.99"} 124
cpu_monitor_host_utilization_ratio_bucket{endpoint="db-1",le="+Inf"} 126
cpu_monitor_host_utilization_ratio_sum{endpoint="db-1"} 22.5
cpu_monitor_host_utilization_ratio_count{endpoint="db-1"} 126
# HELP cpu_monitor_host_busiest_core_ratio Busy share of the busiest CPU of every reading since the agent started.
# TYPE cpu_monitor_host_busiest_core_ratio histogram
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="0.1"} 0
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="0.25"} 0
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="0.5"} 100
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="0.75"} 120
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="0.9"} 123
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="0.95"} 123
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="0.99"} 123
cpu_monitor_host_busiest_core_ratio_bucket{endpoint="db-1",le="+Inf"} 126
cpu_monitor_host_busiest_core_ratio_sum{endpoint="db-1"} 60.125
cpu_monitor_host_busiest_core_ratio_count{endpoint="db-1"} 126
# HELP cpu_monitor_host_burst_seconds Length of each run of readings in which the machine was at least 0.9 busy.
# TYPE cpu_monitor_host_burst_seconds histogram
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="0.1"} 5
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="0.3"} 6
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="1"} 6
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="3"} 6
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="10"} 6
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="30"} 6
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="60"} 6
cpu_monitor_host_burst_seconds_bucket{endpoint="db-1",le="+Inf"} 7
cpu_monitor_host_burst_seconds_sum{endpoint="db-1"} 71.5
cpu_monitor_host_burst_seconds_count{endpoint="db-1"} 7
# HELP cpu_monitor_host_utilization_peak_ratio Highest busy share of the machine in one reading within the last 2m (--peak.window).
# TYPE cpu_monitor_host_utilization_peak_ratio gauge
cpu_monitor_host_utilization_peak_ratio{endpoint="db-1"} 0.995
# HELP cpu_monitor_host_busiest_core_peak_ratio Highest busy share of one CPU in one reading within the last 2m (--peak.window).
# TYPE cpu_monitor_host_busiest_core_peak_ratio gauge
cpu_monitor_host_busiest_core_peak_ratio{endpoint="db-1"} 1
# HELP cpu_monitor_host_steal_peak_ratio Highest share of the machine that the hypervisor gave to others in one reading within the last 2m (--peak.window).
# TYPE cpu_monitor_host_steal_peak_ratio gauge
cpu_monitor_host_steal_peak_ratio{endpoint="db-1"} 0.25
# HELP node_cpu_guest_seconds_total Seconds the CPUs spent in guests (VMs) for each mode.
# TYPE node_cpu_guest_seconds_total counter
node_cpu_guest_seconds_total{endpoint="db-1",cpu="0",mode="user"} 0.03
node_cpu_guest_seconds_total{endpoint="db-1",cpu="0",mode="nice"} 0
node_cpu_guest_seconds_total{endpoint="db-1",cpu="12",mode="user"} 0.04
node_cpu_guest_seconds_total{endpoint="db-1",cpu="12",mode="nice"} 0
# HELP node_schedstat_running_seconds_total Number of seconds CPU spent running a process.
# TYPE node_schedstat_running_seconds_total counter
node_schedstat_running_seconds_total{endpoint="db-1",cpu="0"} 2045936.778163039
node_schedstat_running_seconds_total{endpoint="db-1",cpu="12"} 0.000000001
# HELP node_schedstat_waiting_seconds_total Number of seconds spent by processing waiting for this CPU.
# TYPE node_schedstat_waiting_seconds_total counter
node_schedstat_waiting_seconds_total{endpoint="db-1",cpu="0"} 343796.328169361
node_schedstat_waiting_seconds_total{endpoint="db-1",cpu="12"} 0
# HELP node_schedstat_timeslices_total Number of timeslices executed by CPU.
# TYPE node_schedstat_timeslices_total counter
node_schedstat_timeslices_total{endpoint="db-1",cpu="0"} 4767485306
node_schedstat_timeslices_total{endpoint="db-1",cpu="12"} 2
# HELP node_cpu_frequency_hertz Current cpu thread frequency in hertz.
# TYPE node_cpu_frequency_hertz gauge
node_cpu_frequency_hertz{endpoint="db-1",cpu="0"} 799998000
# HELP node_cpu_scaling_frequency_hertz Current scaled CPU thread frequency in hertz.
# TYPE node_cpu_scaling_frequency_hertz gauge
node_cpu_scaling_frequency_hertz{endpoint="db-1",cpu="0"} 800000000
node_cpu_scaling_frequency_hertz{endpoint="db-1",cpu="12"} 1900001000
# HELP node_cpu_frequency_min_hertz Minimum cpu thread frequency in hertz.
# TYPE node_cpu_frequency_min_hertz gauge
node_cpu_frequency_min_hertz{endpoint="db-1",cpu="0"} 400000000
# HELP node_cpu_frequency_max_hertz Maximum cpu thread frequency in hertz.
# TYPE node_cpu_frequency_max_hertz gauge
node_cpu_frequency_max_hertz{endpoint="db-1",cpu="0"} 4200000000
node_cpu_frequency_max_hertz{endpoint="db-1",cpu="12"} 4200000000
# HELP node_cpu_scaling_frequency_min_hertz Minimum scaled CPU thread frequency in hertz.
# TYPE node_cpu_scaling_frequency_min_hertz gauge
node_cpu_scaling_frequency_min_hertz{endpoint="db-1",cpu="0"} 800000000
# HELP node_cpu_scaling_frequency_max_hertz Maximum scaled CPU thread frequency in hertz.
# TYPE node_cpu_scaling_frequency_max_hertz gauge
node_cpu_scaling_frequency_max_hertz{endpoint="db-1",cpu="0"} 1900000000
# HELP node_cpu_scaling_governor Current enabled CPU frequency governor.
# TYPE node_cpu_scaling_governor gauge
node_cpu_scaling_governor{endpoint="db-1",cpu="0",governor="performance"} 0
node_cpu_scaling_governor{endpoint="db-1",cpu="0",governor="powersave"} 1
node_cpu_scaling_governor{endpoint="db-1",cpu="12",governor="performance"} 0
node_cpu_scaling_governor{endpoint="db-1",cpu="12",governor="powersave"} 1
# HELP node_cpu_core_throttles_total Number of times this CPU core has been throttled.
# TYPE node_cpu_core_throttles_total counter
node_cpu_core_throttles_total{endpoint="db-1",package="0",core="0"} 5
node_cpu_core_throttles_total{endpoint="db-1",package="0",core="1"} 0
# HELP node_cpu_package_throttles_total Number of times this CPU package has been throttled.
# TYPE node_cpu_package_throttles_total counter
node_cpu_package_throttles_total{endpoint="db-1",package="0"} 30
# HELP node_thermal_zone_temp Zone temperature in Celsius
# TYPE node_thermal_zone_temp gauge
node_thermal_zone_temp{endpoint="db-1",zone="0",type="x86_pkg_temp"} 44
node_thermal_zone_temp{endpoint="db-1",zone="3",type=""} -1.5
# HELP node_cpu_online CPUs that are online and being scheduled.
# TYPE node_cpu_online gauge
node_cpu_online{endpoint="db-1",cpu="0"} 1
node_cpu_online{endpoint="db-1",cpu="12"} 1
node_cpu_online{endpoint="db-1",cpu="13"} 0
# HELP node_cpu_isolated Whether each core is isolated, information from /sys/devices/system/cpu/isolated.
# TYPE node_cpu_isolated gauge
node_cpu_isolated{endpoint="db-1",cpu="12"} 1
# HELP node_cpu_info CPU information from /proc/cpuinfo.
# TYPE node_cpu_info gauge
node_cpu_info{endpoint="db-1",package="0",core="0",cpu="0",vendor="GenuineIntel",family="6",model="142",model_name="Intel(R) \"i7\" @ 1.90GHz",microcode="0xb4",stepping="10",cachesize="8192 KB"} 1
node_cpu_info{endpoint="db-1",package="0",core="1",cpu="12",vendor="GenuineIntel",family="6",model="142",model_name="Intel(R) \"i7\" @ 1.90GHz",microcode="0xb4",stepping="10",cachesize="8192 KB"} 1
# HELP cpu_monitor_agent_up Whether samples of the agent arrive: 1, or 0 when they stopped.
# TYPE cpu_monitor_agent_up gauge
cpu_monitor_agent_up{endpoint="db-1"} 1
cpu_monitor_agent_up{endpoint="old-kernel"} 0
cpu_monitor_agent_up{endpoint="web-1"} 0
# HELP cpu_monitor_agent_expected Whether the tokens file lists the machine: 1, or 0 when it may come and go.
# TYPE cpu_monitor_agent_expected gauge
cpu_monitor_agent_expected{endpoint="db-1"} 0
cpu_monitor_agent_expected{endpoint="old-kernel"} 0
cpu_monitor_agent_expected{endpoint="web-1"} 0
# HELP cpu_monitor_agent_last_sample_timestamp_seconds When the last sample arrived, by the exporter's clock.
# TYPE cpu_monitor_agent_last_sample_timestamp_seconds gauge
cpu_monitor_agent_last_sample_timestamp_seconds{endpoint="db-1"} 1700000000.25
cpu_monitor_agent_last_sample_timestamp_seconds{endpoint="old-kernel"} 1699999990
cpu_monitor_agent_last_sample_timestamp_seconds{endpoint="web-1"} 1699990000.001
# HELP cpu_monitor_agent_info What an agent says of itself: its version, the file system of its procfs and its labels.
# TYPE cpu_monitor_agent_info gauge
cpu_monitor_agent_info{endpoint="db-1",version="1.2.3",procfs="fuse.lxcfs",label_owner="a \"quoted\" name \\ x",label_rack="b7"} 1
cpu_monitor_agent_info{endpoint="old-kernel",version=""} 1
cpu_monitor_agent_info{endpoint="web-1",version=""} 1
# HELP cpu_monitor_agent_clock_skew_seconds The agent's clock minus the exporter's, the way of the sample included.
# TYPE cpu_monitor_agent_clock_skew_seconds gauge
cpu_monitor_agent_clock_skew_seconds{endpoint="db-1"} -1.5
# HELP cpu_monitor_agent_connects_total Connections of the agent that were welcomed.
# TYPE cpu_monitor_agent_connects_total counter
cpu_monitor_agent_connects_total{endpoint="db-1"} 3
cpu_monitor_agent_connects_total{endpoint="old-kernel"} 1
cpu_monitor_agent_connects_total{endpoint="web-1"} 2
# HELP cpu_monitor_agent_claims_refused_total Connections that said this name while a live agent held it.
# TYPE cpu_monitor_agent_claims_refused_total counter
cpu_monitor_agent_claims_refused_total{endpoint="db-1"} 0
cpu_monitor_agent_claims_refused_total{endpoint="old-kernel"} 0
cpu_monitor_agent_claims_refused_total{endpoint="web-1"} 0
# HELP cpu_monitor_agent_samples_discarded_total Readings an agent threw away instead of showing something untrue.
# TYPE cpu_monitor_agent_samples_discarded_total counter
cpu_monitor_agent_samples_discarded_total{endpoint="db-1",reason="torn"} 1
cpu_monitor_agent_samples_discarded_total{endpoint="db-1",reason="wrapped"} 3
# HELP cpu_monitor_agent_process_cpu_seconds_total CPU time the agent itself has used.
# TYPE cpu_monitor_agent_process_cpu_seconds_total counter
cpu_monitor_agent_process_cpu_seconds_total{endpoint="db-1"} 1.25
# HELP cpu_monitor_agent_process_resident_memory_bytes Resident memory of the agent itself.
# TYPE cpu_monitor_agent_process_resident_memory_bytes gauge
cpu_monitor_agent_process_resident_memory_bytes{endpoint="db-1"} 3500000
)page";

TEST(Exposition, IsTheGoldenPage) { EXPECT_EQ(render(golden_fleet()), kGoldenPage); }

TEST(Exposition, AppendsToThePage) {
  const std::string page = text_written([](PageWriter& writer) {
    writer.append("before\n");
    render_agents(golden_fleet(), {MetricGroups::all()}, writer);
  });
  EXPECT_EQ(page, "before\n" + std::string(kGoldenPage));
}

TEST(Exposition, IsEmptyForAnEmptyFleet) { EXPECT_EQ(render(FleetSnapshot{}), ""); }

TEST(Exposition, LeavesReportedValuesToTheGauge) {
  FleetSnapshot fleet;
  fleet.reported = {{"127.0.0.1:5000", 14.6}};
  EXPECT_EQ(render(fleet), "");
}

TEST(Exposition, HasEachFamilyOnceWithItsHead) {
  std::map<std::string, int> helps;
  std::map<std::string, int> types;
  std::string family;
  std::istringstream page(render(golden_fleet()));
  for (std::string line; std::getline(page, line);) {
    std::istringstream words(line);
    std::string mark;
    std::string keyword;
    if (line.starts_with("# ")) {
      words >> mark >> keyword >> family;
      ++(keyword == "HELP" ? helps : types)[family];
    } else {
      EXPECT_TRUE(line.starts_with(family + "{") || line.starts_with(family + "_")) << line;
    }
  }
  EXPECT_EQ(helps, types);
  EXPECT_EQ(helps.size(), 56U);
  for (const auto& [name, count] : helps) EXPECT_EQ(count, 1) << name;
}

TEST(Exposition, HasNoSeriesTwice) {
  std::set<std::string> seen;
  std::istringstream page(render(golden_fleet()));
  for (std::string line; std::getline(page, line);) {
    EXPECT_TRUE(seen.insert(line.substr(0, line.find("} "))).second) << line;
  }
}

struct GroupCase {
  const char* name;
  MetricGroup group;
  std::set<std::string> families;
};

class ExpositionGroup : public testing::TestWithParam<GroupCase> {};

TEST_P(ExpositionGroup, HoldsItsFamiliesAndNoOther) {
  std::set<std::string> families;
  const std::string page = render(golden_fleet(), groups_of({GetParam().group}));
  for (const std::string& line : lines(page, "# TYPE ")) {
    families.insert(line.substr(7, line.rfind(' ') - 7));
  }
  EXPECT_EQ(families, GetParam().families);
}

INSTANTIATE_TEST_SUITE_P(
    Groups, ExpositionGroup,
    testing::Values(
        GroupCase{"Percent", MetricGroup::percent, {}},
        GroupCase{"Exporter", MetricGroup::exporter, {}},
        GroupCase{"Cpu", MetricGroup::cpu, {"node_cpu_seconds_total"}},
        GroupCase{"Load",
                  MetricGroup::load,
                  {"node_load1",
                   "node_load5",
                   "node_load15",
                   "node_context_switches_total",
                   "node_intr_total",
                   "node_forks_total",
                   "node_procs_running",
                   "node_procs_blocked",
                   "node_pressure_cpu_waiting_seconds_total",
                   "node_pressure_irq_stalled_seconds_total",
                   "node_boot_time_seconds",
                   "node_time_seconds",
                   "node_uname_info",
                   "cpu_monitor_host_cpu_seconds_total",
                   "cpu_monitor_cgroup_utilization_ratio",
                   "cpu_monitor_cgroup_usage_seconds_total",
                   "cpu_monitor_cgroup_user_seconds_total",
                   "cpu_monitor_cgroup_system_seconds_total",
                   "cpu_monitor_cgroup_periods_total",
                   "cpu_monitor_cgroup_throttled_periods_total",
                   "cpu_monitor_cgroup_throttled_seconds_total",
                   "cpu_monitor_cgroup_quota_cores"}},
        GroupCase{
            "Burst",
            MetricGroup::burst,
            {"cpu_monitor_host_utilization_ratio", "cpu_monitor_host_busiest_core_ratio",
             "cpu_monitor_host_burst_seconds", "cpu_monitor_host_utilization_peak_ratio",
             "cpu_monitor_host_busiest_core_peak_ratio", "cpu_monitor_host_steal_peak_ratio"}},
        GroupCase{"Detail",
                  MetricGroup::detail,
                  {"node_cpu_guest_seconds_total", "node_schedstat_running_seconds_total",
                   "node_schedstat_waiting_seconds_total", "node_schedstat_timeslices_total",
                   "node_cpu_frequency_hertz", "node_cpu_scaling_frequency_hertz",
                   "node_cpu_frequency_min_hertz", "node_cpu_frequency_max_hertz",
                   "node_cpu_scaling_frequency_min_hertz", "node_cpu_scaling_frequency_max_hertz",
                   "node_cpu_scaling_governor", "node_cpu_core_throttles_total",
                   "node_cpu_package_throttles_total", "node_thermal_zone_temp", "node_cpu_online",
                   "node_cpu_isolated", "node_cpu_info"}},
        GroupCase{"Agent",
                  MetricGroup::agent,
                  {"cpu_monitor_agent_up", "cpu_monitor_agent_last_sample_timestamp_seconds",
                   "cpu_monitor_agent_info", "cpu_monitor_agent_clock_skew_seconds",
                   "cpu_monitor_agent_expected", "cpu_monitor_agent_claims_refused_total",
                   "cpu_monitor_agent_connects_total", "cpu_monitor_agent_samples_discarded_total",
                   "cpu_monitor_agent_process_cpu_seconds_total",
                   "cpu_monitor_agent_process_resident_memory_bytes"}}),
    [](const auto& param) { return param.param.name; });

TEST(ExpositionGroups, OfNoneAreAnEmptyPage) {
  EXPECT_EQ(render(golden_fleet(), MetricGroups{}), "");
}

TEST(ExpositionGroups, TogetherAreTheWholePage) {
  std::string page;
  for (const MetricGroup group : {MetricGroup::cpu, MetricGroup::load, MetricGroup::burst,
                                  MetricGroup::detail, MetricGroup::agent}) {
    page += render(golden_fleet(), groups_of({group}));
  }
  EXPECT_EQ(page, kGoldenPage);
}

// ---------------------------------------------------------------------------------------------
// Ticks to seconds.

struct SecondsCase {
  const char* name;
  std::uint32_t ticks_per_second;
  Ticks ticks;
  std::string_view seconds;
};

void PrintTo(const SecondsCase& tested, std::ostream* out) {
  *out << tested.ticks << "/" << tested.ticks_per_second;
}

class ExpositionSeconds : public testing::TestWithParam<SecondsCase> {};

TEST_P(ExpositionSeconds, AreExact) {
  const SecondsCase& tested = GetParam();
  const std::string page =
      render(agent_with(counters_of(times_of({tested.ticks, 0, 0, 0})), tested.ticks_per_second),
             groups_of({MetricGroup::load}));
  const std::string series = R"(cpu_monitor_host_cpu_seconds_total{endpoint="web-1",mode="user"} )";
  EXPECT_EQ(lines(page, series), Lines{series + std::string(tested.seconds)});
}

INSTANTIATE_TEST_SUITE_P(
    Hundred, ExpositionSeconds,
    testing::Values(
        SecondsCase{"Zero", 100, 0, "0"}, SecondsCase{"OneTick", 100, 1, "0.01"},
        SecondsCase{"TenTicks", 100, 10, "0.1"}, SecondsCase{"Ninetynine", 100, 99, "0.99"},
        SecondsCase{"OneSecond", 100, 100, "1"}, SecondsCase{"OneAndATick", 100, 101, "1.01"},
        SecondsCase{"Ten", 100, 1000, "10"}, SecondsCase{"NotExactInBinary", 100, 29, "0.29"},
        SecondsCase{"NotExactInAFloat", 100, 1677721801, "16777218.01"},
        SecondsCase{"LargestOnTheWire", 100, kMaxTicks, "90071992547409.91"}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    OtherUnits, ExpositionSeconds,
    testing::Values(SecondsCase{"One", 1, 7, "7"}, SecondsCase{"Two", 2, 7, "3.5"},
                    SecondsCase{"Eight", 8, 1, "0.125"}, SecondsCase{"Ten", 10, 7, "0.7"},
                    SecondsCase{"SixtyFour", 64, 1, "0.015625"},
                    SecondsCase{"SixtyFourLargest", 64, kMaxTicks, "140737488355327.984375"},
                    SecondsCase{"TwoFifty", 250, 1, "0.004"},
                    SecondsCase{"TwoFiftySecond", 250, 250, "1"},
                    SecondsCase{"TwoFiftyMore", 250, 333, "1.332"},
                    SecondsCase{"Thousand", 1000, 1, "0.001"},
                    SecondsCase{"ThousandLargest", 1000, kMaxTicks, "9007199254740.991"},
                    SecondsCase{"Million", 1'000'000, 1, "0.000001"},
                    SecondsCase{"MillionMore", 1'000'000, 1'000'010, "1.00001"},
                    SecondsCase{"TenTwentyFour", 1024, 1, "0.0009765625"},
                    SecondsCase{"TenTwentyFourSecond", 1024, 1024, "1"},
                    SecondsCase{"TenTwentyFourLargest", 1024, kMaxTicks, "8796093022207.999"},
                    SecondsCase{"Three", 3, 1, "0.3333333333333333"},
                    SecondsCase{"ThreeHundred", 300, 600, "2"}),
    [](const auto& param) { return param.param.name; });

TEST(ExpositionSecondsOfManyTicks, NeverFall) {
  for (const std::uint32_t unit : {100U, 128U, 250U, 1000U, 1024U}) {
    double before = -1;
    for (Ticks ticks = 0; ticks < 3000; ++ticks) {
      const std::string page =
          render(agent_with(counters_of(times_of({ticks})), unit), groups_of({MetricGroup::load}));
      const double seconds = std::stod(page.substr(page.rfind(' ')));
      ASSERT_GT(seconds, before) << ticks << "/" << unit;
      ASSERT_EQ(seconds, static_cast<double>(ticks) / unit);
      before = seconds;
    }
  }
}

// ---------------------------------------------------------------------------------------------
// What is not known is not there.

class ExpositionModes : public testing::TestWithParam<std::size_t> {};

TEST_P(ExpositionModes, AreThoseTheKernelHas) {
  CpuTimes times = times_of({1, 2, 3, 4, 5, 6, 7, 8, 9, 10});
  times.fields = static_cast<std::uint8_t>(GetParam());
  const std::string page = render(agent_with(counters_of(times, {{0, times}})));
  const std::size_t expected = std::min(GetParam(), kExclusiveModeCount);
  EXPECT_EQ(lines(page, "node_cpu_seconds_total{").size(), expected);
  EXPECT_EQ(lines(page, "cpu_monitor_host_cpu_seconds_total{").size(), expected);
  const std::string total = "cpu_monitor_host_cpu_seconds_total{";
  EXPECT_TRUE(lines(page, total + R"(endpoint="web-1",mode="guest)").empty())
      << "it is inside user";
  EXPECT_EQ(lines(page, "node_cpu_guest_seconds_total{").size(), GetParam() - expected);
}

INSTANTIATE_TEST_SUITE_P(Fields, ExpositionModes, testing::Range<std::size_t>(4, 11));

TEST(ExpositionAbsence, OfASampleLeavesOnlyTheAgent) {
  const std::string page = render(agent_of("web-1"));
  EXPECT_EQ(lines(page, "# TYPE ").size(), 5U);
  EXPECT_EQ(lines(page, "cpu_monitor_agent_up"),
            Lines{R"(cpu_monitor_agent_up{endpoint="web-1"} 1)"});
  EXPECT_EQ(lines(page, "cpu_monitor_agent_info").size(), 1U);
  EXPECT_EQ(lines(page, "cpu_monitor_agent_connects_total").size(), 1U);
}

TEST(ExpositionAbsence, OfAnExpectedMachineLeavesOnlyThatItIsDown) {
  AgentView missing;
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = "web-1";
  missing.identity = identity;
  missing.has_come = false;
  missing.is_expected = true;
  missing.state = AgentState::gone;
  const std::string page = render(missing);
  EXPECT_EQ(lines(page, "# TYPE ").size(), 2U) << page;
  EXPECT_EQ(lines(page, "cpu_monitor_agent_up"),
            Lines{R"(cpu_monitor_agent_up{endpoint="web-1"} 0)"});
  EXPECT_EQ(lines(page, "cpu_monitor_agent_expected"),
            Lines{R"(cpu_monitor_agent_expected{endpoint="web-1"} 1)"});
}

TEST(ExpositionAbsence, OfAnExpectedMachineLeavesOthersAlone) {
  FleetSnapshot fleet = golden_fleet();
  AgentView missing = agent_of("missing");
  missing.has_come = false;
  missing.is_expected = true;
  missing.state = AgentState::gone;
  const std::string without = render(fleet);
  fleet.agents.insert(fleet.agents.begin() + 1, missing);
  std::string with = render(fleet);
  for (const std::string line : {"cpu_monitor_agent_up{endpoint=\"missing\"} 0\n",
                                 "cpu_monitor_agent_expected{endpoint=\"missing\"} 1\n"}) {
    ASSERT_NE(with.find(line), std::string::npos) << line;
    with.erase(with.find(line), line.size());
  }
  EXPECT_EQ(with, without);
}

TEST(ExpositionAbsence, OfCountersLeavesNoCpuFamily) {
  CpuSample sample;
  sample.percent = 50;
  const std::string page = render(agent_with(sample));
  EXPECT_EQ(page.find("cpu_seconds_total"), std::string::npos);
}

TEST(ExpositionAbsence, OfCoresLeavesTheMachine) {
  const std::string page = render(agent_with(counters_of(times_of({1, 2, 3, 4}))));
  EXPECT_EQ(page.find("node_cpu_seconds_total"), std::string::npos);
  EXPECT_EQ(lines(page, "cpu_monitor_host_cpu_seconds_total{").size(), 4U);
}

TEST(ExpositionAbsence, OfDiscardsLeavesNoReason) {
  CpuSample sample;
  sample.discarded.emplace();
  EXPECT_EQ(render(agent_with(sample)).find("discarded"), std::string::npos);
}

TEST(ExpositionAbsence, OfTheAgentsCostLeavesNoProcessFamily) {
  EXPECT_EQ(render(agent_with(CpuSample{})).find("process"), std::string::npos);
}

TEST(ExpositionAbsence, OfThePercentIsNoMatterHere) {
  CpuSample sample = counters_of(times_of({1, 2, 3, 4}));
  const std::string without = render(agent_with(sample));
  sample.percent = 50;
  EXPECT_EQ(render(agent_with(sample)), without);
}

// ---------------------------------------------------------------------------------------------
// Values and labels.

struct StateCase {
  AgentState state;
  std::string_view up;
};

class ExpositionUp : public testing::TestWithParam<StateCase> {};

TEST_P(ExpositionUp, IsOneOnlyForALiveAgent) {
  AgentView agent = agent_of("web-1");
  agent.state = GetParam().state;
  EXPECT_EQ(lines(render(agent), "cpu_monitor_agent_up"),
            Lines{R"(cpu_monitor_agent_up{endpoint="web-1"} )" + std::string(GetParam().up)});
}

INSTANTIATE_TEST_SUITE_P(States, ExpositionUp,
                         testing::Values(StateCase{AgentState::alive, "1"},
                                         StateCase{AgentState::silent, "0"},
                                         StateCase{AgentState::gone, "0"}),
                         [](const auto& param) {
                           return std::string(kAgentStateNames[param.param.state]);
                         });

struct SkewCase {
  const char* name;
  milliseconds skew;
  std::string_view text;
};

class ExpositionClockSkew : public testing::TestWithParam<SkewCase> {};

TEST_P(ExpositionClockSkew, IsInSeconds) {
  AgentView agent = agent_of("web-1");
  agent.clock_skew = GetParam().skew;
  EXPECT_EQ(lines(render(agent), "cpu_monitor_agent_clock_skew_seconds"),
            Lines{R"(cpu_monitor_agent_clock_skew_seconds{endpoint="web-1"} )" +
                  std::string(GetParam().text)});
}

INSTANTIATE_TEST_SUITE_P(
    Skews, ExpositionClockSkew,
    testing::Values(SkewCase{"None", 0ms, "0"}, SkewCase{"Ahead", 1ms, "0.001"},
                    SkewCase{"Behind", -1ms, "-0.001"}, SkewCase{"Second", -1000ms, "-1"},
                    SkewCase{"Day", 86'400'500ms, "86400.5"},
                    SkewCase{"Smallest", milliseconds(std::numeric_limits<std::int64_t>::min()),
                             "-9223372036854775.808"}),
    [](const auto& param) { return param.param.name; });

struct EscapeCase {
  const char* name;
  std::string_view raw;
  std::string_view escaped;
};

class ExpositionEscape : public testing::TestWithParam<EscapeCase> {};

TEST_P(ExpositionEscape, CoversVersionLabelsAndEndpoint) {
  AgentView agent = agent_of(std::string(GetParam().raw));
  AgentIdentity identity = *agent.identity;
  identity.version = GetParam().raw;
  identity.labels = {{"rack", std::string(GetParam().raw)}};
  agent.identity = std::make_shared<const AgentIdentity>(identity);
  const std::string escaped(GetParam().escaped);
  EXPECT_EQ(lines(render(agent), "cpu_monitor_agent_info{"),
            Lines{"cpu_monitor_agent_info{endpoint=\"" + escaped + "\",version=\"" + escaped +
                  "\",label_rack=\"" + escaped + "\"} 1"});
}

INSTANTIATE_TEST_SUITE_P(
    Values, ExpositionEscape,
    testing::Values(EscapeCase{"Plain", "b7", "b7"}, EscapeCase{"Empty", "", ""},
                    EscapeCase{"Quote", "\"", "\\\""}, EscapeCase{"Backslash", "\\", "\\\\"},
                    EscapeCase{"Newline", "a\nb", "a\\nb"},
                    EscapeCase{"BackslashN", "a\\nb", "a\\\\nb"},
                    EscapeCase{"BreakOut", "a\"} 1\nx{y=\"", "a\\\"} 1\\nx{y=\\\""},
                    EscapeCase{"Utf8", "\xc3\xa4\xe2\x82\xac", "\xc3\xa4\xe2\x82\xac"},
                    EscapeCase{"Braces", "{,}=", "{,}="}),
    [](const auto& param) { return param.param.name; });

TEST(ExpositionDiscards, ShowEveryReasonByItsName) {
  CpuSample sample;
  sample.discarded.emplace();
  for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
    sample.discarded->add(static_cast<DiscardReason>(i), i + 1);
  }
  const Lines shown =
      lines(render(agent_with(sample)), "cpu_monitor_agent_samples_discarded_total{");
  ASSERT_EQ(shown.size(), kDiscardReasonNames.size());
  EXPECT_EQ(shown[0],
            R"(cpu_monitor_agent_samples_discarded_total{endpoint="web-1",reason="missing"} 1)");
  EXPECT_EQ(shown[10],
            R"(cpu_monitor_agent_samples_discarded_total{endpoint="web-1",reason="other"} 11)");
}

TEST(ExpositionDiscards, KeepAll64Bits) {
  CpuSample sample;
  sample.discarded.emplace();
  sample.discarded->add(DiscardReason::other, UINT64_MAX);
  EXPECT_EQ(
      lines(render(agent_with(sample)), "cpu_monitor_agent_samples_discarded_total{"),
      Lines{
          R"(cpu_monitor_agent_samples_discarded_total{endpoint="web-1",reason="other"} 18446744073709551615)"});
}

TEST(ExpositionProcess, ShowsTheShortestExactNumber) {
  CpuSample sample;
  sample.slow.self = ProcessCost{0.1, UINT64_MAX};
  const std::string page = render(agent_with(sample));
  EXPECT_EQ(lines(page, "cpu_monitor_agent_process_cpu_seconds_total{"),
            Lines{R"(cpu_monitor_agent_process_cpu_seconds_total{endpoint="web-1"} 0.1)"});
  EXPECT_EQ(
      lines(page, "cpu_monitor_agent_process_resident_memory_bytes{"),
      Lines{
          R"(cpu_monitor_agent_process_resident_memory_bytes{endpoint="web-1"} 18446744073709551615)"});
}

TEST(ExpositionCores, KeepTheirNumbersWithGaps) {
  const CpuTimes times = times_of({1, 0, 0, 0});
  const std::string page =
      render(agent_with(counters_of(times, {{0, times}, {63, times}, {kMaxCpuId, times}})));
  EXPECT_EQ(lines(page, R"(node_cpu_seconds_total{endpoint="web-1",cpu="0",)").size(), 4U);
  EXPECT_EQ(lines(page, R"(node_cpu_seconds_total{endpoint="web-1",cpu="63",)").size(), 4U);
  EXPECT_EQ(lines(page, R"(node_cpu_seconds_total{endpoint="web-1",cpu="65535",)").size(), 4U);
  EXPECT_EQ(lines(page, "node_cpu_seconds_total{").size(), 12U);
}

}  // namespace
}  // namespace cpu_monitor::exporter
