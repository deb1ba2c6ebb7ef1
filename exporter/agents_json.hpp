#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "common/metric_group.hpp"
#include "exporter/agents_query.hpp"
#include "exporter/fleet.hpp"
#include "exporter/usage_history.hpp"

/// What stands on /api/v1/agents (docs/api.md).  Pure.
namespace cpu_monitor::exporter {

/// Of the exporter.
struct AgentsContext {
  Moment now;
  std::chrono::milliseconds uptime{0};
  MetricGroups groups;
  std::chrono::milliseconds peak_window{0};
};

/// The list.  `histories` has one for each of `chosen.agents`, or none at all.
[[nodiscard]] std::string agents_json(const FleetSnapshot& snapshot, const ChosenAgents& chosen,
                                      const AgentsQuery& query,
                                      const std::vector<UsageHistory>& histories,
                                      const AgentsContext& context);

/// One agent, with all that is known of it.
[[nodiscard]] std::string agent_json(const AgentView& agent, const UsageHistory& history,
                                     const Moment& now);

}  // namespace cpu_monitor::exporter
