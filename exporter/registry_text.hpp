#pragma once

#include <algorithm>
#include <string_view>
#include <vector>

#include <prometheus/metric_family.h>

#include "exporter/text_format.hpp"

namespace cpu_monitor::exporter {

/// Appends the counters and gauges that a prometheus-cpp Registry collected to `page`.
///
/// Series are sorted by their labels, which the library keeps in hash order, and families without a
/// series are left out.  The library's own serializer rounds to 16 digits: 84.9 would read
/// 84.90000000000001.  For the .cpp files that own a Registry only.
inline void append_families(std::vector<prometheus::MetricFamily> families, PageWriter& page) {
  for (auto& family : families) {
    if (family.metric.empty()) continue;
    std::ranges::sort(family.metric, {}, &prometheus::ClientMetric::label);
    const bool is_counter = family.type == prometheus::MetricType::Counter;
    append_head(page, family.name, is_counter ? "counter" : "gauge", family.help);
    for (const prometheus::ClientMetric& metric : family.metric) {
      page.append(family.name);
      std::string_view before = "{";
      for (const auto& label : metric.label) {
        page.append(before, label.name, "=\"");
        append_escaped(page, label.value);
        page.append('"');
        before = ",";
      }
      page.append(metric.label.empty() ? " " : "} ");
      append_number(page, is_counter ? metric.counter.value : metric.gauge.value);
      page.append('\n');
    }
  }
}

}  // namespace cpu_monitor::exporter
