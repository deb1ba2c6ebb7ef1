#include "agent/sys_cpu.hpp"

#include <limits>
#include <ostream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

using Cpus = std::vector<std::uint32_t>;
using Words = std::vector<std::string>;

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

struct List {
  const char* name;
  std::string text;
  Cpus cpus;
  friend std::ostream& operator<<(std::ostream& out, const List& l) { return out << l.name; }
};

std::string list_name(const testing::TestParamInfo<List>& info) { return info.param.name; }

class CpuList : public testing::TestWithParam<List> {};

TEST_P(CpuList, IsRead) { EXPECT_EQ(parse_cpu_list(GetParam().text), GetParam().cpus); }

INSTANTIATE_TEST_SUITE_P(
    Texts, CpuList,
    testing::Values(List{"NoBytes", "", {}}, List{"OnlyANewline", "\n", {}},
                    List{"One", "7\n", {7}}, List{"Range", "0-3\n", {0, 1, 2, 3}},
                    List{"RangeOfOne", "5-5\n", {5}},
                    List{"RangesAndOnes", "0-2,8,10-11\n", {0, 1, 2, 8, 10, 11}},
                    List{"NoNewline", "0-1", {0, 1}}, List{"Unsorted", "8,1-2\n", {1, 2, 8}},
                    List{"Overlapping", "0-2,1-3,2\n", {0, 1, 2, 3}},
                    List{"LargestNumber", "65535\n", {65535}}),
    list_name);

TEST(CpuListParser, ReadsEveryNumberThereIs) {
  const auto cpus = parse_cpu_list("0-65535\n");
  ASSERT_TRUE(cpus);
  EXPECT_EQ(cpus->size(), kMaxCpuId + 1u);
}

class CpuListMalformed : public testing::TestWithParam<Case> {};

