#pragma once

#include <cstddef>
#include <string>

/// Files that hold a secret: tokens, keys.
///
/// Such a file is a regular one (a link to it will do, as Kubernetes and certbot make them) that
/// nobody reads but its owner: mode 0600 or less, or 0640 or less when its group is a group of this
/// process. An open one never waits, be it a FIFO. Threads: callable from anywhere.  Errors: both
/// throw std::runtime_error that names the file and says what to do; what is in the file is in
/// none.
namespace cpu_monitor {

/// All of the file, at most `max_bytes`.
[[nodiscard]] std::string read_secret_file(const std::string& path, std::size_t max_bytes);

/// Only judges the file, for one that a library reads by itself.
void require_private(const std::string& path);

}  // namespace cpu_monitor
