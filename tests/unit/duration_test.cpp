#include "common/duration.hpp"

#include <random>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

using std::chrono::milliseconds;

struct GoodCase {
  const char* name;
  std::string_view text;
  std::int64_t count;
};

class GoodDuration : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodDuration, IsRead) {
  EXPECT_EQ(parse_duration(GetParam().text), milliseconds(GetParam().count));
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodDuration,
    testing::Values(GoodCase{"Milliseconds", "200ms", 200}, GoodCase{"Seconds", "15s", 15'000},
                    GoodCase{"Minutes", "20m", 1'200'000}, GoodCase{"Hours", "24h", 86'400'000},
                    GoodCase{"Days", "2d", 172'800'000},
                    GoodCase{"HoursAndMinutes", "1h30m", 5'400'000},
                    GoodCase{"MinutesAndMilliseconds", "1m1ms", 60'001},
                    GoodCase{"AllUnits", "1d2h3m4s5ms", 93'784'005},
                    GoodCase{"MoreThanTheNextUnit", "90s", 90'000},
                    GoodCase{"ZeroSeconds", "0s", 0}, GoodCase{"ZeroMilliseconds", "0ms", 0},
                    GoodCase{"LeadingZeros", "007s", 7'000},
                    GoodCase{"ZeroThenMore", "0h5s", 5'000},
                    GoodCase{"JustBelowTheLimit", "999d23h59m59s999ms", 86'399'999'999},
                    GoodCase{"TheLimit", "1000d", 86'400'000'000},
                    GoodCase{"TheLimitInMilliseconds", "86400000000ms", 86'400'000'000}),
    [](const auto& tested) { return std::string(tested.param.name); });

struct BadCase {
  const char* name;
  std::string_view text;
};

class BadDuration : public testing::TestWithParam<BadCase> {};

TEST_P(BadDuration, IsNone) { EXPECT_EQ(parse_duration(GetParam().text), std::nullopt); }

using std::string_view_literals::operator""sv;

INSTANTIATE_TEST_SUITE_P(
    Table, BadDuration,
    testing::Values(
        BadCase{"Empty", ""}, BadCase{"Space", " "}, BadCase{"NoUnit", "15"},
        BadCase{"ZeroWithoutUnit", "0"}, BadCase{"NoNumber", "s"}, BadCase{"UnknownUnit", "1w"},
        BadCase{"Microseconds", "5us"}, BadCase{"UpperCase", "5S"}, BadCase{"UnitTwice", "1s1s"},
        BadCase{"SmallestFirst", "30m1h"}, BadCase{"MillisecondsBeforeSeconds", "1ms1s"},
        BadCase{"Fraction", "1.5s"}, BadCase{"Comma", "1,5s"}, BadCase{"Negative", "-1s"},
        BadCase{"Plus", "+1s"}, BadCase{"SpaceInside", "1h 30m"}, BadCase{"LeadingSpace", " 1s"},
        BadCase{"TrailingSpace", "1s "}, BadCase{"TrailingNumber", "1h30"},
        BadCase{"Exponent", "1e3s"}, BadCase{"Hexadecimal", "0x10s"}, BadCase{"Word", "forever"},
        BadCase{"EmbeddedNul", "1s\0"sv}, BadCase{"NulBeforeUnit", "1\0s"sv},
        BadCase{"OneOverTheLimit", "1000d1ms"}, BadCase{"OverTheLimitInDays", "1001d"},
        BadCase{"OverTheLimitInMilliseconds", "86400000001ms"},
        BadCase{"OverflowsTheProduct", "9223372036854775807d"},
        BadCase{"OverflowsTheNumber", "9223372036854775808ms"},
        BadCase{"OverflowsFar", "99999999999999999999999999s"}),
    [](const auto& tested) { return std::string(tested.param.name); });

struct FormatCase {
  const char* name;
  std::int64_t count;
  std::string_view text;
};

class FormatDuration : public testing::TestWithParam<FormatCase> {};

TEST_P(FormatDuration, IsShortest) {
  EXPECT_EQ(format_duration(milliseconds(GetParam().count)), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Table, FormatDuration,
    testing::Values(FormatCase{"Zero", 0, "0s"}, FormatCase{"Millisecond", 1, "1ms"},
                    FormatCase{"BelowASecond", 999, "999ms"}, FormatCase{"Second", 1000, "1s"},
                    FormatCase{"MinuteAndAHalf", 90'000, "1m30s"},
                    FormatCase{"Hour", 3'600'000, "1h"}, FormatCase{"Day", 86'400'000, "1d"},
                    FormatCase{"AllUnits", 93'784'005, "1d2h3m4s5ms"},
                    FormatCase{"TheLimit", 86'400'000'000, "1000d"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(Duration, ReadsBackWhatItFormats) {
  std::mt19937_64 generator(1);
  std::uniform_int_distribution<std::int64_t> counts(0, 86'400'000'000);
  for (int i = 0; i < 2000; ++i) {
    const milliseconds duration(counts(generator));
    EXPECT_EQ(parse_duration(format_duration(duration)), duration) << duration.count();
  }
}

}  // namespace
}  // namespace cpu_monitor
