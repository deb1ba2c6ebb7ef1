#include "exporter/discovery.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

namespace cpu_monitor::exporter {
namespace {

using nlohmann::json;

class GoodUrl : public testing::TestWithParam<std::pair<const char*, const char*>> {};

TEST_P(GoodUrl, IsRead) {
  const auto url = parse_external_url(GetParam().first);
  ASSERT_TRUE(url);
  EXPECT_EQ(url->scheme + " " + url->target + " " + url->path, GetParam().second);
}

INSTANTIATE_TEST_SUITE_P(ExternalUrl, GoodUrl,
                         testing::Values(std::pair{"http://a", "http a "},
                                         std::pair{"https://a.example:8000/",
                                                   "https a.example:8000 "},
                                         std::pair{"https://a/cpu/", "https a /cpu"},
                                         std::pair{"http://[::1]:8000/x/y", "http [::1]:8000 /x/y"},
                                         std::pair{"http://10.0.0.1//", "http 10.0.0.1 "}));

class BadUrl : public testing::TestWithParam<const char*> {};

TEST_P(BadUrl, IsRefused) { EXPECT_FALSE(parse_external_url(GetParam())); }

INSTANTIATE_TEST_SUITE_P(ExternalUrl, BadUrl,
                         testing::Values("", "a", "a:80", "//a", "http:/a", "http//a", "ftp://a",
                                         "HTTP://a", "http://", "http:///x", "http://a b",
                                         "http://a/?x", "http://a/#x", "http://u@a/", "http://a//b",
                                         "http://a/\"", "http://a/%20", "http://a\n",
                                         "http://a,b"));

TEST(IsHost, TakesWhatClientsSend) {
  for (const char* const host :
       {"localhost", "a.example:8000", "10.0.0.1", "[::1]:8000", "[fe80::1%25eth0]:1", "my_host"}) {
    EXPECT_TRUE(is_host(host)) << host;
  }
  for (const std::string& host :
       {std::string(), std::string("a b"), std::string("a/b"), std::string("a\"b"),
        std::string("a,b"), std::string("a@b"), std::string("a\\b"), std::string("<x>"),
        std::string(256, 'a'), std::string("a\xff")}) {
    EXPECT_FALSE(is_host(host)) << host;
  }
}

AgentView agent_of(const std::string& endpoint) {
  AgentView agent;
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = endpoint;
  agent.identity = std::move(identity);
  return agent;
}

TEST(Discovery, IsAnEmptyListWithoutAgents) {
  EXPECT_EQ(json::parse(targets_json({}, {"http", "a:80", ""})), json::array());
}

TEST(Discovery, MakesEachAgentATarget) {
  FleetSnapshot fleet;
  fleet.agents = {agent_of("a"), agent_of("b.example")};
  fleet.agents[1].state = AgentState::gone;
  fleet.agents[1].is_expected = true;
  const json targets = json::parse(targets_json(fleet, {"https", "mon:8000", "/cpu"}));
  ASSERT_EQ(targets.size(), 2U);
  EXPECT_EQ(targets[0]["targets"], json::array({"mon:8000"}));
  EXPECT_EQ(targets[0]["labels"], (json{{"__scheme__", "https"},
                                        {"__metrics_path__", "/cpu/agents/a/metrics"},
                                        {"instance", "a"},
                                        {"__meta_cpu_monitor_state", "silent"},
                                        {"__meta_cpu_monitor_expected", "false"}}));
  EXPECT_EQ(targets[1]["labels"]["instance"], "b.example");
  EXPECT_EQ(targets[1]["labels"]["__meta_cpu_monitor_state"], "gone");
  EXPECT_EQ(targets[1]["labels"]["__meta_cpu_monitor_expected"], "true");
}

TEST(Discovery, SaysWhatIsKnownOfAnAgent) {
  AgentView agent = agent_of("a");
  auto identity = std::make_shared<AgentIdentity>(*agent.identity);
  identity->version = "1.2.3";
  identity->host.emplace();
  identity->host->machine = "x86_64";
  identity->host->release = "6.1.0-28-amd64";
  identity->labels = {{"site", "b \"1\""}};
  agent.identity = std::move(identity);
  auto sample = std::make_shared<CpuSample>();
  sample->cpu.emplace().cores.resize(8);
  agent.sample = std::move(sample);
  const json labels = json::parse(targets_json({{agent}, {}}, {"http", "a:80", ""}))[0]["labels"];
  EXPECT_EQ(labels["__meta_cpu_monitor_version"], "1.2.3");
  EXPECT_EQ(labels["__meta_cpu_monitor_machine"], "x86_64");
  EXPECT_EQ(labels["__meta_cpu_monitor_release"], "6.1.0-28-amd64");
  EXPECT_EQ(labels["__meta_cpu_monitor_cores"], "8");
  EXPECT_EQ(labels["__meta_cpu_monitor_label_site"], "b \"1\"");
}

TEST(Discovery, SaysNothingThatPrometheusWouldRefuse) {
  AgentView agent = agent_of("a");
  const json groups = json::parse(targets_json({{agent}, {}}, {"http", "a:80", ""}));
  for (const auto& [name, value] : groups[0]["labels"].items()) {
    EXPECT_TRUE(value.is_string()) << name;  // labels are strings, or the whole list is refused
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
