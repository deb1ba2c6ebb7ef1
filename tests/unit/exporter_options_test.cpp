#include <chrono>
#include <map>
#include <ostream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/build_info.hpp"
#include "exporter/options.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;

using Arguments = std::vector<std::string>;

ExporterCommand parse(const Arguments& arguments) {
  std::vector<const char*> argv{"cpu-monitor-exporter"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data());
}

ExporterOptions options_of(const Arguments& arguments) {
  const ExporterCommand command = parse(arguments);
  EXPECT_TRUE(command.run) << command.text;
  EXPECT_EQ(command.exit_code, 0);
  return command.run.value_or(ExporterOptions{});
}

std::string joined(const Arguments& arguments) {
  std::string text;
  for (const std::string& argument : arguments) text += argument + " ";
  return text;
}

TEST(ExporterOptions, HaveTheDocumentedDefaults) {
  const ExporterOptions options = options_of({});
  EXPECT_EQ(options.ingest_addresses, (std::vector<HostPort>{{"127.0.0.1", 8080}}));
  EXPECT_FALSE(options.allow_anonymous);
  EXPECT_EQ(options.legacy_allow, (std::vector<std::string>{"127.0.0.0/8", "::1/128"}));
  EXPECT_EQ(options.max_agents, 10000U);
  EXPECT_EQ(options.max_sample_rate, 10);
  EXPECT_EQ(options.stale_after, 15s);
  EXPECT_EQ(options.forget_after, 24h);
  EXPECT_EQ(options.web_addresses, (std::vector<HostPort>{{"127.0.0.1", 8000}}));
  EXPECT_EQ(options.telemetry_path, "/metrics");
  EXPECT_EQ(options.collect, MetricGroups::usual());
  EXPECT_EQ(options.peak_window, 2min);
  EXPECT_EQ(options.log_level, log::Level::info);
  EXPECT_EQ(options.log_format, log::Format::logfmt);
}

TEST(ExporterOptions, TakeOneAddressInPlaceOfTheDefault) {
  EXPECT_EQ(options_of({"--ingest.listen-address", "127.0.0.1:1"}).ingest_addresses,
            (std::vector<HostPort>{{"127.0.0.1", 1}}));
}

TEST(ExporterOptions, TakeValuesBehindAnEqualsSign) {
  EXPECT_EQ(options_of({"--ingest.listen-address=127.0.0.1:1"}).ingest_addresses,
            (std::vector<HostPort>{{"127.0.0.1", 1}}));
}

TEST(ExporterOptions, TakeRepeatedAddresses) {
  EXPECT_EQ(options_of({"--ingest.listen-address", "localhost:1", "--ingest.listen-address",
                        "[::1]:2", "--ingest.listen-address", "127.9.9.9:3"})
                .ingest_addresses,
            (std::vector<HostPort>{{"localhost", 1}, {"::1", 2}, {"127.9.9.9", 3}}));
}

TEST(ExporterOptions, ListenEverywhereWhenAnonymousAgentsAreAllowed) {
  const ExporterOptions options = options_of({"--ingest.allow-anonymous", "--ingest.listen-address",
                                              ":8080", "--ingest.listen-address", "[::]:8081",
                                              "--ingest.listen-address", "10.0.0.5:8082"});
  EXPECT_TRUE(options.allow_anonymous);
  EXPECT_EQ(options.ingest_addresses,
            (std::vector<HostPort>{{"", 8080}, {"::", 8081}, {"10.0.0.5", 8082}}));
}

TEST(ExporterOptions, ReplaceTheLegacyBlocks) {
  EXPECT_EQ(
      options_of({"--ingest.legacy-allow", "192.168.1.0/24", "--ingest.legacy-allow", "fd00::/8"})
          .legacy_allow,
      (std::vector<std::string>{"192.168.1.0/24", "fd00::/8"}));
}

TEST(ExporterOptions, DoNotOpenTheIngestPortForLegacyClients) {
  const ExporterCommand command =
      parse({"--ingest.legacy-allow", "0.0.0.0/0", "--ingest.listen-address", ":8080"});
  EXPECT_FALSE(command.run);
}

TEST(ExporterOptions, TakeDurations) {
  const ExporterOptions options =
      options_of({"--agent.stale-after", "1m30s", "--agent.forget-after", "7d"});
  EXPECT_EQ(options.stale_after, 90s);
  EXPECT_EQ(options.forget_after, std::chrono::days(7));
}

TEST(ExporterOptions, ForgetNoSoonerThanTheyGoStale) {
  EXPECT_EQ(options_of({"--agent.stale-after", "24h"}).stale_after, 24h);
  EXPECT_EQ(options_of({"--agent.forget-after", "15s"}).forget_after, 15s);
  EXPECT_FALSE(parse({"--agent.forget-after", "14999ms"}).run);
}

