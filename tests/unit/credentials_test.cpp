#include "exporter/credentials.hpp"

#include <chrono>
#include <cstddef>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/hex.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using Time = Credentials::Time;

Time at(std::chrono::year_month_day day, std::chrono::seconds time = 0s) {
  return std::chrono::sys_days(day) + time;
}

const Time kNow = at(2026y / 3 / 14, 12h);

/// The word that stands for `token` in a tokens file.
std::string hash(std::string_view token) { return format_hex(digest_of_token(token)); }

Credentials parse(std::string_view text) {
  auto credentials = Credentials::parse(text);
  EXPECT_TRUE(credentials) << (credentials ? "" : credentials.error().detail);
  return credentials ? *std::move(credentials) : Credentials();
}

/// The code of a refusal, or none; the proof, or none.
struct Judgement {
  std::optional<RefusalCode> code;
  std::optional<Proof> proof;

  bool operator==(const Judgement&) const = default;
};

std::ostream& operator<<(std::ostream& out, const Judgement& judgement) {
  if (judgement.code) return out << kRefusalCodeNames[*judgement.code];
  return out << "proof " << static_cast<int>(judgement.proof.value_or(Proof::none));
}

const Judgement kExact{std::nullopt, Proof::exact};
const Judgement kAnyName{std::nullopt, Proof::any_name};
const Judgement kNone{std::nullopt, Proof::none};
const Judgement kUnauthorized{RefusalCode::unauthorized, std::nullopt};
const Judgement kDenied{RefusalCode::endpoint_denied, std::nullopt};

Judgement judge(const Credentials& credentials, std::string_view endpoint,
                std::optional<std::string_view> token, Time now = kNow) {
  std::optional<TokenDigest> digest;
  if (token) digest = digest_of_token(*token);
  const auto proof = credentials.judge(endpoint, digest, now);
  return proof ? Judgement{std::nullopt, *proof} : Judgement{proof.error().code, std::nullopt};
}

