#include "agent/proc_schedstat.hpp"

#include <cstddef>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

using Times = std::vector<SchedulerTimes>;

TEST(SchedstatParser, ReadsTheLastThreeOfNineNumbers) {
  EXPECT_EQ(parse_schedstat("version 15\ntimestamp 15819019232\n"
                            "cpu0 498494191 0 3533438552 2553969831 3853684107 2465731542 "
                            "2045936778163039 343796328169361 4767485306\n"
                            "domain0 00000000,00000003 212499247 210112015 1861015\n"
                            "cpu1 518377256 0 4155211005 2778589869 10466382 2867629021 "
                            "1904686152592476 364107263788241 5145567945\n"),
            (Times{{0, 2045936778163039, 343796328169361, 4767485306},
                   {1, 1904686152592476, 364107263788241, 5145567945}}));
}

TEST(SchedstatParser, IgnoresFurtherNumbers) {
  EXPECT_EQ(parse_schedstat("cpu0 1 2 3 4 5 6 7 8 9 10 11\n"), (Times{{0, 7, 8, 9}}));
}

TEST(SchedstatParser, ReadsTheLargestNumbers) {
  constexpr auto kMax = std::numeric_limits<std::uint64_t>::max();
  const std::string max = " " + std::to_string(kMax);
  EXPECT_EQ(parse_schedstat("cpu0 0 0 0 0 0 0" + max + max + max + "\n"),
            (Times{{0, kMax, kMax, kMax}}));
}

TEST(SchedstatParser, SortsByCpu) {
  EXPECT_EQ(parse_schedstat("cpu10 0 0 0 0 0 0 1 1 1\ncpu2 0 0 0 0 0 0 2 2 2\n"),
            (Times{{2, 2, 2, 2}, {10, 1, 1, 1}}));
}

TEST(SchedstatParser, KeepsTheFirstLineOfACpuThatComesTwice) {
  EXPECT_EQ(parse_schedstat("cpu1 0 0 0 0 0 0 1 1 1\ncpu0 0 0 0 0 0 0 3 3 3\n"
                            "cpu1 0 0 0 0 0 0 2 2 2\n"),
            (Times{{0, 3, 3, 3}, {1, 1, 1, 1}}));
}

TEST(SchedstatParser, ABadLineDoesNotSpoilTheOthers) {
  EXPECT_EQ(parse_schedstat("cpu0 0 0 0 0 0 0 1 1 1\ncpu1 0 0 0 0 0 0 x 1 1\n"
                            "cpu2 0 0 0 0 0 0 2 2 2\n"),
            (Times{{0, 1, 1, 1}, {2, 2, 2, 2}}));
}

TEST(SchedstatParser, LeavesOutTheLineThatIsCutOff) {
  EXPECT_EQ(parse_schedstat("cpu0 0 0 0 0 0 0 1 1 1\ncpu1 0 0 0 0 0 0 2 2 2"),
            (Times{{0, 1, 1, 1}}));
}

TEST(SchedstatParser, ReadsTheLargestCpuNumber) {
  EXPECT_EQ(parse_schedstat("cpu65535 0 0 0 0 0 0 1 1 1\n"), (Times{{65535, 1, 1, 1}}));
}

std::string many_cpus(std::size_t count) {
  std::string text;
  for (std::size_t cpu = 0; cpu < count; ++cpu) {
    text += "cpu" + std::to_string(cpu) + " 0 0 0 0 0 0 1 1 1\n";
  }
  return text;
}

TEST(SchedstatParser, ReadsAsManyCpusAsTheLimit) {
  EXPECT_EQ(parse_schedstat(many_cpus(kMaxCpus)).size(), kMaxCpus);
}

TEST(SchedstatParser, LeavesOutTheCpusAboveTheLimit) {
  const auto times = parse_schedstat(many_cpus(kMaxCpus + 1));
  ASSERT_EQ(times.size(), kMaxCpus);
  EXPECT_EQ(times.back().cpu, kMaxCpus - 1);
}

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class SchedstatLeftOut : public testing::TestWithParam<Case> {};

TEST_P(SchedstatLeftOut, IsNoCpu) { EXPECT_TRUE(parse_schedstat(GetParam().text).empty()); }

INSTANTIATE_TEST_SUITE_P(
    Lines, SchedstatLeftOut,
    testing::Values(Case{"NoBytes", ""}, Case{"OnlyAVersion", "version 15\ntimestamp 1\n"},
                    Case{"EightNumbers", "cpu0 1 2 3 4 5 6 7 8\n"}, Case{"NoNumbers", "cpu0\n"},
                    Case{"NoCpuNumber", "cpu 1 2 3 4 5 6 7 8 9\n"},
                    Case{"LettersForACpu", "cpux 1 2 3 4 5 6 7 8 9\n"},
                    Case{"LettersBehindACpu", "cpu0x 1 2 3 4 5 6 7 8 9\n"},
                    Case{"NegativeCpu", "cpu-1 1 2 3 4 5 6 7 8 9\n"},
                    Case{"CpuAboveTheLimit", "cpu65536 1 2 3 4 5 6 7 8 9\n"},
                    Case{"CpuTwoToThe32", "cpu4294967296 1 2 3 4 5 6 7 8 9\n"},
                    Case{"NegativeNumber", "cpu0 1 2 3 4 5 6 -7 8 9\n"},
                    Case{"Fraction", "cpu0 1 2 3 4 5 6 7.5 8 9\n"},
                    Case{"TwoToThe64", "cpu0 1 2 3 4 5 6 18446744073709551616 8 9\n"},
                    Case{"LettersInAnUnusedNumber", "cpu0 x 2 3 4 5 6 7 8 9\n"},
                    Case{"LettersBehindTheLast", "cpu0 1 2 3 4 5 6 7 8 9x\n"},
                    Case{"TwoBlanks", "cpu0  1 2 3 4 5 6 7 8 9\n"},
                    Case{"Tabs", "cpu0\t1\t2\t3\t4\t5\t6\t7\t8\t9\n"},
                    Case{"BlankBefore", " cpu0 1 2 3 4 5 6 7 8 9\n"},
                    Case{"CarriageReturn", "cpu0 1 2 3 4 5 6 7 8 9\r\n"},
                    Case{"Domain", "domain0 1 2 3 4 5 6 7 8 9\n"},
                    Case{"CutOff", "cpu0 1 2 3 4 5 6 7 8 9"},
                    Case{"ZeroByte", std::string("cpu0 1 2 3 4 5 6 7 8 \0\n", 23)}),
    case_name);

}  // namespace
}  // namespace cpu_monitor::agent
