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
  EXPECT_TRUE(contains(command.text, "Example:  cpu-monitor-agent --exporter ")) << command.text;
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
                                         "--help "),
                         flag_name);

TEST(AgentOptions, HelpNamesEveryDefault) {
  const std::string text = parse({"--help"}).text;
  for (const std::string value : {"127.0.0.1:8080", "its host name", "100ms", "1s", "up to 64 CPUs",
                                  "/proc", "info", "logfmt"}) {
    EXPECT_TRUE(contains(text, "(default: " + value + ")")) << value << "\n" << text;
  }
}

}  // namespace
}  // namespace cpu_monitor::agent
