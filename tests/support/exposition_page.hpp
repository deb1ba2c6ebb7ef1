#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "exporter/exposition.hpp"
#include "tests/support/page_text.hpp"

/// Agents to show, and what their page says: for the unit tests of the exposition.
namespace cpu_monitor::exporter {

inline CpuTimes times_of(std::initializer_list<Ticks> ticks) {
  CpuTimes times;
  for (const Ticks count : ticks) times.ticks.at(times.fields++) = count;
  return times;
}

inline MetricGroups groups_of(std::initializer_list<MetricGroup> list) {
  MetricGroups groups;
  for (const MetricGroup group : list) groups.add(group);
  return groups;
}

inline AgentView agent_of(const std::string& endpoint, std::uint32_t ticks_per_second = 100) {
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = endpoint;
  identity->ticks_per_second = ticks_per_second;
  AgentView agent;
  agent.identity = identity;
  agent.state = AgentState::alive;
  agent.connects = 1;
  return agent;
}

inline AgentView agent_with(CpuSample sample, std::uint32_t ticks_per_second = 100) {
  AgentView agent = agent_of("web-1", ticks_per_second);
  agent.slow = std::make_shared<const SlowReadings>(std::exchange(sample.slow, {}));
  agent.sample = std::make_shared<const CpuSample>(std::move(sample));
  return agent;
}

inline AgentView agent_with_facts(CpuFacts facts) {
  AgentView agent = agent_of("web-1");
  agent.facts = std::make_shared<const CpuFacts>(std::move(facts));
  return agent;
}

inline std::string render(const FleetSnapshot& fleet,
                          const MetricGroups& groups = MetricGroups::all()) {
  return text_written([&](PageWriter& page) { render_agents(fleet, {groups}, page); });
}

inline std::string render(AgentView agent, const MetricGroups& groups = MetricGroups::all()) {
  FleetSnapshot fleet;
  fleet.agents.push_back(std::move(agent));
  return render(fleet, groups);
}

using Lines = std::vector<std::string>;

/// The lines that begin with `start`.
inline Lines lines(const std::string& page, const std::string& start) {
  Lines found;
  std::istringstream text(page);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(start)) found.push_back(line);
  }
  return found;
}

/// The text behind `name{endpoint="web-1"<more>} `; empty when there is no such series.
inline std::string value(const std::string& page, const std::string& name,
                         const std::string& more = "") {
  const std::string series = name + "{endpoint=\"web-1\"" + more + "} ";
  const Lines found = lines(page, series);
  return found.size() == 1 ? found[0].substr(series.size()) : std::string();
}

}  // namespace cpu_monitor::exporter
