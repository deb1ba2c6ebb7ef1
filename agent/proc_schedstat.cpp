#include "agent/proc_schedstat.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

#include "agent/sys_cpu.hpp"
#include "agent/text_scan.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

std::optional<SchedulerTimes> parse_cpu_line(std::string_view line) {
  const auto cpu = parse_numbered_name(take_until(line, ' '), "cpu");
  if (!cpu || *cpu > kMaxCpuId) return std::nullopt;
  std::array<std::uint64_t, 9> numbers{};
  for (std::uint64_t& number : numbers) {
    const auto parsed = parse_number<std::uint64_t>(take_until(line, ' '));
    if (!parsed) return std::nullopt;
    number = *parsed;
  }
  return SchedulerTimes{*cpu, numbers[6], numbers[7], numbers[8]};
}

/// Keeps the first of each CPU.
void sort_by_cpu(std::vector<SchedulerTimes>& times) {
  const auto by_cpu = [](const SchedulerTimes& a, const SchedulerTimes& b) {
    return a.cpu < b.cpu;
  };
  const auto same_cpu = [](const SchedulerTimes& a, const SchedulerTimes& b) {
    return a.cpu == b.cpu;
  };
  std::stable_sort(times.begin(), times.end(), by_cpu);
  times.erase(std::unique(times.begin(), times.end(), same_cpu), times.end());
}

}  // namespace

std::vector<SchedulerTimes> parse_schedstat(std::string_view text) {
  std::vector<SchedulerTimes> times;
  while (auto line = take_whole_line(text)) {
    if (const auto cpu = parse_cpu_line(*line)) times.push_back(*cpu);
  }
  sort_by_cpu(times);
  if (times.size() > kMaxCpus) times.resize(kMaxCpus);
  return times;
}

}  // namespace cpu_monitor::agent