TEST(ExporterOptions, TakeLimitsAtTheirEnds) {
  EXPECT_EQ(options_of({"--ingest.max-agents", "1"}).max_agents, 1U);
  EXPECT_EQ(options_of({"--ingest.max-agents", "1000000"}).max_agents, 1'000'000U);
  EXPECT_EQ(options_of({"--ingest.max-sample-rate", "0.1"}).max_sample_rate, 0.1);
  EXPECT_EQ(options_of({"--ingest.max-sample-rate", "10000"}).max_sample_rate, 10'000);
  EXPECT_EQ(options_of({"--agent.stale-after", "1s"}).stale_after, 1s);
  EXPECT_EQ(options_of({"--agent.forget-after", "1000d"}).forget_after, std::chrono::days(1000));
  EXPECT_EQ(options_of({"--peak.window", "1s"}).peak_window, 1s);
  EXPECT_EQ(options_of({"--peak.window", "1h"}).peak_window, 1h);
}

TEST(ExporterOptions, CollectWhatIsNamed) {
  MetricGroups expected;
  expected.add(MetricGroup::percent);
  expected.add(MetricGroup::agent);
  EXPECT_EQ(options_of({"--web.collect", "agent", "--web.collect", "percent"}).collect, expected);
}

TEST(ExporterOptions, CollectDetailOnlyWhenNamed) {
  EXPECT_FALSE(options_of({}).collect.has(MetricGroup::detail));
  EXPECT_TRUE(options_of({}).collect.has(MetricGroup::burst));
  MetricGroups expected;
  expected.add(MetricGroup::burst);
  expected.add(MetricGroup::detail);
  EXPECT_EQ(options_of({"--web.collect", "detail", "--web.collect", "burst"}).collect, expected);
}

TEST(ExporterOptions, CollectEverythingWhenEverythingIsNamed) {
  Arguments arguments;
  for (const std::string_view name : kMetricGroupNames.names) {
    arguments.insert(arguments.end(), {"--web.collect", std::string(name)});
  }
  EXPECT_EQ(options_of(arguments).collect, MetricGroups::all());
}

TEST(ExporterOptions, ServeOnEveryAddress) {
  EXPECT_EQ(
      options_of({"--web.listen-address", "localhost:0", "--web.listen-address", "10.0.0.5:9000",
                  "--web.listen-address", "[::]:9001", "--web.listen-address", ":9002"})
          .web_addresses,
      (std::vector<HostPort>{{"localhost", 0}, {"10.0.0.5", 9000}, {"::", 9001}, {"", 9002}}));
}

TEST(ExporterOptions, NameTheWebConfiguration) {
  EXPECT_EQ(options_of({}).web_config_file, "");
  EXPECT_EQ(options_of({"--web.config.file", "web.yml"}).web_config_file, "web.yml");
}

TEST(ExporterOptions, TakeAnotherTelemetryPath) {
  for (const std::string path :
       {"/m", "/metrics/cpu", "/a-b_c~d.e", "/sdx", "/agentsmith", "/apis", "/-x"}) {
    EXPECT_EQ(options_of({"--web.telemetry-path", path}).telemetry_path, path);
  }
}

TEST(ExporterOptions, SayWhereAndWhenTargetsAreFound) {
  EXPECT_EQ(options_of({}).external_url, std::nullopt);
  EXPECT_EQ(options_of({}).sd_hold, std::chrono::seconds(60));
  EXPECT_FALSE(options_of({}).has_admin_api);
  const ExporterOptions options = options_of({"--web.external-url", "https://mon.example/cpu/",
                                              "--web.sd-hold", "0s", "--web.enable-admin-api"});
  ASSERT_TRUE(options.external_url);
  EXPECT_EQ(format_external_url(*options.external_url), "https://mon.example/cpu");
  EXPECT_EQ(options.sd_hold, std::chrono::seconds(0));
  EXPECT_TRUE(options.has_admin_api);
}

TEST(ExporterOptions, SetTheLog) {
  const ExporterOptions options = options_of({"--log.level", "debug", "--log.format", "json"});
  EXPECT_EQ(options.log_level, log::Level::debug);
  EXPECT_EQ(options.log_format, log::Format::json);
}

// ---------------------------------------------------------------------------------------------
// Bad usage.

struct BadCase {
  const char* name;
  Arguments arguments;
  Arguments words;  ///< all of them must be in the text
};

void PrintTo(const BadCase& tested, std::ostream* out) { *out << joined(tested.arguments); }

class ExporterBadUsage : public testing::TestWithParam<BadCase> {};

TEST_P(ExporterBadUsage, ExitsWithTwoAndSaysWhatWouldBeRight) {
  const ExporterCommand command = parse(GetParam().arguments);
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 2);
  for (const std::string& word : GetParam().words) {
    EXPECT_NE(command.text.find(word), std::string::npos) << word << " in: " << command.text;
  }
  EXPECT_TRUE(command.text.starts_with("cpu-monitor-exporter: ")) << command.text;
  EXPECT_TRUE(command.text.ends_with("Try 'cpu-monitor-exporter --help'.\n")) << command.text;
}

