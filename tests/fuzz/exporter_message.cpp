// A line of an exporter: a message or words for what is wrong with it, and a fixed point of the
// codec.

#include <nlohmann/json.hpp>

#include "tests/fuzz/message_claims.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view line = text_of(data, size);
  const auto message = decode_exporter_message(line);
  if (!message) {
    require_good_refusal(message.error());
    return 0;
  }
  require(nlohmann::json::accept(line), "what is taken is JSON");
  require_fixed_point(*message,
                      [](std::string_view text) { return decode_exporter_message(text); });
  return 0;
}
