#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/options.hpp"
#include "common/build_info.hpp"
#include "common/join_line.hpp"

namespace cpu_monitor::agent {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

AgentCommand parse(const Words& words, const std::string& host_name = "web-1",
                   bool is_terminal = false) {
  std::vector<const char*> argv{"/usr/bin/cpu-monitor-agent"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), host_name, is_terminal);
}

AgentOptions options(const Words& words) {
  const AgentCommand command = parse(words);
  EXPECT_TRUE(command.run) << command.text;
  EXPECT_EQ(command.exit_code, 0);
  EXPECT_EQ(command.text, "");
  return command.run.value_or(AgentOptions{});
}

bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

// --- what is right

TEST(AgentOptions, DefaultsAreThoseOfTheManual) {
  const AgentOptions defaults = options({});
  EXPECT_EQ(defaults.exporter, (HostPort{"127.0.0.1", 8080}));
  EXPECT_EQ(defaults.endpoint, "web-1");
  EXPECT_EQ(defaults.sample_interval, 100ms);
  EXPECT_EQ(defaults.push_interval, 1s);
  EXPECT_EQ(defaults.per_core, std::nullopt);
  EXPECT_TRUE(defaults.labels.empty());
  EXPECT_EQ(defaults.procfs, "/proc");
  EXPECT_EQ(defaults.log_level, log::Level::info);
  EXPECT_EQ(defaults.log_format, log::Format::logfmt);
}

TEST(AgentOptions, WorkWithoutAProgramName) {
  const char* const argv[] = {nullptr};
  EXPECT_TRUE(parse_command_line(0, argv, "web-1", false).run);
}

TEST(AgentOptions, EveryFlagIsRead) {
  const AgentOptions all = options(
      {"--exporter", "monitor.example.org:9", "--endpoint", "db-2.example.org", "--sample.interval",
       "50ms", "--push.interval", "15s", "--no-cpu.per-core", "--label", "rack=a 1",
       "--path.procfs", "/host/proc", "--print", "--log.level", "debug", "--log.format", "json"});
  EXPECT_EQ(all.exporter, (HostPort{"monitor.example.org", 9}));
  EXPECT_EQ(all.endpoint, "db-2.example.org");
  EXPECT_EQ(all.sample_interval, 50ms);
  EXPECT_EQ(all.push_interval, 15s);
  EXPECT_EQ(all.per_core, false);
  EXPECT_EQ(all.labels, (std::map<std::string, std::string>{{"rack", "a 1"}}));
  EXPECT_EQ(all.procfs, "/host/proc");
  EXPECT_TRUE(all.print);
  EXPECT_EQ(all.log_level, log::Level::debug);
  EXPECT_EQ(all.log_format, log::Format::json);
}

TEST(AgentOptions, ValuesMayStandBehindAnEqualsSign) {
  EXPECT_EQ(options({"--exporter=[::1]:8080"}).exporter, (HostPort{"::1", 8080}));
  EXPECT_EQ(options({"--push.interval=2s"}).push_interval, 2s);
  EXPECT_EQ(options({"--label=a=b=c"}).labels.at("a"), "b=c");
}

TEST(AgentOptions, PerCoreCanBeAskedForAndRefused) {
  EXPECT_EQ(options({"--cpu.per-core"}).per_core, true);
  EXPECT_EQ(options({"--no-cpu.per-core"}).per_core, false);
}

TEST(AgentOptions, PrintFollowsTheTerminalUnlessTold) {
  EXPECT_FALSE(parse({}, "web-1", false).run->print);
  EXPECT_TRUE(parse({}, "web-1", true).run->print);
  EXPECT_TRUE(parse({"--print"}, "web-1", false).run->print);
  EXPECT_FALSE(parse({"--no-print"}, "web-1", true).run->print);
}

TEST(AgentOptions, TheLastOfAFlagAndItsOppositeWins) {
  EXPECT_FALSE(options({"--print", "--no-print"}).print);
  EXPECT_TRUE(options({"--no-print", "--print"}).print);
}

TEST(AgentOptions, LabelsAreGathered) {
  const auto labels = options({"--label", "a=1", "--label", "b_2=", "--label", "_c=[x,y]"}).labels;
  EXPECT_EQ(labels, (std::map<std::string, std::string>{{"a", "1"}, {"b_2", ""}, {"_c", "[x,y]"}}));
}

