#include "agent/sampler.hpp"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "agent/cgroup.hpp"
#include "agent/proc_loadavg.hpp"
#include "agent/proc_pressure.hpp"
#include "agent/proc_schedstat.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

using std::chrono::milliseconds;

milliseconds unix_time_now() {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

double to_percent(double ratio) { return std::round(ratio * 10000) / 100; }

/// The share of a quota that was used.  More than all of it is an artefact: the quota of a period
/// is spent at its beginning, so a stretch of time can hold one more beginning than ends.
double share_of_quota(std::uint64_t used_us, milliseconds elapsed, double quota_cores) {
  const double granted_us = static_cast<double>(elapsed.count()) * 1000 * quota_cores;
  return std::min(std::round(static_cast<double>(used_us) / granted_us * 10000) / 10000, 1.0);
}

}  // namespace

milliseconds uptime_now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::floor<milliseconds>(std::chrono::seconds(now.tv_sec) +
                                          std::chrono::nanoseconds(now.tv_nsec));
}

Sampler::Sampler(HostReader& reader, Ticks ticks_per_second, milliseconds sample_interval)
    : reader_(reader),
      keeper_(ticks_per_second),
      meter_(ticks_per_second, sample_interval),
      bursts_(sample_interval, kDefaultPeakWindow),
      recorder_(sample_interval) {}

void Sampler::tick(milliseconds uptime) {
  if (!window_.began_at) window_.began_at = uptime;
  if (const auto fault = read()) {
    text_ = {};
    return note_failure(*fault, uptime);
  }
  note_success();
  measure(uptime);
}

void Sampler::measure(milliseconds uptime) {
  const auto delta = keeper_.update(reading_, uptime);
  const milliseconds elapsed = uptime - std::exchange(read_at_, uptime).value_or(uptime);
  const Utilization utilization = meter_.add(delta, keeper_.core_steps(), elapsed);
  bursts_.add(utilization, uptime);
  if (delta || utilization.busiest_core) recorder_.add(utilization, uptime);
  if (utilization.machine) window_.shares += utilization.machine->ticks;
  if (!delta) return;
  window_.has_reading = true;
  window_.has_moved |= delta->busy != 0 || delta->rest != 0;
}

void Sampler::end_window(milliseconds uptime) {
  percent_ = window_percent();
  read_cgroup(uptime);
  window_expires_at_ = uptime + 2 * (uptime - window_.began_at.value_or(uptime));
  window_ = {};
  window_.began_at = uptime;
}

CpuSample Sampler::sample(milliseconds uptime, const SampleScope& scope) {
  CpuSample sample;
  // After a suspend the last whole window is long over.
  const bool is_window_fresh = uptime <= window_expires_at_;
  if (!text_.empty()) {
    if (is_window_fresh) sample.percent = percent_;
    sample.cpu = keeper_.counters(scope.with_cores);
  }
  sample.time = unix_time_now();
  sample.uptime = uptime;
  if (scope.groups.has(MetricGroup::load)) {
    sample.host = read_host(uptime);
    if (is_window_fresh) sample.cgroup = cgroup_;
  }
  if (scope.groups.has(MetricGroup::burst)) sample.burst = bursts_.readings(uptime);
  if (scope.groups.has(MetricGroup::detail)) {
    sample.schedstat = parse_schedstat(read(HostFile::schedstat, uptime).value_or(""));
  }
  const DiscardCounts discarded = discards();
  if (discarded.any() || text_.empty()) sample.discarded = discarded;
  return sample;
}

std::optional<std::uint64_t> Sampler::boot_time_s() const {
  // A boot before 1970, as a clock that was set back makes it, is printed as 2^64 - n.
  const auto boot_time = parse_stat_counters(text_).boot_time_s;
  return boot_time <= kMaxTicks ? boot_time : std::nullopt;
}

