#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/name_table.hpp"
#include "common/result.hpp"
#include "exporter/fleet.hpp"
#include "exporter/query.hpp"

namespace cpu_monitor::exporter {

/// What a list of agents is sorted by.  `busy` and `peak`: the highest first, whoever has none
/// last.  `last_seen`: the longest unheard first.
enum class AgentOrder : std::uint8_t { busy, peak, name, last_seen };
inline constexpr NameTable<AgentOrder, 4> kAgentOrderNames{{"busy", "peak", "name", "last_seen"}};

/// Which agents a client wants to see.
struct AgentsQuery {
  static constexpr std::size_t kMaxAgents = 200;

  std::string search;  ///< a part of the name, in any case
  std::optional<AgentState> state;
  AgentOrder order = AgentOrder::busy;
  std::size_t offset = 0;
  std::size_t limit = 50;   ///< 1..kMaxAgents
  std::size_t history = 0;  ///< newest slots, 0..UsageHistory::kSlots
};

/// Reads `search=web&state=gone&sort=name&offset=50&limit=50&history=150`.  Errors: a parameter it
/// does not know, or a value that makes no sense, in words for a 400.  Threads: pure.
[[nodiscard]] Result<AgentsQuery, QueryFault> parse_agents_query(std::string_view query);

struct ChosenAgents {
  std::size_t matching = 0;              ///< before `offset` and `limit`
  std::vector<const AgentView*> agents;  ///< views of the snapshot
};

/// Those of `snapshot` that `query` asks for.  Cost: linear in the fleet but for the order of those
/// that are shown.  Threads: pure.
[[nodiscard]] ChosenAgents choose_agents(const FleetSnapshot& snapshot, const AgentsQuery& query);

/// What is shown of an agent: 0..100; none when it is not known.
[[nodiscard]] std::optional<double> busy_percent(const AgentView& agent);
[[nodiscard]] std::optional<double> peak_percent(const AgentView& agent);

}  // namespace cpu_monitor::exporter