TEST_P(CpuListMalformed, IsNone) { EXPECT_EQ(parse_cpu_list(GetParam().text), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(
    Texts, CpuListMalformed,
    testing::Values(Case{"Null", "(null)\n"}, Case{"Letters", "a-b\n"}, Case{"Backwards", "3-0\n"},
                    Case{"AboveTheLimit", "65536\n"}, Case{"RangeAboveTheLimit", "0-65536\n"},
                    Case{"TwoToThe32", "4294967296\n"}, Case{"Negative", "-1\n"},
                    Case{"NoEnd", "0-\n"}, Case{"ThreeEnds", "0-1-2\n"}, Case{"OnlyAHyphen", "-\n"},
                    Case{"OnlyAComma", ",\n"}, Case{"CommaAtTheEnd", "0,1,\n"},
                    Case{"CommaAtTheStart", ",0\n"}, Case{"TwoCommas", "0,,1\n"},
                    Case{"BlankInside", "0, 1\n"}, Case{"BlankInARange", "0 - 1\n"},
                    Case{"Blanks", "0 1\n"}, Case{"TwoLines", "0\n1\n"}, Case{"Mask", "0x3\n"},
                    Case{"Stride", "0-6:2/3\n"}, Case{"Plus", "+1\n"},
                    Case{"ZeroByte", std::string("0\0001", 3)}, Case{"HighByte", "\xff\n"}),
    case_name);

TEST(UnsignedParser, ReadsANumberAndItsNewline) {
  EXPECT_EQ(parse_unsigned("2096013\n"), 2096013u);
  EXPECT_EQ(parse_unsigned("0"), 0u);
  EXPECT_EQ(parse_unsigned(" \t7 \r\n"), 7u);
  EXPECT_EQ(parse_unsigned("18446744073709551615\n"), std::numeric_limits<std::uint64_t>::max());
}

TEST(UnsignedParser, RefusesNegativeNumbers) {
  EXPECT_EQ(parse_unsigned("-1\n"), std::nullopt);
  EXPECT_EQ(parse_unsigned("-0\n"), std::nullopt);
}

TEST(UnsignedParser, RefusesTwoToThe64) {
  EXPECT_EQ(parse_unsigned("18446744073709551616"), std::nullopt);
}

TEST(SignedParser, ReadsNumbersBelowZero) {
  EXPECT_EQ(parse_signed("-12500\n"), -12500);
  EXPECT_EQ(parse_signed("45000\n"), 45000);
  EXPECT_EQ(parse_signed("-9223372036854775808"), std::numeric_limits<std::int64_t>::min());
  EXPECT_EQ(parse_signed("9223372036854775807"), std::numeric_limits<std::int64_t>::max());
}

TEST(SignedParser, RefusesWhatDoesNotFit) {
  EXPECT_EQ(parse_signed("9223372036854775808"), std::nullopt);
  EXPECT_EQ(parse_signed("-9223372036854775809"), std::nullopt);
}

class NoWholeNumber : public testing::TestWithParam<Case> {};

TEST_P(NoWholeNumber, IsNone) {
  EXPECT_EQ(parse_unsigned(GetParam().text), std::nullopt);
  EXPECT_EQ(parse_signed(GetParam().text), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, NoWholeNumber,
    testing::Values(Case{"NoBytes", ""}, Case{"OnlyANewline", "\n"},
                    Case{"Unsupported", "<unsupported>\n"}, Case{"Unknown", "<unknown>\n"},
                    Case{"Fraction", "1.5\n"}, Case{"Exponent", "1e3\n"},
                    Case{"Hexadecimal", "0x10\n"}, Case{"Plus", "+1\n"}, Case{"OnlyAMinus", "-\n"},
                    Case{"TwoMinuses", "--1\n"}, Case{"MinusAndABlank", "- 1\n"},
                    Case{"TwoNumbers", "1 2\n"}, Case{"TwoLines", "1\n2\n"},
                    Case{"LettersBehind", "1kHz\n"}, Case{"LettersBefore", "x1\n"},
                    Case{"ZeroByte", std::string("1\0", 2)}, Case{"HighByte", "1\xff\n"}),
    case_name);

TEST(WordsParser, SplitsAtBlanks) {
  EXPECT_EQ(parse_words("performance powersave\n"), (Words{"performance", "powersave"}));
  EXPECT_EQ(parse_words("  schedutil   ondemand \n"), (Words{"schedutil", "ondemand"}));
  EXPECT_EQ(parse_words("one"), (Words{"one"}));
}

TEST(WordsParser, NothingHasNoWords) {
  EXPECT_EQ(parse_words(""), Words{});
  EXPECT_EQ(parse_words("\n"), Words{});
  EXPECT_EQ(parse_words("   "), Words{});
}

TEST(WordsParser, LeavesOutWordsThatCannotBeShown) {
  EXPECT_EQ(parse_words("good \x01 \xff a\tb last\n"), (Words{"good", "last"}));
}

TEST(WordsParser, LeavesOutWordsThatAreTooLong) {
  const std::string at_limit(kMaxTextBytes, 'x');
  EXPECT_EQ(parse_words(at_limit + "y " + at_limit), Words{at_limit});
}

TEST(NumberedName, EndsWithItsNumber) {
  EXPECT_EQ(parse_numbered_name("cpu0", "cpu"), 0u);
  EXPECT_EQ(parse_numbered_name("cpu12", "cpu"), 12u);
  EXPECT_EQ(parse_numbered_name("thermal_zone3", "thermal_zone"), 3u);
  EXPECT_EQ(parse_numbered_name("cpu4294967295", "cpu"), 4294967295u);
}

class OtherName : public testing::TestWithParam<Case> {};

TEST_P(OtherName, HasNoNumber) {
  EXPECT_EQ(parse_numbered_name(GetParam().text, "cpu"), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Names, OtherName,
    testing::Values(Case{"NoBytes", ""}, Case{"OnlyTheStem", "cpu"}, Case{"Cpufreq", "cpufreq"},
                    Case{"Cpuidle", "cpuidle"}, Case{"LettersBehind", "cpu1x"},
                    Case{"LettersBefore", "xcpu1"}, Case{"Negative", "cpu-1"},
                    Case{"Plus", "cpu+1"}, Case{"Blank", "cpu 1"}, Case{"BlankBehind", "cpu1 "},
                    Case{"ZerosBefore", "cpu01"}, Case{"TwoZeros", "cpu00"},
                    Case{"TwoToThe32", "cpu4294967296"}, Case{"PartOfTheStem", "cp1"},
                    Case{"CapitalStem", "CPU1"}, Case{"OtherStem", "node1"}),
    case_name);

}  // namespace
}  // namespace cpu_monitor::agent
