#include "exporter/enroll_command.hpp"

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <ostream>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/join_line.hpp"
#include "exporter/enrolment_files.hpp"
#include "tests/support/temp_folder.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using Words = std::vector<std::string>;

const Time kNow = std::chrono::sys_days(2026y / 11 / 24) + 12h;

bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

Words lines_of(const std::string& text) {
  Words lines;
  std::istringstream input(text);
  for (std::string line; std::getline(input, line);) lines.push_back(line);
  return lines;
}

class EnrollCommand : public testing::Test {
 protected:
  /// With the folder of this test, unless the words say `--help` or the like.
  SubcommandOutcome run(const std::string& command, Words words) {
    words.insert(words.begin(), {"cpu-monitor-exporter", command, "--state.directory", directory_});
    auto outcome = do_subcommand(words, kNow);
    EXPECT_TRUE(outcome);
    return outcome.value_or(SubcommandOutcome());
  }

  SubcommandOutcome enroll(Words words) {
    words.insert(words.begin(), {"--address", "10.0.0.5:8080"});
    return run("enroll", std::move(words));
  }

  std::string names_file(const std::string& text) {
    folder_.put("names.txt", text);
    return (folder_.path() / "names.txt").string();
  }

  /// The line within the one command on stdout.
  JoinLine line_of(const std::string& out) {
    const std::string begin = "cpu-monitor-agent --join '";
    EXPECT_TRUE(out.starts_with(begin) && out.ends_with("'\n")) << out;
    const auto line = parse_join_line(out.substr(begin.size(), out.size() - begin.size() - 2));
    EXPECT_TRUE(line) << line.error().detail;
    return line ? *line : JoinLine();
  }

  tests::TempFolder folder_;
  std::string directory_ = (folder_.path() / "state").string();
};

