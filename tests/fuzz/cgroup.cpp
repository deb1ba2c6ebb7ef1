// The files of control groups.

#include "agent/cgroup.hpp"

#include <cmath>

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const auto path = agent::parse_cgroup_path(text);
  require(!path || path->starts_with('/'), "a path begins with a slash");
  const auto quota = agent::parse_cpu_max(text);
  require(!quota || (std::isfinite(*quota) && *quota > 0), "a quota is above 0");
  const auto stat = agent::parse_cgroup_cpu_stat(text);
  if (!stat) return 0;
  std::string printed = "usage_usec " + std::to_string(stat->usage_us) + "\nuser_usec " +
                        std::to_string(stat->user_us) + "\nsystem_usec " +
                        std::to_string(stat->system_us) + '\n';
  const auto print = [&](const char* key, const std::optional<std::uint64_t>& value) {
    if (value) printed += key + std::to_string(*value) + '\n';
  };
  print("nr_periods ", stat->periods);
  print("nr_throttled ", stat->throttled_periods);
  print("throttled_usec ", stat->throttled_us);
  require(agent::parse_cgroup_cpu_stat(printed) == stat, "parsing what was printed");
  return 0;
}
