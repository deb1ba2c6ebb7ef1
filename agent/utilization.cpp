#include "agent/utilization.hpp"

#include <algorithm>

namespace cpu_monitor::agent {

Utilization UtilizationMeter::add(const std::optional<TickDelta>& machine,
                                  const std::vector<CoreStep>& cores,
                                  std::chrono::milliseconds elapsed) {
  ++round_;
  Utilization found;
  for (const CoreStep& step : cores) {
    if (const auto share = add_core(step, elapsed)) {
      found.busiest_core = std::max(found.busiest_core.value_or(0), share->busy);
    }
  }
  if (!machine) {
    machine_.reset();
    return found;
  }
  const auto is_still = [this](const CoreStep& step) { return cores_.at(step.id).is_still; };
  const bool is_one_still = std::any_of(cores.begin(), cores.end(), is_still);
  found.machine = machine_.add(*machine, elapsed, cores.size(), is_one_still);
  if (found.machine) {
    for (auto& [id, core] : cores_) core.is_still = true;
  }
  return found;
}

std::optional<Share> UtilizationMeter::add_core(const CoreStep& step,
                                                std::chrono::milliseconds elapsed) {
  const auto entry =
      cores_.try_emplace(step.id, Core{ShareMeter(ticks_per_second_, sample_interval_)});
  Core& core = entry.first->second;
  const bool was_away = core.last_round + 1 != round_;
  core.last_round = round_;
  if (was_away || !step.delta) core.meter.reset();
  if (!step.delta) return std::nullopt;
  if (step.delta->busy + step.delta->rest != 0) core.is_still = false;
  return core.meter.add(*step.delta, elapsed);
}

}  // namespace cpu_monitor::agent
