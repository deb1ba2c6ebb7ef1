#include "exporter/percent_gauge.hpp"

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/page_text.hpp"

namespace cpu_monitor::exporter {
namespace {

constexpr std::string_view kHead =
    "# HELP my_cpu_percents Percentage of CPU usage in gauge\n"
    "# TYPE my_cpu_percents gauge\n";

AgentView agent_of(const std::string& endpoint) {
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = endpoint;
  AgentView agent;
  agent.identity = identity;
  agent.state = AgentState::alive;
  return agent;
}

AgentView agent_with(const std::string& endpoint, std::optional<double> percent,
                     bool has_counters) {
  CpuSample sample;
  sample.percent = percent;
  if (has_counters) sample.cpu.emplace();
  AgentView agent = agent_of(endpoint);
  agent.sample = std::make_shared<const CpuSample>(sample);
  return agent;
}

FleetSnapshot fleet_of(std::vector<AgentView> agents, std::vector<ReportedPercent> reported = {}) {
  return {std::move(agents), std::move(reported)};
}

std::string render(PercentGauge& gauge, const FleetSnapshot& fleet) {
  return text_written([&](PageWriter& page) { gauge.render(fleet, page); });
}

std::string page_of(std::string_view series) { return std::string(kHead).append(series); }

TEST(PercentGauge, ShowsTheShareFromProcStat) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", 14.6, true)})),
            page_of("my_cpu_percents{endpoint=\"web-1\",method=\"proc_stat\"} 14.6\n"));
}

TEST(PercentGauge, WritesTheShortestTextOfAValue) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", 84.9, true)})),
            page_of("my_cpu_percents{endpoint=\"web-1\",method=\"proc_stat\"} 84.9\n"));
}

TEST(PercentGauge, CallsAClientsOwnFigureReported) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", 14.6, false)})),
            page_of("my_cpu_percents{endpoint=\"web-1\",method=\"reported\"} 14.6\n"));
}

TEST(PercentGauge, ShowsClientsWithoutAName) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, fleet_of({}, {{"127.0.0.1:5000", 7}})),
            page_of("my_cpu_percents{endpoint=\"127.0.0.1:5000\",method=\"reported\"} 7\n"));
}

TEST(PercentGauge, AppendsToThePage) {
  PercentGauge gauge;
  const std::string page = text_written([&gauge](PageWriter& writer) {
    writer.append("before\n");
    gauge.render(fleet_of({agent_with("web-1", 1, true)}), writer);
  });
  EXPECT_TRUE(page.starts_with("before\n# HELP my_cpu_percents"));
}

TEST(PercentGauge, SortsItsSeries) {
  PercentGauge gauge;
  std::vector<AgentView> agents;
  std::string series;
  for (char name = 'a'; name <= 'z'; ++name) {
    agents.push_back(agent_with(std::string(1, name), 1, true));
    series += "my_cpu_percents{endpoint=\"" + std::string(1, name) + "\",method=\"proc_stat\"} 1\n";
  }
  EXPECT_EQ(render(gauge, fleet_of(agents)), page_of(series));
}

TEST(PercentGauge, IsAbsentForAnEmptyFleet) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, {}), "");
}

TEST(PercentGauge, IsAbsentWithoutASample) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, fleet_of({agent_of("web-1")})), "");
}

TEST(PercentGauge, IsAbsentForASampleWithoutAPercentage) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", std::nullopt, true)})), "");
}

TEST(PercentGauge, FollowsTheFleet) {
  PercentGauge gauge;
  render(gauge, fleet_of({agent_with("web-1", 10, true)}));
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", 20.5, true)})),
            page_of("my_cpu_percents{endpoint=\"web-1\",method=\"proc_stat\"} 20.5\n"));
}

TEST(PercentGauge, LeavesWithItsMachine) {
  PercentGauge gauge;
  render(gauge, fleet_of({agent_with("web-1", 10, true), agent_with("web-2", 20, true)}));
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-2", 20, true)})),
            page_of("my_cpu_percents{endpoint=\"web-2\",method=\"proc_stat\"} 20\n"));
}

TEST(PercentGauge, LeavesWithItsSample) {
  PercentGauge gauge;
  render(gauge, fleet_of({agent_with("web-1", 10, true)}));
  EXPECT_EQ(render(gauge, fleet_of({agent_of("web-1")})), "");
}

TEST(PercentGauge, LeavesWithItsConnection) {
  PercentGauge gauge;
  render(gauge, fleet_of({}, {{"127.0.0.1:5000", 7}}));
  EXPECT_EQ(render(gauge, {}), "");
}

TEST(PercentGauge, ComesBackWithItsMachine) {
  PercentGauge gauge;
  const std::string page = render(gauge, fleet_of({agent_with("web-1", 10, true)}));
  render(gauge, {});
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", 10, true)})), page);
}