TEST(AgentOptions, AGivenEndpointMayBeLocalhost) {
  EXPECT_EQ(options({"--endpoint", "localhost"}).endpoint, "localhost");
}

TEST(AgentOptions, AGivenEndpointExcusesTheHostName) {
  const AgentCommand command = parse({"--endpoint", "db-2"}, "not a name!");
  ASSERT_TRUE(command.run) << command.text;
  EXPECT_EQ(command.run->endpoint, "db-2");
}

struct Good {
  const char* name;
  Words words;
  friend std::ostream& operator<<(std::ostream& out, const Good& g) { return out << g.name; }
};

class AgentOptionsAtTheLimit : public testing::TestWithParam<Good> {};

TEST_P(AgentOptionsAtTheLimit, AreAccepted) {
  const AgentCommand command = parse(GetParam().words);
  EXPECT_TRUE(command.run) << command.text;
}

std::string good_name(const testing::TestParamInfo<Good>& info) { return info.param.name; }

Words labels(std::size_t count) {
  Words words;
  for (std::size_t i = 0; i < count; ++i) {
    words.insert(words.end(), {"--label", "l" + std::to_string(i) + "=x"});
  }
  return words;
}

INSTANTIATE_TEST_SUITE_P(
    Values, AgentOptionsAtTheLimit,
    testing::Values(Good{"ShortestSample", {"--sample.interval", "10ms"}},
                    Good{"LongestSample", {"--sample.interval", "10s", "--push.interval", "20s"}},
                    Good{"ShortestPush", {"--push.interval", "100ms"}},
                    Good{"LongestPush", {"--push.interval", "20m"}},
                    Good{"PushEqualsSample", {"--sample.interval", "1s"}},
                    Good{"LowestPort", {"--exporter", "a:1"}},
                    Good{"HighestPort", {"--exporter", "a:65535"}},
                    Good{"EndpointOfOneByte", {"--endpoint", "a"}},
                    Good{"EndpointOf128Bytes", {"--endpoint", std::string(128, 'a')}},
                    Good{"SixteenLabels", labels(16)},
                    Good{"LabelNameOf32Bytes", {"--label", std::string(32, 'a') + "=x"}},
                    Good{"LabelValueOf128Bytes", {"--label", "a=" + std::string(128, 'x')}},
                    Good{"LabelValueInUtf8", {"--label", "a=Zürich"}},
                    Good{"LevelWarn", {"--log.level", "warn"}},
                    Good{"LevelError", {"--log.level", "error"}}),
    good_name);

// --- what is wrong

struct Bad {
  const char* name;
  Words words;
  Words told;  ///< what the error must name: flag, value, what is right
  friend std::ostream& operator<<(std::ostream& out, const Bad& b) { return out << b.name; }
};

class AgentOptionsRefusal : public testing::TestWithParam<Bad> {};

TEST_P(AgentOptionsRefusal, IsBadUsageInWords) {
  const AgentCommand command = parse(GetParam().words);
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_TRUE(command.text.starts_with("cpu-monitor-agent: ")) << command.text;
  EXPECT_TRUE(command.text.ends_with("Try 'cpu-monitor-agent --help'.\n")) << command.text;
  for (const std::string& words : GetParam().told) {
    EXPECT_TRUE(contains(command.text, words)) << command.text;
  }
}

std::string bad_name(const testing::TestParamInfo<Bad>& info) { return info.param.name; }

Bad bad_exporter(const char* name, const std::string& value) {
  return {name, {"--exporter", value}, {"--exporter: '" + value + "'", "HOST:PORT", "1 to 65535"}};
}

INSTANTIATE_TEST_SUITE_P(
    Exporter, AgentOptionsRefusal,
    testing::Values(bad_exporter("NoPort", "monitor"), bad_exporter("EmptyPort", "monitor:"),
                    bad_exporter("PortZero", "monitor:0"),
                    bad_exporter("PortTooLarge", "monitor:65536"),
                    bad_exporter("NegativePort", "monitor:-1"),
                    bad_exporter("PortInWords", "monitor:http"), bad_exporter("NoHost", ":8080"),
                    bad_exporter("OpenBracket", "[::1:8080"), bad_exporter("Empty", ""),
                    Bad{"Twice", {"--exporter", "a:1", "--exporter", "b:1"}, {"--exporter"}},
                    Bad{"NoValue", {"--exporter"}, {"--exporter", "HOST:PORT"}}),
    bad_name);

