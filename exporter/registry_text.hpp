#pragma once

#include <algorithm>
#include <sstream>
#include <string>
#include <vector>

#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>

namespace cpu_monitor::exporter {

/// Appends what a prometheus-cpp Registry collected to `page`.
///
/// Series are sorted by their labels, which the library keeps in hash order, and families without a
/// series are left out.  For the .cpp files that own a Registry only.
inline void append_families(std::vector<prometheus::MetricFamily> families, std::string& page) {
  std::erase_if(families, [](const auto& family) { return family.metric.empty(); });
  for (auto& family : families) {
    std::ranges::sort(family.metric, {}, &prometheus::ClientMetric::label);
  }
  std::ostringstream text;
  prometheus::TextSerializer().Serialize(text, families);
  page.append(text.view());
}

}  // namespace cpu_monitor::exporter
