#pragma once

#include <memory>

#include "exporter/fleet.hpp"
#include "exporter/page_writer.hpp"

namespace cpu_monitor::exporter {

/// Appends the series of one agent to `page`, as the gauge would show it; with its endpoint, which
/// the classroom project's dashboards look for.
void render_percent(const AgentView& agent, PageWriter& page);

/// The prometheus-cpp Gauge `my_cpu_percents{method,endpoint}` in its Registry.
///
/// Set from a fleet snapshot at each scrape, so that it can never disagree with the rest of the
/// page: a gauge whose machine left the snapshot, or whose method changed, is removed before the
/// page is written.
///
/// Cost: linear in the gauges, however many of them come or go.
/// Threads: safe from any thread; scrapes take turns, but not while a page is written.
class PercentGauge {
 public:
  PercentGauge();
  ~PercentGauge();
  PercentGauge(const PercentGauge&) = delete;
  PercentGauge& operator=(const PercentGauge&) = delete;

  /// Sets the gauges to `fleet` and appends them to `page`.
  void render(const FleetSnapshot& fleet, PageWriter& page);

 private:
  struct Impl;  // keeps prometheus-cpp's headers out of this one
  std::unique_ptr<Impl> impl_;
};

}  // namespace cpu_monitor::exporter
