#pragma once

#include <optional>

#include "common/cpu_sample.hpp"

namespace cpu_monitor::agent {

/// What this process has used of the CPU, and holds of memory, as the kernel accounts it
/// (getrusage(2), /proc/self/statm).  None when the kernel does not say.  Threads: any.
[[nodiscard]] std::optional<ProcessCost> process_cost();

}  // namespace cpu_monitor::agent