Bad bad_interval(const char* name, const std::string& flag, const std::string& value,
                 const std::string& range) {
  return {name, {flag, value}, {flag + ": '" + value + "'", range}};
}
Bad bad_sample(const char* name, const std::string& value) {
  return bad_interval(name, "--sample.interval", value, "from 10ms to 10s");
}
Bad bad_push(const char* name, const std::string& value) {
  return bad_interval(name, "--push.interval", value, "from 100ms to 20m");
}

INSTANTIATE_TEST_SUITE_P(
    Intervals, AgentOptionsRefusal,
    testing::Values(bad_sample("SampleTooShort", "9ms"), bad_sample("SampleTooLong", "10s1ms"),
                    bad_sample("SampleZero", "0s"), bad_sample("SampleNegative", "-1s"),
                    bad_sample("SampleWithoutUnit", "100"), bad_sample("SampleEmpty", ""),
                    bad_sample("SampleInWords", "fast"), bad_sample("SampleFraction", "0.1s"),
                    bad_push("PushTooShort", "99ms"), bad_push("PushTooLong", "20m1ms"),
                    bad_push("PushWithoutUnit", "1"), bad_push("PushHuge", "99999999999999999d"),
                    bad_interval("PushNoMultiple", "--push.interval", "250ms",
                                 "multiple of --sample.interval, which is 100ms"),
                    Bad{"PushShorterThanSample",
                        {"--sample.interval", "2s"},
                        {"--push.interval: '1s'", "which is 2s"}}),
    bad_name);

Bad bad_endpoint(const char* name, const std::string& value) {
  return {name, {"--endpoint", value}, {"--endpoint: '" + value + "'", "letters, digits"}};
}

INSTANTIATE_TEST_SUITE_P(Endpoint, AgentOptionsRefusal,
                         testing::Values(bad_endpoint("Empty", ""), bad_endpoint("Space", "web 1"),
                                         bad_endpoint("Quote", "a\"} 1"),
                                         bad_endpoint("CarriageReturn", "web\r"),
                                         bad_endpoint("Colon", "web:1"),
                                         bad_endpoint("Slash", "a/b"),
                                         bad_endpoint("DotAtTheEnd", "web."),
                                         bad_endpoint("UnderscoreAtTheStart", "_web"),
                                         bad_endpoint("TooLong", std::string(129, 'a')),
                                         bad_endpoint("NotAscii", "z\xc3\xbcrich")),
                         bad_name);

Bad bad_label(const char* name, const std::string& value, const std::string& rule) {
  return {name, {"--label", value}, {"--label: '" + value + "'", rule}};
}

INSTANTIATE_TEST_SUITE_P(
    Labels, AgentOptionsRefusal,
    testing::Values(
        bad_label("NoEqualsSign", "rack", "NAME=VALUE"), bad_label("NoName", "=a", "NAME=VALUE"),
        bad_label("Empty", "", "NAME=VALUE"), bad_label("UpperCase", "Rack=a", "a-z"),
        bad_label("DigitFirst", "1a=a", "digit"), bad_label("Dash", "a-b=c", "a-z"),
        bad_label("NameTooLong", std::string(33, 'a') + "=x", "1 to 32"),
        bad_label("ValueTooLong", "a=" + std::string(129, 'x'), "128 bytes"),
        bad_label("ControlCharacter", "a=x\ny", "control"),
        bad_label("InvalidUtf8", "a=\xff", "UTF-8"),
        Bad{"SameNameTwice", {"--label", "a=1", "--label", "a=2"}, {"'a=2'", "second value"}},
        Bad{"Seventeen", labels(17), {"--label", "'l16=x'", "16 times"}},
        Bad{"StrayWordBehind", {"--label", "a=1", "b=2"}, {"b=2"}},
        Bad{"NoValue", {"--label"}, {"--label", "NAME=VALUE"}}),
    bad_name);

