// /proc/pressure/cpu and irq: the total of a whole line.

#include "agent/proc_pressure.hpp"

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  using cpu_monitor::agent::parse_pressure_total;
  const std::string_view text = text_of(data, size);
  for (const char* kind : {"some", "full"}) {
    const auto total = parse_pressure_total(text, kind);
    if (!total) continue;
    const std::string line = std::string(kind) + " avg10=0.00 total=" + std::to_string(*total);
    require(parse_pressure_total(line + "\n", kind) == total, "parsing what was printed");
    require(!parse_pressure_total(line, kind), "half a line is none");
  }
  return 0;
}
