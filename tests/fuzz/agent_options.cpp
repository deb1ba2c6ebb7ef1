// The agent's command line, a word on each line: what is accepted is valid as a whole.

#include "agent/options.hpp"
#include "common/join_line.hpp"
#include "common/messages.hpp"
#include "tests/fuzz/command_words.hpp"
#include "tests/fuzz/message_claims.hpp"

namespace cpu_monitor::fuzz {
namespace {

/// A machine that never joined, and a person who pastes a line.
agent::JoinSources sources() {
  agent::JoinSources sources;
  sources.pasted = [] {
    JoinLine line;
    line.exporter = {"10.0.0.5", 8080};
    line.endpoint = "web-2";
    line.token = "B4qjLASxcRVwR7tXAGHyLg";
    line.ca_pin = std::string(64, 'a');
    return encode_join_line(line);
  };
  sources.kept = [](const std::string& /*directory*/) -> std::optional<std::string> {
    return std::nullopt;
  };
  sources.today = std::chrono::sys_days(std::chrono::days(20'000));
  return sources;
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const CommandWords words(text_of(data, size));
  const auto command =
      agent::parse_command_line(words.argc(), words.argv(), "fuzz-1", false, sources());
  require_whole(command);
  if (!command.run) return 0;
  const agent::AgentOptions& options = *command.run;
  require(options.push_interval % options.sample_interval == std::chrono::milliseconds(0),
          "pushes fall on readings");
  require(options.exporter.port != 0 && !options.exporter.host.empty(), "there is an exporter");
  require(options.token.empty() || options.tls, "no token goes in plain text");
  Hello hello;
  hello.endpoint = options.endpoint;
  hello.push_interval = options.push_interval;
  hello.sample_interval = options.sample_interval;
  hello.labels = options.labels;
  require_fixed_point(AgentMessage(hello),
                      [](std::string_view text) { return decode_agent_message(text); });
  return 0;
}
