#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>

#include "exporter/discovery.hpp"
#include "exporter/exposition.hpp"
#include "exporter/fleet.hpp"
#include "exporter/percent_gauge.hpp"
#include "exporter/recordings.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/site.hpp"

namespace cpu_monitor::exporter {

struct PagesSettings {
  std::string telemetry_path = "/metrics";
  PageSettings metrics{MetricGroups::usual()};  ///< a page without a query
  std::optional<ExternalUrl> external_url;      ///< none: as the client found us
  std::chrono::milliseconds sd_hold{0};         ///< so long /sd says nothing after the start
  bool has_admin_api = false;
};

/// What changes while pages are served.
struct ServingState {
  std::atomic<bool> is_stopping{false};
  std::atomic<bool> speaks_tls{false};  ///< the web addresses do
};

/// All pages of the exporter (docs/architecture.md lists them).  Ownership: the references must
/// outlive the site.
[[nodiscard]] Site make_site(const PagesSettings& settings, Fleet& fleet, PercentGauge& gauge,
                             SelfMetrics& metrics, Recordings& recordings,
                             const ServingState& state);

}  // namespace cpu_monitor::exporter
