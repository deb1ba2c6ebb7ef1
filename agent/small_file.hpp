#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace cpu_monitor::agent {

/// Reads a file of procfs or sysfs whole.
///
/// None when it cannot be opened or read, is not a regular file, or is longer than `max_bytes`:
/// half a list or number would be a wrong one.  Never waits for a FIFO that was put in its place.
/// Cost: open, fstat, two reads of up to 4 KiB and close for a small file; some firmware takes 20
/// ms to answer a read.  Threads: callable from anywhere.
[[nodiscard]] std::optional<std::string> read_small_file(const std::string& path,
                                                         std::size_t max_bytes = 4096);

}  // namespace cpu_monitor::agent
