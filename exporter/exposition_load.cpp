// The machine beside its CPU time, and the agent's cgroup.

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "exporter/exposition_parts.hpp"

namespace cpu_monitor::exporter {
namespace {

struct LoadFamily {
  std::string_view name;
  std::string_view help;
  double LoadAverage::*value;
};

constexpr std::array kLoads{LoadFamily{"node_load1", "1m load average.", &LoadAverage::one},
                            LoadFamily{"node_load5", "5m load average.", &LoadAverage::five},
                            LoadFamily{"node_load15", "15m load average.", &LoadAverage::fifteen}};

struct HostFamily {
  std::string_view name;
  std::string_view type;
  std::string_view help;
  std::optional<std::uint64_t> HostReadings::*value;
};

constexpr std::array kHostNumbers{
    HostFamily{"node_context_switches_total", "counter", "Total number of context switches.",
               &HostReadings::context_switches},
    HostFamily{"node_intr_total", "counter", "Total number of interrupts serviced.",
               &HostReadings::interrupts},
    HostFamily{"node_forks_total", "counter", "Total number of forks.", &HostReadings::forks},
    HostFamily{"node_procs_running", "gauge", "Number of processes in runnable state.",
               &HostReadings::running},
    HostFamily{"node_procs_blocked", "gauge",
               "Number of processes blocked waiting for I/O to complete.", &HostReadings::blocked}};

constexpr std::array kPressures{
    HostFamily{"node_pressure_cpu_waiting_seconds_total", "counter",
               "Total time in seconds that processes have waited for CPU time",
               &HostReadings::cpu_waiting_us},
    HostFamily{"node_pressure_irq_stalled_seconds_total", "counter",
               "Total time in seconds no process could make progress due to IRQ congestion",
               &HostReadings::irq_stalled_us}};

std::optional<CountedSeconds> from_microseconds(std::optional<std::uint64_t> count) {
  if (!count) return std::nullopt;
  return CountedSeconds{*count, kMicroseconds};
}

std::optional<std::uint64_t> boot_time(const Row& row) {
  return row.slow != nullptr ? row.slow->boot_time_s : std::nullopt;
}

std::optional<std::chrono::milliseconds> host_time(const Row& row) {
  return row.sample != nullptr ? row.sample->time : std::nullopt;
}

void render_uname(const Rows& rows, PageWriter& page) {
  Family family("node_uname_info", "gauge",
                "Labeled system information as provided by the uname system call.", page);
  for (const Row& row : rows) {
    const auto& host = row.agent->identity->host;
    if (row.agent->state == AgentState::gone || !host) continue;
    family.series(row)
        .label("domainname", host->domainname)
        .label("machine", host->machine)
        .label("nodename", host->nodename)
        .label("release", host->release)
        .label("sysname", host->sysname)
        .label("version", host->version)
        .value(std::uint64_t{1});
  }
}

/// `value_of(cgroup)` is an optional, like `value_of` of add_one_each.
template <class ValueOf>
void add_of_cgroup(Family family, const Rows& rows, ValueOf value_of) {
  add_one_each(family, rows, [&](const Row& row) {
    using Value = decltype(value_of(*row.sample->cgroup));
    return row.sample != nullptr && row.sample->cgroup ? value_of(*row.sample->cgroup) : Value{};
  });
}

void render_cgroup_times(const Rows& rows, PageWriter& page) {
  add_of_cgroup(Family("cpu_monitor_cgroup_usage_seconds_total", "counter",
                       "CPU time that the agent's cgroup has used.", page),
                rows, [](const CgroupCpu& cgroup) { return from_microseconds(cgroup.usage_us); });
  add_of_cgroup(Family("cpu_monitor_cgroup_user_seconds_total", "counter",
                       "CPU time that the agent's cgroup has used in user mode.", page),
                rows, [](const CgroupCpu& cgroup) { return from_microseconds(cgroup.user_us); });
  add_of_cgroup(Family("cpu_monitor_cgroup_system_seconds_total", "counter",
                       "CPU time that the agent's cgroup has used in the kernel.", page),
                rows, [](const CgroupCpu& cgroup) { return from_microseconds(cgroup.system_us); });
}

void render_cgroup_limits(const Rows& rows, PageWriter& page) {
  add_of_cgroup(Family("cpu_monitor_cgroup_periods_total", "counter",
                       "Periods over which the quota of the agent's cgroup was enforced.", page),
                rows, [](const CgroupCpu& cgroup) { return cgroup.periods; });
  add_of_cgroup(Family("cpu_monitor_cgroup_throttled_periods_total", "counter",
                       "Periods in which the agent's cgroup had used up its quota.", page),
                rows, [](const CgroupCpu& cgroup) { return cgroup.throttled_periods; });
  add_of_cgroup(Family("cpu_monitor_cgroup_throttled_seconds_total", "counter",
                       "Time that the agent's cgroup had to wait for its next period.", page),
                rows,
                [](const CgroupCpu& cgroup) { return from_microseconds(cgroup.throttled_us); });
  add_of_cgroup(Family("cpu_monitor_cgroup_quota_cores", "gauge",
                       "CPUs' worth of time that the agent's cgroup may use.", page),
                rows, [](const CgroupCpu& cgroup) { return cgroup.quota_cores; });
}

}  // namespace

void render_host(const Rows& rows, PageWriter& page) {
  for (const LoadFamily& load : kLoads) {
    add_one_each(Family(load.name, "gauge", load.help, page), rows,
                 [&](const Row& row) -> std::optional<double> {
                   if (row.sample == nullptr || !row.sample->host.load) return std::nullopt;
                   return (*row.sample->host.load).*load.value;
                 });
  }
  for (const HostFamily& number : kHostNumbers) {
    add_one_each(Family(number.name, number.type, number.help, page), rows, [&](const Row& row) {
      return row.sample != nullptr ? row.sample->host.*number.value : std::nullopt;
    });
  }
  for (const HostFamily& pressure : kPressures) {
    add_one_each(Family(pressure.name, pressure.type, pressure.help, page), rows,
                 [&](const Row& row) {
                   return from_microseconds(row.sample != nullptr ? row.sample->host.*pressure.value
                                                                  : std::nullopt);
                 });
  }
  add_one_each(Family("node_boot_time_seconds", "gauge", "Node boot time, in unixtime.", page),
               rows, boot_time);
  add_one_each(
      Family("node_time_seconds", "gauge", "System time in seconds since epoch (1970).", page),
      rows, host_time);
  render_uname(rows, page);
}

void render_cgroup(const Rows& rows, PageWriter& page) {
  add_of_cgroup(
      Family("cpu_monitor_cgroup_utilization_ratio", "gauge",
             "Share of its quota that the agent's cgroup used since the last push.", page),
      rows, [](const CgroupCpu& cgroup) { return cgroup.utilization; });
  render_cgroup_times(rows, page);
  render_cgroup_limits(rows, page);
}

}  // namespace cpu_monitor::exporter
