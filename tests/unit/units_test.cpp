#include "exporter/units.hpp"

#include <chrono>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/page_text.hpp"

namespace cpu_monitor::exporter {
namespace {

using std::chrono::milliseconds;

template <class Value>
std::string text_of(Value value) {
  return text_written([&](PageWriter& page) { append_number(page, value); });
}

struct SecondsCase {
  const char* name;
  CountedSeconds value;
  std::string_view text;
};

class UnitSeconds : public testing::TestWithParam<SecondsCase> {};

TEST_P(UnitSeconds, AreExact) { EXPECT_EQ(text_of(GetParam().value), GetParam().text); }

INSTANTIATE_TEST_SUITE_P(
    Values, UnitSeconds,
    testing::Values(
        SecondsCase{"NoMicrosecond", {0, kMicroseconds}, "0"},
        SecondsCase{"Microsecond", {1, kMicroseconds}, "0.000001"},
        SecondsCase{"Microseconds", {1'234'560, kMicroseconds}, "1.23456"},
        SecondsCase{"MostMicroseconds", {UINT64_MAX, kMicroseconds}, "18446744073709.551615"},
        SecondsCase{"NoNanosecond", {0, kNanoseconds}, "0"},
        SecondsCase{"Nanosecond", {1, kNanoseconds}, "0.000000001"},
        SecondsCase{"NearlyASecond", {999'999'999, kNanoseconds}, "0.999999999"},
        SecondsCase{"Second", {1'000'000'000, kNanoseconds}, "1"},
        SecondsCase{"Nanoseconds", {343'796'328'169'361, kNanoseconds}, "343796.328169361"},
        SecondsCase{"BeyondADouble", {9'007'199'254'740'993, kNanoseconds}, "9007199.254740993"},
        SecondsCase{"MostNanoseconds", {UINT64_MAX, kNanoseconds}, "18446744073.709551615"},
        SecondsCase{"Tick", {1, 100}, "0.01"}, SecondsCase{"NineDecimals", {1, 512}, "0.001953125"},
        SecondsCase{"TenDecimals", {1, 1024}, "0.0009765625"}),
    [](const auto& param) { return param.param.name; });

TEST(UnitMilliseconds, BecomeSecondsWithTheirSign) {
  EXPECT_EQ(text_of(milliseconds(1'700'000'000'250)), "1700000000.25");
  EXPECT_EQ(text_of(milliseconds(-1)), "-0.001");
  EXPECT_EQ(text_of(milliseconds(std::numeric_limits<std::int64_t>::min())),
            "-9223372036854775.808");
}

TEST(UnitKiloHertz, BecomeHertzWithoutOverflow) {
  EXPECT_EQ(text_of(KiloHertz{0}), "0");
  EXPECT_EQ(text_of(KiloHertz{1}), "1000");
  EXPECT_EQ(text_of(KiloHertz{1'900'001}), "1900001000");
  EXPECT_EQ(text_of(KiloHertz{UINT64_MAX}), "18446744073709551615000");
}

TEST(UnitMilliCelsius, BecomeDegreesWithTheirSign) {
  EXPECT_EQ(text_of(MilliCelsius{44'000}), "44");
  EXPECT_EQ(text_of(MilliCelsius{27'800}), "27.8");
  EXPECT_EQ(text_of(MilliCelsius{0}), "0");
  EXPECT_EQ(text_of(MilliCelsius{-1}), "-0.001");
  EXPECT_EQ(text_of(MilliCelsius{-273'150}), "-273.15");
}

}  // namespace
}  // namespace cpu_monitor::exporter