INSTANTIATE_TEST_SUITE_P(
    Words, ExporterBadUsage,
    testing::Values(
        BadCase{"Stray", {"stray"}, {"stray"}}, BadCase{"UnknownFlag", {"--bogus"}, {"--bogus"}},
        BadCase{"ShortFlag", {"-x"}, {"-x"}},
        BadCase{"MisspeltFlag", {"--web.listen", "127.0.0.1:1"}, {"--web.listen"}},
        BadCase{"FlagOfALaterVersion", {"--config.file", "x"}, {"--config.file"}},
        BadCase{"StrayBehindAList", {"--web.collect", "cpu", "load"}, {"load", "not expected"}},
        BadCase{"StrayBehindAnAddress",
                {"--ingest.listen-address", "127.0.0.1:1", "127.0.0.1:2"},
                {"127.0.0.1:2", "not expected"}},
        BadCase{"StrayBehindTwoDashes", {"--", "x"}, {"x"}},
        BadCase{"MissingValue", {"--agent.stale-after"}, {"--agent.stale-after", "DURATION"}},
        BadCase{"MissingValueBeforeAFlag",
                {"--web.listen-address", "--log.level", "info"},
                {"--web.listen-address", "ADDRESS:PORT"}},
        BadCase{"RepeatedSingleValue",
                {"--agent.stale-after", "5s", "--agent.stale-after", "6s"},
                {"--agent.stale-after"}},
        BadCase{"ValueOfASwitch",
                {"--ingest.allow-anonymous=maybe"},
                {"--ingest.allow-anonymous", "maybe"}}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Addresses, ExporterBadUsage,
    testing::Values(
        BadCase{"NoPort", {"--ingest.listen-address", "127.0.0.1"}, {"'127.0.0.1'", "PORT"}},
        BadCase{"Empty", {"--ingest.listen-address", ""}, {"''", "PORT"}},
        BadCase{"PortTooLarge", {"--ingest.listen-address", "127.0.0.1:65536"}, {"65536"}},
        BadCase{"PortNegative", {"--ingest.listen-address", "127.0.0.1:-1"}, {"-1"}},
        BadCase{"PortName", {"--ingest.listen-address", "127.0.0.1:http"}, {"http"}},
        BadCase{"HostName",
                {"--ingest.listen-address", "web-1:8080"},
                {"'web-1:8080'", "IP address or localhost"}},
        BadCase{"HostNameEvenIfAnonymous",
                {"--ingest.allow-anonymous", "--ingest.listen-address", "web-1:8080"},
                {"'web-1:8080'", "IP address or localhost"}},
        BadCase{"ShortIpv4", {"--ingest.listen-address", "127.1:8080"}, {"127.1:8080"}},
        BadCase{"BareIpv6", {"--ingest.listen-address", "::1:8080"}, {"[::1]:8080"}},
        BadCase{"SecondIsBad",
                {"--ingest.listen-address", "127.0.0.1:1", "--ingest.listen-address", "x"},
                {"'x'"}},
        BadCase{"WebNoPort", {"--web.listen-address", "127.0.0.1"}, {"--web.listen-address"}},
        BadCase{"WebHostName", {"--web.listen-address", "web-1:80"}, {"'web-1:80'"}}),
    [](const auto& param) { return param.param.name; });

/// What a refusal to open the ingest port must say.
const Arguments kIngestDoor{"--ingest.listen-address",     "any machine's name",
                            "--ingest.allow-anonymous",    "--ingest.tokens-file",
                            "--ingest.tls-client-ca-file", "enroll"};

/// TLS alone says who the exporter is, not who the agent is.
const Arguments kTlsWithoutIdentity{"--ingest.tls-cert-file",  "c.pem",
                                    "--ingest.tls-key-file",   "k.pem",
                                    "--ingest.listen-address", ":8080"};

INSTANTIATE_TEST_SUITE_P(
    IngestDoor, ExporterBadUsage,
    testing::Values(
        BadCase{"EveryAddress", {"--ingest.listen-address", ":8080"}, kIngestDoor},
        BadCase{"EveryIpv4", {"--ingest.listen-address", "0.0.0.0:8080"}, kIngestDoor},
        BadCase{"EveryIpv6", {"--ingest.listen-address", "[::]:8080"}, kIngestDoor},
        BadCase{"PrivateNetwork", {"--ingest.listen-address", "10.0.0.5:8080"}, kIngestDoor},
        BadCase{"JustBelowLoopback", {"--ingest.listen-address", "126.255.255.255:1"}, kIngestDoor},
        BadCase{"JustAboveLoopback", {"--ingest.listen-address", "128.0.0.1:1"}, kIngestDoor},
        BadCase{"Ipv6NextToLoopback", {"--ingest.listen-address", "[::2]:8080"}, kIngestDoor},
        BadCase{"SecondIsOpen",
                {"--ingest.listen-address", "127.0.0.1:1", "--ingest.listen-address", ":2"},
                kIngestDoor},
        BadCase{"SwitchedOff",
                {"--ingest.allow-anonymous=false", "--ingest.listen-address", ":8080"},
                kIngestDoor},
        BadCase{"TlsAlone", kTlsWithoutIdentity, kIngestDoor},
        BadCase{"TokensInPlainText",
                {"--ingest.tokens-file", "t", "--ingest.listen-address", ":8080"},
                {"--ingest.listen-address", "plain text", "--ingest.tls-cert-file"}},
        BadCase{"TokensInPlainTextThoughAnonymous",
                {"--ingest.tokens-file", "t", "--ingest.allow-anonymous", "--ingest.listen-address",
                 ":8080"},
                {"--ingest.listen-address", "plain text"}},
        BadCase{"CertificateWithoutKey",
                {"--ingest.tls-cert-file", "c.pem"},
                {"--ingest.tls-key-file", "missing"}},
        BadCase{"KeyWithoutCertificate",
                {"--ingest.tls-key-file", "k.pem"},
                {"--ingest.tls-cert-file", "missing"}},
        BadCase{"AuthorityWithoutCertificate",
                {"--ingest.tls-client-ca-file", "ca.pem"},
                {"--ingest.tls-cert-file", "missing"}},
        BadCase{"EmptyCertificate",
                {"--ingest.tls-cert-file", ""},
                {"--ingest.tls-cert-file", "a file name"}},
        BadCase{"EmptyTokens", {"--ingest.tokens-file="}, {"--ingest.tokens-file", "a file name"}}),
    [](const auto& param) { return param.param.name; });

// The address stands in front of civetweb, whose own notation of ports (8000s: TLS, which crashes
// it; 8000r: a redirection; a list; a Unix socket) must mean nothing here.
INSTANTIATE_TEST_SUITE_P(
    PortsOfCivetweb, ExporterBadUsage,
    testing::Values(
        BadCase{"Tls", {"--web.listen-address", "127.0.0.1:8000s"}, {"'127.0.0.1:8000s'"}},
        BadCase{"Redirection", {"--web.listen-address", ":8000r"}, {"':8000r'"}},
        BadCase{"PortAlone", {"--web.listen-address", "8000"}, {"'8000'"}},
        BadCase{"TlsPortAlone", {"--web.listen-address", "8443s"}, {"'8443s'"}},
        BadCase{"DualStack", {"--web.listen-address", "+8000"}, {"'+8000'"}},
        BadCase{"DualStackTls", {"--web.listen-address", "+8443s"}, {"'+8443s'"}},
        BadCase{"List", {"--web.listen-address", "127.0.0.1:1,127.0.0.1:2s"}, {"--web.listen"}},
        BadCase{"UnixSocket", {"--web.listen-address", "x/run/web.sock"}, {"'x/run/web.sock'"}},
        BadCase{"SuffixOfIpv6", {"--web.listen-address", "[::1]:8000s"}, {"'[::1]:8000s'"}},
        BadCase{"Scope", {"--web.listen-address", "[fe80::1%eth0]:8000"}, {"%eth0"}},
        BadCase{"NoConfigFile", {"--web.config.file="}, {"--web.config.file", "a file name"}}),
    [](const auto& param) { return param.param.name; });

BadCase bad_value(const char* name, const std::string& flag, const std::string& value,
                  const std::string& right) {
  return {name, {flag, value}, {flag, "'" + value + "'", right}};
}

INSTANTIATE_TEST_SUITE_P(
    Cidr, ExporterBadUsage,
    testing::Values(bad_value("Empty", "--ingest.legacy-allow", "", "192.168.1.0/24"),
                    bad_value("NoPrefix", "--ingest.legacy-allow", "10.0.0.1", "192.168.1.0/24"),
                    bad_value("EmptyPrefix", "--ingest.legacy-allow", "10.0.0.0/", "/24"),
                    bad_value("NoAddress", "--ingest.legacy-allow", "/8", "/24"),
                    bad_value("PrefixTooLarge", "--ingest.legacy-allow", "10.0.0.0/33", "/24"),
                    bad_value("Ipv6PrefixTooLarge", "--ingest.legacy-allow", "fd00::/129",
                              "fd00::/8"),
                    bad_value("NegativePrefix", "--ingest.legacy-allow", "10.0.0.0/-1", "/24"),
                    bad_value("LeadingZero", "--ingest.legacy-allow", "10.0.0.0/08", "/24"),
                    bad_value("Netmask", "--ingest.legacy-allow", "10.0.0.0/255.0.0.0", "/24"),
                    bad_value("TwoSlashes", "--ingest.legacy-allow", "10.0.0.0/8/8", "/24"),
                    bad_value("ThreeOctets", "--ingest.legacy-allow", "10.0.0/8", "/24"),
                    bad_value("Name", "--ingest.legacy-allow", "localhost/8", "/24"),
                    bad_value("Zone", "--ingest.legacy-allow", "fe80::1%eth0/64", "fd00::/8"),
                    bad_value("Space", "--ingest.legacy-allow", "10.0.0.0/8 ", "/24")),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Numbers, ExporterBadUsage,
    testing::Values(bad_value("NoAgents", "--ingest.max-agents", "0", "1 to 1000000"),
                    bad_value("TooManyAgents", "--ingest.max-agents", "1000001", "1 to 1000000"),
                    bad_value("NegativeAgents", "--ingest.max-agents", "-1", "1 to 1000000"),
                    bad_value("AgentsBeyond64Bits", "--ingest.max-agents", "18446744073709551617",
                              "1 to 1000000"),
                    bad_value("FractionOfAnAgent", "--ingest.max-agents", "1.5", "1 to 1000000"),
                    bad_value("ScientificAgents", "--ingest.max-agents", "1e3", "1 to 1000000"),
                    bad_value("HexadecimalAgents", "--ingest.max-agents", "0x10", "1 to 1000000"),
                    bad_value("PlusAgents", "--ingest.max-agents", "+5", "1 to 1000000"),
                    bad_value("NamelessAgents", "--ingest.max-agents", "", "1 to 1000000"),
                    bad_value("WordyAgents", "--ingest.max-agents", "many", "1 to 1000000"),
                    bad_value("AgentsAndMore", "--ingest.max-agents", "5 ", "1 to 1000000"),
                    bad_value("NoRate", "--ingest.max-sample-rate", "0", "0.1 to 10000"),
                    bad_value("RateTooLow", "--ingest.max-sample-rate", "0.09", "0.1 to 10000"),
                    bad_value("RateTooHigh", "--ingest.max-sample-rate", "10001", "0.1 to 10000"),
                    bad_value("NegativeRate", "--ingest.max-sample-rate", "-3", "0.1 to 10000"),
                    bad_value("NanRate", "--ingest.max-sample-rate", "nan", "0.1 to 10000"),
                    bad_value("InfiniteRate", "--ingest.max-sample-rate", "inf", "0.1 to 10000"),
                    bad_value("OverflowingRate", "--ingest.max-sample-rate", "1e999",
                              "0.1 to 10000"),
                    bad_value("RateWithUnit", "--ingest.max-sample-rate", "10/s", "0.1 to 10000")),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Durations, ExporterBadUsage,
    testing::Values(bad_value("NoUnit", "--agent.stale-after", "15", "1s to 1d"),
                    bad_value("OtherUnit", "--agent.stale-after", "5x", "1s to 1d"),
                    bad_value("StaleTooSoon", "--agent.stale-after", "999ms", "1s to 1d"),
                    bad_value("StaleTooLate", "--agent.stale-after", "24h1ms", "1s to 1d"),
                    bad_value("Negative", "--agent.stale-after", "-15s", "1s to 1d"),
                    bad_value("Fraction", "--agent.stale-after", "1.5s", "1s to 1d"),
                    bad_value("Empty", "--agent.stale-after", "", "1s to 1d"),
                    bad_value("ForgetTooLate", "--agent.forget-after", "1001d", "1000d"),
                    bad_value("PeakTooShort", "--peak.window", "999ms", "1s to 1h"),
                    bad_value("PeakTooLong", "--peak.window", "1h1ms", "1s to 1h"),
                    bad_value("PeakNoUnit", "--peak.window", "120", "1s to 1h"),
                    bad_value("ForgetNever", "--agent.forget-after", "0s", "--agent.stale-after"),
                    BadCase{"ForgetBeforeStale",
                            {"--agent.stale-after", "2h", "--agent.forget-after", "1h"},
                            {"--agent.forget-after", "1h", "--agent.stale-after", "2h"}},
                    BadCase{"StaleAfterTheDefaultOfForget",
                            {"--agent.forget-after", "10s"},
                            {"--agent.forget-after", "10s", "15s"}}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Paths, ExporterBadUsage,
    testing::Values(bad_value("Root", "--web.telemetry-path", "/", "/metrics"),
                    bad_value("Empty", "--web.telemetry-path", "", "/metrics"),
                    bad_value("NoSlash", "--web.telemetry-path", "metrics", "/metrics"),
                    bad_value("SlashAtTheEnd", "--web.telemetry-path", "/metrics/", "/metrics"),
                    bad_value("TwoSlashes", "--web.telemetry-path", "//metrics", "/metrics"),
                    bad_value("Healthy", "--web.telemetry-path", "/-/healthy", "/-"),
                    bad_value("Ready", "--web.telemetry-path", "/-/ready", "/-"),
                    bad_value("Dash", "--web.telemetry-path", "/-", "/-"),
                    bad_value("Discovery", "--web.telemetry-path", "/sd", "/sd"),
                    bad_value("Agents", "--web.telemetry-path", "/agents/web-1", "/agents"),
                    bad_value("Api", "--web.telemetry-path", "/api/v1/agents", "/api"),
                    bad_value("StatusPage", "--web.telemetry-path", "/page/x", "/page"),
                    bad_value("NoScheme", "--web.external-url", "monitoring:8000", "https://"),
                    bad_value("OtherScheme", "--web.external-url", "ftp://a", "https://"),
                    bad_value("NoHost", "--web.external-url", "https://", "https://"),
                    bad_value("UrlWithQuery", "--web.external-url", "https://a/?b", "query"),
                    bad_value("UrlWithFragment", "--web.external-url", "https://a/#b", "query"),
                    bad_value("UrlWithUser", "--web.external-url", "https://u:p@a/", "https://"),
                    bad_value("EmptyUrl", "--web.external-url", "", "https://"),
                    bad_value("HoldWithoutUnit", "--web.sd-hold", "60", "0s to 1h"),
                    bad_value("HoldTooLong", "--web.sd-hold", "61m", "0s to 1h"),
                    bad_value("NegativeHold", "--web.sd-hold", "-1s", "0s to 1h"),
                    bad_value("Parent", "--web.telemetry-path", "/a/../b", "/metrics"),
                    bad_value("Dot", "--web.telemetry-path", "/.", "/metrics"),
                    bad_value("Wildcard", "--web.telemetry-path", "/m*", "/metrics"),
                    bad_value("Query", "--web.telemetry-path", "/m?x", "/metrics"),
                    bad_value("Fragment", "--web.telemetry-path", "/m#x", "/metrics"),
                    bad_value("Encoded", "--web.telemetry-path", "/%6d", "/metrics"),
                    bad_value("Space", "--web.telemetry-path", "/a b", "/metrics"),
                    bad_value("Newline", "--web.telemetry-path", "/a\nb", "/metrics"),
                    bad_value("Url", "--web.telemetry-path", "http://x/metrics", "/metrics")),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Names, ExporterBadUsage,
    testing::Values(bad_value("Group", "--web.collect", "memory", "percent, cpu, load"),
                    bad_value("GroupInOtherCase", "--web.collect", "CPU", "percent, cpu, load"),
                    bad_value("GroupsWithComma", "--web.collect", "cpu,load", "percent, cpu, load"),
                    bad_value("GroupsInBrackets", "--web.collect", "[cpu,load]",
                              "percent, cpu, load"),
                    bad_value("EmptyGroup", "--web.collect", "", "percent, cpu, load"),
                    bad_value("Level", "--log.level", "trace", "debug, info, warn, error"),
                    bad_value("EmptyLevel", "--log.level", "", "debug, info, warn, error"),
                    bad_value("Format", "--log.format", "xml", "logfmt, json")),
    [](const auto& param) { return param.param.name; });

// ---------------------------------------------------------------------------------------------
// Texts.

TEST(ExporterVersion, IsOneLine) {
  const ExporterCommand command = parse({"--version"});
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 0);
  EXPECT_EQ(command.text, "cpu-monitor-exporter, version " + std::string(version()) +
                              " (revision: " + std::string(revision()) + ")\n");
}

TEST(ExporterHelp, IsTheManual) {
  const ExporterCommand command = parse({"--help"});
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 0);
  EXPECT_NE(command.text.find("http://127.0.0.1:8000/metrics"), std::string::npos);
  EXPECT_TRUE(command.text.ends_with("\n"));
  EXPECT_FALSE(command.text.ends_with("\n\n"));
}

