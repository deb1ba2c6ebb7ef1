#include "exporter/series_budget.hpp"

#include "common/cpu_mode.hpp"

namespace cpu_monitor::exporter {
namespace {

/// All that does not depend on the number of CPUs: load, bursts, the agent itself.
constexpr std::size_t kOfEveryAgent = 110;

/// A CPU's modes and its online state; of schedstat, its three numbers.
constexpr std::size_t kOfACpu = 11;
constexpr std::size_t kOfASchedstat = 3;

}  // namespace

std::size_t series_of(const CpuSample& sample) {
  std::size_t series = kOfEveryAgent + kOfASchedstat * sample.schedstat.size();
  if (sample.cpu) series += kOfACpu * sample.cpu->cores.size();
  const SlowReadings& slow = sample.slow;
  if (slow.frequency) series += slow.frequency->scaling.size() + slow.frequency->hardware.size();
  if (slow.throttles) series += slow.throttles->cores.size() + slow.throttles->packages.size();
  if (slow.temperature) series += slow.temperature->size();
  return series;
}

std::size_t series_of(const CpuFacts& facts) {
  constexpr std::size_t kOfFrequencyLimits = 4;
  std::size_t series = facts.cpus.size() + facts.online.size() + facts.offline.size() +
                       facts.isolated.size() + kOfFrequencyLimits * facts.frequency_limits.size();
  for (const GovernorChoice& choice : facts.governors) {
    series += choice.cpus.size() * std::max<std::size_t>(choice.available.size(), 1);
  }
  return series;
}

}  // namespace cpu_monitor::exporter
