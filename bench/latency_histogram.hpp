#pragma once

#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace cpu_monitor::bench {

/// Durations counted in buckets at most 1 % wide; the largest is kept exactly.
///
/// Threads: one at a time.
class LatencyHistogram {
 public:
  using Duration = std::chrono::nanoseconds;

  void add(Duration duration) {
    const auto nanoseconds =
        static_cast<std::uint64_t>(duration < Duration::zero() ? 0 : duration.count());
    ++buckets_[bucket_of(nanoseconds)];
    ++count_;
    if (duration > max_) max_ = duration;
  }

  /// The duration that the share `quantile` of all stays at or below.  0 when there is none.
  [[nodiscard]] Duration quantile(double quantile) const;
  [[nodiscard]] Duration max() const { return max_; }

 private:
  // Within each power of two the buckets are equally wide; below the first power they are exact.
  static constexpr unsigned kSubBits = 7;
  static constexpr std::size_t kSubBuckets = std::size_t{1} << kSubBits;

  static std::size_t bucket_of(std::uint64_t value) {
    if (value < kSubBuckets) return value;
    const auto shift = static_cast<unsigned>(std::bit_width(value)) - kSubBits - 1;
    return (shift + 1) * kSubBuckets + (value >> shift) - kSubBuckets;
  }
  static std::uint64_t middle_of(std::size_t bucket);

  std::vector<std::uint64_t> buckets_ =
      std::vector<std::uint64_t>((64 - kSubBits + 1) * kSubBuckets);
  std::uint64_t count_ = 0;
  Duration max_{0};
};

}  // namespace cpu_monitor::bench
