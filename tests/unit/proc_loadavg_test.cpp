#include "agent/proc_loadavg.hpp"

#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

TEST(LoadAverageParser, ReadsThreeAverages) {
  EXPECT_EQ(parse_loadavg("0.52 1.25 12.00 2/345 6789\n"), (LoadAverage{0.52, 1.25, 12.0}));
}

TEST(LoadAverageParser, ReadsAnIdleMachine) {
  EXPECT_EQ(parse_loadavg("0.00 0.00 0.00 1/80 1\n"), (LoadAverage{0, 0, 0}));
}

TEST(LoadAverageParser, ReadsAVeryBusyMachine) {
  EXPECT_EQ(parse_loadavg("12345.67 9999.00 100.01 9/9 9\n"),
            (LoadAverage{12345.67, 9999.0, 100.01}));
}

TEST(LoadAverageParser, ReadsWholeNumbers) {
  EXPECT_EQ(parse_loadavg("1 2 3 "), (LoadAverage{1, 2, 3}));
}

TEST(LoadAverageParser, DoesNotLookBehindTheThirdAverage) {
  EXPECT_EQ(parse_loadavg("1.00 2.00 3.00 \xff whatever"), (LoadAverage{1, 2, 3}));
}

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class LoadAverageMalformed : public testing::TestWithParam<Case> {};

TEST_P(LoadAverageMalformed, IsNone) { EXPECT_EQ(parse_loadavg(GetParam().text), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(
    Texts, LoadAverageMalformed,
    testing::Values(
        Case{"NoBytes", ""}, Case{"OneNumber", "1.00 "}, Case{"TwoNumbers", "1.00 2.00 "},
        Case{"NothingBehindTheThird", "1.00 2.00 3.0"},
        Case{"NewlineBehindTheThird", "1.00 2.00 3.00\n"}, Case{"Blank", " 1.00 2.00 3.00 "},
        Case{"TwoBlanks", "1.00  2.00 3.00 "}, Case{"Tabs", "1.00\t2.00\t3.00\t"},
        Case{"Negative", "-1.00 2.00 3.00 "}, Case{"NegativeZero", "-0.00 2.00 3.00 "},
        Case{"Plus", "+1.00 2.00 3.00 "}, Case{"NotANumber", "nan 2.00 3.00 "},
        Case{"Infinite", "1.00 inf 3.00 "}, Case{"TooLargeForADouble", "1.00 2.00 1e999 "},
        Case{"DecimalComma", "1,00 2,00 3,00 "}, Case{"Letters", "a b c "},
        Case{"LettersBehindANumber", "1.00x 2.00 3.00 "}, Case{"TwoPoints", "1.0.0 2.00 3.00 "},
        Case{"Words", "load average: 1.00 "}, Case{"ZeroByte", std::string("1.00 2\0 3.00 ", 13)},
        Case{"HighByte", "1.00 \xff 3.00 "}),
    case_name);

}  // namespace
}  // namespace cpu_monitor::agent
