// /proc/stat: whole readings only, the same in used memory, whatever stands behind.

#include "agent/proc_stat.hpp"

#include <algorithm>

#include "common/messages.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

using agent::ProcStat;
using Parsed = Result<ProcStat, DiscardReason>;

bool are_equal(const Parsed& a, const Parsed& b) {
  if (a.has_value() != b.has_value()) return false;
  if (a) return a->total == b->total && a->cores == b->cores;
  return a.error().code == b.error().code && a.error().detail == b.error().detail;
}

ProcStat used_stat() {
  ProcStat stat;
  stat.total.ticks.fill(7);
  stat.total.fields = 10;
  stat.cores = {{3, stat.total}, {4, stat.total}};
  return stat;
}

std::string columns_of(const CpuTimes& times) {
  std::string text;
  for (std::size_t i = 0; i < times.fields; ++i) text += ' ' + std::to_string(times.ticks[i]);
  return text + '\n';
}

std::string printed(const ProcStat& stat) {
  std::string text = "cpu " + columns_of(stat.total);
  for (const CoreTimes& core : stat.cores) {
    text += "cpu" + std::to_string(core.id) + columns_of(core.times);
  }
  return text + "intr 1";
}

void require_good_times(const CpuTimes& times) {
  require(times.fields >= kMinCpuFields && times.fields <= kCpuModeCount, "4 to 10 columns");
}

void require_good_stat(const ProcStat& stat) {
  require_good_times(stat.total);
  const auto is_not_before = [](const CoreTimes& a, const CoreTimes& b) { return a.id >= b.id; };
  require(std::ranges::adjacent_find(stat.cores, is_not_before) == stat.cores.end(),
          "CPUs are sorted, and each comes once");
  require(stat.cores.size() <= kMaxCpus, "there are not too many CPUs");
  for (const CoreTimes& core : stat.cores) {
    require(core.id <= kMaxCpuId, "a CPU has a number that can be sent");
    require_good_times(core.times);
  }
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  using cpu_monitor::agent::parse_proc_stat;
  using cpu_monitor::agent::parse_stat_counters;
  const std::string_view text = text_of(data, size);
  const Parsed stat = parse_proc_stat(text);
  require(are_equal(parse_proc_stat(text, used_stat()), stat), "used memory gives the same");
  if (stat) {
    require_good_stat(*stat);
    require(are_equal(parse_proc_stat(printed(*stat)), stat), "parsing what was printed");
    require(are_equal(parse_proc_stat(std::string(text) + "cpu9 x\n"), stat),
            "nothing behind the CPU lines is looked at");
    const Parsed part = parse_proc_stat(random_prefix(text));
    require(!part || are_equal(part, stat), "a torn reading is none");
  } else {
    require(!stat.error().detail.empty(), "there are words for what is wrong");
  }
  const auto counters = parse_stat_counters(text);
  require(parse_stat_counters(std::string(text) + "\n") == counters || !text.ends_with('\n'),
          "an empty line says nothing");
  return 0;
}
