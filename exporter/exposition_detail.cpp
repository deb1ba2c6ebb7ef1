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
    if (row.sample == nullptr) continue;
    for (const SchedulerTimes& times : row.sample->schedstat) {
      family.series(row).label("cpu", times.cpu).value(value_of(times));
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

void render_rates(const RateFamily& rates, const Rows& rows, PageWriter& page) {
  Family family(rates.name, "gauge", rates.help, page);
  for (const Row& row : rows) {
    if (row.slow == nullptr || !row.slow->frequency) continue;
    for (const CoreFrequency& core : (*row.slow->frequency).*rates.rates) {
      family.series(row).label("cpu", core.cpu).value(KiloHertz{core.khz});
    }
  }
}

void render_limits(const LimitFamily& limits, const Rows& rows, PageWriter& page) {
  Family family(limits.name, "gauge", limits.help, page);
  for (const Row& row : rows) {
    if (row.facts == nullptr) continue;
    for (const FrequencyLimits& core : row.facts->frequency_limits) {
      const auto khz = core.*limits.khz;
      if (khz) family.series(row).label("cpu", core.cpu).value(KiloHertz{*khz});
    }
  }
}

void render_governors(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_scaling_governor", "gauge", "Current enabled CPU frequency governor.",
                page);
  for (const Row& row : rows) {
    if (row.facts == nullptr) continue;
    for (const GovernorChoice& choice : row.facts->governors) {
      std::set<std::string_view> names(choice.available.begin(), choice.available.end());
      if (!choice.current.empty()) names.insert(choice.current);  // some drivers do not list it
      for (const std::uint32_t cpu : choice.cpus) {
        for (const std::string_view name : names) {
          family.series(row)
              .label("cpu", cpu)
              .label("governor", name)
              .value(name == choice.current ? kOne : kZero);
        }
      }
    }
  }
}

// Heat.

const Throttles* throttles_of(const Row& row) {
  return row.slow != nullptr && row.slow->throttles ? &*row.slow->throttles : nullptr;
}

void render_core_throttles(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_core_throttles_total", "counter",
                "Number of times this CPU core has been throttled.", page);
  for (const Row& row : rows) {
    const Throttles* const throttles = throttles_of(row);
    if (throttles == nullptr) continue;
    for (const CoreThrottles& core : throttles->cores) {
      family.series(row).label("package", core.package).label("core", core.core).value(core.count);
    }
  }
}

void render_package_throttles(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_package_throttles_total", "counter",
                "Number of times this CPU package has been throttled.", page);
  for (const Row& row : rows) {
    const Throttles* const throttles = throttles_of(row);
    if (throttles == nullptr) continue;
    for (const PackageThrottles& package : throttles->packages) {
      family.series(row).label("package", package.package).value(package.count);
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

void render_temperatures(const Rows& rows, PageWriter& page) {
  Family family("node_thermal_zone_temp", "gauge", "Zone temperature in Celsius", page);
  for (const Row& row : rows) {
    if (row.slow == nullptr || !row.slow->temperature) continue;
    for (const ZoneTemperature& zone : *row.slow->temperature) {
      family.series(row)
          .label("zone", zone.zone)
          .label("type", type_of_zone(row.facts, zone.zone))
          .value(MilliCelsius{zone.millicelsius});
    }
  }
}

// What the CPUs are.

void render_online(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_online", "gauge", "CPUs that are online and being scheduled.", page);
  for (const Row& row : rows) {
    if (row.facts == nullptr) continue;
    for (const std::uint32_t cpu : row.facts->online)
      family.series(row).label("cpu", cpu).value(kOne);
    for (const std::uint32_t cpu : row.facts->offline)
      family.series(row).label("cpu", cpu).value(kZero);
  }
}

void render_isolated(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_isolated", "gauge",
                "Whether each core is isolated, information from "
                "/sys/devices/system/cpu/isolated.",
                page);
  for (const Row& row : rows) {
    if (row.facts == nullptr) continue;
    for (const std::uint32_t cpu : row.facts->isolated)
      family.series(row).label("cpu", cpu).value(kOne);
  }
}

void render_info(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_info", "gauge", "CPU information from /proc/cpuinfo.", page);
  for (const Row& row : rows) {
    const CpuFacts* const facts = row.facts;
    if (facts == nullptr) continue;
    for (const CpuPlace& place : facts->cpus) {
      if (place.model >= facts->models.size()) continue;
      const CpuModel& model = facts->models[place.model];
      family.series(row)
          .label("package", place.package)
          .label("core", place.core)
          .label("cpu", place.cpu)
          .label("vendor", model.vendor)
          .label("family", model.family)
          .label("model", model.model)
          .label("model_name", model.model_name)
          .label("microcode", model.microcode)
          .label("stepping", model.stepping)
          .label("cachesize", model.cache_size)
          .value(kOne);
    }
  }
}

}  // namespace

void render_scheduler(const Rows& rows, PageWriter& page) {
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

void render_frequencies(const Rows& rows, PageWriter& page) {
  for (const RateFamily& rates : kRates) render_rates(rates, rows, page);
  for (const LimitFamily& limits : kLimits) render_limits(limits, rows, page);
  render_governors(rows, page);
}

void render_heat(const Rows& rows, PageWriter& page) {
  render_core_throttles(rows, page);
  render_package_throttles(rows, page);
  render_temperatures(rows, page);
}

void render_topology(const Rows& rows, PageWriter& page) {
  render_online(rows, page);
  render_isolated(rows, page);
  render_info(rows, page);
}

}  // namespace cpu_monitor::exporter
