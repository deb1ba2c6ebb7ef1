#include "exporter/options.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <sstream>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/duration.hpp"
#include "common/state_directory.hpp"
#include "exporter/enrolment_files.hpp"

namespace cpu_monitor::exporter {
namespace {

constexpr const char* kProgram = "cpu-monitor-exporter";

constexpr const char* kDescription =
    R"(Takes CPU samples from cpu-monitor-agents on one port and serves them to Prometheus on another.

  cpu-monitor-exporter
      listens for agents on 127.0.0.1:8080 and serves http://127.0.0.1:8000/metrics

  cpu-monitor-exporter --ingest.listen-address 10.0.0.5:8080 --ingest.allow-anonymous
      takes agents from a network where every machine is trusted

  cpu-monitor-exporter enroll NAME          makes a machine a member, by one line; see enroll --help
  cpu-monitor-exporter revoke NAME          and takes it out again
)";

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

template <class Number>
std::string format_number(Number number) {
  std::ostringstream text;
  text << number;
  return text.str();
}

std::string as_it_is(const std::string& text) { return text; }

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

std::optional<std::string> parse_file_name(std::string_view text) {
  if (text.empty()) return std::nullopt;
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
constexpr std::array<std::string_view, 5> kTakenPaths{"/-", "/agents", "/api", "/page", "/sd"};

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

/// The files of enrolment serve where no others are named.
std::optional<std::string> use_enrolment(ExporterOptions& options, const std::string& directory,
                                         const FileProbe& probe) {
  net::TlsServerSettings given = options.ingest_tls.value_or(net::TlsServerSettings());
  if (!given.cert_file.empty() || !given.key_file.empty()) return std::nullopt;
  const auto is_open = [](const HostPort& address) { return !is_loopback(address.host); };
  switch (probe(path_in(directory, kServerFile))) {
    case FileState::absent:
      return std::nullopt;
    case FileState::out_of_reach:
      // On loopback it is nobody's loss; elsewhere the next words would be that nobody is enrolled.
      if (options.allow_anonymous || std::ranges::none_of(options.ingest_addresses, is_open)) {
        return std::nullopt;
      }
      return "--state.directory: " + in_quotes(directory) +
             " cannot be looked into by this user, and what 'cpu-monitor-exporter enroll' made may "
             "be there; run the exporter as the owner of that folder";
    case FileState::there:
      break;
  }
  options.ingest_tls = enrolled_tls(directory);
  options.ingest_tls->client_ca_file = given.client_ca_file;
  if (options.tokens_file.empty()) options.tokens_file = path_in(directory, kTokensFile);
  options.state_directory = directory;
  return std::nullopt;
}

std::optional<std::string> check_ingest_tls(const ExporterOptions& options) {
  if (!options.ingest_tls) return std::nullopt;
  const net::TlsServerSettings& tls = *options.ingest_tls;
  if (tls.cert_file.empty()) {
    return "--ingest.tls-cert-file: missing beside the other --ingest.tls-* flags; give it the "
           "exporter's certificate in PEM form";
  }
  if (tls.key_file.empty()) {
    return "--ingest.tls-key-file: missing beside --ingest.tls-cert-file; give it the private key "
           "of that certificate in PEM form";
  }
  return std::nullopt;
}

std::optional<std::string> check_ingest_doors(const ExporterOptions& options) {
  const bool asks_for_certificates =
      options.ingest_tls && !options.ingest_tls->client_ca_file.empty();
  const bool asks_for_tokens = !options.tokens_file.empty();
  for (const HostPort& address : options.ingest_addresses) {
    if (is_loopback(address.host)) continue;
    const std::string which = "--ingest.listen-address: " + in_quotes(format_host_port(address));
    if (asks_for_tokens && !options.ingest_tls) {
      return which +
             " is open to other machines, and agents would send their tokens in plain text; add "
             "--ingest.tls-cert-file and --ingest.tls-key-file";
    }
    if (asks_for_certificates || asks_for_tokens || options.allow_anonymous) continue;
    return which +
           " is open to other machines, and no agent would have to prove who it is: anybody who "
           "reaches it could report under any machine's name. Run 'cpu-monitor-exporter enroll "
           "NAME' for each machine, or give --ingest.tokens-file or --ingest.tls-client-ca-file. "
           "If every machine that can reach it is trusted (a private network, a VPN, a firewall), "
           "add --ingest.allow-anonymous";
  }
  return std::nullopt;
}

std::optional<std::string> check_ages(const ExporterOptions& options) {
  if (options.forget_after >= options.stale_after) return std::nullopt;
  return "--agent.forget-after: " + in_quotes(format_duration(options.forget_after)) +
         " is shorter than --agent.stale-after, " + format_duration(options.stale_after) +
         "; an agent's values leave before the agent is forgotten";
}

// The command line.

template <class Number>
ValueKind<Number> number_between(std::string expected, Number smallest, Number largest) {
  const auto parse = [=](std::string_view text) { return parse_number(text, smallest, largest); };
  return {"N", std::move(expected), parse, format_number<Number>};
}

ValueKind<HostPort> listen_address(std::string expected) {
  return {"ADDRESS:PORT", std::move(expected), parse_listen_address, format_host_port};
}

ValueKind<std::string> file_name() { return {"FILE", "a file name", parse_file_name, as_it_is}; }

void add_ingest_flags(CommandLine& command_line, ExporterOptions& options,
                      net::TlsServerSettings& tls) {
  command_line.add_list(
      {"--ingest.listen-address", "Where agents connect"},
      listen_address("ADDRESS:PORT, such as 127.0.0.1:8080, [::1]:8080 or :8080 (every address); "
                     "ADDRESS is an IP address or localhost, no other name"),
      options.ingest_addresses);
  command_line.add_value({"--ingest.tls-cert-file",
                          "The certificate agents see, PEM, with what stands between it and its "
                          "authority; TLS 1.3 from then on",
                          "plain text"},
                         file_name(), tls.cert_file);
  command_line.add_value({"--ingest.tls-key-file", "Its private key, PEM", "none"}, file_name(),
                         tls.key_file);
  command_line.add_value({"--ingest.tls-client-ca-file",
                          "Agents must show a certificate of one of these authorities, PEM, that "
                          "holds their endpoint; revocation lists may stand there too",
                          "none"},
                         file_name(), tls.client_ca_file);
  command_line.add_value(
      {"--ingest.tokens-file", "Who may report, by token (docs/security.md)", "none"}, file_name(),
      options.tokens_file);
  command_line.add_switch(
      {"--ingest.allow-anonymous", "Listen beyond loopback though no agent can prove its name"},
      options.allow_anonymous);
  const ValueKind<std::string> cidr{
      "CIDR", "a block of addresses, such as 192.168.1.0/24 or fd00::/8", parse_cidr, as_it_is};
  command_line.add_list(
      {"--ingest.legacy-allow", "Who may use the classroom project's Python client"}, cidr,
      options.legacy_allow);
  command_line.add_value(
      {"--ingest.max-agents", "Agents to remember, 1..1000000"},
      number_between<std::size_t>("a whole number from 1 to 1000000", 1, 1'000'000),
      options.max_agents);
  command_line.add_value(
      {"--ingest.max-sample-rate", "Samples a second from one agent; above it reading pauses"},
      number_between<double>("a number from 0.1 to 10000", 0.1, 10'000), options.max_sample_rate);
  command_line.add_value(
      {"--ingest.max-series", "Series of all agents together, 1..1000000000; one more is refused"},
      number_between<std::size_t>("a whole number from 1 to 1000000000", 1, 1'000'000'000),
      options.max_series);
}

void add_state_flag(CommandLine& command_line, std::string& directory) {
  const ValueKind<std::string> kind{"DIRECTORY", "a folder, such as /var/lib/cpu-monitor",
                                    parse_file_name, as_it_is};
  command_line.add_value(
      {"--state.directory",
       "Where 'cpu-monitor-exporter enroll' keeps keys and tokens; they are used "
       "without --ingest.tls-cert-file"},
      kind, directory);
}

void add_agent_flags(CommandLine& command_line, ExporterOptions& options) {
  command_line.add_value({"--agent.stale-after",
                          "Silence after which a machine's values leave, but not before 10s and 3 "
                          "pushes"},
                         duration_between(kShortestAge, std::chrono::hours(24)),
                         options.stale_after);
  auto forget_after = duration_between(kShortestAge, std::chrono::days(1000));
  forget_after.expected = "a duration from --agent.stale-after to 1000d";
  command_line.add_value(
      {"--agent.forget-after", "Silence after which a machine is forgotten, up to 1000d"},
      forget_after, options.forget_after);
  command_line.add_value(
      {"--peak.window",
       "How far the burst peaks look back, 1s..1h; keep it above the scrape interval"},
      duration_between(kMinPeakWindow, kMaxPeakWindow), options.peak_window);
}

void add_web_flags(CommandLine& command_line, ExporterOptions& options,
                   std::vector<MetricGroup>& groups) {
  command_line.add_list(
      {"--web.listen-address", "Where pages are served"},
      listen_address("ADDRESS:PORT, such as 127.0.0.1:8000, [::1]:8000 or :8000 (every address); "
                     "ADDRESS is an IP address or localhost, no other name"),
      options.web_addresses);
  command_line.add_value({"--web.config.file",
                          "TLS, passwords and headers of the web addresses, as Prometheus' "
                          "exporters read them",
                          "plain HTTP, open to all"},
                         file_name(), options.web_config_file);
  const ValueKind<std::string> path{
      "PATH",
      "a free path such as /metrics: letters, digits, '-', '_', '~' and '.' between single "
      "slashes, not '/', and not under /-, /agents, /api, /page or /sd",
      parse_telemetry_path, as_it_is};
  command_line.add_value({"--web.telemetry-path", "Where the metrics are"}, path,
                         options.telemetry_path);
  const ValueKind<std::optional<ExternalUrl>> url{
      "URL", "an address such as https://monitoring.example.org/cpu, without a query",
      [](std::string_view text) -> std::optional<std::optional<ExternalUrl>> {
        auto parsed = parse_external_url(text);
        if (!parsed) return std::nullopt;
        return parsed;
      },
      [](const std::optional<ExternalUrl>& chosen) {
        return chosen ? format_external_url(*chosen) : "";
      }};
  command_line.add_value({"--web.external-url", "Where Prometheus finds the pages of /sd",
                          "as the client of /sd found it"},
                         url, options.external_url);
  command_line.add_value(
      {"--web.sd-hold", "So long /sd answers 503 after a start, while agents come back"},
      duration_between(std::chrono::milliseconds(0), std::chrono::hours(1)), options.sd_hold);
  command_line.add_switch(
      {"--web.enable-admin-api", "Let DELETE /api/v1/agents/NAME forget agents"},
      options.has_admin_api);
  command_line.add_list({"--web.collect",
                         "A group to collect and show; detail, more of node_exporter's CPU "
                         "families, is off by default"},
                        one_of("GROUP", kMetricGroupNames), groups);
}

std::vector<MetricGroup> groups_in(const MetricGroups& set) {
  std::vector<MetricGroup> groups;
  for (const std::string_view name : kMetricGroupNames.names) {
    const auto group = kMetricGroupNames.find(name);
    if (set.has(*group)) groups.push_back(*group);
  }
  return groups;
}

MetricGroups set_of(const std::vector<MetricGroup>& groups) {
  MetricGroups set;
  for (const MetricGroup group : groups) set.add(group);
  return set;
}

}  // namespace

FileState probe_file(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0) return FileState::there;
  return errno == EACCES ? FileState::out_of_reach : FileState::absent;
}

ExporterCommand parse_command_line(int argc, const char* const* argv, const FileProbe& probe) {
  ExporterOptions options;
  std::vector<MetricGroup> groups = groups_in(options.collect);
  CommandLine command_line(kProgram, kDescription);
  net::TlsServerSettings tls;
  std::string state_directory = kDefaultStateDirectory;
  add_ingest_flags(command_line, options, tls);
  add_state_flag(command_line, state_directory);
  add_agent_flags(command_line, options);
  add_web_flags(command_line, options, groups);
  command_line.add_log_flags(options.log_level, options.log_format);
  return command_line.parse(argc, argv, options, [&]() -> std::optional<std::string> {
    options.collect = set_of(groups);
    if (tls != net::TlsServerSettings{}) options.ingest_tls = tls;
    if (auto fault = use_enrolment(options, state_directory, probe)) return fault;
    for (const auto check : {check_ingest_tls, check_ingest_doors, check_ages}) {
      if (auto fault = check(options)) return fault;
    }
    return std::nullopt;
  });
}

}  // namespace cpu_monitor::exporter
