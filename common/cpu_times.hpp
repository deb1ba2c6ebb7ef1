#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "common/cpu_mode.hpp"

namespace cpu_monitor {

/// CPU time in units of 1/USER_HZ second (`ticks_per_second` of a hello; 100 on nearly every
/// Linux).
using Ticks = std::uint64_t;

/// The largest count that crosses the wire: every whole number up to it is exact in a double.
inline constexpr Ticks kMaxTicks = (Ticks{1} << 53) - 1;

/// Linux before 2.5.41 printed four modes; later kernels appended one after another.
inline constexpr std::size_t kMinCpuFields = 4;

/// Ticks per mode of one CPU, or of the whole machine.  Plain data.
struct CpuTimes {
  std::array<Ticks, kCpuModeCount> ticks{};
  /// How many leading modes are known, kMinCpuFields..kCpuModeCount.  The rest are unknown, which
  /// is not zero.
  std::uint8_t fields = 0;

  [[nodiscard]] Ticks operator[](CpuMode mode) const {
    return ticks[static_cast<std::size_t>(mode)];
  }
  [[nodiscard]] bool has(CpuMode mode) const { return static_cast<std::size_t>(mode) < fields; }

  bool operator==(const CpuTimes&) const = default;
};

/// How far a CPU went between two readings.  Signed: the kernel's counters may step back.
struct TickDelta {
  std::int64_t busy = 0;  ///< user + nice + system + irq + softirq + steal
  std::int64_t rest =
      0;  ///< idle + iowait, as one sum: the kernel books time back from one to the other
  std::int64_t steal = 0;   ///< inside busy
  std::int64_t system = 0;  ///< system + irq + softirq, inside busy

  TickDelta& operator+=(const TickDelta& other) {
    busy += other.busy;
    rest += other.rest;
    steal += other.steal;
    system += other.system;
    return *this;
  }
  bool operator==(const TickDelta&) const = default;
};

/// The sum of the eight exclusive modes.  Wraps like the unsigned numbers it adds.
[[nodiscard]] Ticks total(const CpuTimes& times);

/// `later - earlier`, over the modes both readings know.
[[nodiscard]] TickDelta difference(const CpuTimes& later, const CpuTimes& earlier);

/// The busy share, 0..1.  None when either side stepped back or nothing moved at all.
[[nodiscard]] std::optional<double> busy_ratio(const TickDelta& delta);

}  // namespace cpu_monitor
