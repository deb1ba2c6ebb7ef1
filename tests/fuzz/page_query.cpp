// The query of /metrics.

#include "exporter/page_query.hpp"

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view query = text_of(data, size);
  const MetricGroups collected = MetricGroups::usual();
  const auto chosen = exporter::parse_page_query(query, collected);
  if (!chosen) {
    require(chosen.error().detail.find_first_of("<>\"\r\n") == std::string::npos,
            "words for a browser hold nothing that it could take for more");
    return 0;
  }
  require(!chosen->empty() && (chosen->bits() & ~collected.bits()) == 0,
          "what is shown is collected");
  std::string canonical;
  for (std::size_t i = 0; i < kMetricGroupNames.size(); ++i) {
    const auto group = static_cast<MetricGroup>(i);
    if (chosen->has(group)) {
      canonical.append("&collect%5B%5D=").append(kMetricGroupNames[group]);
    }
  }
  const auto again = exporter::parse_page_query(canonical, collected);
  require(again && *again == *chosen, "parsing what was printed");
  return 0;
}
