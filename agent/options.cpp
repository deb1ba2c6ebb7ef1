#include "agent/options.hpp"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "common/duration.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

using std::chrono::milliseconds;

constexpr const char* kProgram = "cpu-monitor-agent";

constexpr const char* kDescription =
    R"(Reads the CPU counters of this machine from /proc/stat many times a second and pushes what it
saw to a cpu-monitor-exporter once a second, over one connection that it opens itself.  It
needs no privileges and listens on no port.

Example:  cpu-monitor-agent --exporter monitor.example.org:8080 --endpoint web-1
)";

// Values.

using Label = std::pair<std::string, std::string>;

std::string as_it_is(const std::string& text) { return text; }

std::string format_label(const Label& label) { return label.first + "=" + label.second; }

std::optional<HostPort> parse_exporter(std::string_view text) {
  auto address = parse_host_port(text);
  if (!address || address->host.empty() || address->port == 0) return std::nullopt;
  return address;
}

std::optional<std::string> parse_endpoint(std::string_view text) {
  if (!is_valid_endpoint(text)) return std::nullopt;
  return std::string(text);
}

std::optional<Label> parse_label(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  const std::string_view name = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  if (!is_valid_label_name(name) || !is_showable_text(value)) return std::nullopt;
  return Label(name, value);
}

std::optional<std::string> parse_directory(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

// What holds for all of them together.

using Fault = std::optional<std::string>;

Fault check_intervals(const AgentOptions& options) {
  if (options.push_interval % options.sample_interval == milliseconds::zero()) return std::nullopt;
  return "--push.interval: " + in_quotes(format_duration(options.push_interval)) +
         " is not a multiple of --sample.interval, which is " +
         format_duration(options.sample_interval);
}

Fault set_labels(AgentOptions& options, const std::vector<Label>& labels) {
  for (const Label& label : labels) {
    const std::string fault = "--label: " + in_quotes(format_label(label));
    if (!options.labels.insert(label).second) return fault + " gives a label a second value";
    if (options.labels.size() > kMaxLabels) {
      return fault + " is one too many; it may be given " + std::to_string(kMaxLabels) + " times";
    }
  }
  return std::nullopt;
}

/// The exporter tells machines apart by their endpoints, so a name that many machines have by
/// default is none.
Fault set_default_endpoint(AgentOptions& options, const std::string& host_name) {
  if (!options.endpoint.empty()) return std::nullopt;
  const std::string fault = "the host name: " + in_quotes(host_name) + " is not ";
  const std::string advice = "; set --endpoint to a name of this machine";
  if (host_name == "localhost" || host_name.starts_with("localhost.")) {
    return fault + "the name of one machine only" + advice;
  }
  if (!is_valid_endpoint(host_name)) return fault + "an endpoint name" + advice;
  options.endpoint = host_name;
  return std::nullopt;
}

// The command line.

void add_exporter_flags(CommandLine& command_line, AgentOptions& options,
                        std::vector<Label>& labels) {
  const ValueKind<HostPort> exporter{
      "HOST:PORT", "HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:8080", parse_exporter,
      format_host_port};
  command_line.add_value({"--exporter", "Where the exporter listens for agents"}, exporter,
                         options.exporter);
  const ValueKind<std::string> endpoint{
      "NAME",
      "1 to 128 letters, digits, '.', '_' or '-', beginning and ending with a letter or digit",
      parse_endpoint, as_it_is};
  command_line.add_value({"--endpoint", "The name this machine is shown under", "its host name"},
                         endpoint, options.endpoint);
  const ValueKind<Label> label{
      "NAME=VALUE",
      "NAME=VALUE with a name of 1 to 32 of a-z, 0-9 and '_', not beginning with a digit, and a "
      "value of at most 128 bytes of UTF-8 without control characters",
      parse_label, format_label};
  command_line.add_list(
      {"--label", "A label shown with this agent, up to " + std::to_string(kMaxLabels)}, label,
      labels);
}

ValueKind<std::string> directory(std::string expected) {
  return {"DIRECTORY", std::move(expected), parse_directory, as_it_is};
}

void add_reading_flags(CommandLine& command_line, AgentOptions& options) {
  command_line.add_value({"--sample.interval", "How often the counters are read, 10ms to 10s"},
                         duration_between(kMinSampleInterval, kMaxSampleInterval),
                         options.sample_interval);
  command_line.add_value({"--push.interval",
                          "How often a sample is pushed, 100ms to 20m, a multiple of "
                          "--sample.interval"},
                         duration_between(kMinPushInterval, kMaxPushInterval),
                         options.push_interval);
  command_line.add_toggle({"--cpu.per-core", "Push the counters of each CPU", "up to 64 CPUs"},
                          options.per_core);
  command_line.add_value({"--path.procfs", "Where the proc file system is mounted"},
                         directory("a directory, such as /proc"), options.procfs);
  command_line.add_value({"--path.sysfs", "Where the sys file system is mounted"},
                         directory("a directory, such as /sys"), options.sysfs);
}

}  // namespace

AgentCommand parse_command_line(int argc, const char* const* argv, const std::string& host_name,
                                bool is_terminal) {
  AgentOptions options;
  options.print = is_terminal;
  std::vector<Label> labels;
  CommandLine command_line(kProgram, kDescription);
  add_exporter_flags(command_line, options, labels);
  add_reading_flags(command_line, options);
  command_line.add_toggle(
      {"--print", "Print one line per push on stdout", "when that is a terminal"}, options.print);
  command_line.add_log_flags(options.log_level, options.log_format);
  return command_line.parse(argc, argv, options, [&]() -> Fault {
    if (auto fault = check_intervals(options)) return fault;
    if (auto fault = set_labels(options, labels)) return fault;
    return set_default_endpoint(options, host_name);
  });
}

}  // namespace cpu_monitor::agent