INSTANTIATE_TEST_SUITE_P(
    Others, AgentOptionsRefusal,
    testing::Values(
        Bad{"UnknownFlag", {"--frobnicate"}, {"--frobnicate"}},
        Bad{"UnknownDottedFlag", {"--web.listen-address=:1"}, {"--web.listen-address"}},
        Bad{"ShortFlag", {"-x"}, {"-x"}}, Bad{"StrayWord", {"start"}, {"start"}},
        Bad{"StrayWordBehindASwitch", {"--print", "yes"}, {"yes"}},
        Bad{"SwitchWithABadValue", {"--print=maybe"}, {"--print", "maybe"}},
        Bad{"EndpointTwice", {"--endpoint", "a", "--endpoint", "b"}, {"--endpoint"}},
        Bad{"EmptyProcfs", {"--path.procfs", ""}, {"--path.procfs", "/proc"}},
        Bad{"UnknownLevel",
            {"--log.level", "verbose"},
            {"--log.level: 'verbose'", "debug, info, warn, error"}},
        Bad{"LevelInUpperCase", {"--log.level", "INFO"}, {"--log.level: 'INFO'"}},
        Bad{"UnknownFormat", {"--log.format", "xml"}, {"--log.format: 'xml'", "logfmt, json"}}),
    bad_name);

struct HostName {
  const char* name;
  std::string value;
  friend std::ostream& operator<<(std::ostream& out, const HostName& h) { return out << h.name; }
};

class AgentOptionsHostName : public testing::TestWithParam<HostName> {};

TEST_P(AgentOptionsHostName, IsNoDefaultEndpoint) {
  const AgentCommand command = parse({}, GetParam().value);
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_TRUE(contains(command.text, "'" + GetParam().value + "'")) << command.text;
  EXPECT_TRUE(contains(command.text, "set --endpoint to a name of this machine")) << command.text;
}

std::string host_name_name(const testing::TestParamInfo<HostName>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Names, AgentOptionsHostName,
                         testing::Values(HostName{"Localhost", "localhost"},
                                         HostName{"LocalhostLocaldomain", "localhost.localdomain"},
                                         HostName{"Empty", ""}, HostName{"None", "(none)"},
                                         HostName{"Space", "my laptop"},
                                         HostName{"UnderscoreFirst", "_web"},
                                         HostName{"TooLong", std::string(129, 'a')}),
                         host_name_name);

TEST(AgentOptions, AHostNameThatOnlyBeginsLikeLocalhostIsAName) {
  EXPECT_TRUE(parse({}, "localhost2").run);
}

// --- help and version

TEST(AgentOptions, VersionIsPrintedAsThePrometheusFamilyPrintsIt) {
  const AgentCommand command = parse({"--version"});
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 0);
  EXPECT_EQ(command.text, "cpu-monitor-agent, version " + std::string(version()) +
                              " (revision: " + std::string(revision()) + ")\n");
}

TEST(AgentOptions, VersionNeedsNoUsableHostName) {
  EXPECT_EQ(parse({"--version"}, "localhost").exit_code, 0);
  EXPECT_EQ(parse({"--help"}, "localhost").exit_code, 0);
}

TEST(AgentOptions, HelpWinsOverWhatIsWrong) {
  const AgentCommand command = parse({"--frobnicate", "--help"});
  EXPECT_EQ(command.exit_code, 0);
  EXPECT_TRUE(contains(command.text, "Usage:"));
}

TEST(AgentOptions, HelpSaysFirstWhatTheProgramDoes) {
  const AgentCommand command = parse({"--help"});
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 0);
  EXPECT_TRUE(command.text.starts_with("Reads the CPU counters of this machine")) << command.text;
  EXPECT_TRUE(contains(command.text, "\n  cpu-monitor-agent --join -\n")) << command.text;
}

class AgentOptionsHelp : public testing::TestWithParam<const char*> {};

TEST_P(AgentOptionsHelp, HasALineForTheFlag) {
  const std::string text = parse({"--help"}).text;
  EXPECT_TRUE(contains(text, std::string("\n  ") + GetParam())) << text;
}

std::string flag_name(const testing::TestParamInfo<const char*>& info) {
  std::string name;
  for (const char c : std::string(info.param)) {
    if (c == ' ') break;
    if ((c >= 'a' && c <= 'z')) name += c;
  }
  return name;
}

