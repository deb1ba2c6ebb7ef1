#pragma once

#include <string>

#include "common/metric_group.hpp"
#include "exporter/fleet.hpp"

namespace cpu_monitor::exporter {

/// Appends the per-agent families of `groups` to `page`, in the Prometheus text format 0.0.4:
/// everything but my_cpu_percents (percent_gauge) and the exporter's own series (self_metrics).
///
/// Each family comes once, with its HELP and TYPE, and only when it has a series.  Ticks become
/// seconds here and nowhere else.  Label values are escaped.  Threads: pure.
void render_agents(const FleetSnapshot& fleet, const MetricGroups& groups, std::string& page);

}  // namespace cpu_monitor::exporter
