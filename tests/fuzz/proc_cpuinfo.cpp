// /proc/cpuinfo: whatever it says, the facts made of it can be sent.

#include "agent/proc_cpuinfo.hpp"

#include "common/messages.hpp"
#include "tests/fuzz/message_claims.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  agent::CpuInfo info = agent::parse_cpuinfo(text_of(data, size));
  CpuFacts facts;
  facts.models = std::move(info.models);
  facts.cpus = std::move(info.cpus);
  std::string line = encode(facts);
  line.pop_back();
  const auto message = decode_agent_message(line);
  require(message && std::get<CpuFacts>(*message) == facts, "an exporter takes the facts");
  return 0;
}
