// Days of the calendar.

#include "common/calendar_day.hpp"

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const auto day = parse_day(text);
  require(!day || format_day(*day) == text, "a day is written in one way");
  return 0;
}