TEST(PercentGauge, HasOneSeriesWhenTheMethodChanges) {
  PercentGauge gauge;
  render(gauge, fleet_of({agent_with("web-1", 10, false)}));
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", 10, true)})),
            page_of("my_cpu_percents{endpoint=\"web-1\",method=\"proc_stat\"} 10\n"));
}

TEST(PercentGauge, DoesNotRememberThePageBefore) {
  PercentGauge gauge;
  const FleetSnapshot fleet = fleet_of({agent_with("web-1", 10, true)}, {{"127.0.0.1:5", 1}});
  const std::string page = render(gauge, fleet);
  EXPECT_EQ(render(gauge, fleet), page);
}

struct ValueCase {
  const char* name;
  double percent;
  std::string_view text;
};

void PrintTo(const ValueCase& tested, std::ostream* out) { *out << tested.percent; }

class PercentGaugeValue : public testing::TestWithParam<ValueCase> {};

TEST_P(PercentGaugeValue, IsPrintedAsItIs) {
  PercentGauge gauge;
  EXPECT_EQ(render(gauge, fleet_of({agent_with("web-1", GetParam().percent, true)})),
            page_of("my_cpu_percents{endpoint=\"web-1\",method=\"proc_stat\"} " +
                    std::string(GetParam().text) + "\n"));
}

INSTANTIATE_TEST_SUITE_P(
    Values, PercentGaugeValue,
    testing::Values(ValueCase{"Idle", 0, "0"}, ValueCase{"Full", 100, "100"},
                    ValueCase{"Tenth", 0.1, "0.1"}, ValueCase{"Usual", 14.6, "14.6"},
                    ValueCase{"ManyDigits", 12.345678901234, "12.345678901234"}),
    [](const auto& param) { return param.param.name; });

TEST(PercentGaugeThreads, TakeTurns) {
  PercentGauge gauge;
  const auto scrape = [&gauge](const std::string& endpoint) {
    const FleetSnapshot fleet = fleet_of({agent_with(endpoint, 1, true)});
    const std::string expected =
        page_of("my_cpu_percents{endpoint=\"" + endpoint + "\",method=\"proc_stat\"} 1\n");
    for (int i = 0; i < 200; ++i) ASSERT_EQ(render(gauge, fleet), expected);
  };
  const std::jthread one(scrape, "web-1");
  const std::jthread other(scrape, "web-2");
}

FleetSnapshot fleet_of_many(int first, int last) {
  std::vector<AgentView> agents;
  for (int i = first; i < last; ++i) {
    agents.push_back(agent_with("web-" + std::to_string(1000 + i), i, true));
  }
  return fleet_of(std::move(agents));
}

struct Leaving {
  const char* name;
  int first;  ///< of those that stay, of 0..99
  int last;
};

class PercentGaugeLeaving : public testing::TestWithParam<Leaving> {};

TEST_P(PercentGaugeLeaving, LeavesWhatANewGaugeWouldShow) {
  PercentGauge gauge;
  render(gauge, fleet_of_many(0, 100));
  const auto rest = fleet_of_many(GetParam().first, GetParam().last);
  PercentGauge fresh;
  const std::string expected = render(fresh, rest);
  EXPECT_EQ(render(gauge, rest), expected);
  EXPECT_EQ(render(gauge, rest), expected) << "the next page too";
}

INSTANTIATE_TEST_SUITE_P(Fleet, PercentGaugeLeaving,
                         testing::Values(Leaving{"Nobody", 0, 100}, Leaving{"TheFirst", 1, 100},
                                         Leaving{"TheLast", 0, 99}, Leaving{"AFew", 8, 92},
                                         Leaving{"OneMoreThanAFew", 17, 100},
                                         Leaving{"AllButOne", 50, 51}, Leaving{"All", 0, 0},
                                         Leaving{"SomeForOthers", 60, 160},
                                         Leaving{"AllForOthers", 100, 200}),
                         [](const auto& param) { return param.param.name; });

/// Two connections may come from one address and port, for a while.
TEST(PercentGauge, ShowsEqualLabelsOnce) {
  PercentGauge gauge;
  const auto both = fleet_of({}, {{"127.0.0.1:5000", 1}, {"127.0.0.1:5000", 2}});
  const auto one = fleet_of({}, {{"127.0.0.1:5000", 2}});
  EXPECT_EQ(render(gauge, both),
            page_of("my_cpu_percents{endpoint=\"127.0.0.1:5000\",method=\"reported\"} 1\n"));
  for (int page = 0; page < 2; ++page) {
    EXPECT_EQ(render(gauge, one),
              page_of("my_cpu_percents{endpoint=\"127.0.0.1:5000\",method=\"reported\"} 2\n"));
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