TEST_F(EnrollCommand, PrintsTheOneCommandForTheMachine) {
  const auto outcome = enroll({"web-1"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(lines_of(outcome.out).size(), 1U);
  EXPECT_EQ(line_of(outcome.out).endpoint, "web-1");
  EXPECT_EQ(line_of(outcome.out).exporter, (HostPort{"10.0.0.5", 8080}));
  EXPECT_TRUE(contains(outcome.notes, "cpu-monitor-agent --join -"));
  EXPECT_TRUE(
      contains(outcome.notes, "--ingest.listen-address :8080 --state.directory " + directory_))
      << outcome.notes;
  EXPECT_FALSE(contains(outcome.notes, line_of(outcome.out).token));
}

TEST_F(EnrollCommand, PrintsACommandForEachOfSeveral) {
  const auto outcome = enroll({"web-1", "web-2", "web-1"});
  const Words lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 2U);
  EXPECT_EQ(line_of(lines[1] + "\n").endpoint, "web-2");
}

TEST_F(EnrollCommand, SaysThatANameWasEnrolledBefore) {
  enroll({"web-1"});
  const auto second = enroll({"web-1"});
  EXPECT_EQ(second.exit_code, 0);
  EXPECT_TRUE(contains(second.notes, "web-1 was enrolled before: its last token stays good.\n"));
  EXPECT_TRUE(contains(enroll({"web-1"}).notes, "any before it does not"));
}

TEST_F(EnrollCommand, TakesTheAddressOfTheLastEnrolmentAndSaysSo) {
  enroll({"web-1"});
  const auto outcome = run("enroll", {"web-2"});
  EXPECT_EQ(line_of(outcome.out).exporter, (HostPort{"10.0.0.5", 8080}));
  EXPECT_TRUE(contains(outcome.notes, "10.0.0.5:8080, as at the last enrolment")) << outcome.notes;
}

TEST_F(EnrollCommand, SaysWhichAddressItAssumes) {
  const auto outcome = run("enroll", {"web-1"});
  EXPECT_TRUE(contains(outcome.notes, "--address HOST:PORT")) << outcome.notes;
  if (outcome.exit_code == 0) {
    EXPECT_TRUE(
        contains(outcome.notes, "address: " + format_host_port(line_of(outcome.out).exporter)))
        << outcome.notes;
  }
}

TEST_F(EnrollCommand, TakesADayAndLabels) {
  const auto outcome =
      enroll({"web-1", "--expires", "2026-11-24", "--label", "rack=r7", "--label", "site=bern"});
  EXPECT_EQ(line_of(outcome.out).last_day, std::chrono::sys_days(2026y / 11 / 24));
  std::ifstream tokens(path_in(directory_, kTokensFile));
  const std::string text((std::istreambuf_iterator<char>(tokens)), {});
  EXPECT_TRUE(contains(text, " expires=2026-11-24 rack=r7 site=bern\n")) << text;
}

TEST_F(EnrollCommand, EnrolsTheNamesOfAFile) {
  const auto outcome =
      enroll({"--from", names_file("# all\nweb-1\n\n  web-2  # the second\r\nweb-1\nweb-3")});
  EXPECT_EQ(outcome.exit_code, 0);
  const Words lines = lines_of(outcome.out);
  ASSERT_EQ(lines.size(), 3U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string name = "web-" + std::to_string(i + 1);
    ASSERT_TRUE(lines[i].starts_with(name + "\tcpu-monitor://")) << lines[i];
    EXPECT_EQ(parse_join_line(lines[i].substr(name.size() + 1))->endpoint, name);
  }
  EXPECT_TRUE(contains(outcome.notes, "3 enrolled, 0 have a token already"));
}

TEST_F(EnrollCommand, PrintsOfAFileOnlyThoseThatAreNew) {
  const std::string file = names_file("web-1\nweb-2\n");
  enroll({"web-1"});
  EXPECT_EQ(lines_of(enroll({"--from", file}).out).size(), 1U);
  const auto again = enroll({"--from", file});
  EXPECT_EQ(again.out, "");
  EXPECT_EQ(again.exit_code, 0);
  EXPECT_TRUE(contains(again.notes, "0 enrolled, 2 have a token already")) << again.notes;
  EXPECT_EQ(lines_of(enroll({"--from", file, "--again"}).out).size(), 2U);
}

TEST_F(EnrollCommand, EnrolsNobodyWhenAFileHasABadName) {
  const auto outcome = enroll({"--from", names_file("web-1\nweb 2\n")});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(contains(outcome.notes, "names.txt: line 2: ")) << outcome.notes;
  EXPECT_FALSE(std::filesystem::exists(directory_));
}

TEST_F(EnrollCommand, SaysThatThereIsNoFile) {
  const auto outcome = enroll({"--from", "/nowhere/names.txt"});
  EXPECT_EQ(outcome.exit_code, 1);
  EXPECT_TRUE(contains(outcome.notes, "/nowhere/names.txt: cannot be read")) << outcome.notes;
}

TEST_F(EnrollCommand, GoesOnAsTheExporter) {
  EXPECT_EQ(enroll({"web-1", "--serve"}).exporter,
            (Words{"cpu-monitor-exporter", "--state.directory", directory_,
                   "--ingest.listen-address", ":8080"}));
  EXPECT_TRUE(enroll({"web-1"}).exporter.empty());
}

TEST_F(EnrollCommand, PassesFlagsOnToTheExporter) {
  EXPECT_EQ(enroll({"web-1", "--serve", "--", "--web.listen-address", "127.0.0.1:1"}).exporter,
            (Words{"cpu-monitor-exporter", "--state.directory", directory_,
                   "--ingest.listen-address", ":8080", "--web.listen-address", "127.0.0.1:1"}));
  EXPECT_EQ(enroll({"web-1", "--serve", "--", "--ingest.listen-address=10.0.0.5:8080"}).exporter,
            (Words{"cpu-monitor-exporter", "--state.directory", directory_,
                   "--ingest.listen-address=10.0.0.5:8080"}));
}

TEST_F(EnrollCommand, RevokesNames) {
  enroll({"web-1", "web-2"});
  const auto outcome = run("revoke", {"web-1"});
  EXPECT_EQ(outcome.exit_code, 0);
  EXPECT_EQ(outcome.notes, "web-1 is revoked.\n");
  const auto again = run("revoke", {"web-1"});
  EXPECT_EQ(again.exit_code, 1);
  EXPECT_TRUE(contains(again.notes, "'web-1' is not in")) << again.notes;
}

TEST_F(EnrollCommand, IsAskedForByTheFirstWordAlone) {
  EXPECT_FALSE(do_subcommand({"cpu-monitor-exporter"}, kNow));
  EXPECT_FALSE(do_subcommand({}, kNow));
  EXPECT_FALSE(do_subcommand({"cpu-monitor-exporter", "--log.level", "enroll"}, kNow));
  EXPECT_FALSE(do_subcommand({"cpu-monitor-exporter", "Enroll"}, kNow));
}

TEST_F(EnrollCommand, HasAManual) {
  for (const std::string command : {"enroll", "revoke"}) {
    const auto outcome = run(command, {"--help"});
    EXPECT_EQ(outcome.exit_code, 0);
    EXPECT_TRUE(contains(outcome.out, "Usage: cpu-monitor-exporter " + command + " [flags] NAME"))
        << outcome.out;
  }
}

struct Bad {
  const char* name;
  Words words;
  std::string told;
  friend std::ostream& operator<<(std::ostream& out, const Bad& bad) { return out << bad.name; }
};

class BadEnrollCommand : public EnrollCommand, public testing::WithParamInterface<Bad> {};

TEST_P(BadEnrollCommand, IsBadUsageInWords) {
  const auto outcome = run("enroll", GetParam().words);
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_EQ(outcome.out, "");
  EXPECT_TRUE(outcome.notes.starts_with("cpu-monitor-exporter enroll: ")) << outcome.notes;
  EXPECT_TRUE(contains(outcome.notes, GetParam().told)) << outcome.notes;
  EXPECT_FALSE(std::filesystem::exists(directory_));
}

Words seventeen_labels() {
  Words words{"web-1"};
  for (int i = 0; i < 17; ++i) {
    words.insert(words.end(), {"--label", "l" + std::to_string(i) + "=x"});
  }
  return words;
}

INSTANTIATE_TEST_SUITE_P(
    Words, BadEnrollCommand,
    testing::Values(
        Bad{"Nobody", {}, "either names or --from"},
        Bad{"NamesAndAFile", {"web-1", "--from", "x"}, "either names or --from"},
        Bad{"AgainWithoutAFile", {"web-1", "--again"}, "--again is for --from"},
        Bad{"BadName", {"web 1"}, "NAME: 'web 1' is not 1 to 128"},
        Bad{"AnyName", {"*"}, "NAME: '*' is not"},
        Bad{"SecondNameBad", {"web-1", "web/2"}, "NAME: 'web/2' is not"},
        Bad{"LongName", {std::string(129, 'a')}, "is not 1 to 128"},
        Bad{"UnknownFlag", {"web-1", "--force"}, "'--force' is not a flag"},
        Bad{"AddressWithoutPort", {"web-1", "--address", "10.0.0.5"}, "HOST:PORT"},
        Bad{"AddressWithoutHost", {"web-1", "--address", ":8080"}, "that the machines can reach"},
        Bad{"EveryAddress", {"web-1", "--address", "0.0.0.0:8080"}, "that the machines can reach"},
        Bad{"EveryIpv6Address", {"web-1", "--address", "[::]:8080"}, "that the machines can reach"},
        Bad{"PortZero", {"web-1", "--address", "10.0.0.5:0"}, "HOST:PORT"},
        Bad{"TwoAddresses", {"web-1", "--address", "a:1", "--address", "b:1"}, "second value"},
        Bad{"DayThatIsOver", {"web-1", "--expires", "2026-11-23"}, "'2026-11-23' is over"},
        Bad{"NoSuchDay", {"web-1", "--expires", "2027-02-29"}, "a day of the calendar"},
        Bad{"Never", {"web-1", "--expires", "never"}, "a day of the calendar"},
        Bad{"LabelWithASpace", {"web-1", "--label", "rack=a b"}, "without spaces"},
        Bad{"LabelWithATab", {"web-1", "--label", "rack=a\tb"}, "control characters"},
        Bad{"LabelWithALineEnd", {"web-1", "--label", "rack=a\nb -"}, "control characters"},
        Bad{"LabelCalledExpires", {"web-1", "--label", "expires=2031-01-01"}, "'expires'"},
        Bad{"LabelWithoutValue", {"web-1", "--label", "rack"}, "NAME=VALUE"},
        Bad{"SameLabelTwice", {"web-1", "--label", "a=1", "--label", "a=2"}, "second value"},
        Bad{"SeventeenLabels", seventeen_labels(), "one too many"},
        Bad{"EmptyFileName", {"--from", ""}, "a file name"},
        Bad{"FlagsOfAnExporterThatDoesNotRun", {"web-1", "--", "--log.level", "debug"}, "--serve"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(EnrollCommand, RevokesSomebody) {
  const auto outcome = run("revoke", {});
  EXPECT_EQ(outcome.exit_code, 2);
  EXPECT_TRUE(contains(outcome.notes, "revoke web-1")) << outcome.notes;
}

}  // namespace
}  // namespace cpu_monitor::exporter
