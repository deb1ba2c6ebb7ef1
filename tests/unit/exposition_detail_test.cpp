#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/exposition_page.hpp"

namespace cpu_monitor::exporter {
namespace {

std::string page_of(AgentView agent) {
  return render(std::move(agent), groups_of({MetricGroup::detail}));
}

std::string page_of(CpuSample sample) { return page_of(agent_with(std::move(sample))); }

std::string page_of(CpuFacts facts) { return page_of(agent_with_facts(std::move(facts))); }

TEST(ExpositionDetail, OfASampleAndFactsThatSayNothingIsEmpty) {
  AgentView agent = agent_with(CpuSample{});
  EXPECT_EQ(page_of(agent), "");
  agent.facts = std::make_shared<const CpuFacts>();
  EXPECT_EQ(page_of(agent), "");
}

TEST(ExpositionDetail, OfSourcesThatHaveGoneIsEmpty) {
  CpuSample sample;
  sample.slow.frequency.emplace();
  sample.slow.throttles.emplace();
  sample.slow.temperature.emplace();
  EXPECT_EQ(page_of(sample), "");
}

TEST(ExpositionDetail, OfFactsNeedsNoSample) {
  CpuFacts facts;
  facts.online = {0};
  EXPECT_EQ(value(page_of(facts), "node_cpu_online", R"(,cpu="0")"), "1");
}

// ---------------------------------------------------------------------------------------------
// Time.

TEST(ExpositionGuests, AreUserAndNiceOfEachCpu) {
  CpuSample sample;
  const CpuTimes times = times_of({9, 9, 9, 9, 9, 9, 9, 9, 150, 7});
  sample.cpu = CpuCounters{times, {{0, times}, {5, times}}};
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "node_cpu_guest_seconds_total", R"(,cpu="0",mode="user")"), "1.5");
  EXPECT_EQ(value(page, "node_cpu_guest_seconds_total", R"(,cpu="5",mode="nice")"), "0.07");
  EXPECT_EQ(lines(page, "node_cpu_guest_seconds_total{").size(), 4U);
}

TEST(ExpositionGuests, OfAnOldKernelAreThoseItCounts) {
  CpuSample sample;
  sample.cpu = CpuCounters{times_of({9}), {{0, times_of({9, 9, 9, 9, 9, 9, 9, 9, 150})}}};
  const std::string page = page_of(sample);
  EXPECT_EQ(lines(page, "node_cpu_guest_seconds_total{").size(), 1U);
  sample.cpu->cores[0].times.fields = 8;
  EXPECT_EQ(page_of(sample), "");
}

TEST(ExpositionGuests, AreInTheUnitOfTheAgent) {
  CpuSample sample;
  sample.cpu = CpuCounters{times_of({9}), {{0, times_of({9, 9, 9, 9, 9, 9, 9, 9, 1, 2})}}};
  const std::string page = page_of(agent_with(sample, 250));
  EXPECT_EQ(value(page, "node_cpu_guest_seconds_total", R"(,cpu="0",mode="user")"), "0.004");
}

TEST(ExpositionScheduler, KeepsAllNanoseconds) {
  CpuSample sample;
  sample.schedstat = {{0, 2045936778163039, 343796328169361, 4767485306},
                      {7, UINT64_MAX, 1, UINT64_MAX}};
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "node_schedstat_running_seconds_total", R"(,cpu="0")"),
            "2045936.778163039");
  EXPECT_EQ(value(page, "node_schedstat_waiting_seconds_total", R"(,cpu="0")"), "343796.328169361");
  EXPECT_EQ(value(page, "node_schedstat_timeslices_total", R"(,cpu="0")"), "4767485306");
  EXPECT_EQ(value(page, "node_schedstat_running_seconds_total", R"(,cpu="7")"),
            "18446744073.709551615");
  EXPECT_EQ(value(page, "node_schedstat_waiting_seconds_total", R"(,cpu="7")"), "0.000000001");
  EXPECT_EQ(value(page, "node_schedstat_timeslices_total", R"(,cpu="7")"), "18446744073709551615");
}

