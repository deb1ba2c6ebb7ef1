#include "exporter/legacy_message.hpp"

#include <algorithm>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using Status = LegacyReader::Status;

std::string message_of(std::string_view number) {
  return std::string(kLegacyPrefix).append(number).append("}");
}

struct Reading {
  Status status = Status::ok;
  std::vector<double> percents;
  std::vector<std::string> answers;
};

/// Feeds `bytes` in pieces of `piece` bytes.
Reading read(std::string_view bytes, std::size_t piece = 1 << 20) {
  LegacyReader reader;
  Reading reading;
  while (!bytes.empty() && reading.status == Status::ok) {
    reading.status =
        reader.push(bytes.substr(0, piece), [&reading](const LegacyReader::Message& message) {
          reading.percents.push_back(message.percent);
          reading.answers.push_back(message.answer);
        });
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return reading;
}

struct NumberCase {
  const char* name;
  std::string_view number;
  double percent;
};

class LegacyNumber : public testing::TestWithParam<NumberCase> {};

TEST_P(LegacyNumber, IsReadAsPythonPrintsIt) {
  const Reading reading = read(message_of(GetParam().number));
  EXPECT_EQ(reading.status, Status::ok);
  EXPECT_EQ(reading.percents, std::vector<double>{GetParam().percent});
}

TEST_P(LegacyNumber, IsReadAlikeByteByByte) {
  const Reading reading = read(message_of(GetParam().number), 1);
  EXPECT_EQ(reading.status, Status::ok);
  EXPECT_EQ(reading.percents, std::vector<double>{GetParam().percent});
}

INSTANTIATE_TEST_SUITE_P(
    Good, LegacyNumber,
    testing::Values(NumberCase{"Idle", "0.0", 0}, NumberCase{"Usual", "14.6", 14.6},
                    NumberCase{"Full", "100.0", 100}, NumberCase{"Integer", "7", 7},
                    NumberCase{"IntegerZero", "0", 0}, NumberCase{"IntegerFull", "100", 100},
                    NumberCase{"NearlyFull", "99.99999999999999", 99.99999999999999},
                    NumberCase{"AllDigits", "14.600000000000001", 14.600000000000001},
                    NumberCase{"Small", "0.00012345678901234567", 0.00012345678901234567},
                    NumberCase{"Tiny", "1e-05", 1e-05},
                    NumberCase{"TinyFraction", "2.5e-07", 2.5e-07},
                    NumberCase{"LongestPythonPrints", "1.2345678901234567e-100",
                               1.2345678901234567e-100},
                    NumberCase{"TrailingZeros", "5.000", 5}),
    [](const auto& param) { return param.param.name; });

struct BadCase {
  const char* name;
  std::string bytes;
};

void PrintTo(const BadCase& tested, std::ostream* out) { *out << tested.bytes; }

class LegacyMalformed : public testing::TestWithParam<BadCase> {};

TEST_P(LegacyMalformed, IsRefusedWithoutAMessage) {
  const Reading reading = read(GetParam().bytes);
  EXPECT_EQ(reading.status, Status::malformed);
  EXPECT_TRUE(reading.percents.empty());
}

TEST_P(LegacyMalformed, IsRefusedAlikeByteByByte) {
  const Reading reading = read(GetParam().bytes, 1);
  EXPECT_EQ(reading.status, Status::malformed);
  EXPECT_TRUE(reading.percents.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Numbers, LegacyMalformed,
    testing::Values(
        BadCase{"None", message_of("")}, BadCase{"Point", message_of(".")},
        BadCase{"NoIntegerPart", message_of(".5")}, BadCase{"NoFraction", message_of("5.")},
        BadCase{"TwoPoints", message_of("1.2.3")}, BadCase{"JustOver", message_of("100.1")},
        BadCase{"JustOverByOneBit", message_of("100.00000000000001")},
        BadCase{"Over", message_of("101")}, BadCase{"FarOver", message_of("999999")},
        BadCase{"Negative", message_of("-1")}, BadCase{"NegativeZero", message_of("-0.0")},
        BadCase{"Plus", message_of("+1")}, BadCase{"LeadingZero", message_of("07")},
        BadCase{"TwoZeros", message_of("00")}, BadCase{"NaN", message_of("NaN")},
        BadCase{"Infinity", message_of("Infinity")}, BadCase{"Null", message_of("null")},
        BadCase{"Text", message_of("\"14.6\"")}, BadCase{"Comma", message_of("14,6")},
        BadCase{"SpaceBefore", message_of(" 1")}, BadCase{"SpaceBehind", message_of("1 ")},
        BadCase{"PositiveExponent", message_of("1e+01")},
        BadCase{"BareExponent", message_of("1e1")},
        BadCase{"ExponentWithoutDigits", message_of("1e-")},
        BadCase{"ExponentAlone", message_of("e-05")},
        BadCase{"UpperCaseExponent", message_of("1E-05")},
        BadCase{"TwoExponents", message_of("1e-05e-05")},
        BadCase{"FractionalExponent", message_of("1e-0.5")},
        BadCase{"TooSmallForADouble", message_of("1e-999")},
        BadCase{"Hexadecimal", message_of("0x10")},
        BadCase{"TooLong", message_of("0.1234567890123456789012")},
        BadCase{"SecondField", message_of("1, \"x\": 2")}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Frames, LegacyMalformed,
    testing::Values(BadCase{"CorrectSpelling", R"({"The Percentage Of CPU USAGE": 14.6})"},
                    BadCase{"OtherCase", R"({"THE PERECENTAGE OF CPU USAGE": 14.6})"},
                    BadCase{"NoSpace", R"({"The Perecentage Of CPU USAGE":14.6})"},
                    BadCase{"Agent", R"({"type":"hello"})"}, BadCase{"Newline", "\n"},
                    BadCase{"ClosingBrace", "}"}, BadCase{"Zero", std::string(1, '\0')},
                    BadCase{"ZeroInNumber", message_of(std::string_view("1\0", 2))},
                    BadCase{"EndlessNumber", std::string(kLegacyPrefix) + std::string(4096, '1')}),
    [](const auto& param) { return param.param.name; });

TEST(LegacyReader, AnswersWithTheSameBytesUpperCased) {
  EXPECT_EQ(read(message_of("14.6")).answers,
            std::vector<std::string>{R"({"THE PERECENTAGE OF CPU USAGE": 14.6})"});
  EXPECT_EQ(read(message_of("1e-05")).answers,
            std::vector<std::string>{R"({"THE PERECENTAGE OF CPU USAGE": 1E-05})"});
}

TEST(LegacyReader, ReadsOneMessageAfterAnother) {
  const Reading reading = read(message_of("1.5") + message_of("2.5") + message_of("3"));
  EXPECT_EQ(reading.percents, (std::vector<double>{1.5, 2.5, 3}));
  EXPECT_EQ(reading.answers.size(), 3U);
}

TEST(LegacyReader, DoesNotDependOnHowTheBytesAreCut) {
  const std::string bytes = message_of("1.5") + message_of("99.9") + message_of("0.0");
  for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
    EXPECT_EQ(read(bytes, piece).percents, (std::vector<double>{1.5, 99.9, 0})) << piece;
  }
}

TEST(LegacyReader, SaysNothingOfHalfAMessage) {
  const std::string bytes = message_of("14.6");
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    const Reading reading = read(std::string_view(bytes).substr(0, length));
    EXPECT_EQ(reading.status, Status::ok) << length;
    EXPECT_TRUE(reading.percents.empty()) << length;
  }
}

TEST(LegacyReader, KeepsWhatCameBeforeRubbish) {
  const Reading reading = read(message_of("1.5") + "\n" + message_of("2.5"));
  EXPECT_EQ(reading.status, Status::malformed);
  EXPECT_EQ(reading.percents, std::vector<double>{1.5});
}

TEST(LegacyReader, TakesTheLongestNumberAndNotOneByteMore) {
  const std::string longest = "0." + std::string(LegacyReader::kMaxNumberBytes - 2, '1');
  EXPECT_EQ(read(message_of(longest)).status, Status::ok);
  EXPECT_EQ(read(std::string(kLegacyPrefix) + longest + "1").status, Status::malformed);
}

TEST(LegacyReader, RefusesEveryByteThatDiffersFromThePrefix) {
  for (std::size_t position = 0; position < kLegacyPrefix.size(); ++position) {
    std::string bytes = message_of("14.6");
    bytes[position] = static_cast<char>(bytes[position] ^ 0x20);
    EXPECT_EQ(read(bytes).status, Status::malformed) << position;
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
