#include "exporter/discovery.hpp"

#include <utility>

#include <nlohmann/json.hpp>

namespace cpu_monitor::exporter {
namespace {

using nlohmann::ordered_json;

ordered_json labels_of(const AgentView& agent, const ExternalUrl& url) {
  const AgentIdentity& identity = *agent.identity;
  const std::string meta = "__meta_cpu_monitor_";
  ordered_json labels;
  labels["__scheme__"] = url.scheme;
  labels["__metrics_path__"] = url.path + "/agents/" + identity.endpoint + "/metrics";
  labels["instance"] = identity.endpoint;
  labels[meta + "state"] = kAgentStateNames[agent.state];
  labels[meta + "expected"] = agent.is_expected ? "true" : "false";
  if (!identity.version.empty()) labels[meta + "version"] = identity.version;
  if (identity.host) {
    labels[meta + "machine"] = identity.host->machine;
    labels[meta + "release"] = identity.host->release;
  }
  if (agent.sample && agent.sample->cpu && !agent.sample->cpu->cores.empty()) {
    labels[meta + "cores"] = std::to_string(agent.sample->cpu->cores.size());
  }
  const std::string label = meta + "label_";
  for (const auto& [name, value] : identity.labels) labels[label + name] = value;
  return labels;
}

}  // namespace

std::string targets_json(const FleetSnapshot& snapshot, const ExternalUrl& url) {
  ordered_json groups = ordered_json::array();
  for (const AgentView& agent : snapshot.agents) {
    ordered_json group;
    group["targets"] = ordered_json::array({url.target});
    group["labels"] = labels_of(agent, url);
    groups.push_back(std::move(group));
  }
  return groups.dump() + "\n";
}

}  // namespace cpu_monitor::exporter
