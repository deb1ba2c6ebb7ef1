#include "common/join_line.hpp"

#include <zlib.h>

#include <array>
#include <cstddef>
#include <cstdio>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor {

std::ostream& operator<<(std::ostream& out, const JoinLine& line) {
  return out << encode_join_line(line);
}

namespace {

using namespace std::chrono_literals;

const std::string kToken = "B4qjLASxcRVwR7tXAGHyLgzAwMz47DywdWi0rCmCno-_";
const std::string kPin(64, 'a');

JoinLine usual() {
  JoinLine line;
  line.exporter = {"10.0.0.5", 8080};
  line.endpoint = "web-1";
  line.token = kToken;
  line.ca_pin = kPin;
  return line;
}

/// With the sum that it needs, from another implementation than ours.
std::string summed(const std::string& text) {
  const auto sum =
      ::crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()));
  std::array<char, 16> digits{};
  std::snprintf(digits.data(), digits.size(), ",sum=%08lx", sum);
  return text + digits.data();
}

const std::string kFields = "web-1,token=" + kToken + ",ca=" + kPin;
const std::string kWhole = "cpu-monitor://10.0.0.5:8080/" + kFields;

TEST(JoinLine, IsWrittenAsDocumented) {
  EXPECT_EQ(encode_join_line(usual()), summed(kWhole));
  JoinLine ends = usual();
  ends.last_day = std::chrono::sys_days(2031y / 12 / 31);
  EXPECT_EQ(encode_join_line(ends), summed(kWhole + ",expires=2031-12-31"));
}

TEST(JoinLine, ReadsBackWhatItWrites) {
  for (const HostPort& exporter :
       {HostPort{"10.0.0.5", 1}, HostPort{"monitor.example.org", 65535}, HostPort{"::1", 8080},
        HostPort{"2001:db8::8:800:200c:417a", 443}, HostPort{"my_host", 8080}}) {
    for (const bool ends : {false, true}) {
      JoinLine line = usual();
      line.exporter = exporter;
      if (ends) line.last_day = std::chrono::sys_days(2031y / 1 / 2);
      const auto read = parse_join_line(encode_join_line(line));
      ASSERT_TRUE(read) << read.error().detail;
      EXPECT_EQ(*read, line);
    }
  }
}

TEST(JoinLine, StaysBelowItsLimitAtItsLongest) {
  JoinLine line = usual();
  line.exporter = {std::string(253, 'a'), 65535};
  line.endpoint = std::string(128, 'b');
  line.token = std::string(kMaxTokenBytes, 'c');
  line.last_day = std::chrono::sys_days(2031y / 1 / 2);
  const std::string text = encode_join_line(line);
  EXPECT_LE(text.size(), kMaxJoinLineBytes);
  ASSERT_TRUE(parse_join_line(text));
  EXPECT_EQ(*parse_join_line(text), line);
}

TEST(JoinLine, MayHaveWhiteSpaceAroundIt) {
  EXPECT_TRUE(parse_join_line(" \t" + summed(kWhole) + " \r\n"));
}

TEST(JoinLine, HoldsNothingThatAShellWouldTouch) {
  EXPECT_EQ(encode_join_line(usual()).find_first_of(" &?;|<>()$`\\\"'*[]{}~#!\t\n"),
            std::string::npos);
}

TEST(JoinLine, MayHaveItsFieldsInAnyOrder) {
  const auto read = parse_join_line(summed("cpu-monitor://10.0.0.5:8080/web-1,ca=" + kPin +
                                           ",expires=2031-01-02,token=" + kToken));
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(read->token, kToken);
}

TEST(JoinLine, IsKnownToBeCutOffWhereverItWasCut) {
  const std::string whole = summed(kWhole + ",expires=2031-12-31");
  for (std::size_t size = 1; size < whole.size(); ++size) {
    const auto read = parse_join_line(whole.substr(0, size));
    ASSERT_FALSE(read) << size;
    EXPECT_EQ(read.error().code, JoinLineFault::cut_off) << size;
  }
}

