#pragma once

#include <string_view>

#include "common/metric_group.hpp"
#include "common/result.hpp"
#include "exporter/query.hpp"

namespace cpu_monitor::exporter {

/// Reads the query of a page of metrics: `collect[]=percent&collect[]=agent`.  Without collect[] it
/// is everything that is collected.  Other parameters are ignored, as node_exporter does.
/// Errors: Error{..., words for a 400 that name the groups to choose from}.  Threads: pure.
[[nodiscard]] Result<MetricGroups, QueryFault> parse_page_query(std::string_view query,
                                                                const MetricGroups& collected);

}  // namespace cpu_monitor::exporter
