#pragma once

#include <string_view>
#include <vector>

#include "common/cpu_facts.hpp"

namespace cpu_monitor::agent {

struct CpuInfo {
  std::vector<CpuModel> models;
  std::vector<CpuPlace> cpus;  ///< sorted by number
};

/// Parses /proc/cpuinfo as x86, Arm and RISC-V kernels print it: blocks of `key : value` that each
/// begin with `processor`.  CPUs whose model is the same share it.  What a block does not say is
/// empty; a value that can't be shown (control characters, bad UTF-8, above kMaxTextBytes) as well.
/// A block whose number is none, above kMaxCpuId or there twice is left out.  At most kMaxCpus.
/// Threads: pure.
[[nodiscard]] CpuInfo parse_cpuinfo(std::string_view text);

}  // namespace cpu_monitor::agent
