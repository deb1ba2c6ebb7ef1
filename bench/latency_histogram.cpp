#include "bench/latency_histogram.hpp"

#include <algorithm>
#include <cmath>

namespace cpu_monitor::bench {

LatencyHistogram::Duration LatencyHistogram::quantile(double quantile) const {
  const double rank = std::ceil(quantile * static_cast<double>(count_));
  if (rank >= static_cast<double>(count_)) return max_;
  std::uint64_t below = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    below += buckets_[bucket];
    if (below == 0 || static_cast<double>(below) < rank) continue;
    return std::min(Duration(middle_of(bucket)), max_);
  }
  return max_;
}

std::uint64_t LatencyHistogram::middle_of(std::size_t bucket) {
  if (bucket < kSubBuckets) return bucket;
  const std::size_t shift = bucket / kSubBuckets - 1;
  const std::uint64_t lowest = (kSubBuckets + bucket % kSubBuckets) << shift;
  return lowest + (std::uint64_t{1} << shift) / 2;
}

}  // namespace cpu_monitor::bench
