#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "agent/kept_file.hpp"
#include "common/discard_reason.hpp"
#include "common/result.hpp"

namespace cpu_monitor::agent {

/// The files that are read at every push, and that not every machine has.
enum class HostFile : std::uint8_t {
  loadavg,
  cpu_pressure,
  irq_pressure,
  schedstat,
  cgroup_cpu_stat,  ///< cpu.stat of the agent's own cgroup (version 2)
  cgroup_cpu_max,   ///< its cpu.max
};
inline constexpr std::size_t kHostFiles = 6;

/// Keeps the machine's files open and reads them; nothing else.
///
/// Ownership: owns the descriptors and the buffers; not copyable.  Threads: one at a time.
class HostReader {
 public:
  /// `procfs`, `sysfs`: where these file systems are mounted, usually /proc and /sys.
  HostReader(const std::string& procfs, const std::string& sysfs);

  /// The whole text of `stat`.  The view is valid until the next call.
  /// Errors: as of KeptFile::read.
  [[nodiscard]] Result<std::string_view, DiscardReason> read_stat() {
    return stat_.read(stat_buffer_);
  }

  /// The whole text of one of the other files, none when it is not to be had.  The view is valid
  /// until the next call.
  [[nodiscard]] std::optional<std::string_view> read(HostFile file);

  [[nodiscard]] const std::string& stat_path() const { return stat_.path(); }

 private:
  [[nodiscard]] static std::array<KeptFile, kHostFiles> host_files(const std::string& procfs,
                                                                   const std::string& cgroup);

  KeptFile stat_;
  std::vector<char> stat_buffer_;
  std::array<KeptFile, kHostFiles> files_;  ///< by HostFile
  std::vector<char> buffer_;
};

}  // namespace cpu_monitor::agent