TEST(JoinLine, IsKnownToBeChangedWhereverItWasChanged) {
  const std::string whole = summed(kWhole);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string changed = whole;
    changed[i] = changed[i] == 'x' ? 'y' : 'x';
    ASSERT_FALSE(parse_join_line(changed)) << i;
  }
}

TEST(JoinLine, IsKnownToLackACharacterWhereverItLacksOne) {
  const std::string whole = summed(kWhole);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string shorter = whole;
    shorter.erase(i, 1);
    ASSERT_FALSE(parse_join_line(shorter)) << i;
  }
}

struct Bad {
  const char* name;
  std::string text;
  JoinLineFault fault;
  std::string words;
  friend std::ostream& operator<<(std::ostream& out, const Bad& bad) { return out << bad.name; }
};

class BadJoinLine : public testing::TestWithParam<Bad> {};

TEST_P(BadJoinLine, IsRefusedInWordsThatKeepTheSecret) {
  const auto read = parse_join_line(GetParam().text);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, GetParam().fault);
  const std::string& words = read.error().detail;
  EXPECT_NE(words.find(GetParam().words), std::string::npos) << words;
  EXPECT_EQ(words.find(kToken.substr(0, 8)), std::string::npos) << words;
}

std::string bad_name(const testing::TestParamInfo<Bad>& info) { return info.param.name; }

Bad not_a_line(const char* name, const std::string& text, const std::string& words) {
  return {name, text, JoinLineFault::not_a_line, words};
}
Bad cut_off(const char* name, const std::string& text) {
  return {name, text, JoinLineFault::cut_off, "cut off"};
}
Bad damaged(const char* name, const std::string& text, const std::string& words) {
  return {name, text, JoinLineFault::damaged, words};
}
/// Whole, and its sum is right.
Bad bad_field(const char* name, const std::string& text, const std::string& words) {
  return {name, summed(text), JoinLineFault::bad_field, words};
}
Bad bad_address(const char* name, const std::string& address) {
  return bad_field(name, "cpu-monitor://" + address + "/" + kFields, "HOST:PORT");
}
Bad bad_endpoint(const char* name, const std::string& endpoint) {
  return bad_field(name, "cpu-monitor://h:1/" + endpoint + ",token=" + kToken + ",ca=" + kPin,
                   "endpoint name");
}
Bad bad_token(const char* name, const std::string& token) {
  return bad_field(name, "cpu-monitor://h:1/web-1,token=" + token + ",ca=" + kPin, "token=");
}
Bad bad_pin(const char* name, const std::string& pin) {
  return bad_field(name, "cpu-monitor://h:1/web-1,token=" + kToken + ",ca=" + pin, "ca=");
}
Bad bad_day(const char* name, const std::string& day) {
  return bad_field(name, kWhole + ",expires=" + day, "expires=2031-12-31");
}

