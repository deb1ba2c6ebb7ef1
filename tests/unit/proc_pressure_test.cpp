#include "agent/proc_pressure.hpp"

#include <limits>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

const std::string kTwoLines =
    "some avg10=12.53 avg60=11.54 avg300=9.75 total=252518690\n"
    "full avg10=0.00 avg60=0.00 avg300=0.00 total=17\n";

TEST(PressureParser, ReadsTheLineOfTheKind) {
  EXPECT_EQ(parse_pressure_total(kTwoLines, "some"), 252518690u);
  EXPECT_EQ(parse_pressure_total(kTwoLines, "full"), 17u);
}

TEST(PressureParser, ReadsTheOnlyLineThatInterruptsHave) {
  const std::string irq = "full avg10=0.00 avg60=0.00 avg300=0.00 total=8\n";
  EXPECT_EQ(parse_pressure_total(irq, "full"), 8u);
  EXPECT_EQ(parse_pressure_total(irq, "some"), std::nullopt);
}

TEST(PressureParser, ReadsTheLargestNumber) {
  EXPECT_EQ(parse_pressure_total("some total=18446744073709551615\n", "some"),
            std::numeric_limits<std::uint64_t>::max());
}

TEST(PressureParser, NewFieldsDoNotMatter) {
  EXPECT_EQ(parse_pressure_total("some avg1=0.1 avg10=0.2 total=5 max=7\n", "some"), 5u);
}

TEST(PressureParser, NewLinesDoNotMatter) {
  EXPECT_EQ(parse_pressure_total("most total=1\nsome total=2\n", "some"), 2u);
}

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class PressureMalformed : public testing::TestWithParam<Case> {};

TEST_P(PressureMalformed, IsNone) {
  EXPECT_EQ(parse_pressure_total(GetParam().text, "some"), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, PressureMalformed,
    testing::Values(
        Case{"NoBytes", ""}, Case{"OnlyTheKind", "some\n"},
        Case{"NoTotal", "some avg10=0.00 avg60=0.00 avg300=0.00\n"},
        Case{"NoValue", "some avg10=0.00 total=\n"}, Case{"Letters", "some total=x\n"},
        Case{"Negative", "some total=-1\n"}, Case{"Fraction", "some total=1.5\n"},
        Case{"TwoToThe64", "some total=18446744073709551616\n"},
        Case{"LettersBehindTheNumber", "some total=12us\n"},
        Case{"BlankInTheField", "some total= 12\n"}, Case{"OtherKey", "some subtotal=12\n"},
        Case{"CapitalKey", "some Total=12\n"}, Case{"OtherKind", "full total=12\n"},
        Case{"LongerKind", "something total=12\n"}, Case{"ShorterKind", "som total=12\n"},
        Case{"BlankBeforeTheKind", " some total=12\n"},
        Case{"NumberMayBeCutOff", "some avg10=0.00 total=12"},
        Case{"CarriageReturn", "some total=12\r\n"},
        Case{"ZeroByte", std::string("some total=1\0\n", 14)}, Case{"EmptyLines", "\n\n"}),
    case_name);

}  // namespace
}  // namespace cpu_monitor::agent