std::optional<Sampler::Fault> Sampler::read() {
  const auto text = reader_.read_stat();
  if (!text) return text.error();
  auto parsed = parse_proc_stat(*text, std::move(spare_));
  if (!parsed) {
    return Fault(parsed.error().code, reader_.stat_path() + ": " + parsed.error().detail);
  }
  spare_ = std::exchange(reading_, *std::move(parsed));
  text_ = *text;
  return std::nullopt;
}

void Sampler::note_success() {
  if (!standing_failure_) return;
  standing_failure_.reset();
  log::info("the CPU counters can be read again", {{"path", reader_.stat_path()}});
}

void Sampler::note_failure(const Fault& fault, milliseconds uptime) {
  own_discards_.add(fault.code);
  if (standing_failure_ == fault.code) return;
  if (!failure_log_.admit(log::Throttle::Clock::time_point(uptime))) return;
  standing_failure_ = fault.code;
  log::warn("the CPU counters cannot be read; nothing is reported until they can",
            {{"reason", kDiscardReasonNames[fault.code]}, {"detail", fault.detail}});
}

std::optional<double> Sampler::window_percent() const {
  if (const auto ratio = busy_ratio(window_.shares)) return to_percent(*ratio);
  // A tickless machine that sleeps through the window books nothing at all: it was idle.
  if (window_.has_reading && !window_.has_moved) return 0;
  return std::nullopt;
}

DiscardCounts Sampler::discards() const {
  DiscardCounts all = own_discards_;
  for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
    const auto reason = static_cast<DiscardReason>(i);
    all.add(reason, keeper_.discards()[reason]);
  }
  return all;
}

std::optional<std::string_view> Sampler::read(HostFile file, milliseconds uptime) {
  Presence& presence = presence_[static_cast<std::size_t>(file)];
  if (presence.missed_at && uptime - *presence.missed_at < kLookAgainAfter) return std::nullopt;
  const auto text = reader_.read(file);
  presence.was_seen |= text.has_value();
  presence.missed_at.reset();
  if (!presence.was_seen) presence.missed_at = uptime;
  return text;
}

HostReadings Sampler::read_host(milliseconds uptime) {
  HostReadings host;
  const StatCounters counters = parse_stat_counters(text_);
  host.context_switches = counters.context_switches;
  host.interrupts = counters.interrupts;
  host.forks = counters.forks;
  host.running = counters.running;
  host.blocked = counters.blocked;
  host.load = parse_loadavg(read(HostFile::loadavg, uptime).value_or(""));
  host.cpu_waiting_us =
      parse_pressure_total(read(HostFile::cpu_pressure, uptime).value_or(""), "some");
  host.irq_stalled_us =
      parse_pressure_total(read(HostFile::irq_pressure, uptime).value_or(""), "full");
  return host;
}

/// Only where the CPU controller is on: without cpu.max the cgroup is the whole machine, or
/// nobody's limit.  cpu.stat is not asked for then: the kernel sums it up over all CPUs each time.
void Sampler::read_cgroup(milliseconds uptime) {
  cgroup_.reset();
  const auto before = std::exchange(cgroup_mark_, std::nullopt);
  const auto limit = read(HostFile::cgroup_cpu_max, uptime);
  if (!limit) return;
  const auto quota = parse_cpu_max(*limit);
  const auto stat = parse_cgroup_cpu_stat(read(HostFile::cgroup_cpu_stat, uptime).value_or(""));
  if (!stat) return;
  cgroup_mark_ = CgroupMark{stat->usage_us, uptime};
  cgroup_.emplace(CgroupCpu{std::nullopt, quota, stat->usage_us, stat->user_us, stat->system_us,
                            stat->periods, stat->throttled_periods, stat->throttled_us});
  if (!quota || !before || uptime <= before->uptime || stat->usage_us < before->usage_us) return;
  cgroup_->utilization =
      share_of_quota(stat->usage_us - before->usage_us, uptime - before->uptime, *quota);
}

}  // namespace cpu_monitor::agent
