#include "exporter/agents_json.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/build_info.hpp"

namespace cpu_monitor::exporter {
namespace {

using nlohmann::ordered_json;
using std::chrono::milliseconds;

std::int64_t unix_ms(std::chrono::system_clock::time_point time) {
  return std::chrono::floor<milliseconds>(time.time_since_epoch()).count();
}

double one_decimal(double value) { return std::round(value * 10) / 10; }

template <class Value>
void add(ordered_json& to, const char* name, const std::optional<Value>& value) {
  if (value) to[name] = *value;
}

void add_ratio(ordered_json& to, const char* name, const std::optional<double>& ratio) {
  if (ratio) to[name] = one_decimal(100 * *ratio);
}

ordered_json slot_value(std::uint8_t value) {
  return value == UsageHistory::kNone ? ordered_json() : ordered_json(value);
}

ordered_json history_json(const UsageHistory& history, std::size_t slots, const Moment& now) {
  ordered_json percent = ordered_json::array();
  ordered_json peak = ordered_json::array();
  for (std::size_t ago = slots; ago-- > 0;) {
    const UsageHistory::Slot slot = history.at(now.steady, ago);
    percent.push_back(slot_value(slot.percent));
    peak.push_back(slot_value(slot.peak));
  }
  const auto end = now.system + std::chrono::duration_cast<std::chrono::system_clock::duration>(
                                    UsageHistory::until_end_of_slot(now.steady));
  ordered_json json;
  json["step_ms"] = milliseconds(UsageHistory::kStep).count();
  json["end_ms"] = unix_ms(end);
  json["percent"] = std::move(percent);
  json["peak"] = std::move(peak);
  return json;
}

ordered_json summary_json(const AgentView& agent) {
  ordered_json json;
  json["endpoint"] = agent.identity->endpoint;
  json["state"] = kAgentStateNames[agent.state];
  json["expected"] = agent.is_expected;
  json["has_come"] = agent.has_come;
  if (agent.last_sample) json["last_sample_ms"] = unix_ms(*agent.last_sample);
  if (!agent.identity->version.empty()) json["agent_version"] = agent.identity->version;
  if (agent.has_come) json["push_interval_ms"] = agent.push_interval.count();
  if (!agent.sample) return json;
  const CpuSample& sample = *agent.sample;
  if (sample.percent) json["percent"] = one_decimal(*sample.percent);
  if (sample.burst) {
    add_ratio(json, "peak", sample.burst->peak);
    add_ratio(json, "busiest_core_peak", sample.burst->busiest_core_peak);
    add_ratio(json, "steal_peak", sample.burst->steal_peak);
  }
  if (const auto& load = sample.host.load) {
    json["load"] = std::array{load->one, load->five, load->fifteen};
  }
  if (sample.cpu && !sample.cpu->cores.empty()) json["cpus"] = sample.cpu->cores.size();
  return json;
}

ordered_json ticks_json(const CpuTimes& times) {
  ordered_json json = ordered_json::array();
  for (std::size_t mode = 0; mode < times.fields; ++mode) json.push_back(times.ticks[mode]);
  return json;
}

ordered_json cpu_json(const CpuCounters& cpu) {
  ordered_json cores = ordered_json::array();
  for (const CoreTimes& core : cpu.cores) {
    ordered_json json;
    json["id"] = core.id;
    json["ticks"] = ticks_json(core.times);
    cores.push_back(std::move(json));
  }
  ordered_json json;
  json["total"] = ticks_json(cpu.total);
  json["cores"] = std::move(cores);
  return json;
}

ordered_json host_json(const KernelName& host) {
  ordered_json json;
  json["sysname"] = host.sysname;
  json["release"] = host.release;
  json["version"] = host.version;
  json["machine"] = host.machine;
  json["nodename"] = host.nodename;
  json["domainname"] = host.domainname;
  return json;
}

ordered_json cgroup_json(const CgroupCpu& cgroup) {
  ordered_json json;
  add_ratio(json, "utilization", cgroup.utilization);
  add(json, "quota_cores", cgroup.quota_cores);
  json["usage_us"] = cgroup.usage_us;
  json["user_us"] = cgroup.user_us;
  json["system_us"] = cgroup.system_us;
  add(json, "periods", cgroup.periods);
  add(json, "throttled_periods", cgroup.throttled_periods);
  add(json, "throttled_us", cgroup.throttled_us);
  return json;
}

ordered_json discarded_json(const DiscardCounts& discarded) {
  ordered_json json = ordered_json::object();
  for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
    const std::uint64_t count = discarded[static_cast<DiscardReason>(i)];
    if (count > 0) json[std::string(kDiscardReasonNames.names[i])] = count;
  }
  return json;
}

void add_host_readings(ordered_json& json, const HostReadings& host) {
  add(json, "running", host.running);
  add(json, "blocked", host.blocked);
  add(json, "context_switches", host.context_switches);
  add(json, "interrupts", host.interrupts);
  add(json, "forks", host.forks);
  ordered_json pressure = ordered_json::object();
  add(pressure, "waiting_us", host.cpu_waiting_us);
  add(pressure, "irq_stalled_us", host.irq_stalled_us);
  if (!pressure.empty()) json["pressure"] = std::move(pressure);
}

template <class Throttle>
std::uint64_t sum_of(const std::vector<Throttle>& throttles) {
  std::uint64_t sum = 0;
  for (const Throttle& throttle : throttles) sum += throttle.count;
  return sum;
}

std::string type_of(const CpuFacts* facts, std::uint32_t zone) {
  if (facts == nullptr) return {};
  const auto found = std::ranges::find(facts->thermal_zones, zone, &ThermalZone::zone);
  return found == facts->thermal_zones.end() ? std::string() : found->type;
}

ordered_json temperature_json(const std::vector<ZoneTemperature>& zones, const CpuFacts* facts) {
  ordered_json all = ordered_json::array();
  for (const ZoneTemperature& zone : zones) {
    ordered_json json;
    json["zone"] = zone.zone;
    if (auto type = type_of(facts, zone.zone); !type.empty()) json["type"] = std::move(type);
    json["celsius"] = static_cast<double>(zone.millicelsius) / 1000;
    all.push_back(std::move(json));
  }
  return all;
}

void add_slow_readings(ordered_json& json, const SlowReadings& slow, const CpuFacts* facts) {
  if (slow.boot_time_s) json["boot_time_ms"] = *slow.boot_time_s * 1000;
  if (slow.throttles) {
    ordered_json throttles;
    throttles["core"] = sum_of(slow.throttles->cores);
    throttles["package"] = sum_of(slow.throttles->packages);
    json["throttles"] = std::move(throttles);
  }
  if (slow.temperature) json["temperature"] = temperature_json(*slow.temperature, facts);
  if (slow.self) {
    ordered_json self;
    self["cpu_seconds"] = slow.self->cpu_seconds;
    self["resident_bytes"] = slow.self->resident_bytes;
    json["self"] = std::move(self);
  }
}

void add_sample(ordered_json& json, const CpuSample& sample) {
  if (sample.cpu) json["cpu"] = cpu_json(*sample.cpu);
  if (sample.uptime) json["sample_uptime_ms"] = sample.uptime->count();
  add_host_readings(json, sample.host);
  if (sample.cgroup) json["cgroup"] = cgroup_json(*sample.cgroup);
  if (sample.discarded) json["discarded"] = discarded_json(*sample.discarded);
}

ordered_json counts_json(const FleetSnapshot& snapshot) {
  std::array<std::size_t, kAgentStateNames.size()> counts{};
  for (const AgentView& agent : snapshot.agents) ++counts[static_cast<std::size_t>(agent.state)];
  ordered_json json;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    json[std::string(kAgentStateNames.names[i])] = counts[i];
  }
  return json;
}

