#include "common/command_line.hpp"

#include <chrono>
#include <optional>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/build_info.hpp"

namespace cpu_monitor {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

struct Options {
  std::string path = "/a";
  std::chrono::milliseconds wait = 1s;
  Words words{"x", "y"};
  bool loud = false;
  bool print = true;
  std::optional<bool> deep;
  log::Level level = log::Level::info;
  log::Format format = log::Format::logfmt;
};

/// Anything but "bad" and nothing.
ValueKind<std::string> word() {
  return {"WORD", "a good word",
          [](std::string_view text) {
            const bool is_good = text != "bad" && !text.empty();
            return is_good ? std::optional<std::string>(text) : std::nullopt;
          },
          [](const std::string& text) { return text; }};
}

Command<Options> parse(const Words& words, const std::optional<std::string>& fault = {}) {
  Options options;
  CommandLine command_line("program", "Does it.\n");
  command_line.add_value({"--path", "Where it is"}, word(), options.path);
  command_line.add_value({"--wait", "How long"}, duration_between(100ms, 1h), options.wait);
  command_line.add_list({"--some.word", "What is said, in as many words as it takes to say it"},
                        word(), options.words);
  command_line.add_switch({"--loud", "Shout"}, options.loud);
  command_line.add_toggle({"--print", "Print"}, options.print);
  command_line.add_toggle({"--deep", "Dive", "if warm"}, options.deep);
  command_line.add_log_flags(options.level, options.format);
  std::vector<const char*> argv{"/usr/bin/program"};
  for (const std::string& text : words) argv.push_back(text.c_str());
  return command_line.parse(static_cast<int>(argv.size()), argv.data(), options,
                            [&] { return fault; });
}

Options options_of(const Words& words) {
  const auto command = parse(words);
  EXPECT_TRUE(command.run) << command.text;
  return command.run.value_or(Options{});
}

TEST(CommandLine, LeavesTheTargetsWhenNothingIsGiven) {
  const Options options = options_of({});
  EXPECT_EQ(options.path, "/a");
  EXPECT_EQ(options.wait, 1s);
  EXPECT_EQ(options.words, (Words{"x", "y"}));
  EXPECT_FALSE(options.loud);
  EXPECT_TRUE(options.print);
  EXPECT_EQ(options.deep, std::nullopt);
}

TEST(CommandLine, TakesAValueInTheNextWordOrBehindAnEqualsSign) {
  EXPECT_EQ(options_of({"--path", "/b"}).path, "/b");
  EXPECT_EQ(options_of({"--path=/b=c"}).path, "/b=c");
}

TEST(CommandLine, GivenValuesReplaceAList) {
  EXPECT_EQ(options_of({"--some.word", "a", "--some.word=b"}).words, (Words{"a", "b"}));
}

TEST(CommandLine, TakesValuesAsTheyAre) {
  EXPECT_EQ(options_of({"--some.word", "[a,b]", "--some.word={}"}).words, (Words{"[a,b]", "{}"}));
  EXPECT_EQ(options_of({"--some.word={}"}).words, (Words{"{}"}));
  EXPECT_EQ(options_of({"--path", "%%"}).path, "%%");
  EXPECT_EQ(options_of({"--path", "--loud"}).path, "--loud");
}

TEST(CommandLine, TheLastOfASwitchAndItsOppositeWins) {
  EXPECT_TRUE(options_of({"--loud"}).loud);
  EXPECT_FALSE(options_of({"--loud=false"}).loud);
  EXPECT_FALSE(options_of({"--print", "--no-print"}).print);
  EXPECT_TRUE(options_of({"--no-print", "--print"}).print);
  EXPECT_TRUE(options_of({"--no-print=false"}).print);
  EXPECT_EQ(options_of({"--deep"}).deep, true);
  EXPECT_EQ(options_of({"--no-deep"}).deep, false);
}

struct Bad {
  const char* name;
  Words words;
  std::string told;
  friend std::ostream& operator<<(std::ostream& out, const Bad& bad) { return out << bad.name; }
};

class CommandLineRefusal : public testing::TestWithParam<Bad> {};

TEST_P(CommandLineRefusal, SaysWhatWouldBeRight) {
  const auto command = parse(GetParam().words);
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_EQ(command.text, "program: " + GetParam().told + "\nTry 'program --help'.\n");
}

INSTANTIATE_TEST_SUITE_P(
    Words, CommandLineRefusal,
    testing::Values(
        Bad{"BadValue", {"--path", "bad"}, "--path: 'bad' is not a good word"},
        Bad{"EmptyValue", {"--path", ""}, "--path: '' is not a good word"},
        Bad{"NothingBehindTheEqualsSign", {"--path=", "--loud"}, "--path: '' is not a good word"},
        Bad{"BadValueInAList",
            {"--some.word=a", "--some.word", "bad"},
            "--some.word: 'bad' is not a good word"},
        Bad{"BadDuration", {"--wait", "99ms"}, "--wait: '99ms' is not a duration from 100ms to 1h"},
        Bad{"LongDuration",
            {"--wait", "1h1ms"},
            "--wait: '1h1ms' is not a duration from 100ms to 1h"},
        Bad{"BadName",
            {"--log.level=Info"},
            "--log.level: 'Info' is not one of debug, info, warn, error"},
        Bad{"SecondValue",
            {"--path", "a", "--path", "b"},
            "--path: 'b' is a second value; it takes one"},
        Bad{"NoValue", {"--path"}, "--path: 1 required WORD missing"},
        Bad{"NoValueInAList", {"--some.word"}, "--some.word: 1 required WORD missing"},
        Bad{"StrayWord", {"stray"}, "'stray' is not expected"},
        Bad{"StrayWordBehindAList", {"--some.word", "a", "b"}, "'b' is not expected"},
        Bad{"StrayWordBehindASwitch", {"--loud", "yes"}, "'yes' is not expected"},
        Bad{"StrayWordBehindTwoDashes", {"--", "x"}, "'x' is not expected"},
        Bad{"StrayPluses", {"++", "--loud"}, "'++' is not expected"},
        Bad{"UnknownFlag", {"--loudly"}, "'--loudly' is not a flag"},
        Bad{"ShortFlag", {"-h"}, "'-h' is not a flag"},
        Bad{"OppositeOfASwitch", {"--no-loud"}, "'--no-loud' is not a flag"},
        Bad{"FlagInUpperCase", {"--PATH=a"}, "'--PATH=a' is not a flag"},
        Bad{"SwitchWithABadValue", {"--loud=maybe"}, "--loud: 'maybe' is not true or false"},
        Bad{"ToggleWithABadValue", {"--no-print=maybe"}, "--print: 'maybe' is not true or false"},
        Bad{"SwitchWithAnEmptyValue", {"--loud="}, "--loud: '' is not true or false"},
        Bad{"BadValueBeforeAStrayWord",
            {"stray", "--path=bad"},
            "--path: 'bad' is not a good word"}),
    [](const auto& tested) { return tested.param.name; });

TEST(CommandLine, TellsWhatIsWrongWithAllOfThemTogether) {
  const auto command = parse({}, "--path: too far for --wait");
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 2);
  EXPECT_EQ(command.text, "program: --path: too far for --wait\nTry 'program --help'.\n");
}

