#pragma once

#include <memory>
#include <string>

#include "exporter/fleet.hpp"

namespace cpu_monitor::exporter {

/// The prometheus-cpp Gauge `my_cpu_percents{method,endpoint}` in its Registry.
///
/// Set from a fleet snapshot at each scrape, so that it can never disagree with the rest of the
/// page: a gauge whose machine left the snapshot, or whose method changed, is removed before the
/// page is written.
///
/// Threads: safe from any thread; scrapes take turns.
class PercentGauge {
 public:
  PercentGauge();
  ~PercentGauge();
  PercentGauge(const PercentGauge&) = delete;
  PercentGauge& operator=(const PercentGauge&) = delete;

  /// Sets the gauges to `fleet` and appends them to `page`.
  void render(const FleetSnapshot& fleet, std::string& page);

 private:
  struct Impl;  // keeps prometheus-cpp's headers out of this one
  std::unique_ptr<Impl> impl_;
};

}  // namespace cpu_monitor::exporter
