// What a scrape interval hides: histograms of all readings, and their peaks.

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/duration.hpp"
#include "exporter/exposition_parts.hpp"

namespace cpu_monitor::exporter {
namespace {

using Bounds = std::array<double, BurstHistogram::kBuckets - 1>;

struct HistogramFamily {
  std::string_view name;
  std::string_view help;
  BurstHistogram BurstReadings::*readings;
  const Bounds& bounds;
};

constexpr std::array kHistograms{
    HistogramFamily{"cpu_monitor_host_utilization_ratio",
                    "Busy share of the machine in every reading since the agent started.",
                    &BurstReadings::utilization, kRatioBounds},
    HistogramFamily{"cpu_monitor_host_busiest_core_ratio",
                    "Busy share of the busiest CPU of every reading since the agent started.",
                    &BurstReadings::busiest_core, kRatioBounds},
    HistogramFamily{"cpu_monitor_host_burst_seconds",
                    "Length of each run of readings in which the machine was at least 0.9 busy.",
                    &BurstReadings::runs, kRunBounds}};

struct PeakFamily {
  std::string_view name;
  std::string_view what;
  std::optional<double> BurstReadings::*peak;
};

constexpr std::array kPeaks{
    PeakFamily{"cpu_monitor_host_utilization_peak_ratio", "Highest busy share of the machine",
               &BurstReadings::peak},
    PeakFamily{"cpu_monitor_host_busiest_core_peak_ratio", "Highest busy share of one CPU",
               &BurstReadings::busiest_core_peak},
    PeakFamily{"cpu_monitor_host_steal_peak_ratio",
               "Highest share of the machine that the hypervisor gave to others",
               &BurstReadings::steal_peak}};

const BurstReadings* bursts_of(const AgentView& agent) {
  return agent.sample && agent.sample->burst ? &*agent.sample->burst : nullptr;
}

std::array<std::string, BurstHistogram::kBuckets> bucket_labels(const Bounds& bounds) {
  std::array<std::string, BurstHistogram::kBuckets> labels;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    std::string bound;
    append_number(bound, bounds[i]);
    labels[i] = ",le=\"" + bound + "\"";
  }
  labels.back() = ",le=\"+Inf\"";
  return labels;
}

void render_histogram(const HistogramFamily& histogram, const Rows& rows, std::string& page) {
  Family family(histogram.name, "histogram", histogram.help, page);
  const auto bounds = bucket_labels(histogram.bounds);
  for (const Row& row : rows) {
    const BurstReadings* const bursts = bursts_of(*row.agent);
    if (bursts == nullptr) continue;
    const BurstHistogram& readings = bursts->*histogram.readings;
    std::uint64_t up_to_bound = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      up_to_bound += readings.counts[i];
      family.add("_bucket", row.endpoint + bounds[i], up_to_bound);
    }
    family.add("_sum", row.endpoint, readings.sum);
    family.add("_count", row.endpoint, up_to_bound);
  }
}

}  // namespace

void render_bursts(const Rows& rows, std::chrono::milliseconds peak_window, std::string& page) {
  for (const HistogramFamily& histogram : kHistograms) render_histogram(histogram, rows, page);
  const std::string when =
      " in one reading within the last " + format_duration(peak_window) + " (--peak.window).";
  for (const PeakFamily& peak : kPeaks) {
    const std::string help = std::string(peak.what) + when;
    add_one_each(Family(peak.name, "gauge", help, page), rows, [&](const AgentView& agent) {
      const BurstReadings* const bursts = bursts_of(agent);
      return bursts != nullptr ? bursts->*peak.peak : std::nullopt;
    });
  }
}

}  // namespace cpu_monitor::exporter
