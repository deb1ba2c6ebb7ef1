// Who is calling is decided early, and no later byte changes it.

#include "exporter/first_bytes.hpp"

#include "exporter/legacy_message.hpp"
#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  using cpu_monitor::exporter::Caller;
  using cpu_monitor::exporter::kLegacyPrefix;
  const std::string_view text = text_of(data, size).substr(0, 2 * kLegacyPrefix.size());
  Caller verdict = Caller::unknown_yet;
  for (std::size_t bytes = 0; bytes <= text.size(); ++bytes) {
    const Caller now = cpu_monitor::exporter::recognise(text.substr(0, bytes));
    require(verdict == Caller::unknown_yet || now == verdict, "a verdict stands");
    require(now != Caller::unknown_yet || bytes < kLegacyPrefix.size(), "a verdict comes in time");
    verdict = now;
  }
  return 0;
}