INSTANTIATE_TEST_SUITE_P(
    Whole, BadJoinLine,
    testing::Values(
        not_a_line("Empty", "", "there is no line"),
        not_a_line("OnlySpace", " \r\n", "there is no line"),
        not_a_line("Word", "hello", "cpu-monitor://"),
        not_a_line("TheCommandToo", "cpu-monitor-agent --join '" + summed(kWhole) + "'",
                   "without quotes"),
        not_a_line("Quoted", "'" + summed(kWhole) + "'", "without quotes"),
        not_a_line("CutAtTheFront", summed(kWhole).substr(1), "cpu-monitor://"),
        not_a_line("UpperCaseScheme", "CPU-MONITOR://h:1/x", "cpu-monitor://"),
        not_a_line("AnotherScheme", "https://h:1/x", "cpu-monitor://"),
        not_a_line("NameAndTab", "web-1\t" + summed(kWhole), "cpu-monitor://"),
        not_a_line("TooLong", summed(kWhole + std::string(kMaxJoinLineBytes, 'x')), "1024 bytes"),
        cut_off("OnlyTheScheme", "cpu-monitor://"), cut_off("HalfTheScheme", "cpu-mon"),
        cut_off("NoSum", kWhole), cut_off("EmptySum", kWhole + ",sum="),
        cut_off("HalfASum", summed(kWhole).substr(0, summed(kWhole).size() - 4)),
        cut_off("HalfAToken", "cpu-monitor://h:1/web-1,token=abc"),
        damaged("SpaceWithin", "cpu-monitor://h:1/web-1 " + summed(kWhole), "white space"),
        damaged("BrokenInTwo", summed(kWhole).insert(40, "\r\n"), "white space"),
        damaged("TwoLines", summed(kWhole) + "\n" + summed(kWhole), "white space"),
        damaged("QuoteBehind", summed(kWhole) + "'", "behind its end"),
        damaged("WordsBehind", summed(kWhole) + ",more=1", "behind its end"),
        damaged("SumInUpperCase", kWhole + ",sum=ABCDEFAB", "changed"),
        damaged("SumOfSomethingElse", kWhole + ",sum=00000000", "changed"),
        damaged("SumInWords", kWhole + ",sum=whatever", "changed"),
        damaged("NulWithin", std::string(summed(kWhole)).replace(20, 1, 1, '\0'), "changed"),
        damaged("NotAscii", std::string(summed(kWhole)).replace(20, 1, "\xc3\xbc"), "changed")),
    bad_name);

INSTANTIATE_TEST_SUITE_P(
    Fields, BadJoinLine,
    testing::Values(
        bad_address("NoPort", "10.0.0.5"), bad_address("PortZero", "10.0.0.5:0"),
        bad_address("PortTooLarge", "10.0.0.5:65536"), bad_address("NoHost", ":8080"),
        bad_address("NoAddress", ""), bad_address("Ipv6WithoutBrackets", "::1:8080x"),
        bad_address("OpenBracket", "[::1:8080"), bad_address("User", "me@host:8080"),
        bad_endpoint("NoName", ""), bad_endpoint("NameWithASlash", "a/b"),
        bad_endpoint("NameWithAPercent", "a%20b"), bad_endpoint("AnyName", "*"),
        bad_endpoint("LongName", std::string(129, 'a')), bad_endpoint("DashAtTheEnd", "web-"),
        bad_token("ShortToken", std::string(kMinTokenBytes - 1, 'a')),
        bad_token("LongToken", std::string(kMaxTokenBytes + 1, 'a')), bad_token("EmptyToken", ""),
        bad_token("TokenWithAPlus", std::string(40, 'a') + "+"),
        bad_token("TokenWithAnEqualsSign", std::string(40, 'a') + "="),
        bad_token("TwoTokens", kToken + ",token=" + kToken),
        bad_pin("ShortPin", std::string(63, 'a')), bad_pin("LongPin", std::string(65, 'a')),
        bad_pin("EmptyPin", ""), bad_pin("PinInUpperCase", std::string(64, 'A')),
        bad_pin("PinInWords", std::string(64, 'g')), bad_pin("TwoPins", kPin + ",ca=" + kPin),
        bad_day("NoSuchDay", "2031-02-30"), bad_day("NoDay", ""), bad_day("Never", "never"),
        bad_day("TwoDays", "2031-12-31,expires=2031-12-31"),
        bad_field("NoToken", "cpu-monitor://h:1/web-1,ca=" + kPin, "no token="),
        bad_field("NoPin", "cpu-monitor://h:1/web-1,token=" + kToken, "no ca="),
        bad_field("OnlyAName", "cpu-monitor://h:1/web-1", "no token="),
        bad_field("UnknownField", kWhole + ",colour=red", "newer exporter"),
        bad_field("EmptyField", kWhole + ",,expires=2031-12-31", "newer exporter"),
        bad_field("FieldInUpperCase", kWhole + ",EXPIRES=2031-12-31", "newer exporter")),
    bad_name);

}  // namespace
}  // namespace cpu_monitor
