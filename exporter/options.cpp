#include "exporter/options.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <string_view>
#include <system_error>
#include <utility>

#include <CLI/CLI.hpp>

#include "common/build_info.hpp"
#include "common/duration.hpp"

namespace cpu_monitor::exporter {

namespace {

using std::chrono::milliseconds;

constexpr int kBadUsage = 2;
constexpr std::string_view kProgram = "cpu-monitor-exporter";

constexpr std::string_view kDescription =
    R"(Takes CPU samples from cpu-monitor-agents on one port and serves them to Prometheus on another.

  cpu-monitor-exporter
      listens for agents on 127.0.0.1:8080 and serves http://127.0.0.1:8000/metrics

  cpu-monitor-exporter --ingest.listen-address 10.0.0.5:8080 --ingest.allow-anonymous
      takes agents from a network where every machine is trusted

A flag marked "repeat" may be given several times; its first use replaces the default.
Durations: 15s, 1h30m, 7d.  Exit codes: 0 asked to stop, 2 bad usage, 1 anything else.
)";

// Words.

template <class Enum, std::size_t N>
std::string list(const NameTable<Enum, N>& table) {
  std::string words;
  for (const std::string_view name : table.names) {
    if (!words.empty()) words += ", ";
    words += name;
  }
  return words;
}

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

constexpr std::chrono::seconds kShortestAge{1};

// Values.  Each parser reads the whole text or nothing.

template <class Number>
std::optional<Number> parse_number(std::string_view text, Number smallest, Number largest) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  const bool is_in_range = number >= smallest && number <= largest;  // false for NaN
  if (error != std::errc{} || stopped != end || !is_in_range) return std::nullopt;
  return number;
}

std::optional<milliseconds> parse_duration_between(std::string_view text, milliseconds shortest,
                                                   milliseconds longest) {
  const auto duration = parse_duration(text);
  if (!duration || *duration < shortest || *duration > longest) return std::nullopt;
  return duration;
}

/// `10.0.0.0/8`, `::1/128`.
std::optional<std::string> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view address = text.substr(0, slash);
  const std::string_view bits = text.substr(slash + 1);
  const bool is_ipv6 = address.find(':') != std::string_view::npos;
  const bool has_leading_zero = bits.size() > 1 && bits[0] == '0';
  if (!is_ip_address(address) || has_leading_zero) return std::nullopt;
  if (!parse_number<unsigned>(bits, 0, is_ipv6 ? 128 : 32)) return std::nullopt;
  return std::string(text);
}

/// Where a socket can be bound without asking a resolver.
std::optional<HostPort> parse_listen_address(std::string_view text) {
  auto address = parse_host_port(text);
  if (!address) return std::nullopt;
  const std::string& host = address->host;
  if (!host.empty() && host != "localhost" && !is_ip_address(host)) return std::nullopt;
  return address;
}

/// Paths that are, or will be, something else, with all that is under them.
constexpr std::array<std::string_view, 4> kTakenPaths{"/-", "/agents", "/api", "/sd"};

constexpr std::string_view kPathCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

bool is_taken(std::string_view path) {
  return std::ranges::any_of(kTakenPaths, [path](std::string_view taken) {
    return path == taken || path.starts_with(std::string(taken) + "/");
  });
}

std::optional<std::string> parse_telemetry_path(std::string_view path) {
  // The HTTP library folds `//` and `/.` before it looks a path up.
  const bool is_folded =
      path.find("//") != std::string_view::npos || path.find("/.") != std::string_view::npos;
  if (!path.starts_with('/') || path.ends_with('/') || is_folded || is_taken(path) ||
      path.find_first_not_of(kPathCharacters) != std::string_view::npos) {
    return std::nullopt;
  }
  return std::string(path);
}

// What holds for all of them together.

std::optional<std::string> check_ingest_doors(const ExporterOptions& options) {
  if (options.allow_anonymous) return std::nullopt;
  for (const HostPort& address : options.ingest_addresses) {
    if (is_loopback(address.host)) continue;
    return "--ingest.listen-address: " + in_quotes(format_host_port(address)) +
           " is open to other machines, and agents cannot prove yet who they are: anybody who "
           "reaches it could report under any machine's name. If every machine that can reach it "
           "is trusted (a private network, a VPN, a firewall), add --ingest.allow-anonymous; "
           "otherwise listen on 127.0.0.1";
  }
  return std::nullopt;
}