INSTANTIATE_TEST_SUITE_P(Flags, AgentOptionsHelp,
                         testing::Values("--exporter HOST:PORT ", "--endpoint NAME ",
                                         "--sample.interval DURATION ", "--push.interval DURATION ",
                                         "--[no-]cpu.per-core ", "--label NAME=VALUE ",
                                         "--path.procfs DIRECTORY ", "--[no-]print ",
                                         "--log.level LEVEL ", "--log.format FORMAT ", "--version ",
                                         "--help ", "--join LINE ", "--state.directory DIRECTORY ",
                                         "--tls ", "--tls.ca-file FILE ", "--tls.cert-file FILE ",
                                         "--tls.key-file FILE ", "--tls.server-name NAME ",
                                         "--token-file FILE "),
                         flag_name);

TEST(AgentOptions, HelpNamesEveryDefault) {
  const std::string text = parse({"--help"}).text;
  for (const std::string value :
       {"that of --join, else 127.0.0.1:8080", "/var/lib/cpu-monitor", "its host name", "100ms",
        "1s", "up to 64 CPUs", "/proc", "info", "logfmt"}) {
    EXPECT_TRUE(contains(text, "(default: " + value + ")")) << value << "\n" << text;
  }
}

// --- whom the agent believes, and what it shows

TEST(AgentOptions, AreOfPlainTextByDefault) {
  EXPECT_EQ(options({}).tls, std::nullopt);
  EXPECT_EQ(options({}).token_file, "");
  EXPECT_EQ(options({}).state_directory, "/var/lib/cpu-monitor");
}

TEST(AgentOptions, AskForTls) {
  const AgentOptions tls = options({"--tls", "--exporter", "monitor.example.org:8080"});
  ASSERT_TRUE(tls.tls);
  EXPECT_EQ(tls.tls->server_name, "monitor.example.org");
  EXPECT_EQ(tls.tls->ca_file, "");
  EXPECT_EQ(options({"--tls=false"}).tls, std::nullopt);
}

TEST(AgentOptions, AnyFlagOfTlsAsksForIt) {
  for (const Words& words :
       {Words{"--tls.ca-file", "ca.pem"}, Words{"--tls.server-name", "monitor"},
        Words{"--tls.cert-file", "a.pem", "--tls.key-file", "a-key.pem"}}) {
    EXPECT_TRUE(options(words).tls) << words.front();
  }
}

TEST(AgentOptions, EveryFlagOfTlsIsRead) {
  const AgentOptions all =
      options({"--tls.ca-file", "ca.pem", "--tls.cert-file", "a.pem", "--tls.key-file", "a-key.pem",
               "--tls.server-name", "10.0.0.5", "--token-file", "token"});
  ASSERT_TRUE(all.tls);
  EXPECT_EQ(all.tls->ca_file, "ca.pem");
  EXPECT_EQ(all.tls->cert_file, "a.pem");
  EXPECT_EQ(all.tls->key_file, "a-key.pem");
  EXPECT_EQ(all.tls->server_name, "10.0.0.5");
  EXPECT_EQ(all.token_file, "token");
}

TEST(AgentOptions, ATokenMayStayOnThisMachineInPlainText) {
  EXPECT_EQ(options({"--token-file", "t"}).token_file, "t");
  EXPECT_EQ(options({"--token-file", "t", "--exporter", "[::1]:8080"}).token_file, "t");
  EXPECT_EQ(options({"--token-file", "t", "--exporter", "m:8080", "--tls"}).token_file, "t");
}