// ---------------------------------------------------------------------------------------------
// Clock rates.

TEST(ExpositionFrequency, IsInHertz) {
  CpuSample sample;
  sample.slow.frequency = Frequencies{{{0, 800'000}, {3, 0}}, {{3, 799'998}}};
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "node_cpu_scaling_frequency_hertz", R"(,cpu="0")"), "800000000");
  EXPECT_EQ(value(page, "node_cpu_scaling_frequency_hertz", R"(,cpu="3")"), "0");
  EXPECT_EQ(value(page, "node_cpu_frequency_hertz", R"(,cpu="3")"), "799998000");
  EXPECT_EQ(lines(page, "node_cpu_frequency_hertz{").size(), 1U);
}

TEST(ExpositionFrequency, OfTheHardwareIsOftenUnknown) {
  CpuSample sample;
  sample.slow.frequency = Frequencies{{{0, 800'000}}, {}};
  EXPECT_EQ(lines(page_of(sample), "# TYPE "),
            Lines{"# TYPE node_cpu_scaling_frequency_hertz gauge"});
}

TEST(ExpositionFrequency, LimitsAreThereOneByOne) {
  CpuFacts facts;
  facts.frequency_limits = {{0, 400'000, std::nullopt, std::nullopt, 1'900'000},
                            {1, std::nullopt, 4'200'000, 800'000, std::nullopt},
                            {2, std::nullopt, std::nullopt, std::nullopt, std::nullopt}};
  const std::string page = page_of(facts);
  EXPECT_EQ(
      lines(page, "node_cpu_"),
      (Lines{R"(node_cpu_frequency_min_hertz{endpoint="web-1",cpu="0"} 400000000)",
             R"(node_cpu_frequency_max_hertz{endpoint="web-1",cpu="1"} 4200000000)",
             R"(node_cpu_scaling_frequency_min_hertz{endpoint="web-1",cpu="1"} 800000000)",
             R"(node_cpu_scaling_frequency_max_hertz{endpoint="web-1",cpu="0"} 1900000000)"}));
}

Lines governors_of(const GovernorChoice& choice) {
  CpuFacts facts;
  facts.governors = {choice};
  return lines(page_of(facts), "node_cpu_scaling_governor{");
}

std::string governor(const std::string& cpu, const std::string& name, const std::string& value) {
  return R"(node_cpu_scaling_governor{endpoint="web-1",cpu=")" + cpu + R"(",governor=")" + name +
         "\"} " + value;
}

TEST(ExpositionGovernor, IsOneForTheCurrentAndZeroForTheOthers) {
  EXPECT_EQ(governors_of({{0, 4}, {"powersave", "performance"}, "powersave"}),
            (Lines{governor("0", "performance", "0"), governor("0", "powersave", "1"),
                   governor("4", "performance", "0"), governor("4", "powersave", "1")}));
}

TEST(ExpositionGovernor, IsShownThoughItIsNotOnTheList) {
  EXPECT_EQ(governors_of({{0}, {"performance"}, "userspace"}),
            (Lines{governor("0", "performance", "0"), governor("0", "userspace", "1")}));
  EXPECT_EQ(governors_of({{0}, {}, "userspace"}), Lines{governor("0", "userspace", "1")});
}

TEST(ExpositionGovernor, IsZeroForAllWhenTheCurrentIsUnknown) {
  EXPECT_EQ(governors_of({{0}, {"performance"}, ""}), Lines{governor("0", "performance", "0")});
}

TEST(ExpositionGovernor, ComesOnceThoughItIsListedTwice) {
  EXPECT_EQ(governors_of({{0}, {"a", "a"}, "a"}), Lines{governor("0", "a", "1")});
}

TEST(ExpositionGovernor, IsEscaped) {
  EXPECT_EQ(governors_of({{0}, {}, "a\"} 1\\"}), Lines{governor("0", R"(a\"} 1\\)", "1")});
}

// ---------------------------------------------------------------------------------------------
// Heat.

TEST(ExpositionThrottles, AreOfCoresAndPackages) {
  CpuSample sample;
  sample.slow.throttles = Throttles{{{0, 0, 5}, {1, 0, 0}}, {{0, 30}, {1, UINT64_MAX}}};
  const std::string page = page_of(sample);
  EXPECT_EQ(value(page, "node_cpu_core_throttles_total", R"(,package="0",core="0")"), "5");
  EXPECT_EQ(value(page, "node_cpu_core_throttles_total", R"(,package="1",core="0")"), "0");
  EXPECT_EQ(value(page, "node_cpu_package_throttles_total", R"(,package="0")"), "30");
  EXPECT_EQ(value(page, "node_cpu_package_throttles_total", R"(,package="1")"),
            "18446744073709551615");
}

TEST(ExpositionTemperature, HasTheTypeOfItsZone) {
  CpuSample sample;
  sample.slow.temperature.emplace({ZoneTemperature{0, 44'000}, ZoneTemperature{7, -500}});
  AgentView agent = agent_with(sample);
  CpuFacts facts;
  facts.thermal_zones = {{0, "x86_pkg_temp"}, {3, "gone"}};
  agent.facts = std::make_shared<const CpuFacts>(facts);
  EXPECT_EQ(lines(page_of(agent), "node_thermal_zone_temp{"),
            (Lines{R"(node_thermal_zone_temp{endpoint="web-1",zone="0",type="x86_pkg_temp"} 44)",
                   R"(node_thermal_zone_temp{endpoint="web-1",zone="7",type=""} -0.5)"}));
}

TEST(ExpositionTemperature, HasNoTypeWithoutFacts) {
  CpuSample sample;
  sample.slow.temperature.emplace({ZoneTemperature{0, 44'000}});
  EXPECT_EQ(value(page_of(sample), "node_thermal_zone_temp", R"(,zone="0",type="")"), "44");
}

// ---------------------------------------------------------------------------------------------
// What the CPUs are.

TEST(ExpositionOnline, IsZeroForAnOfflineCpu) {
  CpuFacts facts;
  facts.online = {0, 2};
  facts.offline = {1};
  EXPECT_EQ(lines(page_of(facts), "node_cpu_online{"),
            (Lines{R"(node_cpu_online{endpoint="web-1",cpu="0"} 1)",
                   R"(node_cpu_online{endpoint="web-1",cpu="2"} 1)",
                   R"(node_cpu_online{endpoint="web-1",cpu="1"} 0)"}));
}

TEST(ExpositionIsolated, HasOnlyTheIsolatedCpus) {
  CpuFacts facts;
  facts.online = {0, 1};
  facts.isolated = {1};
  EXPECT_EQ(lines(page_of(facts), "node_cpu_isolated{"),
            Lines{R"(node_cpu_isolated{endpoint="web-1",cpu="1"} 1)"});
}

TEST(ExpositionInfo, HasNodeExportersLabels) {
  CpuFacts facts;
  facts.models = {{"GenuineIntel", "6", "142", "Intel(R) Core(TM) \"i7\"", "0xb4", "10", "8192 KB"},
                  {}};
  facts.cpus = {{0, 0, "0", "3"}, {9, 1, "", ""}};
  EXPECT_EQ(
      lines(page_of(facts), "node_cpu_info{"),
      (Lines{R"(node_cpu_info{endpoint="web-1",package="0",core="3",cpu="0",)"
             R"(vendor="GenuineIntel",family="6",model="142",)"
             R"(model_name="Intel(R) Core(TM) \"i7\"",microcode="0xb4",stepping="10",)"
             R"(cachesize="8192 KB"} 1)",
             R"(node_cpu_info{endpoint="web-1",package="",core="",cpu="9",vendor="",)"
             R"(family="",model="",model_name="",microcode="",stepping="",cachesize=""} 1)"}));
}

TEST(ExpositionInfo, LeavesOutACpuOfNoKnownModel) {
  CpuFacts facts;
  facts.models = {{}};
  facts.cpus = {{0, 1, "", ""}, {1, UINT32_MAX, "", ""}};
  EXPECT_EQ(page_of(facts), "");
}

// ---------------------------------------------------------------------------------------------
// How many.

/// All that a machine with so many CPUs can say by default or, with detail, at most: one socket,
/// one core and a governor choice of two for each CPU, a thermal zone.
AgentView machine_of(std::uint32_t cpus) {
  const CpuTimes times = times_of({1, 1, 1, 1, 1, 1, 1, 1, 1, 1});
  CpuSample sample;
  CpuFacts facts;
  sample.cpu = CpuCounters{times, {}};
  sample.host = {LoadAverage{}, 0, 0, 0, 0, 0, 0, 0};
  sample.burst = BurstReadings{{}, {}, {}, 0, 0, 0};
  sample.cgroup = CgroupCpu{0, 1, 0, 0, 0, 0, 0, 0};
  sample.time.emplace();
  sample.slow.boot_time_s = 1;
  sample.slow.self.emplace();
  sample.slow.frequency.emplace();
  sample.slow.throttles = Throttles{{}, {{0, 0}}};
  sample.slow.temperature.emplace({ZoneTemperature{}});
  facts.models = {{}};
  facts.governors = {{{}, {"performance", "powersave"}, "powersave"}};
  for (std::uint32_t cpu = 0; cpu < cpus; ++cpu) {
    sample.cpu->cores.push_back({cpu, times});
    sample.schedstat.push_back({cpu, 0, 0, 0});
    sample.slow.frequency->scaling.push_back({cpu, 0});
    sample.slow.frequency->hardware.push_back({cpu, 0});
    sample.slow.throttles->cores.push_back({0, cpu, 0});
    facts.cpus.push_back({cpu, 0, "0", ""});
    facts.online.push_back(cpu);
    facts.frequency_limits.push_back({cpu, 1, 1, 1, 1});
    facts.governors[0].cpus.push_back(cpu);
  }
  AgentView agent = agent_with(std::move(sample));
  AgentIdentity identity = *agent.identity;
  identity.host.emplace();
  agent.identity = std::make_shared<const AgentIdentity>(identity);
  agent.facts = std::make_shared<const CpuFacts>(std::move(facts));
  agent.last_sample.emplace();
  agent.clock_skew.emplace();
  return agent;
}

std::size_t count_series(const std::string& page) {
  std::size_t count = 0;
  std::istringstream text(page);
  for (std::string line; std::getline(text, line);) {
    if (!line.starts_with("#")) ++count;
  }
  return count;
}

struct SizeCase {
  std::uint32_t cpus;
  std::size_t usual;  ///< without my_cpu_percents
  std::size_t all;
};

class ExpositionSize : public testing::TestWithParam<SizeCase> {};

TEST_P(ExpositionSize, IsAsDocumented) {
  const AgentView machine = machine_of(GetParam().cpus);
  EXPECT_EQ(count_series(render(machine, MetricGroups::usual())), GetParam().usual);
  EXPECT_EQ(count_series(render(machine)), GetParam().all);
}

INSTANTIATE_TEST_SUITE_P(Machines, ExpositionSize,
                         testing::Values(SizeCase{4, 103, 169}, SizeCase{8, 135, 265},
                                         SizeCase{64, 583, 1609}),
                         [](const auto& param) {
                           return std::to_string(param.param.cpus) + "Cpus";
                         });

}  // namespace
}  // namespace cpu_monitor::exporter