TEST(CommandLine, HelpWinsOverAllThatIsWrong) {
  const std::string help = parse({"--help"}).text;
  for (const Words& words :
       {Words{"--bogus", "--help"}, Words{"--help", "stray"}, Words{"--path=bad", "--help"},
        Words{"--path=a", "--path=b", "--help"}, Words{"--version", "--help"}}) {
    const auto command = parse(words, "never right");
    EXPECT_FALSE(command.run);
    EXPECT_EQ(command.exit_code, 0);
    EXPECT_EQ(command.text, help);
  }
}

TEST(CommandLine, VersionIsOneLine) {
  const auto command = parse({"--version", "--path=bad"});
  EXPECT_FALSE(command.run);
  EXPECT_EQ(command.exit_code, 0);
  EXPECT_EQ(command.text, "program, version " + std::string(version()) +
                              " (revision: " + std::string(revision()) + ")\n");
}

TEST(CommandLine, HelpIsTheManual) {
  const auto command = parse({"--help"});
  EXPECT_EQ(command.text, R"(Does it.

Usage: program [flags]

Flags:
  --path WORD          Where it is (default: /a)
  --wait DURATION      How long (default: 1s)
  --some.word WORD     What is said, in as many words as it takes to say it (repeat) (default: x, y)
  --loud               Shout (default: off)
  --[no-]print         Print (default: on)
  --[no-]deep          Dive (default: if warm)
  --log.level LEVEL    The least that is logged: debug, info, warn, error (default: info)
  --log.format FORMAT  How stderr is written: logfmt, json (default: logfmt)
  --help               Print this text and exit
  --version            Print the version and exit

A flag marked (repeat) may be given several times; what is given replaces the default.
Durations: 100ms, 15s, 1h30m, 7d.  Exit codes: 0 asked to stop, 2 bad usage, 1 anything else.
)");
}

