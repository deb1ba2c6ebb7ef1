#include "bench/fleet/options.hpp"

#include <utility>

#include "bench/flags.hpp"
#include "common/duration.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::bench {
namespace {

using std::chrono::milliseconds;

constexpr const char* kDescription =
    R"(Simulates a fleet of agents in one thread against an exporter, and prints what became of it
as one JSON object.  "ready" appears on stderr once every agent has had its first acknowledgement;
the samples and the time they took are counted from there.
)";

/// Connects a second, unless --ramp says otherwise.
constexpr std::uint32_t kConnectsPerSecond = 2000;
constexpr std::uint32_t kMostAgents = 100'000;
constexpr milliseconds kLongestRun = std::chrono::hours(1);

ValueKind<milliseconds> push_interval() {
  const auto within_limits = duration_between(milliseconds(10), kMaxPushInterval);
  const auto parse = [within_limits](std::string_view text) -> std::optional<milliseconds> {
    return text == "0" ? milliseconds(0) : within_limits.parse(text);
  };
  return {"DURATION", "0, or " + within_limits.expected, parse, format_duration};
}

ValueKind<std::string> endpoint_prefix() {
  auto kind = any_text("TEXT");
  kind.expected = "the beginning of an endpoint name, at most 100 characters";
  kind.parse = [](std::string_view text) -> std::optional<std::string> {
    const std::string name = std::string(text) + "1";
    if (text.size() > 100 || !is_valid_endpoint(name)) return std::nullopt;
    return std::string(text);
  };
  return kind;
}

}  // namespace

std::optional<int> read_fleet_options(int argc, char** argv, FleetOptions& options) {
  milliseconds ramp{-1};
  net::TlsClientSettings tls;
  const milliseconds unset = ramp;
  CommandLine command_line("bench-fleet", kDescription);
  command_line.add_value({"--exporter", "Where the exporter listens for agents"}, numeric_address(),
                         options.exporter);
  command_line.add_value({"--agents", "How many"}, whole_number(1U, kMostAgents), options.agents);
  command_line.add_value({"--cores", "CPUs of each machine"}, whole_number(1U, kMaxCpus),
                         options.shape.cores);
  command_line.add_value(
      {"--interval", "Between two pushes; 0: as soon as the last was acknowledged"},
      push_interval(), options.interval);
  command_line.add_value({"--duration", "How long to push, once all are ready"},
                         duration_between(milliseconds(100), kLongestRun), options.duration);
  command_line.add_value({"--sample",
                          "What a sample says: all that an agent says by default, or "
                          "the percentage and CPU counters"},
                         one_of("KIND", kSampleKindNames), options.shape.kind);
  command_line.add_switch({"--full", "Say the detail group as well"}, options.shape.with_detail);
  command_line.add_value({"--ramp", "Over which the agents connect", "1s for each 2000"},
                         duration_between(milliseconds(0), kLongestRun), ramp);
  command_line.add_value({"--endpoint-prefix", "What the agents' names begin with"},
                         endpoint_prefix(), options.endpoint_prefix);
  command_line.add_value(
      {"--tls.ca-file", "Speak TLS, and believe these authorities, PEM", "plain"}, any_text("FILE"),
      tls.ca_file);
  command_line.add_value({"--tls.server-name", "The name that the exporter's certificate must hold",
                          "the host of --exporter"},
                         any_text("NAME"), tls.server_name);
  command_line.add_value({"--token", "Proves their names", "none"}, any_text("TEXT"),
                         options.token);
  command_line.add_switch({"--no-goodbye", "Leave without a word, as if killed"},
                          options.no_goodbye);
  command_line.add_switch({"--measure-from-start", "Count from the start, not from ready on"},
                          options.measure_from_start);
  if (const auto code = leave_after_reading(command_line, argc, argv, options)) return code;
  if (!tls.ca_file.empty()) {
    if (tls.server_name.empty()) tls.server_name = options.exporter.host;
    options.tls = std::move(tls);
  }
  options.ramp = ramp != unset ? ramp : milliseconds(1000) * options.agents / kConnectsPerSecond;
  return std::nullopt;
}

}  // namespace cpu_monitor::bench
