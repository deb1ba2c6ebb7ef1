// A line of an agent: a message or a refusal, the same in used memory, and a fixed point of the
// codec.

#include <nlohmann/json.hpp>

#include "tests/fuzz/message_claims.hpp"

namespace cpu_monitor::fuzz {
namespace {

/// A sample with something in every list, whose values count for nothing.
CpuSample used_sample() {
  CpuTimes times;
  times.ticks.fill(7);
  times.fields = 10;
  CpuSample sample;
  sample.sequence = 9;
  sample.percent = 99;
  sample.cpu = CpuCounters{times, {{0, times}, {1, times}, {5, times}}};
  sample.host.forks = 3;
  sample.schedstat = {{0, 1, 2, 3}, {1, 1, 2, 3}};
  sample.slow.temperature = {{{0, 41'000}}};
  return sample;
}

bool are_equal(const Decoded<AgentMessage>& a, const Decoded<AgentMessage>& b) {
  if (a.has_value() != b.has_value()) return false;
  if (a) return *a == *b;
  return a.error().code == b.error().code && a.error().detail == b.error().detail;
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view line = text_of(data, size);
  const auto message = decode_agent_message(line);
  require(are_equal(decode_agent_message(line, used_sample()), message),
          "used memory gives the same message");
  if (!message) {
    require_good_refusal(message.error());
    return 0;
  }
  require(nlohmann::json::accept(line), "what is taken is JSON");
  require_fixed_point(*message, [](std::string_view text) { return decode_agent_message(text); });
  return 0;
}
