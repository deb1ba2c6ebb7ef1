// Messages made of any bytes: each is sent whole, and the page of all of them is whole.

#include "tests/fuzz/fleet_page.hpp"
#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/text_format_checker.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  const auto fault = tests::fault_of_page(fuzz::page_of_made_messages(fuzz::text_of(data, size)));
  fuzz::require(!fault, fault.value_or("").c_str());
  return 0;
}
