// /proc/loadavg: three numbers from 0, or nothing.

#include "agent/proc_loadavg.hpp"

#include <cmath>

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const auto load = cpu_monitor::agent::parse_loadavg(text);
  if (!load) return 0;
  for (const double average : {load->one, load->five, load->fifteen}) {
    require(std::isfinite(average) && !std::signbit(average), "a load is a finite number from 0");
  }
  const auto more = cpu_monitor::agent::parse_loadavg(std::string(text) + " 1/2 3\n");
  require(more == load, "nothing behind the three numbers is looked at");
  return 0;
}
