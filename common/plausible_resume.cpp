#include "common/plausible_resume.hpp"

#include <algorithm>
#include <chrono>

namespace cpu_monitor {
namespace {

/// How much longer than a machine is up its CPUs may have counted, each: what is counted twice or
/// held too high, on hosts that count steal as they like, is far less.
constexpr double kTicksPerWall = 2;
constexpr std::chrono::minutes kTicksSlack{10};
constexpr std::chrono::hours kMaxUptime{24 * 365 * 50};

}  // namespace

bool is_plausible(const Resume& resume, std::uint32_t ticks_per_second) {
  using Seconds = std::chrono::duration<double>;
  if (resume.uptime > kMaxUptime) return false;
  const Seconds wall = kTicksPerWall * Seconds(resume.uptime) + Seconds(kTicksSlack);
  const double limit = wall.count() * ticks_per_second;
  const auto is_within = [&](const CpuTimes& times, double cpus) {
    // The two of guests are not in the sum.
    const Ticks guest = std::max(times[CpuMode::guest], times[CpuMode::guest_nice]);
    return static_cast<double>(std::max(total(times), guest)) <= limit * cpus;
  };
  // The machine's line sums CPUs, too, that have no line or are offline.
  return is_within(resume.cpu.total, kMaxCpus) &&
         std::ranges::all_of(resume.cpu.cores,
                             [&](const CoreTimes& core) { return is_within(core.times, 1); });
}

}  // namespace cpu_monitor