std::optional<std::string> check_web_doors(const ExporterOptions& options) {
  for (const HostPort& address : options.web_addresses) {
    if (address.host == "127.0.0.1" || address.host == "localhost") continue;
    return "--web.listen-address: " + in_quotes(format_host_port(address)) +
           " is not served: pages go to 127.0.0.1 only, because neither TLS nor IPv6 works in "
           "Debian 12's civetweb and anybody could read them. Listen on 127.0.0.1 and put a "
           "reverse proxy (nginx, Caddy, Apache) with TLS and a password in front of it";
  }
  return std::nullopt;
}

std::optional<std::string> check_ages(const ExporterOptions& options) {
  if (options.forget_after >= options.stale_after) return std::nullopt;
  return "--agent.forget-after: " + format_duration(options.forget_after) +
         " is shorter than --agent.stale-after, " + format_duration(options.stale_after) +
         "; an agent's values leave before the agent is forgotten";
}

std::optional<std::string> check_together(const ExporterOptions& options) {
  for (const auto check : {check_ingest_doors, check_web_doors, check_ages}) {
    if (auto fault = check(options)) return fault;
  }
  return std::nullopt;
}

// The command line.

struct Flag {
  std::string name;
  std::string type;      ///< how --help names its value
  std::string expected;  ///< what a refused value is not
  std::string help;
};

/// Reads `text`, or throws what the person at the keyboard needs: flag, value, what would be right.
template <class Parse>
auto parse_or_throw(const Flag& flag, const std::string& text, const Parse& parse) {
  auto value = parse(text);
  if (!value) {
    throw CLI::ValidationError(flag.name, in_quotes(text) + " is not " + flag.expected);
  }
  return *std::move(value);
}

template <class T, class Parse>
void add_value(CLI::App& app, const Flag& flag, T& target, Parse parse) {
  const auto read = [&target, flag, parse](const std::string& text) {
    target = parse_or_throw(flag, text, parse);
  };
  app.add_option_function<std::string>(flag.name, read, flag.help)
      ->type_name(flag.type)
      ->option_text(flag.type);
}

template <class T, class Parse>
void add_list(CLI::App& app, const Flag& flag, std::vector<T>& target, Parse parse) {
  const auto read = [&target, flag, parse](const std::vector<std::string>& texts) {
    target.clear();
    for (const std::string& text : texts) target.push_back(parse_or_throw(flag, text, parse));
  };
  app.add_option_function<std::vector<std::string>>(flag.name, read, flag.help)
      ->allow_extra_args(false)  // else a list swallows every stray word behind it
      ->type_name(flag.type)
      ->option_text(flag.type);
}

template <class Enum, std::size_t N>
auto name_parser(const NameTable<Enum, N>& table) {
  return [&table](const std::string& text) { return table.find(text); };
}

template <class Number>
auto number_parser(Number smallest, Number largest) {
  return [=](const std::string& text) { return parse_number(text, smallest, largest); };
}

auto duration_parser(milliseconds shortest, milliseconds longest) {
  return [=](const std::string& text) { return parse_duration_between(text, shortest, longest); };
}

