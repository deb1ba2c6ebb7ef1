#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "common/cpu_facts.hpp"
#include "common/cpu_sample.hpp"

namespace cpu_monitor::agent {

/// Reads the sources that are slow or many: each CPU's files in sysfs, thermal zones, /proc/cpuinfo.
///
/// Some of these files take up to 20 ms each (scaling_cur_freq on several kernels, temperatures that
/// firmware answers), which would hold up the reading of the counters.  So a pass over them is cut
/// into steps, and the results are those of the last whole pass.
///
/// A file that is not there, cannot be read or makes no sense leaves its value absent; a CPU that is
/// offline is left out.  What /proc/cpuinfo says is read again when the set of online CPUs changed.
///
/// Ownership: keeps no file open between two steps.  Threads: one at a time.
class SlowReader {
 public:
  using Clock = std::chrono::steady_clock;

  /// `procfs`, `sysfs`: where these are mounted, usually /proc and /sys.
  SlowReader(std::string procfs, std::string sysfs);

  /// Goes on with the pass, or begins one, until it is whole or `budget` is used up: at least one
  /// CPU or zone each time.  Returns whether the pass is whole now.
  bool step(Clock::duration budget);

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

  std::string procfs_;
  std::string sysfs_;
  Pass last_;
  Pass running_;
};

}  // namespace cpu_monitor::agent
