#include "agent/cgroup.hpp"

#include <array>

#include "agent/text_scan.hpp"

namespace cpu_monitor::agent {
namespace {

constexpr std::string_view kVersion2 = "0::";

/// cpu.stat as it stands there: every line may be missing.
struct StatLines {
  std::optional<std::uint64_t> usage_us;
  std::optional<std::uint64_t> user_us;
  std::optional<std::uint64_t> system_us;
  std::optional<std::uint64_t> periods;
  std::optional<std::uint64_t> throttled_periods;
  std::optional<std::uint64_t> throttled_us;
};

struct StatKey {
  std::string_view key;
  std::optional<std::uint64_t> StatLines::*field;
};

constexpr std::array kStatKeys{
    StatKey{"usage_usec", &StatLines::usage_us},
    StatKey{"user_usec", &StatLines::user_us},
    StatKey{"system_usec", &StatLines::system_us},
    StatKey{"nr_periods", &StatLines::periods},
    StatKey{"nr_throttled", &StatLines::throttled_periods},
    StatKey{"throttled_usec", &StatLines::throttled_us},
};

StatLines parse_stat_lines(std::string_view text) {
  StatLines lines;
  while (auto line = take_whole_line(text)) {
    const std::string_view key = take_until(*line, ' ');
    for (const StatKey& known : kStatKeys) {
      if (key == known.key) lines.*known.field = parse_number<std::uint64_t>(*line);
    }
  }
  return lines;
}

}  // namespace

std::optional<std::string> parse_cgroup_path(std::string_view text) {
  while (auto line = take_whole_line(text)) {
    if (!line->starts_with(kVersion2)) continue;
    line->remove_prefix(kVersion2.size());
    if (!line->starts_with('/')) return std::nullopt;
    return std::string(*line);
  }
  return std::nullopt;
}

std::optional<CgroupCpuStat> parse_cgroup_cpu_stat(std::string_view text) {
  const StatLines lines = parse_stat_lines(text);
  if (!lines.usage_us || !lines.user_us || !lines.system_us) return std::nullopt;
  return CgroupCpuStat{*lines.usage_us, *lines.user_us,          *lines.system_us,
                       lines.periods,   lines.throttled_periods, lines.throttled_us};
}

std::optional<double> parse_cpu_max(std::string_view text) {
  text = trim(text);
  const auto quota = parse_number<std::uint64_t>(take_until(text, ' '));
  const auto period = parse_number<std::uint64_t>(text);
  if (!quota || !period || *quota == 0 || *period == 0) return std::nullopt;
  return static_cast<double>(*quota) / static_cast<double>(*period);
}

}  // namespace cpu_monitor::agent