/// The flags of the manual, and what it says about each, over all its lines.
std::map<std::string, std::string> flags_in(const std::string& manual) {
  std::map<std::string, std::string> flags;
  std::string flag;
  std::istringstream text(manual);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with("  --")) {
      flag = line.substr(2, line.find(' ', 2) - 2);
      EXPECT_FALSE(flags.contains(flag)) << flag;
    } else if (!line.starts_with("      ")) {
      flag.clear();
    }
    if (!flag.empty()) flags[flag] += line;
  }
  return flags;
}

struct OpenDoorCase {
  const char* name;
  Arguments arguments;
};

class ExporterOpenDoor : public testing::TestWithParam<OpenDoorCase> {};

TEST_P(ExporterOpenDoor, IsOpenedToThoseWhoProveTheirNames) {
  Arguments arguments = GetParam().arguments;
  arguments.insert(arguments.end(), {"--ingest.listen-address", ":8080"});
  const auto command = parse(arguments);
  ASSERT_TRUE(command.run) << command.text;
  EXPECT_EQ(command.run->ingest_addresses[0], (HostPort{"", 8080}));
}

INSTANTIATE_TEST_SUITE_P(
    , ExporterOpenDoor,
    testing::Values(OpenDoorCase{"Certificates",
                                 {"--ingest.tls-cert-file", "c", "--ingest.tls-key-file", "k",
                                  "--ingest.tls-client-ca-file", "ca"}},
                    OpenDoorCase{"Tokens",
                                 {"--ingest.tls-cert-file", "c", "--ingest.tls-key-file", "k",
                                  "--ingest.tokens-file", "t"}},
                    OpenDoorCase{"Anonymous", {"--ingest.allow-anonymous"}},
                    OpenDoorCase{"AnonymousUnderTls",
                                 {"--ingest.tls-cert-file", "c", "--ingest.tls-key-file", "k",
                                  "--ingest.allow-anonymous"}}),
    [](const auto& param) { return param.param.name; });