ordered_json groups_json(const MetricGroups& groups) {
  ordered_json json = ordered_json::array();
  for (std::size_t i = 0; i < kMetricGroupNames.size(); ++i) {
    if (groups.has(static_cast<MetricGroup>(i))) json.push_back(kMetricGroupNames.names[i]);
  }
  return json;
}

}  // namespace

std::string agents_json(const FleetSnapshot& snapshot, const ChosenAgents& chosen,
                        const AgentsQuery& query, const std::vector<UsageHistory>& histories,
                        const AgentsContext& context) {
  ordered_json json;
  json["time_ms"] = unix_ms(context.now.system);
  json["version"] = version();
  json["uptime_ms"] = context.uptime.count();
  json["counts"] = counts_json(snapshot);
  json["matching"] = chosen.matching;
  json["offset"] = query.offset;
  json["groups"] = groups_json(context.groups);
  json["peak_window_ms"] = context.peak_window.count();
  ordered_json agents = ordered_json::array();
  for (std::size_t i = 0; i < chosen.agents.size(); ++i) {
    ordered_json agent = summary_json(*chosen.agents[i]);
    if (i < histories.size()) {
      agent["history"] = history_json(histories[i], query.history, context.now);
    }
    agents.push_back(std::move(agent));
  }
  json["agents"] = std::move(agents);
  return json.dump() + "\n";
}

std::string agent_json(const AgentView& agent, const UsageHistory& history, const Moment& now) {
  ordered_json json = summary_json(agent);
  json["time_ms"] = unix_ms(now.system);
  if (agent.has_come) json["connects"] = agent.connects;
  if (agent.clock_skew) json["clock_skew_ms"] = agent.clock_skew->count();
  if (!agent.identity->labels.empty()) json["labels"] = agent.identity->labels;
  if (agent.identity->host) json["host"] = host_json(*agent.identity->host);
  json["ticks_per_second"] = agent.identity->ticks_per_second;
  if (agent.sample) add_sample(json, *agent.sample);
  if (agent.slow) add_slow_readings(json, *agent.slow, agent.facts.get());
  json["history"] = history_json(history, UsageHistory::kSlots, now);
  return json.dump() + "\n";
}

}  // namespace cpu_monitor::exporter
