// The header by which a scraper says whether it takes gzip.

#include "exporter/compression.hpp"
#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  using cpu_monitor::exporter::accepts_gzip;
  const std::string_view header = text_of(data, size);
  if (!accepts_gzip(header)) return 0;
  require(header.find('*') != std::string_view::npos ||
              header.find_first_of("gG") != std::string_view::npos,
          "gzip is named, or all are meant");
  require(accepts_gzip(std::string(header) + ", br"), "one more encoding takes nothing away");
  return 0;
}
