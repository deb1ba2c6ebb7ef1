// Addresses of a command line.

#include "common/host_port.hpp"

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const auto address = parse_host_port(text);
  if (address) {
    require(parse_host_port(format_host_port(*address)) == address, "parsing what was printed");
    require(address->host.find_first_of(" \n\r\t/@") == std::string::npos,
            "no host has white space or what parts a URL");
  }
  require(!is_loopback(text) || is_ip_address(text) || text.size() == 9,
          "loopback is an address or the word localhost");
  return 0;
}
