#pragma once

#include <memory>
#include <string>

#include "exporter/exposition.hpp"
#include "exporter/fleet.hpp"
#include "exporter/page_writer.hpp"
#include "exporter/percent_gauge.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/single_flight.hpp"

namespace cpu_monitor::exporter {

/// What stands on /metrics: the fleet, and the exporter itself, in the Prometheus text format.
///
/// A page shows every sample that was acknowledged before it was asked for.
/// Ownership: the references must outlive it.  Threads: safe from any thread.
class MetricsPage {
 public:
  MetricsPage(PageSettings settings, const Fleet& fleet, PercentGauge& gauge, SelfMetrics& metrics)
      : settings_(settings), fleet_(fleet), gauge_(gauge), metrics_(metrics) {}

  /// What the exporter collects, and shows to who does not choose.
  [[nodiscard]] const MetricGroups& groups() const { return settings_.groups; }

  /// Writes the page as it is made; the last block waits for a flush.
  void write(const MetricGroups& groups, PageWriter& page);

  /// The page as one gzip member, made once for all who ask at the same time.
  [[nodiscard]] std::shared_ptr<const std::string> compressed(const MetricGroups& groups);

  /// To be called before a page is made of the fleet.
  void let_ingest_catch_up() const;

 private:
  PageSettings settings_;
  const Fleet& fleet_;
  PercentGauge& gauge_;
  SelfMetrics& metrics_;
  SingleFlight<unsigned long, std::string> flights_;
};

}  // namespace cpu_monitor::exporter
