#include "exporter/agents_query.hpp"

#include <algorithm>
#include <charconv>
#include <compare>
#include <system_error>
#include <tuple>

namespace cpu_monitor::exporter {
namespace {

Error<QueryFault> bad(std::string words) { return {QueryFault::bad_parameter, std::move(words)}; }

bool read_number(const std::string& text, std::size_t least, std::size_t most,
                 std::size_t& number) {
  std::size_t read = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, read);
  if (error != std::errc{} || stopped != end || read < least || read > most) return false;
  number = read;
  return true;
}

std::optional<Error<QueryFault>> read(const Parameter& parameter, AgentsQuery& query) {
  const auto& [name, value] = parameter;
  constexpr std::size_t kMostAgents = 1'000'000;
  if (name == "search") {
    query.search = value;
    return std::nullopt;
  }
  if (name == "state") {
    query.state = kAgentStateNames.find(value);
    if (query.state) return std::nullopt;
    return bad("state is alive, silent or gone");
  }
  if (name == "sort") {
    const auto order = kAgentOrderNames.find(value);
    if (!order) return bad("sort is busy, peak, name or last_seen");
    query.order = *order;
    return std::nullopt;
  }
  if (name == "offset") {
    if (read_number(value, 0, kMostAgents, query.offset)) return std::nullopt;
    return bad("offset is a whole number up to 1000000");
  }
  if (name == "limit") {
    if (read_number(value, 1, AgentsQuery::kMaxAgents, query.limit)) return std::nullopt;
    return bad("limit is a whole number from 1 to 200");
  }
  if (name == "history") {
    if (read_number(value, 0, UsageHistory::kSlots, query.history)) return std::nullopt;
    return bad("history is a whole number from 0 to 150");
  }
  return bad("the parameters are search, state, sort, offset, limit and history");
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool holds(std::string_view text, std::string_view part) {
  const auto is_same = [](char one, char other) { return lower(one) == lower(other); };
  const auto found = std::search(text.begin(), text.end(), part.begin(), part.end(), is_same);
  return part.empty() || found != text.end();
}

bool matches(const AgentView& agent, const AgentsQuery& query) {
  return (!query.state || agent.state == *query.state) &&
         holds(agent.identity->endpoint, query.search);
}

/// The smaller comes first.
double rank(const AgentView& agent, AgentOrder order) {
  constexpr double kLast = 1;
  switch (order) {
    case AgentOrder::busy:
      return -busy_percent(agent).value_or(-kLast);
    case AgentOrder::peak:
      return -peak_percent(agent).value_or(-kLast);
    case AgentOrder::last_seen:
      if (!agent.last_sample) return 0;
      return std::chrono::duration<double>(agent.last_sample->time_since_epoch()).count();
    case AgentOrder::name:
      return 0;
  }
  return 0;
}

}  // namespace

Result<AgentsQuery, QueryFault> parse_agents_query(std::string_view query) {
  const auto parameters = parse_query(query);
  if (!parameters) return parameters.error();
  AgentsQuery chosen;
  for (const Parameter& parameter : *parameters) {
    if (auto fault = read(parameter, chosen)) return *std::move(fault);
  }
  return chosen;
}

ChosenAgents choose_agents(const FleetSnapshot& snapshot, const AgentsQuery& query) {
  struct Ranked {
    double rank;
    const AgentView* agent;
  };
  std::vector<Ranked> ranked;
  for (const AgentView& agent : snapshot.agents) {
    if (matches(agent, query)) ranked.push_back({rank(agent, query.order), &agent});
  }
  ChosenAgents chosen;
  chosen.matching = ranked.size();
  const std::size_t first = std::min(query.offset, ranked.size());
  const std::size_t end = std::min(first + query.limit, ranked.size());
  // The snapshot is sorted by name, and its views stand in that order.
  std::ranges::partial_sort(ranked, ranked.begin() + static_cast<std::ptrdiff_t>(end), {},
                            [](const Ranked& one) { return std::tuple(one.rank, one.agent); });
  for (std::size_t i = first; i < end; ++i) chosen.agents.push_back(ranked[i].agent);
  return chosen;
}

std::optional<double> busy_percent(const AgentView& agent) {
  return agent.sample ? agent.sample->percent : std::nullopt;
}

std::optional<double> peak_percent(const AgentView& agent) {
  if (!agent.sample || !agent.sample->burst || !agent.sample->burst->peak) return std::nullopt;
  return 100 * *agent.sample->burst->peak;
}

}  // namespace cpu_monitor::exporter
