#pragma once

#include <cstddef>

#include "common/metric_group.hpp"
#include "exporter/fleet.hpp"

namespace cpu_monitor::bench {

/// Each makes the agents' part of a page as a scrape does and returns its bytes, plain or as gzip:
/// the one place of bench-micro that knows how.
[[nodiscard]] std::size_t render_page(const exporter::FleetSnapshot& fleet,
                                      const MetricGroups& groups);
[[nodiscard]] std::size_t compress_page(const exporter::FleetSnapshot& fleet,
                                        const MetricGroups& groups);

}  // namespace cpu_monitor::bench