TEST(CommandLine, HelpWrapsInItsColumnAndKeepsADefaultWhole) {
  Options options;
  CommandLine command_line("program", "Does it.\n");
  command_line.add_switch({"--loud", std::string(60, 'a') + " " + std::string(75, 'b')},
                          options.loud);
  const char* const argv[] = {"program", "--help"};
  const auto command = command_line.parse(2, argv, options, [] { return std::nullopt; });
  const std::string indent(13, ' ');
  EXPECT_NE(command.text.find("\n  --loud     " + std::string(60, 'a') + "\n" + indent +
                              std::string(75, 'b') + "\n" + indent + "(default: off)\n"),
            std::string::npos)
      << command.text;
}

// Words that are no flags.

Command<Words> parse_words(const Words& words) {
  Words names;
  bool loud = false;
  CommandLine command_line("program", "Does it.\n");
  command_line.add_words(word(), names);
  command_line.add_switch({"--loud", "Shout"}, loud);
  std::vector<const char*> argv{"program"};
  for (const std::string& text : words) argv.push_back(text.c_str());
  return command_line.parse(static_cast<int>(argv.size()), argv.data(), names,
                            [] { return std::optional<std::string>(); });
}

TEST(CommandLine, TakesWordsWhereTheyAreExpected) {
  EXPECT_EQ(parse_words({}).run, Words{});
  EXPECT_EQ(parse_words({"a", "--loud", "b"}).run, (Words{"a", "b"}));
  EXPECT_EQ(parse_words({"--", "a"}).run, Words{"a"});
}

TEST(CommandLine, NamesWordsInItsManual) {
  const std::string text = parse_words({"--help"}).text;
  EXPECT_NE(text.find("Usage: program [flags] WORD ...\n"), std::string::npos) << text;
}

TEST(CommandLine, JudgesWords) {
  EXPECT_EQ(parse_words({"a", "bad"}).text,
            "program: WORD: 'bad' is not a good word\nTry 'program --help'.\n");
  EXPECT_EQ(parse_words({""}).text,
            "program: WORD: '' is not a good word\nTry 'program --help'.\n");
  EXPECT_EQ(parse_words({"a", "-b"}).text, "program: '-b' is not a flag\nTry 'program --help'.\n");
  EXPECT_EQ(parse_words({"--", "--loud"}).text,
            "program: '--loud' is not a flag\nTry 'program --help'.\n");
}

}  // namespace
}  // namespace cpu_monitor
