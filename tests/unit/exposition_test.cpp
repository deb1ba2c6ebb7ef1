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

namespace cpu_monitor::exporter {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

std::chrono::system_clock::time_point unix_time(milliseconds since_epoch) {
  return std::chrono::system_clock::time_point{} + since_epoch;
}

CpuTimes times_of(std::initializer_list<Ticks> ticks) {
  CpuTimes times;
  for (const Ticks count : ticks) times.ticks.at(times.fields++) = count;
  return times;
}

MetricGroups groups_of(std::initializer_list<MetricGroup> list) {
  MetricGroups groups;
  for (const MetricGroup group : list) groups.add(group);
  return groups;
}

AgentView agent_of(const std::string& endpoint, std::uint32_t ticks_per_second = 100) {
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = endpoint;
  identity->ticks_per_second = ticks_per_second;
  AgentView agent;
  agent.identity = identity;
  agent.state = AgentState::alive;
  agent.connects = 1;
  return agent;
}

AgentView agent_with(CpuSample sample, std::uint32_t ticks_per_second = 100) {
  AgentView agent = agent_of("web-1", ticks_per_second);
  agent.sample = std::make_shared<const CpuSample>(std::move(sample));
  return agent;
}

CpuSample counters_of(CpuTimes total, std::vector<CoreTimes> cores = {}) {
  CpuSample sample;
  sample.cpu = CpuCounters{total, std::move(cores)};
  return sample;
}

std::string render(const FleetSnapshot& fleet, const MetricGroups& groups = MetricGroups::all()) {
  std::string page;
  render_agents(fleet, groups, page);
  return page;
}

std::string render(AgentView agent, const MetricGroups& groups = MetricGroups::all()) {
  FleetSnapshot fleet;
  fleet.agents.push_back(std::move(agent));
  return render(fleet, groups);
}

/// The lines that begin with `start`.
std::vector<std::string> lines(const std::string& page, const std::string& start) {
  std::vector<std::string> found;
  std::istringstream text(page);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(start)) found.push_back(line);
  }
  return found;
}

using Lines = std::vector<std::string>;

/// One fleet with all there can be: a live agent, a silent one with fewer fields, one that is gone.
FleetSnapshot golden_fleet() {
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = "db-1";
  identity->version = "1.2.3";
  identity->labels = {{"owner", "a \"quoted\" name \\ x"}, {"rack", "b7"}};
  identity->ticks_per_second = 100;
  CpuSample sample = counters_of(times_of({1000, 205, 30, 4, 50, 0, 123456, 9, 7, 0}),
                                 {{0, times_of({500, 100, 15, 2, 25, 0, 61728, 4, 3, 0})},
                                  {12, times_of({500, 105, 15, 2, 25, 0, 61728, 5, 4, 0})}});
  sample.percent = 12.5;
  sample.discarded.emplace();
  sample.discarded->add(DiscardReason::wrapped, 3);
  sample.discarded->add(DiscardReason::torn);
  sample.slow.self = ProcessCost{1.25, 3'500'000};
  AgentView alive;
  alive.identity = identity;
  alive.state = AgentState::alive;
  alive.sample = std::make_shared<const CpuSample>(sample);
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
    R"(# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.
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
# HELP cpu_monitor_agent_up Whether samples of the agent arrive: 1, or 0 when they stopped.
# TYPE cpu_monitor_agent_up gauge
cpu_monitor_agent_up{endpoint="db-1"} 1
cpu_monitor_agent_up{endpoint="old-kernel"} 0
cpu_monitor_agent_up{endpoint="web-1"} 0
# HELP cpu_monitor_agent_last_sample_timestamp_seconds When the last sample arrived, by the exporter's clock.
# TYPE cpu_monitor_agent_last_sample_timestamp_seconds gauge
cpu_monitor_agent_last_sample_timestamp_seconds{endpoint="db-1"} 1700000000.25
cpu_monitor_agent_last_sample_timestamp_seconds{endpoint="old-kernel"} 1699999990
cpu_monitor_agent_last_sample_timestamp_seconds{endpoint="web-1"} 1699990000.001
# HELP cpu_monitor_agent_info What an agent says of itself: its version and its labels.
# TYPE cpu_monitor_agent_info gauge
cpu_monitor_agent_info{endpoint="db-1",version="1.2.3",label_owner="a \"quoted\" name \\ x",label_rack="b7"} 1
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
)";

TEST(Exposition, IsTheGoldenPage) { EXPECT_EQ(render(golden_fleet()), kGoldenPage); }

TEST(Exposition, AppendsToThePage) {
  std::string page = "before\n";
  render_agents(golden_fleet(), MetricGroups::all(), page);
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
      EXPECT_TRUE(line.starts_with(family + "{")) << line;
    }
  }
  EXPECT_EQ(helps, types);
  EXPECT_EQ(helps.size(), 10U);
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
        GroupCase{"Load", MetricGroup::load, {"cpu_monitor_host_cpu_seconds_total"}},
        GroupCase{"Agent",
                  MetricGroup::agent,
                  {"cpu_monitor_agent_up", "cpu_monitor_agent_last_sample_timestamp_seconds",
                   "cpu_monitor_agent_info", "cpu_monitor_agent_clock_skew_seconds",
                   "cpu_monitor_agent_connects_total", "cpu_monitor_agent_samples_discarded_total",
                   "cpu_monitor_agent_process_cpu_seconds_total",
                   "cpu_monitor_agent_process_resident_memory_bytes"}}),
    [](const auto& param) { return param.param.name; });

TEST(ExpositionGroups, OfNoneAreAnEmptyPage) {
  EXPECT_EQ(render(golden_fleet(), MetricGroups{}), "");
}

TEST(ExpositionGroups, TogetherAreTheWholePage) {
  std::string page;
  for (const MetricGroup group : {MetricGroup::cpu, MetricGroup::load, MetricGroup::agent}) {
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
  EXPECT_EQ(page.find("guest"), std::string::npos) << "it is inside user";
}

INSTANTIATE_TEST_SUITE_P(Fields, ExpositionModes, testing::Range<std::size_t>(4, 11));

TEST(ExpositionAbsence, OfASampleLeavesOnlyTheAgent) {
  const std::string page = render(agent_of("web-1"));
  EXPECT_EQ(lines(page, "# TYPE ").size(), 3U);
  EXPECT_EQ(lines(page, "cpu_monitor_agent_up"),
            Lines{R"(cpu_monitor_agent_up{endpoint="web-1"} 1)"});
  EXPECT_EQ(lines(page, "cpu_monitor_agent_info").size(), 1U);
  EXPECT_EQ(lines(page, "cpu_monitor_agent_connects_total").size(), 1U);
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
