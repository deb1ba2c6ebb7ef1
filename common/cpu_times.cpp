#include "common/cpu_times.hpp"

#include <algorithm>

namespace cpu_monitor {
namespace {

constexpr bool is_rest(std::size_t mode) {
  return mode == static_cast<std::size_t>(CpuMode::idle) ||
         mode == static_cast<std::size_t>(CpuMode::iowait);
}

constexpr bool is_system(std::size_t mode) {
  return mode == static_cast<std::size_t>(CpuMode::system) ||
         mode == static_cast<std::size_t>(CpuMode::irq) ||
         mode == static_cast<std::size_t>(CpuMode::softirq);
}

std::size_t known_exclusive_modes(const CpuTimes& times) {
  return std::min<std::size_t>(times.fields, kExclusiveModeCount);
}

}  // namespace

Ticks total(const CpuTimes& times) {
  Ticks sum = 0;
  for (std::size_t mode = 0; mode < known_exclusive_modes(times); ++mode) sum += times.ticks[mode];
  return sum;
}

TickDelta difference(const CpuTimes& later, const CpuTimes& earlier) {
  // Unsigned until the end: raw kernel counters may be anywhere in 64 bits, and signed overflow is
  // undefined.
  constexpr auto kSteal = static_cast<std::size_t>(CpuMode::steal);
  Ticks busy = 0;
  Ticks rest = 0;
  Ticks steal = 0;
  Ticks system = 0;
  const std::size_t modes = std::min(known_exclusive_modes(later), known_exclusive_modes(earlier));
  for (std::size_t mode = 0; mode < modes; ++mode) {
    const Ticks growth = later.ticks[mode] - earlier.ticks[mode];
    (is_rest(mode) ? rest : busy) += growth;
    if (mode == kSteal) steal = growth;
    if (is_system(mode)) system += growth;
  }
  return {static_cast<std::int64_t>(busy), static_cast<std::int64_t>(rest),
          static_cast<std::int64_t>(steal), static_cast<std::int64_t>(system)};
}

std::optional<double> busy_ratio(const TickDelta& delta) {
  if (delta.busy < 0 || delta.rest < 0) return std::nullopt;
  const double busy = static_cast<double>(delta.busy);
  const double all = busy + static_cast<double>(delta.rest);
  if (all == 0) return std::nullopt;
  return busy / all;
}

}  // namespace cpu_monitor
