#include "agent/process_cost.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <charconv>
#include <cstdint>
#include <string>
#include <system_error>

#include "agent/small_file.hpp"

namespace cpu_monitor::agent {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// The second number of /proc/self/statm (proc(5)), which is in pages.  The kernel's own /proc, not
/// that of --path.procfs: there, `self` may be nobody.
std::optional<std::uint64_t> resident_bytes() {
  const auto line = read_small_file("/proc/self/statm");
  if (!line) return std::nullopt;
  const std::size_t space = line->find(' ');
  if (space == std::string::npos) return std::nullopt;
  std::uint64_t pages = 0;
  const auto parsed = std::from_chars(line->data() + space + 1, line->data() + line->size(), pages);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

}  // namespace

std::optional<ProcessCost> process_cost() {
  rusage usage{};
  const auto resident = resident_bytes();
  if (::getrusage(RUSAGE_SELF, &usage) != 0 || !resident) return std::nullopt;
  return ProcessCost{seconds(usage.ru_utime) + seconds(usage.ru_stime), *resident};
}

}  // namespace cpu_monitor::agent