INSTANTIATE_TEST_SUITE_P(
    Trust, AgentOptionsRefusal,
    testing::Values(
        Bad{"CertificateWithoutKey", {"--tls.cert-file", "a"}, {"--tls.key-file: missing"}},
        Bad{"KeyWithoutCertificate", {"--tls.key-file", "a"}, {"--tls.cert-file: missing"}},
        Bad{"KeyWithoutCertificateUnderTls",
            {"--tls", "--tls.key-file", "a"},
            {"--tls.cert-file: missing"}},
        Bad{"EmptyAuthority", {"--tls.ca-file", ""}, {"--tls.ca-file: ''", "a file name"}},
        Bad{"EmptyServerName", {"--tls.server-name", ""}, {"--tls.server-name: ''", "host name"}},
        Bad{"ServerNameWithAPort", {"--tls.server-name", "a:1"}, {"'a:1'", "host name"}},
        Bad{"ServerNameWithASpace", {"--tls.server-name", "a b"}, {"'a b'", "host name"}},
        Bad{"WildcardServerName", {"--tls.server-name", "*.a"}, {"'*.a'", "host name"}},
        Bad{"TokenInPlainText",
            {"--token-file", "t", "--exporter", "10.0.0.5:8080"},
            {"--token-file: 't'", "plain text", "--tls"}},
        Bad{"EmptyTokenFile", {"--token-file", ""}, {"--token-file: ''", "a file name"}},
        Bad{"EmptyStateDirectory", {"--state.directory", ""}, {"--state.directory: ''"}},
        Bad{"EmptyLine", {"--join", ""}, {"--join: ''", "stdin"}}),
    bad_name);

// --- joining

JoinLine told() {
  JoinLine line;
  line.exporter = {"10.0.0.5", 8080};
  line.endpoint = "db-1";
  line.token = std::string(43, 't');
  line.ca_pin = std::string(64, 'a');
  return line;
}

/// A machine on which this was kept, and where that would be pasted.
JoinSources sources(std::optional<std::string> kept, const std::string& pasted = "") {
  JoinSources sources;
  sources.pasted = [pasted] { return pasted; };
  sources.kept = [kept](const std::string&) { return kept; };
  sources.today = std::chrono::sys_days(2026y / 11 / 24);
  return sources;
}

AgentCommand join(const Words& words, const JoinSources& from,
                  const std::string& host_name = "web-1") {
  std::vector<const char*> argv{"cpu-monitor-agent"};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return parse_command_line(static_cast<int>(argv.size()), argv.data(), host_name, false, from);
}

void expect_told(const AgentCommand& command) {
  ASSERT_TRUE(command.run) << command.text;
  const AgentOptions& options = *command.run;
  EXPECT_EQ(options.exporter, told().exporter);
  EXPECT_EQ(options.endpoint, told().endpoint);
  EXPECT_EQ(options.token, told().token);
  EXPECT_EQ(options.token_file, "");
  ASSERT_TRUE(options.tls);
  EXPECT_EQ(options.tls->ca_pin, told().ca_pin);
  EXPECT_EQ(options.tls->server_name, "cpu-monitor-exporter");
  EXPECT_EQ(options.tls->ca_file, "");
}

TEST(Joining, TakesAllFromTheLine) {
  const AgentCommand command = join({"--join", encode_join_line(told())}, sources({}));
  expect_told(command);
  EXPECT_EQ(command.run->join_line, encode_join_line(told()));
  EXPECT_TRUE(command.run->is_join_line_public);
}

TEST(Joining, TakesALineThatIsPasted) {
  const AgentCommand command =
      join({"--join", "-"}, sources({}, " " + encode_join_line(told()) + "\r"));
  expect_told(command);
  EXPECT_EQ(command.run->join_line, encode_join_line(told()));
  EXPECT_FALSE(command.run->is_join_line_public);
}

TEST(Joining, GoesOnWithoutTheLine) {
  const AgentCommand command = join({}, sources(encode_join_line(told()) + "\n"));
  expect_told(command);
  EXPECT_EQ(command.run->join_line, "");
}

TEST(Joining, LooksWhereItIsTold) {
  JoinSources from = sources({});
  std::string asked;
  from.kept = [&asked](const std::string& directory) -> std::optional<std::string> {
    asked = directory;
    return std::nullopt;
  };
  EXPECT_TRUE(join({"--state.directory", "/home/me/state"}, from).run);
  EXPECT_EQ(asked, "/home/me/state");
  EXPECT_TRUE(join({}, from).run);
  EXPECT_EQ(asked, "/var/lib/cpu-monitor");
}

TEST(Joining, ExcusesAHostNameThatIsNone) {
  EXPECT_TRUE(join({"--join", encode_join_line(told())}, sources({}), "localhost").run);
  EXPECT_TRUE(join({}, sources(encode_join_line(told())), "localhost").run);
  EXPECT_FALSE(join({}, sources({}), "localhost").run);
}

