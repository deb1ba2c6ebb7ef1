#include "exporter/page_query.hpp"

#include <cstddef>
#include <optional>
#include <string>

namespace cpu_monitor::exporter {

namespace {

constexpr std::string_view kParameter = "collect[]";

std::string choices(const MetricGroups& collected) {
  std::string names;
  for (std::size_t i = 0; i < kMetricGroupNames.size(); ++i) {
    if (!collected.has(static_cast<MetricGroup>(i))) continue;
    if (!names.empty()) names += ", ";
    names += kMetricGroupNames.names[i];
  }
  return names;
}

/// Quotes nothing of the query: what a stranger put in a link is not repeated to whoever follows
/// it.
Result<MetricGroup, QueryFault> find_group(const std::string& name, const MetricGroups& collected) {
  const std::optional<MetricGroup> group = kMetricGroupNames.find(name);
  if (!group) {
    return Error(QueryFault::unknown_group,
                 "collect[] names an unknown group; choose from: " + choices(collected) +
                     " (one a parameter: collect[]=a&collect[]=b)");
  }
  if (!collected.has(*group)) {
    return Error(QueryFault::group_not_collected,
                 "collect[]=" + name +
                     " is not collected here (--web.collect); choose from: " + choices(collected));
  }
  return *group;
}

}  // namespace

Result<MetricGroups, QueryFault> parse_page_query(std::string_view query,
                                                  const MetricGroups& collected) {
  const auto parameters = parse_query(query);
  if (!parameters) return parameters.error();
  MetricGroups chosen;
  for (const Parameter& parameter : *parameters) {
    if (parameter.name != kParameter) continue;
    const auto group = find_group(parameter.value, collected);
    if (!group) return group.error();
    chosen.add(*group);
  }
  return chosen.empty() ? collected : chosen;
}

}  // namespace cpu_monitor::exporter