TEST(ExporterOptionsTls, AreNoneUnlessAsked) {
  const auto command = parse({});
  ASSERT_TRUE(command.run);
  EXPECT_FALSE(command.run->ingest_tls);
  EXPECT_EQ(command.run->tokens_file, "");
}

TEST(ExporterOptionsTls, AreTls13Alone) {
  const auto command = parse({"--ingest.tls-cert-file", "c", "--ingest.tls-key-file", "k"});
  ASSERT_TRUE(command.run) << command.text;
  ASSERT_TRUE(command.run->ingest_tls);
  EXPECT_EQ(command.run->ingest_tls->min_version, net::TlsVersion::tls1_3);
  EXPECT_EQ(command.run->ingest_tls->cert_file, "c");
  EXPECT_EQ(command.run->ingest_tls->key_file, "k");
  EXPECT_EQ(command.run->ingest_tls->client_ca_file, "");
}

TEST(ExporterOptionsTls, AreNotAskedForTokensOnLoopback) {
  EXPECT_TRUE(parse({"--ingest.tokens-file", "t"}).run);
}

TEST(ExporterHelp, HasOneEntryForEveryFlagWithItsDefault) {
  std::set<std::string> names;
  for (const auto& [flag, words] : flags_in(parse({"--help"}).text)) {
    names.insert(flag);
    const bool has_default = flag != "--help" && flag != "--version";
    EXPECT_EQ(words.find("(default:") != std::string::npos, has_default) << words;
    EXPECT_GT(words.size(), 45U) << "a flag without words: " << words;
  }
  EXPECT_EQ(names, (std::set<std::string>{"--help",
                                          "--version",
                                          "--ingest.listen-address",
                                          "--ingest.allow-anonymous",
                                          "--ingest.legacy-allow",
                                          "--ingest.max-agents",
                                          "--ingest.max-sample-rate",
                                          "--ingest.max-series",
                                          "--state.directory",
                                          "--ingest.tls-cert-file",
                                          "--ingest.tls-key-file",
                                          "--ingest.tls-client-ca-file",
                                          "--ingest.tokens-file",
                                          "--agent.stale-after",
                                          "--agent.forget-after",
                                          "--peak.window",
                                          "--web.listen-address",
                                          "--web.config.file",
                                          "--web.telemetry-path",
                                          "--web.external-url",
                                          "--web.sd-hold",
                                          "--web.enable-admin-api",
                                          "--web.collect",
                                          "--log.level",
                                          "--log.format"}));
}

