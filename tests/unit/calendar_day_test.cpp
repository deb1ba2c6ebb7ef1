#include "common/calendar_day.hpp"

#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

using std::chrono::sys_days;
using namespace std::chrono_literals;

TEST(CalendarDay, IsReadAndWritten) {
  for (const std::string text :
       {"2031-12-31", "2028-02-29", "1970-01-01", "0001-01-01", "9999-12-31", "2026-10-09"}) {
    const auto day = parse_day(text);
    ASSERT_TRUE(day) << text;
    EXPECT_EQ(format_day(*day), text);
  }
  EXPECT_EQ(parse_day("2031-12-31"), sys_days(2031y / 12 / 31));
}

struct Bad {
  const char* name;
  std::string text;
};

class BadDay : public testing::TestWithParam<Bad> {};

TEST_P(BadDay, IsNone) { EXPECT_EQ(parse_day(GetParam().text), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(
    Table, BadDay,
    testing::Values(Bad{"Empty", ""}, Bad{"Word", "tomorrow"}, Bad{"NoSuchDay", "2030-02-29"},
                    Bad{"DayZero", "2030-01-00"}, Bad{"MonthZero", "2030-00-01"},
                    Bad{"MonthThirteen", "2030-13-01"}, Bad{"DayThirtyTwo", "2030-01-32"},
                    Bad{"ShortYear", "30-01-01"}, Bad{"LongYear", "12030-01-01"},
                    Bad{"ShortMonth", "2030-1-01"}, Bad{"ShortDay", "2030-01-1"},
                    Bad{"OtherOrder", "01-02-2030"}, Bad{"Slashes", "2030/01/01"},
                    Bad{"Dots", "2030.01.01"}, Bad{"Sign", "+030-01-01"},
                    Bad{"MinusInTheMonth", "2030--1-01"}, Bad{"SpaceBefore", " 2030-01-01"},
                    Bad{"SpaceWithin", "2030- 1-01"}, Bad{"SpaceBehind", "2030-01-01 "},
                    Bad{"Time", "2030-01-01T00:00"}, Bad{"Letter", "2o30-01-01"}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace cpu_monitor
