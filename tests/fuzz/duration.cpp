// Durations of a command line.

#include "common/duration.hpp"

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const auto duration = parse_duration(text_of(data, size));
  if (!duration) return 0;
  require(*duration >= std::chrono::milliseconds(0) && *duration <= std::chrono::days(1000),
          "a duration is from 0 to 1000 days");
  require(parse_duration(format_duration(*duration)) == duration, "parsing what was printed");
  return 0;
}
