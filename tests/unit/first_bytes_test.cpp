#include "exporter/first_bytes.hpp"

#include <array>
#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "exporter/legacy_message.hpp"

namespace cpu_monitor::exporter {

constexpr std::array<std::string_view, 5> kCallerNames{"unknown_yet", "agent", "legacy", "tls",
                                                       "http"};

void PrintTo(Caller caller, std::ostream* out) {
  *out << kCallerNames[static_cast<std::size_t>(caller)];
}

namespace {

using namespace std::string_view_literals;

struct OpeningCase {
  const char* name;
  std::string_view bytes;
  Caller caller;
};

class FirstBytes : public testing::TestWithParam<OpeningCase> {};

TEST_P(FirstBytes, TellWhoCalls) { EXPECT_EQ(recognise(GetParam().bytes), GetParam().caller); }

TEST_P(FirstBytes, TellTheSameWhenMoreFollows) {
  for (const std::string_view more : {"x"sv, "\n"sv, "\0"sv, "}"sv, "{\"type\":1}\n"sv}) {
    EXPECT_EQ(recognise(std::string(GetParam().bytes).append(more)), GetParam().caller);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Known, FirstBytes,
    testing::Values(
        OpeningCase{"Hello", R"({"type":"hello","protocol":1})", Caller::agent},
        OpeningCase{"HelloWithSpaces", R"({ "type" : "hello" })", Caller::agent},
        OpeningCase{"EmptyObject", "{}", Caller::agent}, OpeningCase{"Array", "[1]", Caller::agent},
        OpeningCase{"EmptyLine", "\n", Caller::agent}, OpeningCase{"Zero", "\0"sv, Caller::agent},
        OpeningCase{"HighByte", "\xff", Caller::agent},
        OpeningCase{"Words", "hello", Caller::agent},
        OpeningCase{"OtherKeyWithT", R"({"Th")", Caller::agent},
        OpeningCase{"CorrectSpelling", R"({"The Percentage)", Caller::agent},
        OpeningCase{"LegacyWithoutSpaceAfterColon", R"({"The Perecentage Of CPU USAGE":1)",
                    Caller::agent},
        OpeningCase{"LegacyInLowerCase", R"({"the perecentage)", Caller::agent},
        OpeningCase{"Legacy", R"({"The Perecentage Of CPU USAGE": 14.6})", Caller::legacy},
        OpeningCase{"LegacyPrefix", kLegacyPrefix, Caller::legacy},
        OpeningCase{"LegacyWithRubbish", R"({"The Perecentage Of CPU USAGE": x)", Caller::legacy},
        OpeningCase{"Tls12ClientHello", "\x16\x03\x01\x02\x00\x01"sv, Caller::tls},
        OpeningCase{"TlsTwoBytes", "\x16\x03", Caller::tls},
        OpeningCase{"TlsOtherMajor", "\x16\x02", Caller::agent},
        OpeningCase{"TlsAlert", "\x15\x03", Caller::agent},
        OpeningCase{"HttpGet", "GET / HTTP/1.1\r\n", Caller::http},
        OpeningCase{"HttpHead", "HEAD / HTTP/1.1\r\n", Caller::http},
        OpeningCase{"HttpPost", "POST /x HTTP/1.0\r\n", Caller::http},
        OpeningCase{"HttpPut", "PUT /metrics/job/x HTTP/1.1\r\n", Caller::http},
        OpeningCase{"HttpPatch", "PATCH / HTTP/1.1", Caller::http},
        OpeningCase{"HttpDelete", "DELETE / HTTP/1.1", Caller::http},
        OpeningCase{"HttpOptions", "OPTIONS * HTTP/1.1", Caller::http},
        OpeningCase{"HttpConnect", "CONNECT a:443 HTTP/1.1", Caller::http},
        OpeningCase{"HttpTrace", "TRACE / HTTP/1.1", Caller::http},
        OpeningCase{"Http2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Caller::http},
        OpeningCase{"MethodAndNewline", "GET\n", Caller::agent},
        OpeningCase{"MethodInLowerCase", "get / HTTP/1.1", Caller::agent},
        OpeningCase{"LongerMethod", "GETS / HTTP/1.1", Caller::agent},
        OpeningCase{"UnknownMethod", "BREW / HTTP/1.1", Caller::agent},
        OpeningCase{"SpaceBeforeMethod", " GET / HTTP/1.1", Caller::agent},
        OpeningCase{"PriOfSomethingElse", "PRI * HTTX", Caller::agent},
        OpeningCase{"TwoLettersOfNone", "PX", Caller::agent}),
    [](const auto& param) { return param.param.name; });

TEST(FirstBytesTooFew, LeaveItOpen) {
  for (const std::string_view bytes : {""sv, "{"sv, "{\""sv, "\x16"sv, "GET"sv, "P"sv, "PR"sv}) {
    EXPECT_EQ(recognise(bytes), Caller::unknown_yet) << bytes;
  }
}

class FirstBytesCut : public testing::TestWithParam<std::string_view> {};

TEST_P(FirstBytesCut, LeaveItOpenUntilTheLastByteThatDecides) {
  const std::string_view opening = GetParam();
  for (std::size_t length = 0; length < opening.size(); ++length) {
    EXPECT_EQ(recognise(opening.substr(0, length)), Caller::unknown_yet) << length;
  }
  EXPECT_NE(recognise(opening), Caller::unknown_yet);
}

TEST_P(FirstBytesCut, DecideWithinTheLegacyPrefix) {
  EXPECT_LE(GetParam().size(), kLegacyPrefix.size());
}

INSTANTIATE_TEST_SUITE_P(Openings, FirstBytesCut,
                         testing::Values(kLegacyPrefix, "\x16\x03"sv, "GET "sv, "HEAD "sv,
                                         "POST "sv, "PUT "sv, "PATCH "sv, "DELETE "sv, "OPTIONS "sv,
                                         "CONNECT "sv, "TRACE "sv, "PRI * HTTP"sv),
                         [](const auto& param) { return "Number" + std::to_string(param.index); });

TEST(FirstBytesOfAnything, AreDecidedWithinTheLegacyPrefix) {
  for (int byte = 0; byte < 256; ++byte) {
    const std::string bytes(kLegacyPrefix.size(), static_cast<char>(byte));
    EXPECT_NE(recognise(bytes), Caller::unknown_yet) << byte;
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
