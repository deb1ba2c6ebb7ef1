#include "exporter/rows.hpp"

#include <cstddef>

#include "exporter/text_format.hpp"

namespace cpu_monitor::exporter {

Rows::Rows(const FleetSnapshot& fleet, EndpointLabel endpoint_label) {
  rows_.reserve(fleet.agents.size());
  std::vector<std::size_t> ends;
  ends.reserve(fleet.agents.size());
  for (const AgentView& agent : fleet.agents) {
    if (endpoint_label == EndpointLabel::shown) {
      labels_.append("{endpoint=\"");
      append_escaped(labels_, agent.identity->endpoint);
      labels_.append("\"");
    }
    ends.push_back(labels_.size());
    rows_.push_back({&agent, agent.sample.get(), agent.slow.get(), agent.facts.get(), {}});
  }
  // Only now does the text stay where it is.
  std::size_t start = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    rows_[i].labels = std::string_view(labels_).substr(start, ends[i] - start);
    start = ends[i];
  }
}

}  // namespace cpu_monitor::exporter
