#include "exporter/text_format.hpp"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <limits>
#include <ostream>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/page_text.hpp"

namespace cpu_monitor::exporter {
namespace {

template <class Number>
std::string text_of(Number number) {
  return text_written([&](PageWriter& page) { append_number(page, number); });
}

struct NumberCase {
  const char* name;
  double number;
  std::string_view text;
};

void PrintTo(const NumberCase& tested, std::ostream* out) { *out << tested.text; }

class TextNumber : public testing::TestWithParam<NumberCase> {};

TEST_P(TextNumber, IsTheShortestText) { EXPECT_EQ(text_of(GetParam().number), GetParam().text); }

INSTANTIATE_TEST_SUITE_P(
    Fractions, TextNumber,
    testing::Values(NumberCase{"SixteenDigitsWouldNotDo", 84.9, "84.9"},
                    NumberCase{"OneTenth", 0.1, "0.1"},
                    NumberCase{"Sum", 0.1 + 0.2, "0.30000000000000004"},
                    NumberCase{"Third", 1.0 / 3, "0.3333333333333333"},
                    NumberCase{"Negative", -1.5, "-1.5"}, NumberCase{"Tiny", 1e-7, "1e-07"},
                    NumberCase{"Smallest", 5e-324, "5e-324"},
                    NumberCase{"JustOverAMillion", 1'000'000.25, "1000000.25"}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    WholeNumbers, TextNumber,
    testing::Values(NumberCase{"Zero", 0, "0"}, NumberCase{"One", 1, "1"},
                    NumberCase{"Minus", -7, "-7"}, NumberCase{"Million", 1e6, "1000000"},
                    NumberCase{"UnixTime", 1.7e9, "1700000000"},
                    NumberCase{"TenTo15", 1e15, "1000000000000000"},
                    NumberCase{"BelowTwoTo53", 9007199254740991.0, "9007199254740991"},
                    NumberCase{"TwoTo53", 9007199254740992.0, "9007199254740992"},
                    NumberCase{"MinusTwoTo53", -9007199254740992.0, "-9007199254740992"},
                    NumberCase{"Largest", std::numeric_limits<double>::max(),
                               "1.7976931348623157e+308"}),
    [](const auto& param) { return param.param.name; });

// A page with such a value would still have to be readable: Prometheus takes these in any case.
INSTANTIATE_TEST_SUITE_P(
    NoNumbers, TextNumber,
    testing::Values(NumberCase{"NaN", std::numeric_limits<double>::quiet_NaN(), "nan"},
                    NumberCase{"Infinity", std::numeric_limits<double>::infinity(), "inf"},
                    NumberCase{"MinusInfinity", -std::numeric_limits<double>::infinity(), "-inf"}),
    [](const auto& param) { return param.param.name; });

TEST(TextNumbers, ReadBackAsTheSameDouble) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::uint64_t bits = random();
    double number = 0;
    std::memcpy(&number, &bits, sizeof number);
    if (number != number) continue;
    const std::string text = text_of(number);
    double again = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), again);
    ASSERT_EQ(read.ptr, text.data() + text.size()) << text;
    ASSERT_EQ(again, number) << text;
  }
}

TEST(TextNumbers, OfHundredthsHaveAtMostTwoDecimals) {
  for (int hundredths = 0; hundredths <= 10'000; ++hundredths) {
    const std::string text = text_of(hundredths / 100.0);
    const std::string decimals = text.substr(std::min(text.find('.'), text.size()));
    ASSERT_LE(decimals.size(), 3U) << text;
  }
}

TEST(TextCounts, LoseNoDigit) {
  EXPECT_EQ(text_of(std::uint64_t{0}), "0");
  EXPECT_EQ(text_of(std::uint64_t{9007199254740993}), "9007199254740993");
  EXPECT_EQ(text_of(std::numeric_limits<std::uint64_t>::max()), "18446744073709551615");
}

TEST(TextNumbers, AreAppended) {
  const std::string text = text_written([](PageWriter& page) {
    page.append("x ");
    append_number(page, 1.5);
    append_number(page, std::uint64_t{7});
  });
  EXPECT_EQ(text, "x 1.57");
}

struct LabelCase {
  const char* name;
  std::string value;
  std::string_view text;
};

class TextLabel : public testing::TestWithParam<LabelCase> {};

TEST_P(TextLabel, IsEscaped) {
  std::string text;
  append_escaped(text, GetParam().value);
  EXPECT_EQ(text, GetParam().text);
  EXPECT_EQ(text_written([](PageWriter& page) { append_escaped(page, GetParam().value); }), text);
}

INSTANTIATE_TEST_SUITE_P(Values, TextLabel,
                         testing::Values(LabelCase{"Quote", "x\"y", R"(x\"y)"},
                                         LabelCase{"Backslash", R"(x\y)", R"(x\\y)"},
                                         LabelCase{"BackslashAtTheEnd", R"(x\)", R"(x\\)"},
                                         LabelCase{"Newline", "x\ny", R"(x\ny)"},
                                         LabelCase{"WrittenNewline", R"(x\ny)", R"(x\\ny)"},
                                         LabelCase{"EndOfTheLabels", "x\"} 1\n", R"(x\"} 1\n)"},
                                         LabelCase{"Empty", "", R"()"},
                                         LabelCase{"Utf8", "h\xC3\xB6st", "h\xC3\xB6st"},
                                         LabelCase{"Plain", "web-1", R"(web-1)"}),
                         [](const auto& param) { return param.param.name; });

TEST(TextHead, IsHelpAndType) {
  const std::string text = text_written(
      [](PageWriter& page) { append_head(page, "events_total", "counter", "Events that came."); });
  EXPECT_EQ(text, "# HELP events_total Events that came.\n# TYPE events_total counter\n");
}

}  // namespace
}  // namespace cpu_monitor::exporter
