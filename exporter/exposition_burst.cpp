// What a scrape interval hides: histograms of all readings, and their peaks.

#include <array>
#include <charconv>
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

const BurstReadings* bursts_of(const Row& row) {
  return row.sample != nullptr && row.sample->burst ? &*row.sample->burst : nullptr;
}

/// The last label of each bucket, up to its value: `le="0.1"} `.
std::array<std::string, BurstHistogram::kBuckets> bucket_labels(const Bounds& bounds) {
  std::array<std::string, BurstHistogram::kBuckets> labels;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    std::array<char, 32> digits{};
    const auto end = std::to_chars(digits.begin(), digits.end(), bounds[i]).ptr;
    labels[i].append("le=\"").append(digits.data(), end).append("\"} ");
  }
  labels.back() = "le=\"+Inf\"} ";
  return labels;
}

void render_histogram(const HistogramFamily& histogram, const Rows& rows, PageWriter& page) {
  Family family(histogram.name, "histogram", histogram.help, page);
  const std::string name(histogram.name);
  const std::string bucket = name + "_bucket";
  const std::string sum = name + "_sum";
  const std::string count = name + "_count";
  const auto bounds = bucket_labels(histogram.bounds);
  const auto add = [&](const std::string& stem, const Row& row, std::string_view next,
                       std::string_view rest, auto value) {
    PageWriter& to = family.page();
    to.append(stem, row.labels, next, rest);
    append_number(to, value);
    to.append('\n');
  };
  for (const Row& row : rows) {
    const BurstReadings* const bursts = bursts_of(row);
    if (bursts == nullptr) continue;
    const BurstHistogram& readings = bursts->*histogram.readings;
    std::uint64_t up_to_bound = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      up_to_bound += readings.counts[i];
      add(bucket, row, row.before_label(), bounds[i], up_to_bound);
    }
    add(sum, row, row.end(), "", readings.sum);
    add(count, row, row.end(), "", up_to_bound);
  }
}

}  // namespace

void render_bursts(const Rows& rows, std::chrono::milliseconds peak_window, PageWriter& page) {
  for (const HistogramFamily& histogram : kHistograms) render_histogram(histogram, rows, page);
  const std::string when =
      " in one reading within the last " + format_duration(peak_window) + " (--peak.window).";
  for (const PeakFamily& peak : kPeaks) {
    const std::string help = std::string(peak.what) + when;
    add_one_each(Family(peak.name, "gauge", help, page), rows, [&](const Row& row) {
      const BurstReadings* const bursts = bursts_of(row);
      return bursts != nullptr ? bursts->*peak.peak : std::nullopt;
    });
  }
}

}  // namespace cpu_monitor::exporter