TEST(ExporterHelp, SaysThatDetailIsOffByDefault) {
  const std::string words = flags_in(parse({"--help"}).text)["--web.collect"];
  EXPECT_NE(words.find("detail"), std::string::npos) << words;
  EXPECT_NE(words.find("off by default"), std::string::npos) << words;
  EXPECT_NE(words.find("(default: percent, cpu, load, burst, agent, exporter)"), std::string::npos)
      << words;
}

TEST(ExporterHelp, SaysThatThePeakWindowIsLongerThanAScrapeInterval) {
  const std::string words = flags_in(parse({"--help"}).text)["--peak.window"];
  EXPECT_NE(words.find("keep it above"), std::string::npos) << words;
  EXPECT_NE(words.find("(default: 2m)"), std::string::npos) << words;
}

TEST(ExporterHelp, WinsOverAnythingElse) { EXPECT_EQ(parse({"--bogus", "--help"}).exit_code, 0); }

// --- the files of enrolment

ExporterCommand parse_beside(const std::string& file, FileState state, const Arguments& arguments) {
  std::vector<const char*> argv{"cpu-monitor-exporter"};
  for (const std::string& argument : arguments) argv.push_back(argument.c_str());
  return parse_command_line(
      static_cast<int>(argv.size()), argv.data(),
      [&](const std::string& path) { return path == file ? state : FileState::absent; });
}

