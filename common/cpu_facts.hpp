#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace cpu_monitor {

/// What CPUs of one kind have in common, in the words of /proc/cpuinfo.  Empty: not said there.
struct CpuModel {
  std::string vendor;
  std::string family;
  std::string model;
  std::string model_name;
  std::string microcode;
  std::string stepping;
  std::string cache_size;

  bool operator==(const CpuModel&) const = default;
};

struct CpuPlace {
  std::uint32_t cpu = 0;
  std::uint32_t model = 0;  ///< index into CpuFacts::models
  std::string package;      ///< "physical id"; empty: not said
  std::string core;         ///< "core id"; empty: not said

  bool operator==(const CpuPlace&) const = default;
};

/// The range of one CPU's clock rate.  `scaling_` is what the policy allows, the others what the
/// hardware can do.
struct FrequencyLimits {
  std::uint32_t cpu = 0;
  std::optional<std::uint64_t> min_khz;
  std::optional<std::uint64_t> max_khz;
  std::optional<std::uint64_t> scaling_min_khz;
  std::optional<std::uint64_t> scaling_max_khz;

  bool operator==(const FrequencyLimits&) const = default;
};

/// CPUs with the same choice of cpufreq governors and the same one at work.
struct GovernorChoice {
  std::vector<std::uint32_t> cpus;  ///< sorted
  std::vector<std::string> available;
  std::string current;

  bool operator==(const GovernorChoice&) const = default;
};

struct ThermalZone {
  std::uint32_t zone = 0;
  std::string type;

  bool operator==(const ThermalZone&) const = default;
};

/// What hardly ever changes about a machine's CPUs: said after the welcome, and again when it
/// changed.  Plain data; every list is sorted by its number, and each number comes once.  A list is
/// empty when its source is not there.
struct CpuFacts {
  std::vector<CpuModel> models;
  std::vector<CpuPlace> cpus;
  std::vector<std::uint32_t> online;
  std::vector<std::uint32_t> offline;   ///< present, but not online
  std::vector<std::uint32_t> isolated;  ///< kept from the scheduler (isolcpus)
  std::vector<FrequencyLimits> frequency_limits;
  std::vector<GovernorChoice> governors;
  std::vector<ThermalZone> thermal_zones;

  bool operator==(const CpuFacts&) const = default;
};

}  // namespace cpu_monitor
