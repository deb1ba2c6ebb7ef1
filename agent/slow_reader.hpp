#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/cpu_facts.hpp"
#include "common/cpu_sample.hpp"

namespace cpu_monitor::agent {

/// Reads the sources that are slow or many: each CPU's files in sysfs, thermal zones,
/// /proc/cpuinfo.
///
/// Some of these files take up to 20 ms each (scaling_cur_freq on several kernels, temperatures
/// that firmware answers), which would hold up the reading of the counters.  So a pass over them is
/// cut into steps, and the results are those of the last whole pass.  (The lists of CPUs and zones,
/// and /proc/cpuinfo where it is due, are read in the first step; these are quick.)
///
/// A file that is not there, cannot be read or makes no sense leaves its value absent; a CPU that
/// is offline has no frequencies.  A zone without type or policy, or one that is disabled, is left
/// out; one whose temperature cannot be read just now stays among the facts, so that they hold
/// still. What /proc/cpuinfo says is read again when the set of online CPUs changed.
///
/// At most kMaxCpus CPUs and kMaxThermalZones zones, those of the lowest numbers.
///
/// Ownership: keeps no file open between two steps.  Threads: one at a time.
class SlowReader {
 public:
  using Clock = std::chrono::steady_clock;

  /// `procfs`, `sysfs`: where these are mounted, usually /proc and /sys.
  SlowReader(const std::string& procfs, const std::string& sysfs);

  /// Goes on with the pass, or begins one, until it is whole or `budget` is used up: at least one
  /// CPU or zone each time.  Returns whether the pass is whole now.
  bool step(Clock::duration budget);

  /// Gives the running pass up, if there is one: the next step begins anew.
  void restart() { progress_.reset(); }

  /// Of the last whole pass.  Empty before the first.
  [[nodiscard]] const Frequencies& frequencies() const { return last_.frequencies; }
  [[nodiscard]] const Throttles& throttles() const { return last_.throttles; }
  [[nodiscard]] const std::vector<ZoneTemperature>& temperatures() const {
    return last_.temperatures;
  }
  [[nodiscard]] const CpuFacts& facts() const { return last_.facts; }

 private:
  struct Pass {
    Frequencies frequencies;
    Throttles throttles;
    std::vector<ZoneTemperature> temperatures;
    CpuFacts facts;
  };

  /// What a pass needs to know until it is whole.
  struct Progress {
    std::vector<std::uint32_t> cpus;             ///< still to be read, the next one last
    std::vector<std::uint32_t> zones;            ///< the same
    std::vector<std::uint32_t> without_cpufreq;  ///< sorted
    std::map<std::pair<std::uint32_t, std::uint32_t>, std::uint64_t> core_throttles;
    std::map<std::uint32_t, std::uint64_t> package_throttles;
  };

  void begin_pass();
  void read_next();
  void finish_pass();

  void read_cpu_lists(const std::vector<std::uint32_t>& cpus);
  void read_cpuinfo();
  void read_cpufreq(std::uint32_t cpu);
  void read_governor(std::uint32_t cpu, const std::string& directory);
  void read_throttles(std::uint32_t cpu);
  void read_zone(std::uint32_t zone);

  [[nodiscard]] std::string cpu_path(std::uint32_t cpu) const;

  std::string cpuinfo_path_;
  std::string cpus_path_;
  std::string thermal_path_;
  Pass last_;
  Pass running_;
  std::optional<Progress> progress_;  ///< none between two passes
  /// The online CPUs when /proc/cpuinfo was last read; none: it has to be read.
  std::optional<std::vector<std::uint32_t>> online_at_cpuinfo_;
};

}  // namespace cpu_monitor::agent
