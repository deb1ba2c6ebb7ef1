// The rest of node_exporter's CPU domain: scheduler, clock rates, heat, and what the CPUs are.

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "exporter/exposition_parts.hpp"

namespace cpu_monitor::exporter {
namespace {

constexpr std::uint64_t kOne = 1;
constexpr std::uint64_t kZero = 0;

// The scheduler.

/// A family with one series a CPU.
template <class ValueOf>
void add_of_scheduler(Family family, const Rows& rows, ValueOf value_of) {
  for (const Row& row : rows) {
    if (row.sample() == nullptr) continue;
    for (const SchedulerTimes& times : row.sample()->schedstat) {
      family.add(row.of_cpu(times.cpu), value_of(times));
    }
  }
}

// Clock rates.

struct RateFamily {
  std::string_view name;
  std::string_view help;
  std::vector<CoreFrequency> Frequencies::*rates;
};

constexpr std::array kRates{
    RateFamily{"node_cpu_frequency_hertz", "Current cpu thread frequency in hertz.",
               &Frequencies::hardware},
    RateFamily{"node_cpu_scaling_frequency_hertz", "Current scaled CPU thread frequency in hertz.",
               &Frequencies::scaling}};

struct LimitFamily {
  std::string_view name;
  std::string_view help;
  std::optional<std::uint64_t> FrequencyLimits::*khz;
};

constexpr std::array kLimits{
    LimitFamily{"node_cpu_frequency_min_hertz", "Minimum cpu thread frequency in hertz.",
                &FrequencyLimits::min_khz},
    LimitFamily{"node_cpu_frequency_max_hertz", "Maximum cpu thread frequency in hertz.",
                &FrequencyLimits::max_khz},
    LimitFamily{"node_cpu_scaling_frequency_min_hertz",
                "Minimum scaled CPU thread frequency in hertz.", &FrequencyLimits::scaling_min_khz},
    LimitFamily{"node_cpu_scaling_frequency_max_hertz",
                "Maximum scaled CPU thread frequency in hertz.",
                &FrequencyLimits::scaling_max_khz}};

void render_rates(const RateFamily& rates, const Rows& rows, std::string& page) {
  Family family(rates.name, "gauge", rates.help, page);
  for (const Row& row : rows) {
    const CpuSample* const sample = row.sample();
    if (sample == nullptr || !sample->slow.frequency) continue;
    for (const CoreFrequency& core : (*sample->slow.frequency).*rates.rates) {
      family.add(row.of_cpu(core.cpu), KiloHertz{core.khz});
    }
  }
}

void render_limits(const LimitFamily& limits, const Rows& rows, std::string& page) {
  Family family(limits.name, "gauge", limits.help, page);
  for (const Row& row : rows) {
    if (row.facts() == nullptr) continue;
    for (const FrequencyLimits& core : row.facts()->frequency_limits) {
      if (const auto khz = core.*limits.khz) family.add(row.of_cpu(core.cpu), KiloHertz{*khz});
    }
  }
}

void render_governors(const Rows& rows, std::string& page) {
  Family family("node_cpu_scaling_governor", "gauge", "Current enabled CPU frequency governor.",
                page);
  for (const Row& row : rows) {
    if (row.facts() == nullptr) continue;
    for (const GovernorChoice& choice : row.facts()->governors) {
      std::set<std::string_view> names(choice.available.begin(), choice.available.end());
      if (!choice.current.empty()) names.insert(choice.current);  // some drivers do not list it
      for (const std::uint32_t cpu : choice.cpus) {
        for (const std::string_view name : names) {
          std::string labels = row.of_cpu(cpu);
          append_label(labels, "governor", name);
          family.add(labels, name == choice.current ? kOne : kZero);
        }
      }
    }
  }
}

// Heat.

const Throttles* throttles_of(const Row& row) {
  const CpuSample* const sample = row.sample();
  return sample != nullptr && sample->slow.throttles ? &*sample->slow.throttles : nullptr;
}

void render_core_throttles(const Rows& rows, std::string& page) {
  Family family("node_cpu_core_throttles_total", "counter",
                "Number of times this CPU core has been throttled.", page);
  for (const Row& row : rows) {
    const Throttles* const throttles = throttles_of(row);
    if (throttles == nullptr) continue;
    for (const CoreThrottles& core : throttles->cores) {
      std::string labels = row.with("package", core.package);
      append_label(labels, "core", std::to_string(core.core));
      family.add(labels, core.count);
    }
  }
}

void render_package_throttles(const Rows& rows, std::string& page) {
  Family family("node_cpu_package_throttles_total", "counter",
                "Number of times this CPU package has been throttled.", page);
  for (const Row& row : rows) {
    const Throttles* const throttles = throttles_of(row);
    if (throttles == nullptr) continue;
    for (const PackageThrottles& package : throttles->packages) {
      family.add(row.with("package", package.package), package.count);
    }
  }
}

std::string_view type_of_zone(const CpuFacts* facts, std::uint32_t zone) {
  if (facts == nullptr) return "";
  for (const ThermalZone& known : facts->thermal_zones) {
    if (known.zone == zone) return known.type;
  }
  return "";
}

void render_temperatures(const Rows& rows, std::string& page) {
  Family family("node_thermal_zone_temp", "gauge", "Zone temperature in Celsius", page);
  for (const Row& row : rows) {
    const CpuSample* const sample = row.sample();
    if (sample == nullptr || !sample->slow.temperature) continue;
    for (const ZoneTemperature& zone : *sample->slow.temperature) {
      std::string labels = row.with("zone", zone.zone);
      append_label(labels, "type", type_of_zone(row.facts(), zone.zone));
      family.add(labels, MilliCelsius{zone.millicelsius});
    }
  }
}

// What the CPUs are.

void render_online(const Rows& rows, std::string& page) {
  Family family("node_cpu_online", "gauge", "CPUs that are online and being scheduled.", page);
  for (const Row& row : rows) {
    if (row.facts() == nullptr) continue;
    for (const std::uint32_t cpu : row.facts()->online) family.add(row.of_cpu(cpu), kOne);
    for (const std::uint32_t cpu : row.facts()->offline) family.add(row.of_cpu(cpu), kZero);
  }
}

void render_isolated(const Rows& rows, std::string& page) {
  Family family("node_cpu_isolated", "gauge",
                "Whether each core is isolated, information from "
                "/sys/devices/system/cpu/isolated.",
                page);
  for (const Row& row : rows) {
    if (row.facts() == nullptr) continue;
    for (const std::uint32_t cpu : row.facts()->isolated) family.add(row.of_cpu(cpu), kOne);
  }
}

std::string info_labels(const Row& row, const CpuPlace& place, const CpuModel& model) {
  std::string labels = row.endpoint;
  append_label(labels, "package", place.package);
  append_label(labels, "core", place.core);
  append_label(labels, "cpu", std::to_string(place.cpu));
  append_label(labels, "vendor", model.vendor);
  append_label(labels, "family", model.family);
  append_label(labels, "model", model.model);
  append_label(labels, "model_name", model.model_name);
  append_label(labels, "microcode", model.microcode);
  append_label(labels, "stepping", model.stepping);
  append_label(labels, "cachesize", model.cache_size);
  return labels;
}

void render_info(const Rows& rows, std::string& page) {
  Family family("node_cpu_info", "gauge", "CPU information from /proc/cpuinfo.", page);
  for (const Row& row : rows) {
    const CpuFacts* const facts = row.facts();
    if (facts == nullptr) continue;
    for (const CpuPlace& place : facts->cpus) {
      if (place.model >= facts->models.size()) continue;
      family.add(info_labels(row, place, facts->models[place.model]), kOne);
    }
  }
}

}  // namespace

void render_scheduler(const Rows& rows, std::string& page) {
  add_of_scheduler(Family("node_schedstat_running_seconds_total", "counter",
                          "Number of seconds CPU spent running a process.", page),
                   rows, [](const SchedulerTimes& times) {
                     return CountedSeconds{times.running_ns, kNanoseconds};
                   });
  add_of_scheduler(Family("node_schedstat_waiting_seconds_total", "counter",
                          "Number of seconds spent by processing waiting for this CPU.", page),
                   rows, [](const SchedulerTimes& times) {
                     return CountedSeconds{times.waiting_ns, kNanoseconds};
                   });
  add_of_scheduler(Family("node_schedstat_timeslices_total", "counter",
                          "Number of timeslices executed by CPU.", page),
                   rows, [](const SchedulerTimes& times) { return times.timeslices; });
}

void render_frequencies(const Rows& rows, std::string& page) {
  for (const RateFamily& rates : kRates) render_rates(rates, rows, page);
  for (const LimitFamily& limits : kLimits) render_limits(limits, rows, page);
  render_governors(rows, page);
}

void render_heat(const Rows& rows, std::string& page) {
  render_core_throttles(rows, page);
  render_package_throttles(rows, page);
  render_temperatures(rows, page);
}

void render_topology(const Rows& rows, std::string& page) {
  render_online(rows, page);
  render_isolated(rows, page);
  render_info(rows, page);
}

}  // namespace cpu_monitor::exporter
