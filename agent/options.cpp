#include "agent/options.hpp"

#include <cstddef>
#include <string_view>
#include <utility>
#include <vector>

#include "agent/joining.hpp"
#include "common/calendar_day.hpp"
#include "common/duration.hpp"
#include "common/join_line.hpp"
#include "common/messages.hpp"
#include "common/state_directory.hpp"

namespace cpu_monitor::agent {
namespace {

using std::chrono::milliseconds;

constexpr const char* kProgram = "cpu-monitor-agent";

constexpr const char* kDescription =
    R"(Reads the CPU counters of this machine from /proc/stat many times a second and pushes what it
saw to a cpu-monitor-exporter once a second, over one connection that it opens itself.  It
needs no privileges and listens on no port.

  cpu-monitor-agent --join -
      asks for the line that 'cpu-monitor-exporter enroll' printed for this machine, and keeps it:
      from then on no flag is needed

  cpu-monitor-agent --exporter 10.0.0.5:8080 --endpoint web-1
      on a trusted network, without proof of who it is
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

std::optional<std::string> parse_text(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> parse_host(std::string_view text) {
  if (is_ip_address(text)) return std::string(text);
  const auto address = parse_host_port(std::string(text) + ":1");
  if (!address || address->host != text || text.empty()) return std::nullopt;
  return address->host;
}

// What is said of the exporter, before it is judged.

struct ExporterFlags {
  std::optional<HostPort> exporter;
  bool tls = false;
  net::TlsClientSettings tls_settings;
  std::string join;  ///< the line, or - for stdin; a secret
  std::vector<Label> labels;
};

// What holds for all of them together.

using Fault = std::optional<std::string>;

Fault check_intervals(const AgentOptions& options) {
  if (options.push_interval % options.sample_interval == milliseconds::zero()) return std::nullopt;
  return "--push.interval: " + in_quotes(format_duration(options.push_interval)) +
         " is not a multiple of --sample.interval, which is " +
         format_duration(options.sample_interval);
}

/// Any of the --tls.* flags asks for TLS.
Fault set_tls(AgentOptions& options, const ExporterFlags& flags) {
  if (!flags.tls && flags.tls_settings == net::TlsClientSettings()) return std::nullopt;
  options.tls = flags.tls_settings;
  if (options.tls->cert_file.empty() != options.tls->key_file.empty()) {
    const bool lacks_key = options.tls->key_file.empty();
    return std::string(lacks_key ? "--tls.key-file" : "--tls.cert-file") + ": missing beside " +
           (lacks_key ? "--tls.cert-file; give it the private key of that certificate"
                      : "--tls.key-file; give it the certificate of that key");
  }
  return std::nullopt;
}

void be_told(AgentOptions& options, const JoinLine& line) {
  options.exporter = line.exporter;
  options.tls = net::TlsClientSettings();
  options.tls->ca_pin = line.ca_pin;
  options.tls->server_name = kEnrolledServerName;
  options.token = line.token;
  if (options.endpoint.empty()) options.endpoint = line.endpoint;
}

Fault join(AgentOptions& options, const ExporterFlags& flags, const JoinSources& sources) {
  if (options.tls || !options.token_file.empty()) {
    return "--join: its line says all that --tls, --tls.* and --token-file could say; leave them "
           "out";
  }
  options.is_join_line_public = flags.join != "-";
  const auto line = parse_join_line(options.is_join_line_public ? flags.join : sources.pasted());
  if (!line) return "--join: " + line.error().detail;
  if (line->last_day && *line->last_day < sources.today) {
    return "--join: the line was good until " + format_day(*line->last_day) +
           "; have a new one made with 'cpu-monitor-exporter enroll " + line->endpoint + "'";
  }
  if (flags.exporter && *flags.exporter != line->exporter) {
    return "--exporter: " + in_quotes(format_host_port(*flags.exporter)) +
           " is not the exporter of the line of --join, which is " +
           format_host_port(line->exporter) +
           "; leave --exporter out, or have a line made with 'cpu-monitor-exporter enroll " +
           line->endpoint + " --address " + format_host_port(*flags.exporter) + "'";
  }
  options.join_line = encode_join_line(*line);
  be_told(options, *line);
  return std::nullopt;
}

/// What the machine was told when it joined counts where nothing else is said of the exporter.
Fault recall(AgentOptions& options, const ExporterFlags& flags, const JoinSources& sources) {
  if (flags.exporter || options.tls || !options.token_file.empty() || !sources.kept) {
    return std::nullopt;
  }
  const auto text = sources.kept(options.state_directory);
  if (!text) return std::nullopt;
  const auto line = parse_join_line(*text);
  if (!line) {
    return options.state_directory + "/" + kJoinFile + ": " + line.error().detail +
           "; join again, with a new line";
  }
  be_told(options, *line);
  return std::nullopt;
}

Fault set_exporter(AgentOptions& options, const ExporterFlags& flags, const JoinSources& sources) {
  if (auto fault = set_tls(options, flags)) return fault;
  if (flags.exporter) options.exporter = *flags.exporter;
  auto fault = flags.join.empty() ? recall(options, flags, sources) : join(options, flags, sources);
  if (fault) return fault;
  if (options.tls && options.tls->server_name.empty()) {
    options.tls->server_name = options.exporter.host;
  }
  if (options.token_file.empty() || options.tls || is_loopback(options.exporter.host)) {
    return std::nullopt;
  }
  return "--token-file: " + in_quotes(options.token_file) +
         " would go in plain text to another machine, and anybody on the way could use the token; "
         "add --tls, or --tls.ca-file with the exporter's authority";
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

ValueKind<std::string> directory(std::string expected) {
  return {"DIRECTORY", std::move(expected), parse_text, as_it_is};
}

void add_exporter_flags(CommandLine& command_line, AgentOptions& options, ExporterFlags& flags) {
  const auto parse = [](std::string_view text) -> std::optional<std::optional<HostPort>> {
    auto address = parse_exporter(text);
    if (!address) return std::nullopt;
    return address;
  };
  const ValueKind<std::optional<HostPort>> exporter{
      "HOST:PORT", "HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:8080", parse, {}};
  command_line.add_value({"--exporter", "Where the exporter listens for agents",
                          "that of --join, else " + format_host_port(options.exporter)},
                         exporter, flags.exporter);
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
      flags.labels);
}

void add_trust_flags(CommandLine& command_line, AgentOptions& options, ExporterFlags& flags) {
  const ValueKind<std::string> line{"LINE", "a line, or - to read it from stdin", parse_text,
                                    as_it_is};
  command_line.add_value({"--join",
                          "Become a member by the line that 'cpu-monitor-exporter enroll' printed; "
                          "- reads it from stdin, where no list of processes shows it",
                          "none"},
                         line, flags.join);
  command_line.add_value(
      {"--state.directory", "Where that line is kept, for later starts without it"},
      directory("a folder, such as /var/lib/cpu-monitor"), options.state_directory);
  const ValueKind<std::string> file{"FILE", "a file name", parse_text, as_it_is};
  command_line.add_switch({"--tls", "Speak TLS to the exporter; so does any flag of the next four"},
                          flags.tls);
  net::TlsClientSettings& tls = flags.tls_settings;
  command_line.add_value(
      {"--tls.ca-file", "Whose certificates are believed, PEM", "the system's authorities"}, file,
      tls.ca_file);
  command_line.add_value({"--tls.cert-file", "This agent's certificate, PEM", "none"}, file,
                         tls.cert_file);
  command_line.add_value({"--tls.key-file", "Its private key, PEM", "none"}, file, tls.key_file);
  const ValueKind<std::string> name{"NAME", "a host name or an IP address", parse_host, as_it_is};
  command_line.add_value({"--tls.server-name", "The name that the exporter's certificate must hold",
                          "the host of --exporter"},
                         name, tls.server_name);
  command_line.add_value({"--token-file", "A file that holds this machine's token, alone", "none"},
                         file, options.token_file);
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
                                bool is_terminal, const JoinSources& sources) {
  AgentOptions options;
  options.print = is_terminal;
  options.state_directory = kDefaultStateDirectory;
  ExporterFlags flags;
  CommandLine command_line(kProgram, kDescription);
  add_exporter_flags(command_line, options, flags);
  add_trust_flags(command_line, options, flags);
  add_reading_flags(command_line, options);
  command_line.add_toggle(
      {"--print", "Print one line per push on stdout", "when that is a terminal"}, options.print);
  command_line.add_log_flags(options.log_level, options.log_format);
  return command_line.parse(argc, argv, options, [&]() -> Fault {
    if (auto fault = check_intervals(options)) return fault;
    if (auto fault = set_labels(options, flags.labels)) return fault;
    if (auto fault = set_exporter(options, flags, sources)) return fault;
    return set_default_endpoint(options, host_name);
  });
}

}  // namespace cpu_monitor::agent