const std::string kEnrolled = "/var/lib/cpu-monitor/exporter.pem";

TEST(ExporterOptions, UseTheFilesOfEnrolment) {
  const auto command = parse_beside(kEnrolled, FileState::there, {});
  ASSERT_TRUE(command.run) << command.text;
  ASSERT_TRUE(command.run->ingest_tls);
  EXPECT_EQ(command.run->ingest_tls->cert_file, kEnrolled);
  EXPECT_EQ(command.run->ingest_tls->key_file, kEnrolled);
  EXPECT_EQ(command.run->ingest_tls->client_ca_file, "");
  EXPECT_EQ(command.run->tokens_file, "/var/lib/cpu-monitor/tokens");
  EXPECT_EQ(command.run->state_directory, "/var/lib/cpu-monitor");
}

TEST(ExporterOptions, LookForEnrolmentWhereTheyAreTold) {
  EXPECT_EQ(parse_beside("/s/exporter.pem", FileState::there, {"--state.directory", "/s"})
                .run->tokens_file,
            "/s/tokens");
  EXPECT_EQ(parse_beside(kEnrolled, FileState::there, {"--state.directory", "/s"}).run->ingest_tls,
            std::nullopt);
}

TEST(ExporterOptions, OpenTheIngestPortToEnrolledMachines) {
  EXPECT_TRUE(parse_beside(kEnrolled, FileState::there, {"--ingest.listen-address", ":8080"}).run);
  EXPECT_FALSE(
      parse_beside(kEnrolled, FileState::absent, {"--ingest.listen-address", ":8080"}).run);
}

