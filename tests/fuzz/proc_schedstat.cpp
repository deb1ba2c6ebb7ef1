// /proc/schedstat: CPUs in order, each once.

#include "agent/proc_schedstat.hpp"

#include <algorithm>

#include "common/messages.hpp"
#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const auto times = agent::parse_schedstat(text_of(data, size));
  const auto is_not_before = [](const auto& a, const auto& b) { return a.cpu >= b.cpu; };
  require(std::ranges::adjacent_find(times, is_not_before) == times.end(),
          "CPUs are sorted, and each comes once");
  require(times.size() <= kMaxCpus, "there are not too many CPUs");
  std::string printed;
  for (const SchedulerTimes& cpu : times) {
    require(cpu.cpu <= kMaxCpuId, "a CPU has a number that can be sent");
    printed += "cpu" + std::to_string(cpu.cpu) + " 0 0 0 0 0 0 " + std::to_string(cpu.running_ns) +
               ' ' + std::to_string(cpu.waiting_ns) + ' ' + std::to_string(cpu.timeslices) + '\n';
  }
  require(agent::parse_schedstat(printed) == times, "parsing what was printed");
  return 0;
}
