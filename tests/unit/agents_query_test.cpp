#include "exporter/agents_query.hpp"

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;

AgentsQuery query_of(std::string_view text) {
  const auto query = parse_agents_query(text);
  EXPECT_TRUE(query) << text;
  return query ? *query : AgentsQuery{};
}

TEST(AgentsQuery, HasDefaults) {
  const AgentsQuery query = query_of("");
  EXPECT_EQ(query.search, "");
  EXPECT_EQ(query.state, std::nullopt);
  EXPECT_EQ(query.order, AgentOrder::busy);
  EXPECT_EQ(query.offset, 0U);
  EXPECT_EQ(query.limit, 50U);
  EXPECT_EQ(query.history, 0U);
}

TEST(AgentsQuery, ReadsAll) {
  const AgentsQuery query =
      query_of("search=web%2D1+a&state=gone&sort=last_seen&offset=100&limit=200&history=150");
  EXPECT_EQ(query.search, "web-1 a");
  EXPECT_EQ(query.state, AgentState::gone);
  EXPECT_EQ(query.order, AgentOrder::last_seen);
  EXPECT_EQ(query.offset, 100U);
  EXPECT_EQ(query.limit, 200U);
  EXPECT_EQ(query.history, 150U);
}

class BadAgentsQuery : public testing::TestWithParam<const char*> {};

TEST_P(BadAgentsQuery, IsRefusedInWordsThatDoNotRepeatIt) {
  const auto query = parse_agents_query(GetParam());
  ASSERT_FALSE(query);
  EXPECT_GT(query.error().detail.size(), 20U);
  EXPECT_EQ(query.error().detail.find("zzz"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(All, BadAgentsQuery,
                         testing::Values("state=zzz", "state=", "state=Alive", "sort=zzz", "sort=",
                                         "limit=0", "limit=201", "limit=", "limit=-1", "limit=5.0",
                                         "limit=5x", "limit= 5", "limit=99999999999999999999",
                                         "offset=-1", "offset=1000001", "offset=zzz", "history=151",
                                         "history=-1", "history=", "zzz=1", "Search=a", "limit",
                                         "search=%zz", "%zz=1", "search=%f"));

/// A machine of that name, and how it stands.
AgentView agent_of(const std::string& endpoint, std::optional<double> percent,
                   std::optional<double> peak = std::nullopt,
                   AgentState state = AgentState::alive) {
  AgentView view;
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = endpoint;
  view.identity = std::move(identity);
  view.state = state;
  if (state == AgentState::gone) return view;
  auto sample = std::make_shared<CpuSample>();
  sample->percent = percent;
  if (peak) sample->burst.emplace().peak = peak;
  view.sample = std::move(sample);
  return view;
}

std::string names(const ChosenAgents& chosen) {
  std::string names;
  for (const AgentView* const agent : chosen.agents) names += agent->identity->endpoint + " ";
  return names;
}

class ChooseAgents : public testing::Test {
 protected:
  [[nodiscard]] std::string chosen(std::string_view query) const {
    return names(choose_agents(fleet_, query_of(query)));
  }

  FleetSnapshot fleet_{
      {agent_of("a", 10, 0.9), agent_of("b", std::nullopt), agent_of("c", 90, 0.95),
       agent_of("Db", 50, 0.2), agent_of("e", 0, {}, AgentState::gone),
       agent_of("f", 50, 1.0, AgentState::silent), agent_of("g", 0.0)},
      {}};
};

TEST_F(ChooseAgents, TheHottestFirst) { EXPECT_EQ(chosen(""), "c Db f a g b e "); }
TEST_F(ChooseAgents, TheHighestPeakFirst) { EXPECT_EQ(chosen("sort=peak"), "f c a Db b e g "); }
TEST_F(ChooseAgents, ByName) { EXPECT_EQ(chosen("sort=name"), "a b c Db e f g "); }
TEST_F(ChooseAgents, OfOneState) {
  EXPECT_EQ(chosen("state=gone"), "e ");
  EXPECT_EQ(chosen("state=silent"), "f ");
}
TEST_F(ChooseAgents, ByAPartOfTheNameInAnyCase) {
  EXPECT_EQ(chosen("search=B"), "Db b ");
  EXPECT_EQ(chosen("search=db"), "Db ");
  EXPECT_EQ(chosen("search=x"), "");
}

TEST_F(ChooseAgents, TheLongestUnheardFirst) {
  for (std::size_t i = 0; i < fleet_.agents.size(); ++i) {
    if (i == 1) continue;  // never heard
    fleet_.agents[i].last_sample =
        std::chrono::system_clock::time_point{} + std::chrono::seconds(100 - i);
  }
  EXPECT_EQ(chosen("sort=last_seen"), "b g f e Db c a ");
}

TEST_F(ChooseAgents, APageOfThem) {
  EXPECT_EQ(chosen("limit=2"), "c Db ");
  EXPECT_EQ(chosen("limit=2&offset=2"), "f a ");
  EXPECT_EQ(chosen("limit=2&offset=6"), "e ");
  EXPECT_EQ(chosen("limit=2&offset=7"), "");
  EXPECT_EQ(chosen("limit=200&offset=1000000"), "");
}

TEST_F(ChooseAgents, CountsAllThatMatch) {
  EXPECT_EQ(choose_agents(fleet_, query_of("limit=1")).matching, 7U);
  EXPECT_EQ(choose_agents(fleet_, query_of("limit=1&search=b")).matching, 2U);
  EXPECT_EQ(choose_agents({}, query_of("")).matching, 0U);
}

}  // namespace
}  // namespace cpu_monitor::exporter