std::string words(const Credentials& credentials, std::string_view endpoint,
                  std::optional<std::string_view> token) {
  std::optional<TokenDigest> digest;
  if (token) digest = digest_of_token(*token);
  const auto proof = credentials.judge(endpoint, digest, kNow);
  return proof ? "" : proof.error().detail;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

TEST(TokenDigest, IsSha256) {
  EXPECT_EQ(hash("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hash(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

TEST(TokenDigest, IsOfAllBytes) {
  EXPECT_NE(hash(std::string_view("a\0b", 3)), hash("a"));
  EXPECT_NE(hash("a\n"), hash("a"));
}

// ---------------------------------------------------------------------------------------------
// Tokens files.

const std::string kHash(64, 'a');
const std::string kOtherHash(64, 'b');

struct GoodFile {
  const char* name;
  std::string text;
  std::vector<std::string> listed;
};

std::ostream& operator<<(std::ostream& out, const GoodFile& tested) { return out << tested.name; }

class GoodTokensFile : public testing::TestWithParam<GoodFile> {};

TEST_P(GoodTokensFile, IsRead) {
  const auto credentials = Credentials::parse(GetParam().text);
  ASSERT_TRUE(credentials) << credentials.error().detail;
  EXPECT_EQ(credentials->listed(), GetParam().listed);
  for (const std::string& name : GetParam().listed) EXPECT_TRUE(credentials->is_listed(name));
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

/// A line of exactly that many bytes.
std::string line_of(std::size_t bytes) {
  const std::string start = "web-1 - #";
  return start + std::string(bytes - start.size(), 'x');
}

std::string tokens_of(const std::string& name, std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += name + ' ' + hash(std::to_string(i)) + '\n';
  return text;
}

std::string labels(std::size_t count) {
  std::string text;
  for (std::size_t i = 0; i < count; ++i) text += " l" + std::to_string(i) + "=x";
  return text;
}

INSTANTIATE_TEST_SUITE_P(
    Files, GoodTokensFile,
    testing::Values(
        GoodFile{"Empty", "", {}}, GoodFile{"OneNewline", "\n", {}},
        GoodFile{"BlankLines", "\n \n\t\n\r\n", {}}, GoodFile{"Comments", "# one\n  # two\n#", {}},
        GoodFile{"OneToken", "web-1 " + kHash + "\n", {"web-1"}},
        GoodFile{"NoLastNewline", "web-1 " + kHash, {"web-1"}},
        GoodFile{"LinesOfWindows", "web-1 " + kHash + "\r\nweb-2 -\r\n", {"web-1", "web-2"}},
        GoodFile{"Tabs", "web-1\t" + kHash + "\t\texpires=2027-01-01\t", {"web-1"}},
        GoodFile{"Indented", "   web-1 -", {"web-1"}},
        GoodFile{"UpperCaseHash", "web-1 " + std::string(64, 'A'), {"web-1"}},
        GoodFile{"ListedOnly", "web-1 -", {"web-1"}},
        GoodFile{"ListedAndWithAToken", "web-1 -\nweb-1 " + kHash, {"web-1"}},
        GoodFile{"TwoTokensOfOneName", "web-1 " + kHash + "\nweb-1 " + kOtherHash, {"web-1"}},
        GoodFile{"OneTokenOfTwoNames", "web-1 " + kHash + "\nweb-2 " + kHash, {"web-1", "web-2"}},
        GoodFile{"AnyNameIsNoName", "* " + kHash, {}},
        GoodFile{"Sorted", "c -\na -\nb -", {"a", "b", "c"}},
        GoodFile{"NamesByCase", "web -\nWEB -", {"WEB", "web"}},
        GoodFile{"LongestName", std::string(128, 'n') + " -", {std::string(128, 'n')}},
        GoodFile{"Expires", "web-1 " + kHash + " expires=2026-12-31", {"web-1"}},
        GoodFile{"LeapDay", "web-1 " + kHash + " expires=2028-02-29", {"web-1"}},
        GoodFile{"ExpiresLongAgo", "web-1 " + kHash + " expires=1970-01-01", {"web-1"}},
        GoodFile{"ExpiresBeyondAClock", "web-1 " + kHash + " expires=9999-12-31", {"web-1"}},
        GoodFile{"ExpiresAfterLabels", "web-1 " + kHash + " a=b expires=2026-12-31", {"web-1"}},
        GoodFile{"LabelOfAnEmptyValue", "web-1 - rack=", {"web-1"}},
        GoodFile{"LabelWithEquals", "web-1 - rack=a=b", {"web-1"}},
        GoodFile{"LabelWithHash", "web-1 - rack=a#b", {"web-1"}},
        GoodFile{"LabelInUtf8", "web-1 - town=Z\xC3\xBCrich", {"web-1"}},
        GoodFile{"CommentBehind", "web-1 - rack=7 # the old one", {"web-1"}},
        GoodFile{"MostLabels", "web-1 -" + labels(16), {"web-1"}},
        GoodFile{"LongestLabelName", "web-1 - " + std::string(32, 'l') + "=x", {"web-1"}},
        GoodFile{"LongestLabelValue", "web-1 - l=" + std::string(128, 'x'), {"web-1"}},
        GoodFile{"LongestLine", line_of(4096) + "\n", {"web-1"}},
        GoodFile{"MostLines", repeated("\n", 199'999) + "web-1 -\n", {"web-1"}},
        GoodFile{"MostTokensOfOneName", tokens_of("web-1", 256), {"web-1"}},
        GoodFile{"MostTokensOfAnyName", tokens_of("*", 256), {}}),
    [](const auto& param) { return param.param.name; });

struct BadFile {
  const char* name;
  std::string text;
  const char* words;  ///< of the error
};

std::ostream& operator<<(std::ostream& out, const BadFile& tested) { return out << tested.name; }

class BadTokensFile : public testing::TestWithParam<BadFile> {};

TEST_P(BadTokensFile, IsRefusedInWords) {
  const auto credentials = Credentials::parse(GetParam().text);
  ASSERT_FALSE(credentials);
  EXPECT_TRUE(contains(credentials.error().detail, GetParam().words)) << credentials.error().detail;
}

TEST_P(BadTokensFile, IsNotQuoted) {
  const auto credentials = Credentials::parse(GetParam().text);
  ASSERT_FALSE(credentials);
  for (const char* const secret : {"aaaaaaaa", "bbbbbbbb", "hunter2"}) {
    EXPECT_FALSE(contains(credentials.error().detail, secret)) << credentials.error().detail;
  }
}

constexpr const char* kBadName = "a line begins with * or a name of 1 to 128";
constexpr const char* kBadHash = "the second word is the SHA-256 of the token, 64 hexadecimal";
constexpr const char* kBadDay = "expires= is followed by a day of the calendar";
constexpr const char* kBadWord = "the words after the second are expires=";
constexpr const char* kBadLabelName = "the name of a label is 1 to 32";
constexpr const char* kBadLabelValue = "the value of a label is at most 128";

INSTANTIATE_TEST_SUITE_P(
    Names, BadTokensFile,
    testing::Values(BadFile{"Slash", "web/1 -", kBadName}, BadFile{"Colon", "web:1 -", kBadName},
                    BadFile{"LeadingDash", "-web -", kBadName},
                    BadFile{"TrailingDot", "web. -", kBadName}, BadFile{"Dash", "- -", kBadName},
                    BadFile{"TwoStars", "** -", kBadName}, BadFile{"Pattern", "web-* -", kBadName},
                    BadFile{"TooLong", std::string(129, 'n') + " -", kBadName},
                    BadFile{"Utf8", "m\xC3\xBCnchen -", kBadName},
                    BadFile{"ByteOrderMark", "\xEF\xBB\xBFweb-1 -", kBadName},
                    BadFile{"Quoted", "\"web-1\" -", kBadName},
                    BadFile{"Nul", std::string("web\0 -", 6), kBadName},
                    BadFile{"VerticalTab", "web\v-", kBadName},
                    BadFile{"CarriageReturnInside", "web-1\rweb-2 -", kBadName}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Hashes, BadTokensFile,
    testing::Values(BadFile{"None", "web-1", kBadHash},
                    BadFile{"NoneButSpace", "web-1  ", kBadHash},
                    BadFile{"NoneButAComment", "web-1 # -", kBadHash},
                    BadFile{"TheTokenItself", "web-1 hunter2", kBadHash},
                    BadFile{"TooShort", "web-1 " + std::string(63, 'a'), kBadHash},
                    BadFile{"TooLong", "web-1 " + std::string(65, 'a'), kBadHash},
                    BadFile{"Sha1", "web-1 " + std::string(40, 'a'), kBadHash},
                    BadFile{"Sha512", "web-1 " + std::string(128, 'a'), kBadHash},
                    BadFile{"FirstDigitBad", "web-1 g" + std::string(63, 'a'), kBadHash},
                    BadFile{"LastDigitBad", "web-1 " + std::string(63, 'a') + "g", kBadHash},
                    BadFile{"Prefixed", "web-1 0x" + std::string(62, 'a'), kBadHash},
                    BadFile{"Named", "web-1 sha256:" + kHash, kBadHash},
                    BadFile{"Base64", "web-1 " + std::string(43, 'a') + "=", kBadHash},
                    BadFile{"TwoDashes", "web-1 --", kBadHash},
                    BadFile{"OnlyExpires", "web-1 expires=2026-12-31", kBadHash},
                    BadFile{"AnyNameWithout", "*", kBadHash},
                    BadFile{"AnyNameListed", "* -", "* lists no name"},
                    BadFile{"Twice", "web-1 " + kHash + "\nweb-1 " + kHash, "keep one of them"},
                    BadFile{"TwiceInOtherCase",
                            "web-1 " + kHash + "\nweb-1 " + std::string(64, 'A'),
                            "keep one of them"},
                    BadFile{"TwiceForAnyName", "* " + kHash + "\n* " + kHash, "keep one of them"},
                    BadFile{"ListedTwice", "web-1 -\nweb-1 - a=b", "lists the same name"},
                    BadFile{"TooManyOfOneName", tokens_of("web-1", 257), "at most 256 tokens"},
                    BadFile{"TooManyOfAnyName", tokens_of("*", 257), "* has at most 256 tokens"}),
    [](const auto& param) { return param.param.name; });

std::string expiring(const std::string& day) { return "web-1 " + kHash + " expires=" + day; }

INSTANTIATE_TEST_SUITE_P(
    Days, BadTokensFile,
    testing::Values(BadFile{"None", expiring(""), kBadDay},
                    BadFile{"Word", expiring("never"), kBadDay},
                    BadFile{"NoLeapYear", expiring("2026-02-29"), kBadDay},
                    BadFile{"FebruaryThirtieth", expiring("2026-02-30"), kBadDay},
                    BadFile{"AprilThirtyFirst", expiring("2026-04-31"), kBadDay},
                    BadFile{"MonthZero", expiring("2026-00-10"), kBadDay},
                    BadFile{"MonthThirteen", expiring("2026-13-10"), kBadDay},
                    BadFile{"DayZero", expiring("2026-12-00"), kBadDay},
                    BadFile{"NoZeroes", expiring("2026-1-1"), kBadDay},
                    BadFile{"TwoDigitYear", expiring("26-01-01"), kBadDay},
                    BadFile{"FiveDigitYear", expiring("12026-01-01"), kBadDay},
                    BadFile{"German", expiring("31.12.2026"), kBadDay},
                    BadFile{"Slashes", expiring("2026/12/31"), kBadDay},
                    BadFile{"WithATime", expiring("2026-12-31T12:00:00Z"), kBadDay},
                    BadFile{"Signed", expiring("-026-12-31"), kBadDay},
                    BadFile{"Spaced", expiring("2026- 1-31"), kBadDay},
                    BadFile{"UnixTime", expiring("1795452396"), kBadDay},
                    BadFile{"Twice", expiring("2026-12-31 expires=2026-12-31"),
                            "expires= stands at most once"},
                    BadFile{"OfNoToken", "web-1 - expires=2026-12-31", "expires= is for a token"}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Labels, BadTokensFile,
    testing::Values(
        BadFile{"Word", "web-1 - rack", kBadWord},
        BadFile{"SecondHash", "web-1 " + kHash + " " + kOtherHash, kBadWord},
        BadFile{"ExpiresWithoutEquals", "web-1 " + kHash + " expires 2026-12-31", kBadWord},
        BadFile{"SpaceInTheValue", "web-1 - town=New York", kBadWord},
        BadFile{"NoName", "web-1 - =x", kBadLabelName},
        BadFile{"UpperCase", "web-1 - Rack=x", kBadLabelName},
        BadFile{"UpperCaseExpires", "web-1 " + kHash + " Expires=2026-12-31", kBadLabelName},
        BadFile{"LeadingDigit", "web-1 - 1rack=x", kBadLabelName},
        BadFile{"Dash", "web-1 - rack-no=x", kBadLabelName},
        BadFile{"NameTooLong", "web-1 - " + std::string(33, 'l') + "=x", kBadLabelName},
        BadFile{"ValueTooLong", "web-1 - l=" + std::string(129, 'x'), kBadLabelValue},
        BadFile{"ValueNoUtf8", "web-1 - l=\xFF", kBadLabelValue},
        BadFile{"ValueWithControl", "web-1 - l=\x1B[1m", kBadLabelValue},
        BadFile{"ValueWithNul", std::string("web-1 - l=\0", 11), kBadLabelValue},
        BadFile{"Twice", "web-1 - l=x l=y", "a label stands at most once"},
        BadFile{"TwiceAlike", "web-1 - l=x l=x", "a label stands at most once"},
        BadFile{"TooMany", "web-1 -" + labels(17), "at most 16 labels"}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Sizes, BadTokensFile,
    testing::Values(BadFile{"LineTooLong", line_of(4097), "a line holds at most 4096 bytes"},
                    BadFile{"CommentTooLong", "#" + std::string(4096, '#'), "at most 4096 bytes"},
                    BadFile{"TooManyLines", repeated("\n", 200'001), "more than 200000 lines"},
                    BadFile{"LastLineTooMany", repeated("\n", 200'000) + "web-1 -",
                            "more than 200000 lines"},
                    BadFile{"TooLong", std::string(kMaxTokensFileBytes + 1, '\n'),
                            "longer than 16777216 bytes"}),
    [](const auto& param) { return param.param.name; });

TEST(TokensFile, ErrorsNameTheLine) {
  const auto credentials = Credentials::parse("# a comment\n\nweb-1 -\nweb-2\n");
  ASSERT_FALSE(credentials);
  EXPECT_EQ(credentials.error().code, TokensFileFault::bad_line);
  EXPECT_TRUE(credentials.error().detail.starts_with("line 4: ")) << credentials.error().detail;
}

TEST(TokensFile, OfTooManyLinesIsTooLarge) {
  const auto credentials = Credentials::parse(repeated("\n", 200'001));
  ASSERT_FALSE(credentials);
  EXPECT_EQ(credentials.error().code, TokensFileFault::too_large);
}

TEST(TokensFile, KeepsNothingOfTheText) {
  std::string text = "web-1 " + hash("t") + " rack=b7";
  const Credentials credentials = parse(text);
  std::fill(text.begin(), text.end(), 'z');
  EXPECT_EQ(judge(credentials, "web-1", "t"), kExact);
  EXPECT_EQ(credentials.labels("web-1", digest_of_token("t")).at("rack"), "b7");
}

TEST(TokensFile, WithoutALineNamesNobody) {
  const Credentials credentials = parse("");
  EXPECT_FALSE(credentials.has_tokens());
  EXPECT_FALSE(credentials.is_listed("web-1"));
  EXPECT_FALSE(credentials.is_listed("*"));
  EXPECT_FALSE(credentials.is_listed(""));
  EXPECT_EQ(judge(credentials, "web-1", "t"), kUnauthorized);
}

TEST(TokensFile, SaysWhoHasATokenOfItsOwn) {
  const Credentials credentials =
      parse("a -\nb " + hash("b") + " expires=1999-01-01\n* " + hash("any"));
  EXPECT_TRUE(credentials.has_tokens());
  EXPECT_FALSE(credentials.has_token_of("a"));
  EXPECT_TRUE(credentials.has_token_of("b")) << "be it expired";
  EXPECT_FALSE(credentials.has_token_of("c"));
  EXPECT_FALSE(parse("a -").has_tokens());
}

TEST(TokensFile, OfATwoHundredThousandNamesIsRead) {
  std::string text;
  for (int i = 0; i < 200'000; ++i) {
    const std::string name = "m" + std::to_string(i);
    text += name + ' ' + hash(name) + '\n';
  }
  const Credentials credentials = parse(text);
  EXPECT_EQ(credentials.listed().size(), 200'000U);
  EXPECT_EQ(judge(credentials, "m0", "m0"), kExact);
  EXPECT_EQ(judge(credentials, "m199999", "m199999"), kExact);
  EXPECT_EQ(judge(credentials, "m0", "m199999"), kDenied);
  EXPECT_EQ(judge(credentials, "m0", "m200000"), kUnauthorized);
}

// ---------------------------------------------------------------------------------------------
// What a token proves.

struct TokenCase {
  const char* name;
  const char* endpoint;
  std::optional<std::string_view> token;
  Judgement judgement;
};

std::ostream& operator<<(std::ostream& out, const TokenCase& tested) { return out << tested.name; }

class JudgedToken : public testing::TestWithParam<TokenCase> {
 protected:
  const Credentials credentials_ = parse(
      "web-1 " + hash("one") + "\nweb-1 " + hash("next one") + " expires=2026-03-14\n" + "web-2 " +
      hash("two") + "\nweb-3 -\n" + "old " + hash("old") + " expires=2026-03-13\n" + "renewed " +
      hash("before") + " expires=2020-01-01\nrenewed " + hash("after") + "\n" + "both " +
      hash("any") + " expires=2020-01-01\n" + "* " + hash("any") + "\n* " + hash("any, but old") +
      " expires=2026-03-13\nshared-1 " + hash("shared") + "\nshared-2 " + hash("shared") + "\n");
};

TEST_P(JudgedToken, ProvesWhatItsLinesSay) {
  EXPECT_EQ(judge(credentials_, GetParam().endpoint, GetParam().token), GetParam().judgement);
}

TEST_P(JudgedToken, IsRefusedInWordsThatQuoteNoSecret) {
  const std::string said = words(credentials_, GetParam().endpoint, GetParam().token);
  if (GetParam().judgement.proof) {
    EXPECT_EQ(said, "");
    return;
  }
  EXPECT_TRUE(is_showable_text(said.substr(0, kMaxTextBytes)));
  EXPECT_LE(said.size(), kMaxRefusalMessageBytes);
  EXPECT_TRUE(contains(said, "token"));
  EXPECT_TRUE(contains(said, "; ")) << "what is wrong; what to do";
  for (const char* const secret : {"web-", "shared", "before"}) {
    EXPECT_FALSE(contains(said, secret)) << said;
  }
  if (GetParam().token) {
    EXPECT_FALSE(contains(said, hash(*GetParam().token))) << said;
  }
}

INSTANTIATE_TEST_SUITE_P(
    Tokens, JudgedToken,
    testing::Values(TokenCase{"ItsOwn", "web-1", "one", kExact},
                    TokenCase{"ItsSecondOne", "web-1", "next one", kExact},
                    TokenCase{"AfterARenewal", "renewed", "after", kExact},
                    TokenCase{"SharedByTwoFirst", "shared-1", "shared", kExact},
                    TokenCase{"SharedByTwoSecond", "shared-2", "shared", kExact},
                    TokenCase{"OfAnyName", "web-9", "any", kAnyName},
                    TokenCase{"OfAnyNameForAListedOne", "web-3", "any", kAnyName},
                    TokenCase{"OfAnyNameForOneWithItsOwn", "web-1", "any", kDenied},
                    TokenCase{"ExpiredForTheNameButGoodForAny", "both", "any", kDenied},
                    TokenCase{"None", "web-1", std::nullopt, kUnauthorized},
                    TokenCase{"NoneForAListedName", "web-3", std::nullopt, kUnauthorized},
                    TokenCase{"NoneForAnUnknownName", "web-9", std::nullopt, kUnauthorized},
                    TokenCase{"Empty", "web-1", "", kUnauthorized},
                    TokenCase{"Unknown", "web-1", "guess", kUnauthorized},
                    TokenCase{"UnknownForAListedName", "web-3", "guess", kUnauthorized},
                    TokenCase{"WithANewline", "web-1", "one\n", kUnauthorized},
                    TokenCase{"InOtherCase", "web-1", "ONE", kUnauthorized},
                    TokenCase{"Dash", "web-3", "-", kUnauthorized},
                    TokenCase{"Star", "web-1", "*", kUnauthorized},
                    TokenCase{"Expired", "old", "old", kUnauthorized},
                    TokenCase{"ExpiredBeforeARenewal", "renewed", "before", kUnauthorized},
                    TokenCase{"OfAnyNameButExpired", "web-1", "any, but old", kDenied},
                    TokenCase{"OfAnother", "web-1", "two", kDenied},
                    TokenCase{"OfAnotherForAListedName", "web-3", "one", kDenied},
                    TokenCase{"OfAnotherForAnUnknownName", "web-9", "one", kDenied},
                    TokenCase{"OfAnotherAndExpired", "web-1", "old", kDenied},
                    TokenCase{"OfTheSameNameInOtherCase", "WEB-1", "one", kDenied},
                    TokenCase{"OfALongerName", "web-11", "one", kDenied},
                    TokenCase{"OfAnotherForTheNameStar", "*", "one", kDenied}),
    [](const auto& param) { return param.param.name; });

TEST(JudgedHash, IsNoToken) {
  const std::string line = hash("one");
  EXPECT_EQ(judge(parse("web-1 " + line), "web-1", line), kUnauthorized)
      << "who reads the file has no token";
}

TEST(JudgedExpiry, LastsToTheEndOfItsDayInUtc) {
  const Credentials credentials = parse("web-1 " + hash("t") + " expires=2026-03-14");
  EXPECT_EQ(judge(credentials, "web-1", "t", at(1971y / 1 / 1)), kExact);
  EXPECT_EQ(judge(credentials, "web-1", "t", at(2026y / 3 / 14)), kExact);
  EXPECT_EQ(judge(credentials, "web-1", "t", at(2026y / 3 / 15, -1s)), kExact);
  EXPECT_EQ(judge(credentials, "web-1", "t", at(2026y / 3 / 15)), kUnauthorized);
  EXPECT_EQ(judge(credentials, "web-1", "t", at(2200y / 1 / 1)), kUnauthorized);
}

TEST(JudgedExpiry, BeyondWhatAClockCanShowIsNever) {
  const Credentials credentials = parse("web-1 " + hash("t") + " expires=9999-12-31");
  EXPECT_EQ(judge(credentials, "web-1", "t", Time::max()), kExact);
}

TEST(JudgedExpiry, BeforeWhatAClockCanShowIsAlways) {
  const Credentials credentials = parse("web-1 " + hash("t") + " expires=0001-01-01");
  EXPECT_EQ(judge(credentials, "web-1", "t", kNow), kUnauthorized);
  EXPECT_TRUE(contains(words(credentials, "web-1", "t"), "expired on 0001-01-01;"));
}

TEST(JudgedExpiry, IsSaid) {
  const Credentials credentials = parse("web-1 " + hash("t") + " expires=2026-03-09");
  EXPECT_TRUE(contains(words(credentials, "web-1", "t"), "the token expired on 2026-03-09; enrol"));
}

TEST(JudgedReload, EndsWhatWasTakenOut) {
  const auto digest = digest_of_token("one");
  EXPECT_TRUE(parse("web-1 " + hash("one")).judge("web-1", digest, kNow));
  EXPECT_FALSE(parse("web-1 -").judge("web-1", digest, kNow));
  EXPECT_FALSE(parse("web-1 " + hash("two")).judge("web-1", digest, kNow));
  EXPECT_FALSE(parse("web-1 " + hash("one") + " expires=2026-01-01").judge("web-1", digest, kNow));
}

TEST(JudgedReload, KeepsWhatIsStillThere) {
  const auto digest = digest_of_token("one");
  EXPECT_TRUE(
      parse("web-1 " + hash("two") + "\nweb-1 " + hash("one")).judge("web-1", digest, kNow));
  EXPECT_TRUE(parse("* " + hash("one")).judge("web-1", digest, kNow)) << "in another way";
}

// ---------------------------------------------------------------------------------------------
// Trusted labels.

using Labels = Credentials::Labels;

class TrustedLabels : public testing::Test {
 protected:
  [[nodiscard]] Labels of(std::string_view endpoint, std::optional<std::string_view> token) const {
    std::optional<TokenDigest> digest;
    if (token) digest = digest_of_token(*token);
    return credentials_.labels(endpoint, digest);
  }

  const Credentials credentials_ =
      parse("web-1 " + hash("one") + " rack=1 site=a\nweb-1 " + hash("next") + " rack=2\n" +
            "web-2 - rack=3 row=9\nweb-2 " + hash("two") + " rack=4\n* " + hash("any") +
            " site=any rack=any");
};

TEST_F(TrustedLabels, AreThoseOfTheTokenShown) {
  EXPECT_EQ(of("web-1", "one"), (Labels{{"rack", "1"}, {"site", "a"}}));
  EXPECT_EQ(of("web-1", "next"), (Labels{{"rack", "2"}}));
}

TEST_F(TrustedLabels, AreThoseOfTheListForAMachineWithoutAToken) {
  EXPECT_EQ(of("web-2", std::nullopt), (Labels{{"rack", "3"}, {"row", "9"}}));
}

TEST_F(TrustedLabels, OfATokenWinOverThoseOfTheList) {
  EXPECT_EQ(of("web-2", "two"), (Labels{{"rack", "4"}, {"row", "9"}}));
}

TEST_F(TrustedLabels, OfTheListWinOverThoseOfATokenForAnyName) {
  EXPECT_EQ(of("web-2", "any"), (Labels{{"rack", "3"}, {"row", "9"}, {"site", "any"}}));
}

TEST_F(TrustedLabels, OfATokenForAnyNameAreEverybodys) {
  EXPECT_EQ(of("web-9", "any"), (Labels{{"rack", "any"}, {"site", "any"}}));
}

TEST_F(TrustedLabels, AreNoneWithoutALine) {
  EXPECT_EQ(of("web-9", std::nullopt), Labels{});
  EXPECT_EQ(of("web-1", std::nullopt), Labels{}) << "whose lines are those of its tokens";
  EXPECT_EQ(of("web-1", "guess"), Labels{});
  EXPECT_EQ(of("web-1", "two"), Labels{}) << "of another";
}

// ---------------------------------------------------------------------------------------------
// Names in certificates.

struct NameCase {
  const char* name;
  const char* endpoint;
  std::vector<std::string> dns;
  std::vector<std::string> uris;
  bool is_named;
};

std::ostream& operator<<(std::ostream& out, const NameCase& tested) { return out << tested.name; }

class CertificateName : public testing::TestWithParam<NameCase> {};

TEST_P(CertificateName, MustBeTheVeryName) {
  const NameCase& tested = GetParam();
  EXPECT_EQ(is_named(tested.endpoint, {tested.dns, tested.uris}), tested.is_named);
}

INSTANTIATE_TEST_SUITE_P(
    Names, CertificateName,
    testing::Values(
        NameCase{"Dns", "web-1", {"web-1"}, {}, true},
        NameCase{"Uri", "web-1", {}, {"cpu-monitor://agent/web-1"}, true},
        NameCase{"DnsAmongOthers", "web-1", {"web-0", "web-1"}, {"https://web-1/"}, true},
        NameCase{"UriAmongOthers", "web-1", {"x"}, {"a:b", "cpu-monitor://agent/web-1"}, true},
        NameCase{"FullName", "web-1.example.org", {"web-1.example.org"}, {}, true},
        NameCase{"None", "web-1", {}, {}, false},
        NameCase{"Another", "web-1", {"web-2"}, {"cpu-monitor://agent/web-2"}, false},
        NameCase{"Wildcard", "web-1.example.org", {"*.example.org"}, {}, false},
        NameCase{"WildcardForAll", "web-1", {"*"}, {"cpu-monitor://agent/*"}, false},
        NameCase{"OtherCase", "web-1", {"WEB-1"}, {"cpu-monitor://agent/Web-1"}, false},
        NameCase{"DotAtTheEnd", "web-1", {"web-1."}, {}, false},
        NameCase{"Longer", "web-1", {"web-11"}, {"cpu-monitor://agent/web-11"}, false},
        NameCase{"Shorter", "web-11", {"web-1"}, {"cpu-monitor://agent/web-1"}, false},
        NameCase{"Subdomain", "web-1", {"web-1.example.org"}, {}, false},
        NameCase{"Empty", "web-1", {""}, {"cpu-monitor://agent/"}, false},
        NameCase{"WithNul", "web-1", {std::string("web-1\0.evil", 11)}, {}, false},
        NameCase{"UriAsDns", "web-1", {"cpu-monitor://agent/web-1"}, {}, false},
        NameCase{"NameAsUri", "web-1", {}, {"web-1"}, false},
        NameCase{"OtherScheme", "web-1", {}, {"https://agent/web-1"}, false},
        NameCase{"SchemeInOtherCase", "web-1", {}, {"CPU-MONITOR://agent/web-1"}, false},
        NameCase{"OtherHost", "web-1", {}, {"cpu-monitor://agents/web-1"}, false},
        NameCase{"ExporterUri", "web-1", {}, {"cpu-monitor://exporter/web-1"}, false},
        NameCase{"LongerPath", "web-1", {}, {"cpu-monitor://agent/web-1/x"}, false},
        NameCase{"DeeperPath", "web-1", {}, {"cpu-monitor://agent/x/web-1"}, false},
        NameCase{"Query", "web-1", {}, {"cpu-monitor://agent/web-1?x"}, false},
        NameCase{"PercentEncoded", "web-1", {}, {"cpu-monitor://agent/web%2D1"}, false}),
    [](const auto& param) { return param.param.name; });

// ---------------------------------------------------------------------------------------------
// Both together.

constexpr const char* kRight = "one";
constexpr const char* kAny = "any";
constexpr const char* kForeign = "two";
constexpr const char* kWrong = "guess";
const std::optional<std::string> kNothing;
const std::optional<std::string> kOwnName = "web-1";
const std::optional<std::string> kOtherName = "web-2";

struct PeerCase {
  const char* name;
  bool has_tokens_file;
  bool has_client_ca;
  std::optional<std::string> certificate;  ///< its DNS name
  std::optional<std::string> token;
  Judgement judgement;            ///< of web-1
  Judgement judgement_of_anyone;  ///< of web-1, where strangers are taken
};

std::ostream& operator<<(std::ostream& out, const PeerCase& tested) { return out << tested.name; }

class Identify : public testing::TestWithParam<PeerCase> {
 protected:
  [[nodiscard]] Result<Identity, RefusalCode> identify_peer(bool allow_anonymous) const {
    const PeerCase& tested = GetParam();
    IdentityRules rules;
    if (tested.has_tokens_file) rules.credentials = &credentials_;
    rules.has_client_ca = tested.has_client_ca;
    rules.allow_anonymous = allow_anonymous;
    Evidence evidence;
    evidence.endpoint = "web-1";
    std::vector<std::string> dns;
    if (tested.certificate) {
      dns.push_back(*tested.certificate);
      evidence.certificate = CertificateNames{dns, {}};
    }
    if (tested.token) evidence.token = digest_of_token(*tested.token);
    return identify(rules, evidence, kNow);
  }

  static Judgement judgement_of(const Result<Identity, RefusalCode>& identity) {
    if (identity) return {std::nullopt, identity->proof};
    return {identity.error().code, std::nullopt};
  }

 private:
  const Credentials credentials_ =
      parse("web-1 " + hash(kRight) + "\nweb-2 " + hash(kForeign) + "\n* " + hash(kAny));
};

TEST_P(Identify, JudgesWhatIsShown) {
  EXPECT_EQ(judgement_of(identify_peer(false)), GetParam().judgement);
}

TEST_P(Identify, JudgesWhatIsShownByAStrangerToo) {
  EXPECT_EQ(judgement_of(identify_peer(true)), GetParam().judgement_of_anyone);
}

TEST_P(Identify, RefusesInWordsThatSayWhatToDo) {
  const auto identity = identify_peer(false);
  if (identity) return;
  EXPECT_TRUE(contains(identity.error().detail, "; ")) << identity.error().detail;
  EXPECT_FALSE(contains(identity.error().detail, "web-")) << identity.error().detail;
  EXPECT_LE(identity.error().detail.size(), kMaxRefusalMessageBytes);
}

INSTANTIATE_TEST_SUITE_P(
    NothingAskedFor, Identify,
    testing::Values(PeerCase{"Nothing", false, false, kNothing, kNothing, kNone, kNone},
                    PeerCase{"Token", false, false, kNothing, kWrong, kNone, kNone},
                    PeerCase{"Certificate", false, false, kOwnName, kNothing, kNone, kNone},
                    PeerCase{"ForeignCertificate", false, false, kOtherName, kNothing, kNone,
                             kNone}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Tokens, Identify,
    testing::Values(PeerCase{"Right", true, false, kNothing, kRight, kExact, kExact},
                    PeerCase{"AnyName", true, false, kNothing, kAny, kDenied, kDenied},
                    PeerCase{"None", true, false, kNothing, kNothing, kUnauthorized, kUnauthorized},
                    PeerCase{"Wrong", true, false, kNothing, kWrong, kUnauthorized, kUnauthorized},
                    PeerCase{"Foreign", true, false, kNothing, kForeign, kDenied, kDenied},
                    PeerCase{"CertificateOfNobodyKnown", true, false, kOwnName, kNothing,
                             kUnauthorized, kUnauthorized},
                    PeerCase{"RightAndCertificateOfNobodyKnown", true, false, kOtherName, kRight,
                             kExact, kExact}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Certificates, Identify,
    testing::Values(PeerCase{"Own", false, true, kOwnName, kNothing, kExact, kExact},
                    PeerCase{"Foreign", false, true, kOtherName, kNothing, kDenied, kDenied},
                    PeerCase{"None", false, true, kNothing, kNothing, kUnauthorized, kNone},
                    PeerCase{"NoneButAToken", false, true, kNothing, kRight, kUnauthorized, kNone},
                    PeerCase{"OwnAndAToken", false, true, kOwnName, kWrong, kExact, kExact},
                    PeerCase{"ForeignAndAToken", false, true, kOtherName, kRight, kDenied,
                             kDenied}),
    [](const auto& param) { return param.param.name; });

INSTANTIATE_TEST_SUITE_P(
    Both, Identify,
    testing::Values(
        PeerCase{"Nothing", true, true, kNothing, kNothing, kUnauthorized, kUnauthorized},
        PeerCase{"RightToken", true, true, kNothing, kRight, kExact, kExact},
        PeerCase{"TokenOfAnyName", true, true, kNothing, kAny, kDenied, kDenied},
        PeerCase{"WrongToken", true, true, kNothing, kWrong, kUnauthorized, kUnauthorized},
        PeerCase{"ForeignToken", true, true, kNothing, kForeign, kDenied, kDenied},
        PeerCase{"OwnCertificate", true, true, kOwnName, kNothing, kExact, kExact},
        PeerCase{"ForeignCertificate", true, true, kOtherName, kNothing, kDenied, kDenied},
        PeerCase{"OwnAndRight", true, true, kOwnName, kRight, kExact, kExact},
        PeerCase{"OwnAndAnyName", true, true, kOwnName, kAny, kDenied, kDenied},
        PeerCase{"OwnAndWrong", true, true, kOwnName, kWrong, kUnauthorized, kUnauthorized},
        PeerCase{"OwnAndForeign", true, true, kOwnName, kForeign, kDenied, kDenied},
        PeerCase{"ForeignAndRight", true, true, kOtherName, kRight, kDenied, kDenied},
        PeerCase{"ForeignAndAnyName", true, true, kOtherName, kAny, kDenied, kDenied},
        PeerCase{"ForeignAndForeign", true, true, kOtherName, kForeign, kDenied, kDenied}),
    [](const auto& param) { return param.param.name; });

/// Whom an exporter that takes strangers does not take for one.
TEST(IdentifyStranger, MayUseANameWithoutATokenOnly) {
  const Credentials credentials =
      parse("listed -\nowned " + hash("t") + "\nexpired " + hash("t") + " expires=1999-01-01");
  IdentityRules rules;
  rules.credentials = &credentials;
  rules.allow_anonymous = true;
  const auto code = [&](std::string_view endpoint) -> std::optional<RefusalCode> {
    Evidence evidence;
    evidence.endpoint = endpoint;
    const auto identity = identify(rules, evidence, kNow);
    if (identity) return std::nullopt;
    return identity.error().code;
  };
  EXPECT_EQ(code("listed"), std::nullopt);
  EXPECT_EQ(code("unheard-of"), std::nullopt);
  EXPECT_EQ(code("owned"), RefusalCode::unauthorized);
  EXPECT_EQ(code("expired"), RefusalCode::unauthorized);
}

TEST(IdentifyLabels, ComeWithTheIdentity) {
  const Credentials credentials = parse("web-1 - rack=7\nweb-2 " + hash("t") + " rack=8");
  const std::vector<std::string> names{"web-1"};
  IdentityRules rules;
  rules.credentials = &credentials;
  rules.has_client_ca = true;
  Evidence certificate;
  certificate.endpoint = "web-1";
  certificate.certificate = CertificateNames{names, {}};
  EXPECT_EQ(identify(rules, certificate, kNow)->labels, (Labels{{"rack", "7"}}));
  Evidence token;
  token.endpoint = "web-2";
  token.token = digest_of_token("t");
  EXPECT_EQ(identify(rules, token, kNow)->labels, (Labels{{"rack", "8"}}));
  EXPECT_EQ(identify({}, token, kNow)->labels, Labels{}) << "without a tokens file";
}

}  // namespace
}  // namespace cpu_monitor::exporter
