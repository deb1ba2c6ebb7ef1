#pragma once

#include <cstddef>

#include "common/metric_group.hpp"
#include "exporter/fleet.hpp"

namespace cpu_monitor::bench {

/// Renders the agents' part of a page as a scrape does, from a fresh buffer on, and returns its
/// bytes: the one place of bench-micro that knows how.
[[nodiscard]] std::size_t render_page(const exporter::FleetSnapshot& fleet,
                                      const MetricGroups& groups);

}  // namespace cpu_monitor::bench
