#include "agent/counter_keeper.hpp"

#include <algorithm>
#include <utility>

namespace cpu_monitor::agent {
namespace {

constexpr auto kIowait = static_cast<std::size_t>(CpuMode::iowait);

/// How far `to` is ahead of `from`.  Kernel counters live in a ring of 64 bits: one that stepped
/// below 0, as steal does on some hypervisors, reads as 2^64 - n and is n behind.
std::int64_t step(Ticks from, Ticks to) { return static_cast<std::int64_t>(to - from); }

std::int64_t step_of_sum(const TickDelta& delta) {
  return static_cast<std::int64_t>(static_cast<Ticks>(delta.busy) + static_cast<Ticks>(delta.rest));
}

/// The largest step back of the sum or of one mode, as a negative number.  Not of iowait: the
/// kernel books seconds of it over to idle in the ordinary course of things.
std::int64_t worst_step(const CpuTimes& from, const CpuTimes& to, const TickDelta& delta) {
  std::int64_t worst = step_of_sum(delta);
  const std::size_t modes = std::min<std::size_t>({from.fields, to.fields, kExclusiveModeCount});
  for (std::size_t mode = 0; mode < modes; ++mode) {
    if (mode != kIowait) worst = std::min(worst, step(from.ticks[mode], to.ticks[mode]));
  }
  return worst;
}

}  // namespace

KeptCpu::KeptCpu(const CpuTimes& raw, Uptime now, DiscardCounts& discards)
    : raw_(raw), moved_at_(now) {
  start_epoch(raw, 0, discards);
}

std::optional<TickDelta> KeptCpu::update(const CpuTimes& raw, Uptime now, const Limits& limits,
                                         DiscardCounts& discards) {
  const CpuTimes before = std::exchange(raw_, raw);
  const TickDelta delta = difference(raw, before);
  if (step_of_sum(delta) != 0) moved_at_ = now;

  if (worst_step(before, raw, delta) <= -limits.fall) {
    discards.add(DiscardReason::suspend);
    start_epoch(raw, 0, discards);
    return std::nullopt;
  }

  bool is_clean = true;
  const std::size_t common_fields = std::min(before.fields, raw.fields);
  for (std::size_t field = 0; field < common_fields; ++field) {
    const auto rise = static_cast<double>(step(before.ticks[field], raw.ticks[field]));
    const bool has_wrapped = rise > limits.growth;
    if (has_wrapped) discards.add(DiscardReason::wrapped);
    advance(field, raw.ticks[field], has_wrapped);
    is_clean = is_clean && !has_wrapped;
  }
  start_epoch(raw, common_fields, discards);
  return is_clean ? std::optional(delta) : std::nullopt;
}

void KeptCpu::resume(const CpuTimes& shown, Uptime shown_at, const Limits& limits,
                     DiscardCounts& discards) {
  KeptCpu resumed(shown, shown_at, discards);
  // A shown iowait may have been held seconds above the kernel's: that is no fall of the sum.
  Ticks& iowait = resumed.raw_.ticks[kIowait];
  iowait = std::min(iowait, raw_.ticks[kIowait]);
  resumed.update(raw_, moved_at_, limits, discards);
  *this = resumed;
}

CpuTimes KeptCpu::counters() const {
  CpuTimes shown = counters_;
  shown.fields = raw_.fields;
  std::fill(shown.ticks.begin() + shown.fields, shown.ticks.end(), Ticks{0});
  return shown;
}

/// From `first_field` on, time counts from `raw`, and a field met for the first time starts there.
void KeptCpu::start_epoch(const CpuTimes& raw, std::size_t first_field, DiscardCounts& discards) {
  for (std::size_t field = first_field; field < raw.fields; ++field) {
    marks_[field] = raw.ticks[field];
    if (field < counters_.fields) continue;
    ++counters_.fields;
    if (raw.ticks[field] <= kMaxTicks) {
      counters_.ticks[field] = raw.ticks[field];
    } else {
      discards.add(DiscardReason::out_of_range);
    }
  }
}

void KeptCpu::advance(std::size_t field, Ticks raw, bool is_dropped) {
  const std::int64_t growth = step(marks_[field], raw);
  if (growth <= 0) return;
  marks_[field] = raw;
  if (is_dropped) return;
  Ticks& counter = counters_.ticks[field];
  counter = std::min(counter + static_cast<Ticks>(growth), kMaxTicks);
}

std::optional<TickDelta> CounterKeeper::update(const ProcStat& reading, Uptime now) {
  found_ = {};
  const auto delta = judge(reading, now);
  discards_.add_reasons_of(found_);
  return delta;
}

std::optional<TickDelta> CounterKeeper::judge(const ProcStat& reading, Uptime now) {
  const KeptCpu::Limits limits = machine_limits(now);
  const Verdict cores = update_cores(reading.cores, now);
  if (!machine_) {
    machine_.emplace(reading.total, now, found_);
    if (waiting_resume_) go_on_from(waiting_resume_->shown, waiting_resume_->shown_at);
    waiting_resume_.reset();
    return std::nullopt;
  }
  const auto delta = machine_->update(reading.total, now, limits, found_);
  if (!delta || cores.is_dropped) return std::nullopt;
  if (cores.is_stepped_back || delta->busy < 0 || delta->rest < 0) {
    found_.add(DiscardReason::stepped_back);
    return std::nullopt;
  }
  return delta;
}

void CounterKeeper::resume(const CpuCounters& shown, Uptime shown_at) {
  if (!machine_) {
    waiting_resume_ = WaitingResume{shown, shown_at};
    return;
  }
  found_ = {};
  go_on_from(shown, shown_at);
  discards_.add_reasons_of(found_);
}

void CounterKeeper::go_on_from(const CpuCounters& shown, Uptime shown_at) {
  KeptCpu::Limits limits = cpu_limits(shown_at, machine_->moved_at());
  limits.growth *= static_cast<double>(cores_.size() + 1);
  machine_->resume(shown.total, shown_at, limits, found_);
  for (const CoreTimes& core : shown.cores) resume_core(core, shown_at);
}

CpuCounters CounterKeeper::counters(bool with_cores) const {
  CpuCounters counters;
  if (machine_) counters.total = machine_->counters();
  if (!with_cores) return counters;
  counters.cores.reserve(cores_.size());
  for (const auto& [id, core] : cores_) {
    if (core.is_online) counters.cores.push_back({id, core.kept.counters()});
  }
  return counters;
}

KeptCpu::Limits CounterKeeper::cpu_limits(Uptime since, Uptime now) const {
  using Seconds = std::chrono::duration<double>;
  const auto ticks = static_cast<double>(ticks_per_second_);
  const Seconds wall = std::max<Seconds>(now - since, Seconds::zero());
  const Seconds growth = kGrowthPerWall * wall + kGrowthSlack;
  return {growth.count() * ticks,
          kEpochFall.count() * static_cast<std::int64_t>(ticks_per_second_)};
}

/// The `cpu ` line may gain what its CPUs may gain together, each since its own last move: one of
/// them may be late by minutes while the line moves at every reading.  One CPU more is allowed for
/// those that it sums though they have no line.  A fall does not scale: a CPU that is unplugged
/// takes its own time out of the sum, however many there are.
KeptCpu::Limits CounterKeeper::machine_limits(Uptime now) const {
  KeptCpu::Limits limits = cpu_limits(machine_ ? machine_->moved_at() : now, now);
  for (const auto& [id, core] : cores_) {
    limits.growth += cpu_limits(core.kept.moved_at(), now).growth;
  }
  return limits;
}

CounterKeeper::Verdict CounterKeeper::update_cores(const std::vector<CoreTimes>& readings,
                                                   Uptime now) {
  for (auto& [id, core] : cores_) core.is_online = false;
  core_steps_.clear();
  Verdict all;
  for (const CoreTimes& reading : readings) {
    const Verdict one = update_core(reading, now);
    all.is_dropped |= one.is_dropped;
    all.is_stepped_back |= one.is_stepped_back;
  }
  return all;
}

CounterKeeper::Verdict CounterKeeper::update_core(const CoreTimes& reading, Uptime now) {
  CoreStep& step = core_steps_.emplace_back(CoreStep{reading.id, std::nullopt});
  const auto known = cores_.find(reading.id);
  if (known == cores_.end()) {
    cores_.emplace(reading.id, Core{KeptCpu(reading.times, now, found_)});
    return {};
  }
  KeptCpu& kept = known->second.kept;
  known->second.is_online = true;
  const auto delta = kept.update(reading.times, now, cpu_limits(kept.moved_at(), now), found_);
  if (!delta) return {.is_dropped = true};
  if (std::min(delta->busy, delta->rest) >= 0) step.delta = delta;
  return {.is_stepped_back = std::min(delta->busy, delta->rest) < -kRounding};
}

void CounterKeeper::resume_core(const CoreTimes& shown, Uptime shown_at) {
  const auto known = cores_.find(shown.id);
  if (known == cores_.end()) {
    cores_.emplace(shown.id, Core{KeptCpu(shown.times, shown_at, found_), false});
    return;
  }
  KeptCpu& kept = known->second.kept;
  kept.resume(shown.times, shown_at, cpu_limits(shown_at, kept.moved_at()), found_);
}

}  // namespace cpu_monitor::agent
