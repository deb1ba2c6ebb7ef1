#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

namespace cpu_monitor {

/// A moment by its seconds since 1970, as near as the system clock can tell: in nanoseconds it ends
/// in 2262 and begins in 1677, and certificates may be good until 9999.
[[nodiscard]] inline std::chrono::system_clock::time_point from_unix_seconds(std::int64_t seconds) {
  constexpr std::int64_t kLatest = 9'000'000'000;
  return std::chrono::system_clock::time_point(
      std::chrono::seconds(std::clamp(seconds, -kLatest, kLatest)));
}

}  // namespace cpu_monitor
