#include "exporter/http_head.hpp"

#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

struct HeadCase {
  const char* name;
  std::string text;
  std::optional<std::size_t> end;
};

class EndOfHead : public testing::TestWithParam<HeadCase> {};

TEST_P(EndOfHead, IsBehindTheFirstEmptyLine) {
  EXPECT_EQ(end_of_head(GetParam().text), GetParam().end);
}

TEST_P(EndOfHead, IsFoundHoweverTheBytesCome) {
  const std::string& text = GetParam().text;
  std::optional<std::size_t> end;
  for (std::size_t have = 0; have <= text.size() && !end; ++have) {
    end = end_of_head(text.substr(0, have), have < 4 ? 0 : have - 4);
  }
  EXPECT_EQ(end, GetParam().end);
}

INSTANTIATE_TEST_SUITE_P(
    HttpHead, EndOfHead,
    testing::Values(HeadCase{"Nothing", "", std::nullopt},
                    HeadCase{"RequestLine", "GET / HTTP/1.1\r\n", std::nullopt},
                    HeadCase{"Whole", "GET / HTTP/1.1\r\n\r\n", 18},
                    HeadCase{"Pipelined", "GET / HTTP/1.1\r\n\r\nGET /x HTTP/1.1\r\n\r\n", 18},
                    HeadCase{"BodyWithEmptyLines", "GET / HTTP/1.1\r\nA: b\r\n\r\n\n\n\r\n\r\n",
                             24},
                    HeadCase{"BareLineFeeds", "GET / HTTP/1.1\n\n", 16},
                    HeadCase{"BareBeforeProper", "GET / HTTP/1.1\n\nA: b\r\n\r\n", 16},
                    // civetweb goes on reading behind this one, so it is no end.
                    HeadCase{"Mixed", "GET / HTTP/1.1\n\r\n", std::nullopt},
                    HeadCase{"CarriageReturns", "GET / HTTP/1.1\r\r", std::nullopt},
                    HeadCase{"EmptyLineFirst", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", 4}),
    [](const auto& one) { return std::string(one.param.name); });

struct HeaderCase {
  const char* name;
  std::string lines;
  std::optional<std::string> value;
};

class OnlyHeader : public testing::TestWithParam<HeaderCase> {};

TEST_P(OnlyHeader, IsTheOneOfThatName) {
  const std::string head = "GET /authorization: x HTTP/1.1\r\n" + GetParam().lines + "\r\n";
  const auto value = only_header(head, "authorization");
  EXPECT_EQ(value ? std::optional(std::string(*value)) : std::nullopt, GetParam().value);
}

INSTANTIATE_TEST_SUITE_P(
    HttpHead, OnlyHeader,
    testing::Values(
        HeaderCase{"None", "Host: a\r\n", std::nullopt},
        HeaderCase{"One", "Host: a\r\nAuthorization: Basic eDp5\r\n", "Basic eDp5"},
        HeaderCase{"AnyCase", "aUTHORIZATION: Basic eDp5\r\n", "Basic eDp5"},
        HeaderCase{"WithoutBlank", "Authorization:Basic eDp5\r\n", "Basic eDp5"},
        HeaderCase{"ManyBlanks", "Authorization: \t Basic eDp5 \t\r\n", "Basic eDp5"},
        HeaderCase{"BareLineFeed", "Authorization: Basic eDp5\nHost: a\n", "Basic eDp5"},
        HeaderCase{"Empty", "Authorization:\r\n", ""},
        HeaderCase{"Twice", "Authorization: a\r\nAuthorization: a\r\n", std::nullopt},
        HeaderCase{"TwiceInOtherCase", "Authorization: a\r\nauthorization: b\r\n", std::nullopt},
        HeaderCase{"LongerName", "Authorization2: a\r\nX-Authorization: b\r\n", std::nullopt},
        HeaderCase{"BlankBeforeColon", "Authorization : a\r\n", std::nullopt},
        HeaderCase{"BlankBeforeName", " Authorization: a\r\n", std::nullopt},
        HeaderCase{"NoColon", "Authorization\r\n", std::nullopt}),
    [](const auto& one) { return std::string(one.param.name); });

struct PathCase {
  const char* name;
  std::string head;
  bool asks;
};

class AsksForPath : public testing::TestWithParam<PathCase> {};

TEST_P(AsksForPath, InLinesThatAllDivideAlike) {
  EXPECT_EQ(asks_for_path(GetParam().head), GetParam().asks);
}

INSTANTIATE_TEST_SUITE_P(
    HttpHead, AsksForPath,
    testing::Values(
        PathCase{"Root", "GET / HTTP/1.1\r\n\r\n", true},
        PathCase{"Query", "GET /metrics?collect[]=cpu HTTP/1.1\r\nHost: a\r\n\r\n", true},
        PathCase{"BareLineFeeds", "HEAD /-/ready HTTP/1.0\nHost: a\n\n", true},
        PathCase{"AnyMethod", "BREW /pot HTTP/1.1\r\n\r\n", true},
        PathCase{"WholeAddress", "GET http://web-1/metrics HTTP/1.1\r\n\r\n", false},
        PathCase{"Star", "OPTIONS * HTTP/1.1\r\n\r\n", false},
        PathCase{"Authority", "CONNECT web-1:80 HTTP/1.1\r\n\r\n", false},
        PathCase{"Http2", "PRI * HTTP/2.0\r\n\r\n", false},
        PathCase{"NoTarget", "GET\r\n\r\n", false},
        PathCase{"EmptyTarget", "GET  HTTP/1.1\r\n\r\n", false},
        PathCase{"TwoBlanks", "GET  / HTTP/1.1\r\n\r\n", false},
        PathCase{"NoMethod", " / HTTP/1.1\r\n\r\n", false},
        PathCase{"EmptyLineFirst", "\r\n\r\n", false},
        PathCase{"Tab", "GET\t/ HTTP/1.1\r\n\r\n", false},
        PathCase{"CarriageReturnWithinALine", "GET / HTTP/1.1\r\nA: b\rUpgrade: c\r\n\r\n", false},
        PathCase{"TwoCarriageReturns", "GET / HTTP/1.1\r\r\n\r\n", false}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(WithoutHeader, LeavesTheOthersAsTheyAre) {
  EXPECT_EQ(without_header("GET /upgrade: HTTP/1.1\r\nUpgrade: websocket\r\nHost:  a\n"
                           "uPGRADE:h2c\nUpgrades: x\r\n\r\n",
                           "upgrade"),
            "GET /upgrade: HTTP/1.1\r\nHost:  a\nUpgrades: x\r\n\r\n");
}

TEST(WithoutHeader, ChangesNothingWithoutIt) {
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  EXPECT_EQ(without_header(head, "upgrade"), head);
}

TEST(WithHeaders, AddsThemBehindTheOthers) {
  EXPECT_EQ(with_headers("HTTP/1.1 200 OK\r\nA: b\r\n\r\n", {{"X-Frame-Options", "deny"}}),
            "HTTP/1.1 200 OK\r\nA: b\r\nX-Frame-Options: deny\r\n\r\n");
}

TEST(WithHeaders, TakesThePlaceOfTheSameNameInAnyCase) {
  EXPECT_EQ(with_headers("HTTP/1.1 200 OK\r\nx-a: 1\r\nB: 2\r\nX-A: 3\r\n\r\n", {{"X-A", "4"}}),
            "HTTP/1.1 200 OK\r\nB: 2\r\nX-A: 4\r\n\r\n");
}

TEST(WithHeaders, ChangesNothingWithoutAny) {
  const std::string head = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n";
  EXPECT_EQ(with_headers(head, {}), head);
}

TEST(WithHeaders, EndsAHeadThatHasOnlyAStatus) {
  EXPECT_EQ(with_headers("HTTP/1.1 200 OK\r\n\r\n", {{"A", "b"}}),
            "HTTP/1.1 200 OK\r\nA: b\r\n\r\n");
}

}  // namespace
}  // namespace cpu_monitor::exporter