TEST(Joining, ReplacesWhatWasKept) {
  JoinLine old = told();
  old.endpoint = "old";
  expect_told(join({"--join", encode_join_line(told())}, sources(encode_join_line(old))));
}

TEST(Joining, LetsAnotherNameBeTried) {
  const auto command = join({"--join", encode_join_line(told()), "--endpoint", "x"}, sources({}));
  ASSERT_TRUE(command.run);
  EXPECT_EQ(command.run->endpoint, "x");
  EXPECT_EQ(join({"--endpoint", "y"}, sources(encode_join_line(told()))).run->endpoint, "y");
}

TEST(Joining, MayNameTheSameExporter) {
  expect_told(
      join({"--join", encode_join_line(told()), "--exporter", "10.0.0.5:8080"}, sources({})));
}

TEST(Joining, IsForgottenForARunWithAnotherExporter) {
  const JoinSources from = sources(encode_join_line(told()));
  const AgentCommand plain = join({"--exporter", "127.0.0.1:8080"}, from);
  ASSERT_TRUE(plain.run);
  EXPECT_EQ(plain.run->tls, std::nullopt);
  EXPECT_EQ(plain.run->token, "");
  EXPECT_EQ(plain.run->endpoint, "web-1");
  EXPECT_EQ(join({"--tls"}, from).run->tls->ca_pin, "");
  EXPECT_EQ(join({"--token-file", "t"}, from).run->token, "");
}

TEST(Joining, TakesALineOnItsLastDay) {
  JoinLine line = told();
  line.last_day = std::chrono::sys_days(2026y / 11 / 24);
  EXPECT_TRUE(join({"--join", encode_join_line(line)}, sources({})).run);
}

TEST(Joining, LetsTheExporterJudgeALineThatEndedSince) {
  JoinLine line = told();
  line.last_day = std::chrono::sys_days(2026y / 11 / 23);
  EXPECT_TRUE(join({}, sources(encode_join_line(line))).run);
}

void expect_refused(const AgentCommand& command, const Words& told_in_words) {
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 2);
  for (const std::string& words : told_in_words) {
    EXPECT_TRUE(contains(command.text, words)) << command.text;
  }
  EXPECT_FALSE(contains(command.text, told().token)) << command.text;
}

TEST(Joining, RefusesALineThatEnded) {
  JoinLine line = told();
  line.last_day = std::chrono::sys_days(2026y / 11 / 23);
  expect_refused(join({"--join", encode_join_line(line)}, sources({})),
                 {"--join: ", "good until 2026-11-23", "enroll db-1"});
}

TEST(Joining, RefusesALineThatWasCutOff) {
  const std::string whole = encode_join_line(told());
  expect_refused(join({"--join", whole.substr(0, whole.size() - 3)}, sources({})), {"cut off"});
  expect_refused(join({"--join", "-"}, sources({}, whole.substr(0, 100))), {"cut off"});
}

TEST(Joining, RefusesNoLine) {
  expect_refused(join({"--join", "-"}, sources({})), {"--join: there is no line"});
}

TEST(Joining, RefusesToBeToldTwice) {
  const std::string line = encode_join_line(told());
  for (const Words& more : {Words{"--tls"}, Words{"--tls.ca-file", "x"},
                            Words{"--tls.server-name", "x"}, Words{"--token-file", "x"}}) {
    Words words{"--join", line};
    words.insert(words.end(), more.begin(), more.end());
    expect_refused(join(words, sources({})), {"--join: ", "leave them out"});
  }
}

TEST(Joining, RefusesAnotherExporterThanTheLines) {
  expect_refused(join({"--join", encode_join_line(told()), "--exporter", "b:1"}, sources({})),
                 {"--exporter: 'b:1'", "10.0.0.5:8080", "--address b:1"});
}

TEST(Joining, NamesTheFileThatHoldsNoLine) {
  expect_refused(join({"--state.directory", "/s"}, sources("hello")), {"/s/join: ", "join again"});
  expect_refused(join({}, sources(encode_join_line(told()).substr(0, 90))),
                 {"/var/lib/cpu-monitor/join: ", "cut off"});
}

}  // namespace
}  // namespace cpu_monitor::agent
