#pragma once

#include <cstddef>
#include <cstdint>

#include "common/name_table.hpp"

namespace cpu_monitor {

/// What a CPU spends its time on, in the order of the columns of /proc/stat (proc(5)).
/// `guest` is already inside `user`, and `guest_nice` inside `nice`: never add them to a total.
enum class CpuMode : std::uint8_t {
  user,
  nice,
  system,
  idle,
  iowait,
  irq,
  softirq,
  steal,
  guest,
  guest_nice
};

/// Spelt as the kernel and node_exporter spell them.
inline constexpr NameTable<CpuMode, 10> kCpuModeNames{
    {"user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice"}};

inline constexpr std::size_t kCpuModeCount = kCpuModeNames.size();

/// The first eight modes exclude each other: together they are all of a CPU's time.
inline constexpr std::size_t kExclusiveModeCount = 8;

}  // namespace cpu_monitor
