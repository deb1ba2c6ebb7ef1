#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace cpu_monitor {

/// Upper bounds of the buckets for a share, 0..1.  One more bucket, without a bound, follows.
inline constexpr std::array<double, 7> kRatioBounds{0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99};

/// Upper bounds of the buckets for the length of a run, in seconds.  One more follows.
inline constexpr std::array<double, 7> kRunBounds{0.1, 0.3, 1, 3, 10, 30, 60};

/// A run is a row of readings at this busy share or more.
inline constexpr double kRunRatio = 0.9;

/// Observations since the agent started, by bucket.  Plain data.
///
/// `counts[i]` are those above bound i-1 and up to bound i; the last are those above every bound.
/// (Prometheus shows the running sum of them.)
struct BurstHistogram {
  static constexpr std::size_t kBuckets = 8;

  std::array<std::uint64_t, kBuckets> counts{};
  double sum = 0;  ///< of the observed values

  bool operator==(const BurstHistogram&) const = default;
};

static_assert(kRatioBounds.size() + 1 == BurstHistogram::kBuckets);
static_assert(kRunBounds.size() + 1 == BurstHistogram::kBuckets);

/// What a scrape interval hides: how the readings between two pushes, and all before them, went.
/// Histograms are cumulative, so a lost, repeated or merged sample loses nothing of them.
struct BurstReadings {
  BurstHistogram utilization;   ///< busy share of the machine, every reading
  BurstHistogram busiest_core;  ///< busy share of the busiest CPU of each reading
  BurstHistogram runs;          ///< seconds that each finished run lasted

  // The highest reading within the peak window, 0..1.  None: no reading in it.
  std::optional<double> peak;
  std::optional<double> busiest_core_peak;
  std::optional<double> steal_peak;

  bool operator==(const BurstReadings&) const = default;
};

}  // namespace cpu_monitor
