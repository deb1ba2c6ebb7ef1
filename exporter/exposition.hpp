#pragma once

#include <chrono>

#include "common/metric_group.hpp"
#include "exporter/fleet.hpp"
#include "exporter/page_writer.hpp"
#include "exporter/rows.hpp"

namespace cpu_monitor::exporter {

struct PageSettings {
  MetricGroups groups;                                         ///< what to show
  std::chrono::milliseconds peak_window = kDefaultPeakWindow;  ///< of the burst peaks, for HELP
  EndpointLabel endpoint_label = EndpointLabel::shown;
};

/// Appends the per-agent families of `settings.groups` to `page`, in the Prometheus text format
/// 0.0.4: everything but my_cpu_percents (percent_gauge) and the exporter's own series
/// (self_metrics).
///
/// Each family comes once, with its HELP and TYPE, and only when it has a series.  Units become
/// those of the page here and nowhere else.  Label values are escaped.  No series comes twice, as
/// long as the numbers in a sample and in facts are each there once, as their headers promise.
/// Threads: pure.
void render_agents(const FleetSnapshot& fleet, const PageSettings& settings, PageWriter& page);

}  // namespace cpu_monitor::exporter