TEST(ExporterOptions, LeaveEnrolmentAloneBesideACertificateOfTheirOwn) {
  const auto command =
      parse_beside(kEnrolled, FileState::there,
                   {"--ingest.tls-cert-file", "a.pem", "--ingest.tls-key-file", "a-key.pem"});
  ASSERT_TRUE(command.run) << command.text;
  EXPECT_EQ(command.run->ingest_tls->cert_file, "a.pem");
  EXPECT_EQ(command.run->tokens_file, "");
  EXPECT_EQ(command.run->state_directory, "");
}

TEST(ExporterOptions, TakeOtherTokensAndClientCertificatesBesideEnrolment) {
  const auto command =
      parse_beside(kEnrolled, FileState::there,
                   {"--ingest.tokens-file", "t", "--ingest.tls-client-ca-file", "ca.pem"});
  ASSERT_TRUE(command.run) << command.text;
  EXPECT_EQ(command.run->tokens_file, "t");
  EXPECT_EQ(command.run->ingest_tls->client_ca_file, "ca.pem");
  EXPECT_EQ(command.run->ingest_tls->cert_file, kEnrolled);
}

TEST(ExporterOptions, SayThatEnrolmentIsOutOfReachWhereThatMatters) {
  EXPECT_TRUE(parse_beside(kEnrolled, FileState::out_of_reach, {}).run);
  EXPECT_TRUE(parse_beside(kEnrolled, FileState::out_of_reach,
                           {"--ingest.listen-address", ":8080", "--ingest.allow-anonymous"})
                  .run);
  const auto command =
      parse_beside(kEnrolled, FileState::out_of_reach, {"--ingest.listen-address", ":8080"});
  EXPECT_FALSE(command.run);
  EXPECT_NE(command.text.find("--state.directory: '/var/lib/cpu-monitor' cannot be looked into"),
            std::string::npos)
      << command.text;
}

}  // namespace
}  // namespace cpu_monitor::exporter
