#include "agent/host_reader.hpp"

#include "agent/cgroup.hpp"
#include "agent/small_file.hpp"

namespace cpu_monitor::agent {
namespace {

/// The folder of the agent's own cgroup.  On machines that still have version 1 beside it, version
/// 2 is mounted one level deeper.
std::string cgroup_folder(const std::string& procfs, const std::string& sysfs) {
  const auto own = read_small_file(procfs + "/self/cgroup");
  const std::string path = parse_cgroup_path(own.value_or("")).value_or("/");
  const std::string root = sysfs + "/fs/cgroup";
  const bool is_version_2 = read_small_file(root + "/cgroup.controllers").has_value();
  return root + (is_version_2 ? "" : "/unified") + (path == "/" ? "" : path);
}

}  // namespace

HostReader::HostReader(const std::string& procfs, const std::string& sysfs)
    : stat_(procfs + "/stat"), files_(host_files(procfs, cgroup_folder(procfs, sysfs))) {}

std::array<KeptFile, kHostFiles> HostReader::host_files(const std::string& procfs,
                                                        const std::string& cgroup) {
  return {KeptFile(procfs + "/loadavg"),
          KeptFile(procfs + "/pressure/cpu"),
          KeptFile(procfs + "/pressure/irq"),
          KeptFile(procfs + "/schedstat", KeptFile::Form::in_pieces),
          KeptFile(cgroup + "/cpu.stat"),
          KeptFile(cgroup + "/cpu.max")};
}

std::optional<std::string_view> HostReader::read(HostFile file) {
  const auto text = files_[static_cast<std::size_t>(file)].read(buffer_);
  if (!text) return std::nullopt;
  return *text;
}

}  // namespace cpu_monitor::agent