void add_ingest_flags(CLI::App& app, ExporterOptions& options) {
  add_list(app,
           {"--ingest.listen-address", "ADDRESS:PORT",
            "ADDRESS:PORT, such as 127.0.0.1:8080, [::1]:8080 or :8080 (every address); ADDRESS is "
            "an IP address or localhost, no other name",
            "Where agents connect; repeat. Default 127.0.0.1:8080"},
           options.ingest_addresses, parse_listen_address);
  app.add_flag("--ingest.allow-anonymous", options.allow_anonymous,
               "Listen beyond loopback though no agent can prove its name. Default off");
  add_list(
      app,
      {"--ingest.legacy-allow", "CIDR", "a block of addresses, such as 192.168.1.0/24 or fd00::/8",
       "Who may use the classroom project's Python client; repeat. Default 127.0.0.0/8, "
       "::1/128"},
      options.legacy_allow, parse_cidr);
  add_value(app,
            {"--ingest.max-agents", "N", "a whole number from 1 to 1000000",
             "Agents to remember, 1..1000000. Default 10000"},
            options.max_agents, number_parser<std::size_t>(1, 1'000'000));
  add_value(app,
            {"--ingest.max-sample-rate", "N", "a number from 0.1 to 10000",
             "Samples a second from one agent; above it reading pauses. Default 10"},
            options.max_sample_rate, number_parser<double>(0.1, 10'000));
}

void add_agent_flags(CLI::App& app, ExporterOptions& options) {
  add_value(app,
            {"--agent.stale-after", "DURATION", "a duration from 1s to 24h, such as 15s",
             "Silence after which a machine's values leave, but not before 10s and 3 pushes. "
             "Default 15s"},
            options.stale_after, duration_parser(kShortestAge, std::chrono::hours(24)));
  add_value(app,
            {"--agent.forget-after", "DURATION",
             "a duration from --agent.stale-after to 1000d, such as 24h",
             "Silence after which a machine is forgotten, up to 1000d. Default 24h"},
            options.forget_after, duration_parser(kShortestAge, std::chrono::days(1000)));
}

void add_web_flags(CLI::App& app, ExporterOptions& options, std::vector<MetricGroup>& groups) {
  add_list(app,
           {"--web.listen-address", "ADDRESS:PORT", "ADDRESS:PORT, such as 127.0.0.1:8000",
            "Where pages are served: 127.0.0.1 or localhost; repeat. Default 127.0.0.1:8000"},
           options.web_addresses, parse_listen_address);
  add_value(app,
            {"--web.telemetry-path", "PATH",
             "a free path such as /metrics: letters, digits, '-', '_', '~' and '.' between single "
             "slashes, not '/', and not under /-, /agents, /api or /sd",
             "Where the metrics are. Default /metrics"},
            options.telemetry_path, parse_telemetry_path);
  add_list(app,
           {"--web.collect", "GROUP", "a group of metrics; choose from: " + list(kMetricGroupNames),
            "What to collect and show; repeat. Default all: " + list(kMetricGroupNames)},
           groups, name_parser(kMetricGroupNames));
}

void add_log_flags(CLI::App& app, ExporterOptions& options) {
  add_value(app,
            {"--log.level", "LEVEL", "a level; choose from: " + list(log::kLevelNames),
             "The least that is logged: " + list(log::kLevelNames) + ". Default info"},
            options.log_level, name_parser(log::kLevelNames));
  add_value(app,
            {"--log.format", "FORMAT", "a format; choose from: " + list(log::kFormatNames),
             "How stderr is written: " + list(log::kFormatNames) + ". Default logfmt"},
            options.log_format, name_parser(log::kFormatNames));
}

std::string version_line() {
  std::string line(kProgram);
  line.append(", version ").append(version());
  return line.append(" (revision: ").append(revision()).append(")\n");
}

std::string help_text(const CLI::App& app) {
  std::string text = app.help();
  text.erase(text.find_last_not_of('\n') + 1);
  return text + "\n";
}

ExporterCommand text_command(std::string text) { return {std::nullopt, std::move(text), 0}; }

ExporterCommand bad_usage(const std::string& fault) {
  std::string text(kProgram);
  text.append(": ").append(fault).append("\nTry '").append(kProgram).append(" --help'.\n");
  return {std::nullopt, std::move(text), kBadUsage};
}

}  // namespace

ExporterCommand parse_command_line(int argc, const char* const* argv) {
  ExporterOptions options;
  std::vector<MetricGroup> groups;
  CLI::App app{std::string(kDescription), std::string(kProgram)};
  app.get_formatter()->column_width(40);
  app.set_help_flag("--help", "Print this text and exit");
  app.set_version_flag("--version", "", "Print the version and exit");
  add_ingest_flags(app, options);
  add_agent_flags(app, options);
  add_web_flags(app, options, groups);
  add_log_flags(app, options);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return text_command(help_text(app));
  } catch (const CLI::CallForVersion&) {
    return text_command(version_line());
  } catch (const CLI::ParseError& fault) {
    return bad_usage(fault.what());
  }
  if (!groups.empty()) options.collect = {};
  for (const MetricGroup group : groups) options.collect.add(group);
  if (const auto fault = check_together(options)) return bad_usage(*fault);
  return {std::move(options), {}, 0};
}

}  // namespace cpu_monitor::exporter
