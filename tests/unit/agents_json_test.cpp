#include "exporter/agents_json.hpp"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

Moment at(std::chrono::milliseconds time) {
  return {std::chrono::steady_clock::time_point{} + std::chrono::hours(5000) + time,
          std::chrono::system_clock::time_point{} + 1'700'000'000s + time};
}

AgentView known_agent() {
  AgentView agent;
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = "web-1";
  identity->version = "1.2.3";
  identity->labels = {{"site", "b"}};
  identity->host = KernelName{"Linux", "6.1", "#1 SMP", "x86_64", "web-1", "(none)"};
  agent.identity = std::move(identity);
  agent.state = AgentState::alive;
  agent.is_expected = true;
  agent.last_sample = at(-250ms).system;
  agent.clock_skew = -3ms;
  agent.connects = 2;
  agent.push_interval = 1s;
  auto sample = std::make_shared<CpuSample>();
  sample->percent = 12.3456;
  sample->uptime = 3600s;
  CpuTimes times;
  times.fields = 8;
  for (std::size_t i = 0; i < times.ticks.size(); ++i) times.ticks[i] = i + 1;
  sample->cpu = CpuCounters{times, {{0, times}, {3, times}}};
  sample->host = {LoadAverage{0.5, 1.25, 2}, 100, 200, 300, 4, 1, 5000, 60};
  sample->burst.emplace();
  sample->burst->peak = 0.97512;
  sample->burst->busiest_core_peak = 1.0;
  sample->burst->steal_peak = 0.0;
  sample->cgroup = CgroupCpu{0.5, 1.5, 10, 7, 3, 100, 3, 45};
  sample->discarded.emplace().add(DiscardReason::suspend, 2);
  agent.sample = std::move(sample);
  auto slow = std::make_shared<SlowReadings>();
  slow->boot_time_s = 1'699'990'000;
  slow->self = ProcessCost{1.5, 2'500'000};
  slow->throttles = Throttles{{{0, 0, 5}, {0, 1, 2}}, {{0, 30}}};
  slow->temperature = {ZoneTemperature{0, 44'500}, ZoneTemperature{1, -1000}};
  agent.slow = std::move(slow);
  auto facts = std::make_shared<CpuFacts>();
  facts->thermal_zones = {{0, "x86_pkg_temp"}};
  agent.facts = std::move(facts);
  return agent;
}

json list_of(const FleetSnapshot& fleet, const AgentsQuery& query = {},
             const std::vector<UsageHistory>& histories = {}) {
  AgentsContext context;
  context.now = at(0ms);
  context.uptime = 93s;
  context.groups = MetricGroups::usual();
  context.peak_window = 2min;
  return json::parse(agents_json(fleet, choose_agents(fleet, query), query, histories, context));
}

TEST(AgentsJson, SaysHowTheFleetStands) {
  FleetSnapshot fleet;
  fleet.agents = {known_agent(), known_agent(), known_agent()};
  fleet.agents[1].state = AgentState::gone;
  fleet.agents[2].state = AgentState::silent;
  AgentsQuery query;
  query.state = AgentState::alive;
  const json list = list_of(fleet, query);
  EXPECT_EQ(list["time_ms"], 1'700'000'000'000);
  EXPECT_EQ(list["uptime_ms"], 93'000);
  EXPECT_EQ(list["counts"], (json{{"alive", 1}, {"silent", 1}, {"gone", 1}}));
  EXPECT_EQ(list["matching"], 1);
  EXPECT_EQ(list["peak_window_ms"], 120'000);
  EXPECT_EQ(list["groups"], (json{"percent", "cpu", "load", "burst", "agent", "exporter"}));
  EXPECT_EQ(list["agents"].size(), 1U);
  EXPECT_TRUE(list["version"].is_string());
}

TEST(AgentsJson, SaysWhatIsKnownOfAnAgent) {
  const json agent = list_of({{known_agent()}, {}})["agents"][0];
  EXPECT_EQ(agent, (json{{"endpoint", "web-1"},
                         {"state", "alive"},
                         {"expected", true},
                         {"has_come", true},
                         {"last_sample_ms", 1'699'999'999'750},
                         {"agent_version", "1.2.3"},
                         {"push_interval_ms", 1000},
                         {"percent", 12.3},
                         {"peak", 97.5},
                         {"busiest_core_peak", 100.0},
                         {"steal_peak", 0.0},
                         {"load", {0.5, 1.25, 2.0}},
                         {"cpus", 2}}));
}

TEST(AgentsJson, SaysNothingOfWhatIsNotKnown) {
  AgentView agent = known_agent();
  agent.sample = std::make_shared<CpuSample>();
  agent.slow = nullptr;
  agent.last_sample.reset();
  const json shown = list_of({{agent}, {}})["agents"][0];
  for (const char* const name : {"percent", "peak", "busiest_core_peak", "steal_peak", "load",
                                 "cpus", "last_sample_ms", "history"}) {
    EXPECT_FALSE(shown.contains(name)) << name;
  }
}

TEST(AgentsJson, ShowsAMachineThatHasNotCome) {
  AgentView agent;
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = "web-1";
  agent.identity = std::move(identity);
  agent.has_come = false;
  agent.is_expected = true;
  agent.state = AgentState::gone;
  EXPECT_EQ(
      list_of({{agent}, {}})["agents"][0],
      (json{{"endpoint", "web-1"}, {"state", "gone"}, {"expected", true}, {"has_come", false}}));
}

TEST(AgentsJson, ShowsTheHistoryThatIsAskedFor) {
  UsageHistory history;
  history.add(at(-4s).steady, 1s, 10, 50.0);
  history.add(at(0ms).steady, 1s, 20.6, std::nullopt);
  AgentsQuery query;
  query.history = 4;
  const json shown = list_of({{known_agent()}, {}}, query, {history})["agents"][0]["history"];
  EXPECT_EQ(shown["step_ms"], 2000);
  EXPECT_EQ(shown["end_ms"], 1'700'000'002'000);
  EXPECT_EQ(shown["percent"], (json{nullptr, 10, nullptr, 21}));
  EXPECT_EQ(shown["peak"], (json{nullptr, 50, nullptr, nullptr}));
}

TEST(AgentJson, SaysAllThatIsKnown) {
  const json agent = json::parse(agent_json(known_agent(), {}, at(0ms)));
  EXPECT_EQ(agent["time_ms"], 1'700'000'000'000);
  EXPECT_EQ(agent["connects"], 2);
  EXPECT_EQ(agent["clock_skew_ms"], -3);
  EXPECT_EQ(agent["labels"], (json{{"site", "b"}}));
  EXPECT_EQ(agent["host"]["release"], "6.1");
  EXPECT_EQ(agent["boot_time_ms"], 1'699'990'000'000);
  EXPECT_EQ(agent["sample_uptime_ms"], 3'600'000);
  EXPECT_EQ(agent["ticks_per_second"], 100);
  EXPECT_EQ(agent["cpu"]["total"], (json{1, 2, 3, 4, 5, 6, 7, 8}));
  EXPECT_EQ(agent["cpu"]["cores"][1], (json{{"id", 3}, {"ticks", {1, 2, 3, 4, 5, 6, 7, 8}}}));
  EXPECT_EQ(agent["running"], 4);
  EXPECT_EQ(agent["blocked"], 1);
  EXPECT_EQ(agent["context_switches"], 100);
  EXPECT_EQ(agent["interrupts"], 200);
  EXPECT_EQ(agent["forks"], 300);
  EXPECT_EQ(agent["pressure"], (json{{"waiting_us", 5000}, {"irq_stalled_us", 60}}));
  EXPECT_EQ(agent["throttles"], (json{{"core", 7}, {"package", 30}}));
  EXPECT_EQ(agent["temperature"], (json{{{"zone", 0}, {"type", "x86_pkg_temp"}, {"celsius", 44.5}},
                                        {{"zone", 1}, {"celsius", -1.0}}}));
  EXPECT_EQ(agent["cgroup"]["utilization"], 50.0);
  EXPECT_EQ(agent["cgroup"]["throttled_us"], 45);
  EXPECT_EQ(agent["discarded"], (json{{"suspend", 2}}));
  EXPECT_EQ(agent["self"], (json{{"cpu_seconds", 1.5}, {"resident_bytes", 2'500'000}}));
  EXPECT_EQ(agent["history"]["percent"].size(), UsageHistory::kSlots);
}

TEST(AgentJson, OfAMachineThatIsGoneSaysWhoItWas) {
  AgentView agent = known_agent();
  agent.state = AgentState::gone;
  agent.sample = nullptr;
  agent.slow = nullptr;
  agent.facts = nullptr;
  const json shown = json::parse(agent_json(agent, {}, at(0ms)));
  EXPECT_EQ(shown["state"], "gone");
  EXPECT_EQ(shown["host"]["nodename"], "web-1");
  for (const char* const name : {"cpu", "percent", "running", "pressure", "self", "cgroup"}) {
    EXPECT_FALSE(shown.contains(name)) << name;
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
