#include "common/messages.hpp"

#include <ostream>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor {

std::ostream& operator<<(std::ostream& out, RefusalCode code) {
  return out << kRefusalCodeNames[code];
}

namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kLargest = 9007199254740991;  // 2^53 - 1

std::string without_newline(std::string line) {
  EXPECT_EQ(line.find('\n'), line.size() - 1) << "exactly one line: " << line;
  line.pop_back();
  return line;
}

std::string repeat(std::string_view text, std::size_t times) {
  std::string repeated;
  for (std::size_t i = 0; i < times; ++i) repeated += text;
  return repeated;
}

std::string hello_with(const std::string& fields) {
  return R"({"type":"hello","protocol":1,"endpoint":"web-1",)" + fields + '}';
}

std::string hello_of(const std::string& endpoint_json) {
  return R"({"type":"hello","protocol":1,"endpoint":)" + endpoint_json + '}';
}

std::string sample_with(const std::string& fields) {
  return R"({"type":"sample","sequence":1,"percent":5,)" + fields + '}';
}

std::string sample_with_cpu(const std::string& cpu) { return sample_with(R"("cpu":)" + cpu); }

std::string sample_with_tick(const std::string& tick) {
  return sample_with_cpu(R"({"total":[1,2,)" + tick + ",4]}");
}

std::string sample_with_cores(const std::string& cores) {
  return sample_with_cpu(R"({"total":[1,2,3,4],"cores":[)" + cores + "]}");
}

std::string cores_of(std::size_t count) {
  std::string cores;
  for (std::size_t id = 0; id < count; ++id) {
    cores += (id == 0 ? "[" : ",[") + std::to_string(id) + ",1,2,3,4]";
  }
  return cores;
}

std::string labels_of(std::size_t count) {
  std::string labels;
  for (std::size_t i = 0; i < count; ++i) {
    labels += (i == 0 ? "\"l" : ",\"l") + std::to_string(i) + "\":\"v\"";
  }
  return R"("labels":{)" + labels + '}';
}

/// An otherwise good sample with an unknown field that is nested to `depth`, the line included.
std::string sample_of_depth(std::size_t depth) {
  return sample_with(R"("x":)" + repeat("[", depth - 1) + repeat("]", depth - 1));
}

std::string welcome_with(const std::string& fields) {
  return R"({"type":"welcome","protocol":1,)" + fields + '}';
}

std::string name_of_bytes(std::size_t bytes) { return '"' + std::string(bytes, 'n') + '"'; }

std::string hello_with_host(const std::string& host) { return hello_with(R"("host":)" + host); }

/// A good host, but for `key`, which is `value`, or absent when that is empty.
std::string host_of(const std::string& key, const std::string& value) {
  std::string host;
  for (const char* other : {"sysname", "release", "version", "machine", "nodename", "domainname"}) {
    if (other != key) host += std::string("\"") + other + R"(":"x",)";
  }
  if (value.empty()) return '{' + host + R"("also":1})";
  return '{' + host + '"' + key + "\":" + value + '}';
}

struct GoodLine {
  const char* name;
  std::string line;
};

struct BadLine {
  const char* name;
  std::string line;
  RefusalCode code;
  const char* word;  ///< the detail names it
};

template <class Case>
std::string name_of_case(const testing::TestParamInfo<Case>& tested) {
  return tested.param.name;
}

template <class Message>
void expect_refusal(const Decoded<Message>& decoded, const BadLine& tested) {
  ASSERT_FALSE(decoded);
  const std::string& detail = decoded.error().detail;
  EXPECT_EQ(decoded.error().code, tested.code) << detail;
  EXPECT_NE(detail.find(tested.word), std::string::npos) << detail;
  EXPECT_LE(detail.size(), kMaxRefusalMessageBytes);
  EXPECT_EQ(detail.find_first_of("\r\n\t\"\\"), std::string::npos) << detail;
  EXPECT_EQ(detail.find("zebra"), std::string::npos) << "quotes the line: " << detail;
}

// ---- lines that are not one JSON object

class BadJson : public testing::TestWithParam<BadLine> {};

TEST_P(BadJson, IsRefusedFromAnAgent) {
  expect_refusal(decode_agent_message(GetParam().line), GetParam());
}

TEST_P(BadJson, IsRefusedFromAnExporter) {
  expect_refusal(decode_exporter_message(GetParam().line), GetParam());
}

BadLine bad_json(const char* name, std::string line,
                 const char* word = "one JSON object per line") {
  return {name, std::move(line), RefusalCode::bad_json, word};
}

INSTANTIATE_TEST_SUITE_P(
    Syntax, BadJson,
    testing::Values(
        bad_json("Empty", ""), bad_json("Blank", "   "), bad_json("Word", "zebra"),
        bad_json("HttpRequest", "GET /metrics HTTP/1.1\r"),
        bad_json("TlsHello", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xFC\x03\x03", 11)),
        bad_json("HalfALine", R"({"type":"sample","sequ)"), bad_json("OnlyABrace", "{"),
        bad_json("WrongBrace", R"({"type":"zebra"])"), bad_json("NoColon", R"({"type" "x"})"),
        bad_json("NoComma", R"({"type":"x" "a":1})"), bad_json("KeyWithoutQuotes", R"({type:"x"})"),
        bad_json("SingleQuotes", R"({'type':'x'})"), bad_json("TrailingComma", R"({"type":"x",})"),
        bad_json("Comment", R"({"type":"x"/*zebra*/})"), bad_json("LeadingZero", R"({"a":01})"),
        bad_json("PlusSign", R"({"a":+1})"), bad_json("NoDigitBeforeThePoint", R"({"a":.5})"),
        bad_json("NoDigitBehindThePoint", R"({"a":5.})"), bad_json("Hexadecimal", R"({"a":0x5})"),
        bad_json("Nan", R"({"type":"sample","sequence":1,"percent":NaN})"),
        bad_json("Infinity", R"({"type":"sample","sequence":1,"percent":Infinity})"),
        bad_json("MinusInfinity", R"({"type":"sample","sequence":1,"percent":-Infinity})"),
        bad_json("ControlCharacterInAString", "{\"type\":\"a\tb\"}"),
        bad_json("UnknownEscape", R"({"type":"\x41"})"),
        bad_json("LoneSurrogateEscape", R"({"type":"\ud800"})")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    NotOneObject, BadJson,
    testing::Values(bad_json("Number", "5"), bad_json("HugeNumber", "1e999"),
                    bad_json("String", R"("zebra")"), bad_json("Null", "null"),
                    bad_json("True", "true"), bad_json("Array", R"([{"type":"x"}])"),
                    bad_json("EmptyArray", "[]"),
                    bad_json("TwoObjects", R"({"type":"x"}{"type":"x"})"),
                    bad_json("TrailingWord", R"({"type":"x"} zebra)"),
                    bad_json("TrailingBrace", R"({"type":"x"}})"),
                    bad_json("TrailingNul", std::string(R"({"type":"x"})") + '\0'),
                    bad_json("TrailingNulAndMore", std::string(R"({"type":"x"})") + '\0' + "zebra"),
                    bad_json("NulInside", std::string(R"({"type")") + '\0' + R"(:"x"})"),
                    bad_json("NulInAString", std::string(R"({"type":"x)") + '\0' + R"("})"),
                    bad_json("ByteOrderMark",
                             "\xEF\xBB\xBF"
                             R"({"type":"x"})"),
                    bad_json("ByteOrderMarkAlone", "\xEF\xBB\xBF"),
                    bad_json("Utf16", std::string("\xFF\xFE{\0}\0", 6))),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Utf8, BadJson,
    testing::Values(bad_json("StrayContinuation", "{\"type\":\"\x80\"}"),
                    bad_json("Latin1", "{\"type\":\"h\xF6st\"}"),
                    bad_json("CutShort", "{\"type\":\"\xE2\x82\"}"),
                    bad_json("Overlong", "{\"type\":\"\xC0\xAF\"}"),
                    bad_json("OverlongNul", "{\"type\":\"\xC0\x80\"}"),
                    bad_json("Surrogate", "{\"type\":\"\xED\xA0\x80\"}"),
                    bad_json("BeyondUnicode", "{\"type\":\"\xF4\x90\x80\x80\"}"),
                    bad_json("InAKey", "{\"type\":\"x\",\"\xFF\":1}"),
                    bad_json("InAnUnknownField", "{\"type\":\"x\",\"a\":[\"\xFF\"]}"),
                    bad_json("OutsideAString", "{\"type\":\"x\"}\xFF")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Depth, BadJson,
    testing::Values(bad_json("OneOverTheLimit", sample_of_depth(kMaxJsonDepth + 1), "6 levels"),
                    bad_json("ObjectsOneOverTheLimit",
                             repeat(R"({"a":)", kMaxJsonDepth + 1) + "1" +
                                 repeat("}", kMaxJsonDepth + 1),
                             "6 levels"),
                    bad_json("SixtyThousand", sample_of_depth(60000), "6 levels"),
                    bad_json("SixtyThousandUnclosed", R"({"x":)" + repeat("[", 60000), "6 levels"),
                    bad_json("SixtyThousandObjects", repeat(R"({"a":)", 60000), "6 levels"),
                    bad_json("SixtyThousandBracketsAlone", repeat("[", 60000))),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    DuplicateKeys, BadJson,
    testing::Values(
        bad_json("Type", R"({"type":"x","type":"x"})", "same key twice"),
        bad_json("KnownField", R"({"type":"sample","sequence":1,"percent":5,"percent":5})",
                 "same key twice"),
        bad_json("UnknownField", R"({"type":"x","a":1,"b":2,"a":3})", "same key twice"),
        bad_json("InAKnownObject", sample_with_cpu(R"({"total":[1,2,3,4],"total":[1,2,3,4]})"),
                 "same key twice"),
        bad_json("InAnUnknownObject", R"({"type":"x","o":{"a":1,"a":2}})", "same key twice"),
        bad_json("InAnObjectOfAnArray", R"({"type":"x","o":[0,{"a":{"b":1,"c":2,"b":3}}]})",
                 "same key twice"),
        bad_json("BehindANestedObject", R"({"type":"x","a":{"b":1},"a":{"b":1}})",
                 "same key twice"),
        bad_json("WrittenWithAnEscape", R"({"type":"x","a":1,"\u0061":2})", "same key twice"),
        bad_json("Empty", R"({"type":"x","":1,"":2})", "same key twice"),
        bad_json("Labels", hello_with(R"("labels":{"a":"1","a":"2"})"), "same key twice")),
    name_of_case<BadLine>);

TEST(Messages, TakeTheSameKeyInDifferentObjects) {
  EXPECT_TRUE(decode_agent_message(R"({"type":"x","a":{"a":{"a":1}},"b":[{"a":1},{"a":2}]})"));
}

TEST(Messages, TakeManyDifferentKeys) {
  std::string line = R"({"type":"goodbye","reason":"stop")";
  for (int i = 0; i < 15000; ++i) line += ",\"k" + std::to_string(i) + "\":0";
  EXPECT_TRUE(decode_agent_message(line + '}'));
  EXPECT_FALSE(decode_agent_message(line + R"(,"k7777":0})"));
}

TEST(Messages, TakeTheGreatestDepth) {
  EXPECT_TRUE(decode_agent_message(sample_of_depth(kMaxJsonDepth)));
}

TEST(Messages, TakeBlanksAndACarriageReturnAroundTheObject) {
  EXPECT_TRUE(decode_agent_message(" {\"type\" : \"x\"}\t\r"));
}

TEST(Messages, PreferBadJsonToABadFieldBeforeIt) {
  const auto decoded = decode_agent_message(R"({"type":"sample","sequence":-1,"a":1,"a":2})");
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().code, RefusalCode::bad_json);
}

// ---- type

class BadType : public testing::TestWithParam<BadLine> {};

TEST_P(BadType, IsRefusedFromAnAgent) {
  expect_refusal(decode_agent_message(GetParam().line), GetParam());
}

TEST_P(BadType, IsRefusedFromAnExporter) {
  expect_refusal(decode_exporter_message(GetParam().line), GetParam());
}

BadLine bad_field(const char* name, std::string line, const char* word) {
  return {name, std::move(line), RefusalCode::bad_field, word};
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadType,
    testing::Values(bad_field("Missing", "{}", "type"),
                    bad_field("OnlyInside", R"({"a":{"type":"hello"}})", "type"),
                    bad_field("Number", R"({"type":5})", "type"),
                    bad_field("Null", R"({"type":null})", "type"),
                    bad_field("True", R"({"type":true})", "type"),
                    bad_field("Array", R"({"type":["hello"]})", "type"),
                    bad_field("Object", R"({"type":{"type":"hello"}})", "type"),
                    bad_field("OverflowInAnUnknownMessage", R"({"type":"x","a":1e999})",
                              "too large")),
    name_of_case<BadLine>);

class UnknownType : public testing::TestWithParam<GoodLine> {};

TEST_P(UnknownType, IsUnknownFromAnAgent) {
  const auto decoded = decode_agent_message(GetParam().line);
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_TRUE(std::holds_alternative<UnknownMessage>(*decoded));
}

TEST_P(UnknownType, IsUnknownFromAnExporter) {
  const auto decoded = decode_exporter_message(GetParam().line);
  ASSERT_TRUE(decoded) << decoded.error().detail;
  EXPECT_TRUE(std::holds_alternative<UnknownMessage>(*decoded));
}

INSTANTIATE_TEST_SUITE_P(
    Table, UnknownType,
    testing::Values(GoodLine{"News", R"({"type":"news","last_ms":5})"},
                    GoodLine{"WithBadFacts", R"({"type":"x","cpus":5,"online":[-1]})"},
                    GoodLine{"Empty", R"({"type":""})"},
                    GoodLine{"InCapitals", R"({"type":"SAMPLE"})"},
                    GoodLine{"Prefix", R"({"type":"sampl"})"},
                    GoodLine{"WithNul", R"({"type":"sample\u0000"})"},
                    GoodLine{"WithBadSampleFields", R"({"type":"x","sequence":-1,"cpu":5})"},
                    GoodLine{"WithBadHelloFields", R"({"type":"x","protocol":2,"endpoint":5})"},
                    GoodLine{"WithBadResume", R"({"type":"x","resume":null})"}),
    name_of_case<GoodLine>);

TEST(Messages, AgentsDoNotSpeakLikeExporters) {
  for (const char* type : {"welcome", "ack", "refusal", "request"}) {
    const auto decoded = decode_agent_message(std::string(R"({"type":")") + type + "\"}");
    ASSERT_TRUE(decoded) << type;
    EXPECT_TRUE(std::holds_alternative<UnknownMessage>(*decoded)) << type;
  }
}

TEST(Messages, ExportersDoNotSpeakLikeAgents) {
  for (const char* type : {"hello", "facts", "sample", "recording"}) {
    const auto decoded = decode_exporter_message(std::string(R"({"type":")") + type + "\"}");
    ASSERT_TRUE(decoded) << type;
    EXPECT_TRUE(std::holds_alternative<UnknownMessage>(*decoded)) << type;
  }
}

// ---- sample

class BadSample : public testing::TestWithParam<BadLine> {};

TEST_P(BadSample, IsRefused) { expect_refusal(decode_agent_message(GetParam().line), GetParam()); }

TEST_P(BadSample, IsIgnoredInAnotherMessage) {
  std::string line = GetParam().line;
  line.replace(line.find("\"sample\""), 8, "\"zebra\"");
  const auto decoded = decode_agent_message(line);
  if (!decoded) {
    EXPECT_NE(decoded.error().detail.find("too large"), std::string::npos);
    return;
  }
  EXPECT_TRUE(std::holds_alternative<UnknownMessage>(*decoded));
}

INSTANTIATE_TEST_SUITE_P(
    Sequence, BadSample,
    testing::Values(
        bad_field("Missing", R"({"type":"sample","percent":5})", "sequence"),
        bad_field("Zero", R"({"type":"sample","sequence":0,"percent":5})", "9007199254740991"),
        bad_field("Negative", R"({"type":"sample","sequence":-1,"percent":5})", "sequence"),
        bad_field("Fraction", R"({"type":"sample","sequence":1.5,"percent":5})", "sequence"),
        bad_field("WholeFloat", R"({"type":"sample","sequence":1.0,"percent":5})", "sequence"),
        bad_field("TwoTo53", R"({"type":"sample","sequence":9007199254740992,"percent":5})",
                  "sequence"),
        bad_field("TwoTo64", R"({"type":"sample","sequence":18446744073709551616,"percent":5})",
                  "sequence"),
        bad_field("Text", R"({"type":"sample","sequence":"1","percent":5})", "sequence"),
        bad_field("Null", R"({"type":"sample","sequence":null,"percent":5})", "sequence"),
        bad_field("Array", R"({"type":"sample","sequence":[1],"percent":5})", "sequence"),
        bad_field("Object", R"({"type":"sample","sequence":{"sequence":1},"percent":5})",
                  "sequence")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Percent, BadSample,
    testing::Values(
        bad_field("Negative", R"({"type":"sample","sequence":1,"percent":-1})", "from 0 to 100"),
        bad_field("SlightlyNegative", R"({"type":"sample","sequence":1,"percent":-0.001})",
                  "percent"),
        bad_field("MinusZero", R"({"type":"sample","sequence":1,"percent":-0.0})", "percent"),
        bad_field("Above", R"({"type":"sample","sequence":1,"percent":101})", "percent"),
        bad_field("SlightlyAbove", R"({"type":"sample","sequence":1,"percent":100.00001})",
                  "percent"),
        bad_field("TwoTo64", R"({"type":"sample","sequence":1,"percent":18446744073709551616})",
                  "percent"),
        bad_field("Overflow", R"({"type":"sample","sequence":1,"percent":1e999})", "too large"),
        bad_field("MinusOverflow", R"({"type":"sample","sequence":1,"percent":-1e999})",
                  "too large"),
        bad_field("Text", R"({"type":"sample","sequence":1,"percent":"14.6 zebra"})", "percent"),
        bad_field("Null", R"({"type":"sample","sequence":1,"percent":null})", "percent"),
        bad_field("True", R"({"type":"sample","sequence":1,"percent":true})", "percent"),
        bad_field("Array", R"({"type":"sample","sequence":1,"percent":[5]})", "percent")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    SaysNothing, BadSample,
    testing::Values(bad_field("OnlyASequence", R"({"type":"sample","sequence":1})", "percent, cpu"),
                    bad_field("OnlyATime", R"({"type":"sample","sequence":1,"time_ms":5})",
                              "percent, cpu"),
                    bad_field("OnlyUnknownFields",
                              R"({"type":"sample","sequence":1,"load":[1,2,3]})", "percent, cpu")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Tick, BadSample,
    testing::Values(bad_field("Negative", sample_with_tick("-1"), "ticks"),
                    bad_field("MinusZero", sample_with_tick("-0"), "ticks"),
                    bad_field("Fraction", sample_with_tick("1.5"), "ticks"),
                    bad_field("WholeFloat", sample_with_tick("3.0"), "ticks"),
                    bad_field("Exponent", sample_with_tick("1e3"), "ticks"),
                    bad_field("TwoTo53", sample_with_tick("9007199254740992"), "9007199254740991"),
                    bad_field("Largest64Bit", sample_with_tick("18446744073709551615"), "ticks"),
                    bad_field("TwoTo64", sample_with_tick("18446744073709551616"), "ticks"),
                    bad_field("MinusTwoTo63", sample_with_tick("-9223372036854775808"), "ticks"),
                    bad_field("Overflow", sample_with_tick("1e999"), "too large"),
                    bad_field("LongOverflow", sample_with_tick(repeat("9", 400)), "too large"),
                    bad_field("Text", sample_with_tick(R"("5")"), "ticks"),
                    bad_field("Null", sample_with_tick("null"), "ticks"),
                    bad_field("False", sample_with_tick("false"), "ticks"),
                    bad_field("Array", sample_with_tick("[3]"), "ticks"),
                    bad_field("Object", sample_with_tick(R"({"a":3})"), "ticks"),
                    bad_field("OfACore", sample_with_cores("[0,1,2,-3,4]"), "ticks"),
                    bad_field("TextOfACore", sample_with_cores(R"([0,1,2,"3",4])"), "ticks"),
                    bad_field("TwoTo53OfACore", sample_with_cores("[0,1,2,3,9007199254740992]"),
                              "ticks")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Cpu, BadSample,
    testing::Values(
        bad_field("Null", sample_with_cpu("null"), "cpu"),
        bad_field("Array", sample_with_cpu("[1,2,3,4]"), "cpu"),
        bad_field("Number", sample_with_cpu("4"), "cpu"),
        bad_field("Empty", sample_with_cpu("{}"), "total"),
        bad_field("OnlyCores", sample_with_cpu(R"({"cores":[[0,1,2,3,4]]})"), "total"),
        bad_field("TotalNull", sample_with_cpu(R"({"total":null})"), "cpu.total"),
        bad_field("TotalNumber", sample_with_cpu(R"({"total":5})"), "cpu.total"),
        bad_field("TotalObject", sample_with_cpu(R"({"total":{"user":5}})"), "cpu.total"),
        bad_field("TotalEmpty", sample_with_cpu(R"({"total":[]})"), "at least 4"),
        bad_field("TotalOfThree", sample_with_cpu(R"({"total":[1,2,3]})"), "at least 4"),
        bad_field("CoresNull", sample_with_cpu(R"({"total":[1,2,3,4],"cores":null})"), "cpu.cores"),
        bad_field("CoresObject", sample_with_cpu(R"({"total":[1,2,3,4],"cores":{}})"), "cpu.cores"),
        bad_field("CoreNumber", sample_with_cores("5"), "cpu.cores"),
        bad_field("CoreNull", sample_with_cores("null"), "cpu.cores"),
        bad_field("CoreObject", sample_with_cores(R"({"id":1})"), "cpu.cores"),
        bad_field("CoreEmpty", sample_with_cores("[]"), "cpu.cores"),
        bad_field("CoreOnlyId", sample_with_cores("[0]"), "cpu.cores"),
        bad_field("CoreOfThreeTicks", sample_with_cores("[0,1,2,3]"), "at least 4"),
        bad_field("SecondCoreOfThreeTicks", sample_with_cores("[0,1,2,3,4],[1,1,2,3]"),
                  "at least 4"),
        bad_field("IdOneOverTheLimit", sample_with_cores("[65536,1,2,3,4]"), "from 0 to 65535"),
        bad_field("IdTwoTo31", sample_with_cores("[2147483648,1,2,3,4]"), "cpu.cores"),
        bad_field("IdTwoTo32", sample_with_cores("[4294967296,1,2,3,4]"), "cpu.cores"),
        bad_field("IdTwoTo64", sample_with_cores("[18446744073709551616,1,2,3,4]"), "cpu.cores"),
        bad_field("IdNegative", sample_with_cores("[-1,1,2,3,4]"), "cpu.cores"),
        bad_field("IdFraction", sample_with_cores("[0.5,1,2,3,4]"), "cpu.cores"),
        bad_field("IdText", sample_with_cores(R"(["cpu0",1,2,3,4])"), "cpu.cores"),
        bad_field("IdNull", sample_with_cores("[null,1,2,3,4]"), "cpu.cores"),
        bad_field("IdTwice", sample_with_cores("[3,1,2,3,4],[3,1,2,3,4]"), "once"),
        bad_field("IdTwiceApart", sample_with_cores("[3,1,2,3,4],[1,1,2,3,4],[3,5,6,7,8]"), "once"),
        BadLine{"OneCoreOverTheLimit", sample_with_cores(cores_of(kMaxCpus + 1)),
                RefusalCode::capacity, "1024"},
        BadLine{"ManyCoresOverTheLimit", sample_with_cores(cores_of(2 * kMaxCpus)),
                RefusalCode::capacity, "--no-cpu.per-core"}),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Rest, BadSample,
    testing::Values(
        bad_field("TimeNegative", sample_with(R"("time_ms":-1)"), "time_ms"),
        bad_field("TimeFraction", sample_with(R"("time_ms":1.5)"), "time_ms"),
        bad_field("TimeTwoTo53", sample_with(R"("time_ms":9007199254740992)"), "9007199254740991"),
        bad_field("TimeText", sample_with(R"("time_ms":"2024-02-29")"), "time_ms"),
        bad_field("TimeNull", sample_with(R"("time_ms":null)"), "time_ms"),
        bad_field("UptimeNegative", sample_with(R"("uptime_ms":-1)"), "uptime_ms"),
        bad_field("UptimeTwoTo53", sample_with(R"("uptime_ms":9007199254740992)"), "uptime_ms"),
        bad_field("UptimeArray", sample_with(R"("uptime_ms":[1])"), "uptime_ms"),
        bad_field("DiscardedNull", sample_with(R"("discarded":null)"), "discarded"),
        bad_field("DiscardedArray", sample_with(R"("discarded":[1])"), "discarded"),
        bad_field("DiscardCountNegative", sample_with(R"("discarded":{"torn":-1})"), "discarded"),
        bad_field("DiscardCountFraction", sample_with(R"("discarded":{"torn":0.5})"), "discarded"),
        bad_field("DiscardCountTwoTo53", sample_with(R"("discarded":{"torn":9007199254740992})"),
                  "discarded"),
        bad_field("DiscardCountText", sample_with(R"("discarded":{"zebra":"1"})"), "discarded"),
        bad_field("DiscardCountObject", sample_with(R"("discarded":{"zebra":{}})"), "discarded"),
        bad_field("SelfNull", sample_with(R"("self":null)"), "self"),
        bad_field("SelfEmpty", sample_with(R"("self":{})"), "cpu_seconds and resident_bytes"),
        bad_field("SelfWithoutBytes", sample_with(R"("self":{"cpu_seconds":1})"), "resident_bytes"),
        bad_field("SelfWithoutSeconds", sample_with(R"("self":{"resident_bytes":1})"),
                  "cpu_seconds"),
        bad_field("SecondsNegative",
                  sample_with(R"("self":{"cpu_seconds":-0.5,"resident_bytes":1})"),
                  "self.cpu_seconds"),
        bad_field("SecondsText", sample_with(R"("self":{"cpu_seconds":"1","resident_bytes":1})"),
                  "self.cpu_seconds"),
        bad_field("SecondsOverflow",
                  sample_with(R"("self":{"cpu_seconds":1e999,"resident_bytes":1})"), "too large"),
        bad_field("BytesFraction", sample_with(R"("self":{"cpu_seconds":1,"resident_bytes":1.5})"),
                  "self.resident_bytes"),
        bad_field("BytesTwoTo53",
                  sample_with(R"("self":{"cpu_seconds":1,"resident_bytes":9007199254740992})"),
                  "self.resident_bytes")),
    name_of_case<BadLine>);

CpuSample decode_sample(const std::string& line) {
  const auto decoded = decode_agent_message(line);
  EXPECT_TRUE(decoded) << decoded.error().detail;
  return decoded ? std::get<CpuSample>(*decoded) : CpuSample{};
}

class GoodSample : public testing::TestWithParam<GoodLine> {};

TEST_P(GoodSample, IsDecoded) { EXPECT_GE(decode_sample(GetParam().line).sequence, 1U); }

INSTANTIATE_TEST_SUITE_P(
    Table, GoodSample,
    testing::Values(
        GoodLine{"Smallest", R"({"type":"sample","sequence":1,"percent":14.6})"},
        GoodLine{"LargestSequence", R"({"type":"sample","sequence":9007199254740991,"percent":0})"},
        GoodLine{"PercentZero", R"({"type":"sample","sequence":1,"percent":0})"},
        GoodLine{"PercentHundred", R"({"type":"sample","sequence":1,"percent":100})"},
        GoodLine{"PercentHundredAsAFloat", R"({"type":"sample","sequence":1,"percent":100.0})"},
        GoodLine{"PercentTiny", R"({"type":"sample","sequence":1,"percent":1e-300})"},
        GoodLine{"OnlyCpu", R"({"type":"sample","sequence":1,"cpu":{"total":[1,2,3,4]}})"},
        GoodLine{"OnlyDiscards", R"({"type":"sample","sequence":1,"discarded":{"missing":9}})"},
        GoodLine{"NoDiscardsAtAll", R"({"type":"sample","sequence":1,"discarded":{}})"},
        GoodLine{"LargestTick", sample_with_tick("9007199254740991")},
        GoodLine{"EmptyCores", sample_with_cores("")},
        GoodLine{"LargestCoreId", sample_with_cores("[65535,1,2,3,4]")},
        GoodLine{"AsManyCoresAsAllowed", sample_with_cores(cores_of(kMaxCpus))},
        GoodLine{"LargestTimes",
                 sample_with(R"("time_ms":9007199254740991,"uptime_ms":9007199254740991)")},
        GoodLine{"SecondsAsAnInteger",
                 sample_with(R"("self":{"cpu_seconds":3,"resident_bytes":0})")},
        GoodLine{"TypeLast", R"({"sequence":1,"percent":14.6,"type":"sample"})"},
        GoodLine{"EscapedKey", R"({"type":"sample","sequence":1,"\u0070ercent":14.6})"},
        GoodLine{"UnknownFields",
                 sample_with(
                     R"("fans":[0.5,null,-1],"voltage":{"peak":-1.5,"cpu":"x"},"note":"\u0000")")},
        GoodLine{"UnknownFieldsInside",
                 sample_with(R"("cpu":{"note":{"total":5},"total":[1,2,3,4]},)"
                             R"("self":{"cpu_seconds":1,"resident_bytes":1,"threads":"x"})")}),
    name_of_case<GoodLine>);

TEST(SampleMessage, KeepsTenTicksAndIgnoresTheRest) {
  const CpuSample sample =
      decode_sample(sample_with_cpu(R"({"total":[0,1,2,3,4,5,6,7,8,9,"ten",[11],{"twelve":-1}],)"
                                    R"("cores":[[5,0,1,2,3,4,5,6,7,8,9,-10,null]]})"));
  ASSERT_TRUE(sample.cpu.has_value());
  EXPECT_EQ(sample.cpu->total.fields, kCpuModeCount);
  EXPECT_EQ(sample.cpu->total[CpuMode::guest_nice], 9U);
  ASSERT_EQ(sample.cpu->cores.size(), 1U);
  EXPECT_EQ(sample.cpu->cores[0].times, sample.cpu->total);
}

TEST(SampleMessage, TakesMissingTicksForUnknown) {
  const CpuSample sample = decode_sample(sample_with_cpu(R"({"total":[1,2,3,4,5,6,7]})"));
  ASSERT_TRUE(sample.cpu.has_value());
  EXPECT_TRUE(sample.cpu->total.has(CpuMode::softirq));
  EXPECT_FALSE(sample.cpu->total.has(CpuMode::steal));
}

TEST(SampleMessage, SortsCoresById) {
  const CpuSample sample =
      decode_sample(sample_with_cores("[9,9,0,0,0],[0,1,0,0,0],[65535,7,0,0,0],[4,5,0,0,0]"));
  ASSERT_TRUE(sample.cpu.has_value());
  std::vector<std::pair<std::uint32_t, Ticks>> cores;
  for (const CoreTimes& core : sample.cpu->cores) {
    cores.emplace_back(core.id, core.times[CpuMode::user]);
  }
  EXPECT_EQ(cores,
            (std::vector<std::pair<std::uint32_t, Ticks>>{{0, 1}, {4, 5}, {9, 9}, {65535, 7}}));
}

TEST(SampleMessage, CountsUnknownDiscardReasonsAsOther) {
  const CpuSample sample =
      decode_sample(sample_with(R"("discarded":{"torn":1,"zebra":2,"other":4,"":8})"));
  ASSERT_TRUE(sample.discarded.has_value());
  EXPECT_EQ((*sample.discarded)[DiscardReason::torn], 1U);
  EXPECT_EQ((*sample.discarded)[DiscardReason::other], 14U);
}

TEST(SampleMessage, LeavesAbsentFieldsUnknown) {
  CpuSample expected;
  expected.sequence = 3;
  expected.percent = 14.6;
  EXPECT_EQ(decode_sample(R"({"type":"sample","sequence":3,"percent":14.6})"), expected);
}

// ---- hello

class BadHello : public testing::TestWithParam<BadLine> {};

TEST_P(BadHello, IsRefused) { expect_refusal(decode_agent_message(GetParam().line), GetParam()); }

BadLine other_protocol(const char* name, std::string line, const char* word) {
  return {name, std::move(line), RefusalCode::unsupported_protocol, word};
}

INSTANTIATE_TEST_SUITE_P(
    Protocol, BadHello,
    testing::Values(
        other_protocol("Two", R"({"type":"hello","protocol":2,"endpoint":"web-1"})",
                       "protocol 1, the other side 2"),
        other_protocol("Zero", R"({"type":"hello","protocol":0,"endpoint":"web-1"})", "side 0"),
        other_protocol("Negative", R"({"type":"hello","protocol":-1,"endpoint":"web-1"})",
                       "side -1"),
        other_protocol("Largest", R"({"type":"hello","protocol":18446744073709551615})",
                       "18446744073709551615"),
        other_protocol("TwoWithABadEndpoint", R"({"type":"hello","protocol":2,"endpoint":5})",
                       "protocol 1"),
        other_protocol("TwoWithOtherFields", R"({"type":"hello","protocol":2,"name":{}})",
                       "protocol 1"),
        bad_field("Missing", R"({"type":"hello","endpoint":"web-1"})", "protocol"),
        bad_field("Text", R"({"type":"hello","protocol":"1","endpoint":"web-1"})", "protocol"),
        bad_field("Float", R"({"type":"hello","protocol":1.0,"endpoint":"web-1"})", "protocol"),
        bad_field("TwoTo64",
                  R"({"type":"hello","protocol":18446744073709551616,"endpoint":"web-1"})",
                  "protocol"),
        bad_field("Null", R"({"type":"hello","protocol":null,"endpoint":"web-1"})", "protocol")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Endpoint, BadHello,
    testing::Values(bad_field("Missing", R"({"type":"hello","protocol":1})", "endpoint"),
                    bad_field("Number", hello_of("5"), "endpoint"),
                    bad_field("Null", hello_of("null"), "name"),
                    bad_field("Array", hello_of(R"(["web-1"])"), "endpoint"),
                    bad_field("Empty", hello_of(R"("")"), "1 to 128"),
                    bad_field("EndsTheLabel", hello_of(R"("a\"} 1")"), "letters, digits"),
                    bad_field("CarriageReturn", hello_of(R"("web-1\r")"), "endpoint"),
                    bad_field("Newline", hello_of(R"("web\n1")"), "endpoint"),
                    bad_field("Nul", hello_of(R"("web-1\u0000")"), "endpoint"),
                    bad_field("OneByteOverTheLimit", hello_of(name_of_bytes(129)), "128"),
                    bad_field("Blank", hello_of(R"("zebra 1")"), "endpoint"),
                    bad_field("NotAscii", hello_of("\"h\xC3\xB6st\""), "endpoint"),
                    bad_field("Port", hello_of(R"("10.0.0.1:8080")"), "endpoint"),
                    bad_field("LeadingHyphen", hello_of(R"("-zebra")"), "begins and ends"),
                    bad_field("TrailingDot", hello_of(R"("zebra.")"), "begins and ends")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Rest, BadHello,
    testing::Values(
        bad_field("BootIdNumber", hello_with(R"("boot_id":5)"), "boot_id"),
        bad_field("BootIdNull", hello_with(R"("boot_id":null)"), "boot_id"),
        bad_field("BootIdTooLong", hello_with(R"("boot_id":)" + name_of_bytes(129)), "128"),
        bad_field("SessionObject", hello_with(R"("session":{})"), "session"),
        bad_field("SessionWithNewline", hello_with(R"("session":"a\nb")"), "session"),
        bad_field("TokenNumber", hello_with(R"("token":5)"), "token"),
        bad_field("TokenNull", hello_with(R"("token":null)"), "token"),
        bad_field("TokenTooLong", hello_with(R"("token":)" + name_of_bytes(129)), "token"),
        bad_field("TokenWithNul", hello_with(R"("token":"a\u0000b")"), "token"),
        bad_field("VersionWithEscape", hello_with(R"("agent_version":"\u001b[31mzebra")"),
                  "agent_version"),
        bad_field("VersionWithDelete", hello_with(R"("agent_version":"\u007f")"), "agent_version"),
        bad_field("VersionWithC1", hello_with(R"("agent_version":"\u009b")"), "agent_version"),
        bad_field("TicksZero", hello_with(R"("ticks_per_second":0)"), "from 1 to 1000000"),
        bad_field("TicksOverTheLimit", hello_with(R"("ticks_per_second":1000001)"),
                  "ticks_per_second"),
        bad_field("TicksFloat", hello_with(R"("ticks_per_second":100.0)"), "ticks_per_second"),
        bad_field("TicksNegative", hello_with(R"("ticks_per_second":-100)"), "ticks_per_second"),
        bad_field("TicksText", hello_with(R"("ticks_per_second":"100")"), "ticks_per_second"),
        bad_field("PushTooShort", hello_with(R"("push_interval_ms":99)"), "from 100 to 1200000"),
        bad_field("PushTooLong", hello_with(R"("push_interval_ms":1200001)"), "push_interval_ms"),
        bad_field("PushTwoTo64", hello_with(R"("push_interval_ms":18446744073709551616)"),
                  "push_interval_ms"),
        bad_field("PushNull", hello_with(R"("push_interval_ms":null)"), "push_interval_ms"),
        bad_field("SampleTooShort", hello_with(R"("sample_interval_ms":9)"), "from 10 to 10000"),
        bad_field("SampleTooLong", hello_with(R"("sample_interval_ms":10001)"),
                  "sample_interval_ms"),
        bad_field("ProcFilesystemNull", hello_with(R"("proc_filesystem":null)"), "proc_filesystem"),
        bad_field("ProcFilesystemNumber", hello_with(R"("proc_filesystem":5)"), "proc_filesystem"),
        bad_field("ProcFilesystemTooLong", hello_with(R"("proc_filesystem":)" + name_of_bytes(129)),
                  "128"),
        bad_field("ProcFilesystemWithControl", hello_with(R"("proc_filesystem":"zebra\u0007")"),
                  "proc_filesystem"),
        bad_field("Overflow", hello_with(R"("boot_time_s":1e999)"), "too large")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Host, BadHello,
    testing::Values(
        bad_field("Null", hello_with_host("null"), "host"),
        bad_field("Text", hello_with_host(R"("zebra")"), "host"),
        bad_field("Array", hello_with_host(R"(["zebra"])"), "host"),
        bad_field("Empty", hello_with_host("{}"), "sysname, release"),
        bad_field("NoSysname", hello_with_host(host_of("sysname", "")), "sysname"),
        bad_field("NoRelease", hello_with_host(host_of("release", "")), "release"),
        bad_field("NoVersion", hello_with_host(host_of("version", "")), "version"),
        bad_field("NoMachine", hello_with_host(host_of("machine", "")), "machine"),
        bad_field("NoNodename", hello_with_host(host_of("nodename", "")), "nodename"),
        bad_field("NoDomainname", hello_with_host(host_of("domainname", "")), "domainname"),
        bad_field("NullInside", hello_with_host(host_of("domainname", "null")), "host"),
        bad_field("NumberInside", hello_with_host(host_of("release", "6.1")), "host"),
        bad_field("ObjectInside", hello_with_host(host_of("version", "{}")), "host"),
        bad_field("OneByteOverTheLimit", hello_with_host(host_of("version", name_of_bytes(129))),
                  "128"),
        bad_field("ControlCharacter", hello_with_host(host_of("nodename", R"("zebra\n")")),
                  "control"),
        bad_field("C1", hello_with_host(host_of("machine", R"("zebra\u009b")")), "control")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Labels, BadHello,
    testing::Values(
        bad_field("Null", hello_with(R"("labels":null)"), "labels"),
        bad_field("Array", hello_with(R"("labels":["zebra"])"), "labels"),
        bad_field("OneTooMany", hello_with(labels_of(kMaxLabels + 1)), "at most 16"),
        bad_field("EmptyName", hello_with(R"("labels":{"":"x"})"), "names"),
        bad_field("NameInCapitals", hello_with(R"("labels":{"Zebra":"x"})"), "names"),
        bad_field("NameWithDigitFirst", hello_with(R"("labels":{"1zebra":"x"})"), "digit"),
        bad_field("NameWithHyphen", hello_with(R"("labels":{"zebra-x":"x"})"), "names"),
        bad_field("NameTooLong", hello_with(R"("labels":{)" + name_of_bytes(33) + R"(:"x"})"),
                  "1 to 32"),
        bad_field("NumberAsValue", hello_with(R"("labels":{"zebra":5})"), "values"),
        bad_field("NullAsValue", hello_with(R"("labels":{"zebra":null})"), "values"),
        bad_field("ValueWithNewline", hello_with(R"("labels":{"zebra":"a\nb"})"), "control"),
        bad_field("ValueTooLong", hello_with(R"("labels":{"zebra":)" + name_of_bytes(129) + '}'),
                  "128"),
        bad_field("LastOneBad", hello_with(R"("labels":{"a":"x","b":"y","c":5})"), "values")),
    name_of_case<BadLine>);

Hello decode_hello(const std::string& line) {
  const auto decoded = decode_agent_message(line);
  EXPECT_TRUE(decoded) << decoded.error().detail;
  return decoded ? std::get<Hello>(*decoded) : Hello{};
}

class GoodHello : public testing::TestWithParam<GoodLine> {};

TEST_P(GoodHello, IsDecoded) { EXPECT_FALSE(decode_hello(GetParam().line).endpoint.empty()); }

INSTANTIATE_TEST_SUITE_P(
    Table, GoodHello,
    testing::Values(
        GoodLine{"LongestEndpoint", hello_of(name_of_bytes(128))},
        GoodLine{"ShortestEndpoint", hello_of(R"("a")")},
        GoodLine{"LongestText", hello_with(R"("boot_id":)" + name_of_bytes(128))},
        GoodLine{"EmptyText", hello_with(R"("agent_version":"")")},
        GoodLine{"TextInUtf8",
                 hello_with("\"agent_version\":\"\xF0\x9F\x94\xA5 \\u00e9 \\ud83d\\udd25\"")},
        GoodLine{"OneTick", hello_with(R"("ticks_per_second":1)")},
        GoodLine{"MostTicks", hello_with(R"("ticks_per_second":1000000)")},
        GoodLine{"ShortestPush", hello_with(R"("push_interval_ms":100)")},
        GoodLine{"LongestPush", hello_with(R"("push_interval_ms":1200000)")},
        GoodLine{"ShortestSample", hello_with(R"("sample_interval_ms":10)")},
        GoodLine{"LongestSample", hello_with(R"("sample_interval_ms":10000)")},
        GoodLine{"NoLabels", hello_with(R"("labels":{})")},
        GoodLine{"AsManyLabelsAsAllowed", hello_with(labels_of(kMaxLabels))},
        GoodLine{"LongestLabel",
                 hello_with(R"("labels":{)" + name_of_bytes(32) + ':' + name_of_bytes(128) + '}')},
        GoodLine{"UnknownFields",
                 hello_with(R"("secret":5,"kernel":{"sysname":null},"boot_time_s":"x")")},
        GoodLine{"LongestToken", hello_with(R"("token":)" + name_of_bytes(128))},
        GoodLine{"FieldsOfFacts", hello_with(R"("models":5,"cpus":null,"online":[-1])")},
        GoodLine{"LongestHost", hello_with_host(host_of("sysname", name_of_bytes(128)))},
        GoodLine{"EmptyTextsOfAHost", hello_with_host(host_of("domainname", R"("")"))},
        GoodLine{"UnknownFieldOfAHost", hello_with_host(host_of("zebra", "5"))},
        GoodLine{"LongestProcFilesystem", hello_with(R"("proc_filesystem":)" + name_of_bytes(128))},
        GoodLine{"FieldsOfASample", hello_with(R"("sequence":-1,"percent":"x","cpu":null)")}),
    name_of_case<GoodLine>);

TEST(HelloMessage, NeedsThreeFieldsOnly) {
  Hello expected;
  expected.endpoint = "web-1";
  expected.push_interval = milliseconds(10000);
  expected.ticks_per_second = 100;
  EXPECT_EQ(decode_hello(R"({"type":"hello","protocol":1,"endpoint":"web-1"})"), expected);
}

Hello full_hello() {
  Hello hello;
  hello.endpoint = "web-1.example";
  hello.boot_id = "3c9b3a51-5b0d-4c3a-9c53-8d9c1d8f3a11";
  hello.session = "b2";
  hello.agent_version = "0.1.0 \"\\ \xF0\x9F\x94\xA5";
  hello.ticks_per_second = 250;
  hello.push_interval = milliseconds(1500);
  hello.sample_interval = milliseconds(50);
  hello.labels = {{"rack", "r1"}, {"site", ""}, {"_x", "\xC3\xA9"}};
  hello.host = KernelName{"Linux", "6.1.0", "#1 SMP \"x\"", "x86_64", "web-1", "lan"};
  hello.proc_filesystem = "fuse.lxcfs";
  return hello;
}

TEST(HelloMessage, ReadsBackWhatItWrites) {
  EXPECT_EQ(decode_hello(without_newline(encode(full_hello()))), full_hello());
  Hello smallest;
  smallest.endpoint = "a";
  EXPECT_EQ(decode_hello(without_newline(encode(smallest))), smallest);
}

TEST(HelloMessage, IsWrittenForTheEye) {
  Hello hello;
  hello.endpoint = "web-1";
  hello.push_interval = milliseconds(1000);
  EXPECT_EQ(encode(hello),
            R"({"type":"hello","protocol":1,"endpoint":"web-1","ticks_per_second":100,)"
            R"("push_interval_ms":1000})"
            "\n");
}

TEST(HelloMessage, WritesTheHostForTheEye) {
  Hello hello;
  hello.endpoint = "a";
  hello.host = full_hello().host;
  hello.host->version = "v";
  hello.proc_filesystem = "proc";
  EXPECT_EQ(encode(hello),
            R"({"type":"hello","protocol":1,"endpoint":"a","ticks_per_second":100,)"
            R"("push_interval_ms":10000,"host":{"sysname":"Linux","release":"6.1.0","version":"v",)"
            R"("machine":"x86_64","nodename":"web-1","domainname":"lan"},)"
            R"("proc_filesystem":"proc"})"
            "\n");
}

TEST(HelloMessage, FitsItsLineWhenTheKernelsTextsAreLongest) {
  const std::string longest_of_uname(64, 'u');
  Hello hello = full_hello();
  hello.endpoint = std::string(128, 'e');
  hello.session = std::string(32, 's');
  hello.token = std::string(43, 't');
  hello.host = KernelName{longest_of_uname, longest_of_uname, longest_of_uname,
                          longest_of_uname, longest_of_uname, longest_of_uname};
  hello.labels.clear();
  for (char last = 'a'; hello.labels.size() < kMaxLabels; ++last) {
    hello.labels[std::string(kMaxLabelNameBytes - 1, 'l') + last] = std::string(kMaxTextBytes, 'v');
  }
  const std::string line = without_newline(encode(hello));
  EXPECT_LE(line.size(), kMaxLineBytesBeforeWelcome);
  EXPECT_EQ(decode_hello(line), hello);
}

TEST(HelloMessage, ReplacesInvalidUtf8) {
  Hello hello = full_hello();
  hello.agent_version = "a\xFF";
  EXPECT_EQ(decode_hello(without_newline(encode(hello))).agent_version, "a\xEF\xBF\xBD");
}

// ---- goodbye, welcome, ack, refusal

class BadGoodbye : public testing::TestWithParam<BadLine> {};

TEST_P(BadGoodbye, IsRefusedFromAnAgent) {
  expect_refusal(decode_agent_message(GetParam().line), GetParam());
}

TEST_P(BadGoodbye, IsRefusedFromAnExporter) {
  expect_refusal(decode_exporter_message(GetParam().line), GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Table, BadGoodbye,
    testing::Values(
        bad_field("NoReason", R"({"type":"goodbye"})", "reason"),
        bad_field("ReasonNull", R"({"type":"goodbye","reason":null})", "reason"),
        bad_field("ReasonWithControl", R"({"type":"goodbye","reason":"zebra\u0007"})", "reason"),
        bad_field("ReasonTooLong", R"({"type":"goodbye","reason":)" + name_of_bytes(129) + '}',
                  "reason"),
        bad_field("RetryNegative", R"({"type":"goodbye","reason":"stop","retry_after_ms":-1})",
                  "retry_after_ms"),
        bad_field("RetryTooLong", R"({"type":"goodbye","reason":"stop","retry_after_ms":3600001})",
                  "from 0 to 3600000"),
        bad_field("RetryText", R"({"type":"goodbye","reason":"stop","retry_after_ms":"5"})",
                  "retry_after_ms")),
    name_of_case<BadLine>);

class BadExporterMessage : public testing::TestWithParam<BadLine> {};

TEST_P(BadExporterMessage, IsRefused) {
  expect_refusal(decode_exporter_message(GetParam().line), GetParam());
}

INSTANTIATE_TEST_SUITE_P(
    Welcome, BadExporterMessage,
    testing::Values(
        bad_field("NoProtocol", R"({"type":"welcome"})", "protocol"),
        other_protocol("ProtocolTwo", R"({"type":"welcome","protocol":2,"groups":5})",
                       "protocol 1, the other side 2"),
        bad_field("VersionNumber", welcome_with(R"("exporter_version":1)"), "exporter_version"),
        bad_field("VersionWithControl", welcome_with(R"("exporter_version":"zebra\n")"),
                  "exporter_version"),
        bad_field("LineZero", welcome_with(R"("max_line_bytes":0)"), "max_line_bytes"),
        bad_field("LineTwoTo32", welcome_with(R"("max_line_bytes":4294967296)"), "max_line_bytes"),
        bad_field("LineFloat", welcome_with(R"("max_line_bytes":4096.0)"), "max_line_bytes"),
        bad_field("CpusZero", welcome_with(R"("max_cpus":0)"), "max_cpus"),
        bad_field("CpusTwoTo32", welcome_with(R"("max_cpus":4294967296)"), "max_cpus"),
        bad_field("IdleNegative", welcome_with(R"("idle_timeout_ms":-1)"), "idle_timeout_ms"),
        bad_field("IdleOverADay", welcome_with(R"("idle_timeout_ms":86400001)"), "86400000"),
        bad_field("PeakWindowTooShort", welcome_with(R"("peak_window_ms":999)"),
                  "from 1000 to 3600000"),
        bad_field("PeakWindowTooLong", welcome_with(R"("peak_window_ms":3600001)"),
                  "peak_window_ms"),
        bad_field("PeakWindowNegative", welcome_with(R"("peak_window_ms":-1000)"),
                  "peak_window_ms"),
        bad_field("PeakWindowFloat", welcome_with(R"("peak_window_ms":1000.0)"), "peak_window_ms"),
        bad_field("PeakWindowNull", welcome_with(R"("peak_window_ms":null)"), "peak_window_ms"),
        bad_field("PeakWindowText", welcome_with(R"("peak_window_ms":"zebra")"), "peak_window_ms"),
        bad_field("GroupsNull", welcome_with(R"("groups":null)"), "groups"),
        bad_field("GroupsObject", welcome_with(R"("groups":{"zebra":1})"), "groups"),
        bad_field("GroupNumber", welcome_with(R"("groups":["cpu",5])"), "groups")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Resume, BadExporterMessage,
    testing::Values(
        bad_field("Null", welcome_with(R"("resume":null)"), "resume"),
        bad_field("Array", welcome_with(R"("resume":[1])"), "resume"),
        bad_field("Empty", welcome_with(R"("resume":{})"), "uptime_ms and cpu"),
        bad_field("NoCpu", welcome_with(R"("resume":{"uptime_ms":1})"), "resume"),
        bad_field("NoUptime", welcome_with(R"("resume":{"cpu":{"total":[1,2,3,4]}})"), "resume"),
        bad_field("UptimeNegative",
                  welcome_with(R"("resume":{"uptime_ms":-1,"cpu":{"total":[1,2,3,4]}})"),
                  "uptime_ms"),
        bad_field(
            "UptimeTwoTo53",
            welcome_with(R"("resume":{"uptime_ms":9007199254740992,"cpu":{"total":[1,2,3,4]}})"),
            "uptime_ms"),
        bad_field("CpuNull", welcome_with(R"("resume":{"uptime_ms":1,"cpu":null})"), "cpu"),
        bad_field("NoTotal", welcome_with(R"("resume":{"uptime_ms":1,"cpu":{}})"), "total"),
        bad_field("ThreeTicks", welcome_with(R"("resume":{"uptime_ms":1,"cpu":{"total":[1,2,3]}})"),
                  "at least 4"),
        bad_field(
            "TickTwoTo53",
            welcome_with(R"("resume":{"uptime_ms":1,"cpu":{"total":[1,2,3,9007199254740992]}})"),
            "ticks"),
        bad_field("IdTwice",
                  welcome_with(R"("resume":{"uptime_ms":1,"cpu":{"total":[1,2,3,4],)"
                               R"("cores":[[0,1,2,3,4],[0,1,2,3,4]]}})"),
                  "once")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Ack, BadExporterMessage,
    testing::Values(bad_field("NoSequence", R"({"type":"ack"})", "sequence"),
                    bad_field("Zero", R"({"type":"ack","sequence":0})", "from 1"),
                    bad_field("Negative", R"({"type":"ack","sequence":-1})", "sequence"),
                    bad_field("Float", R"({"type":"ack","sequence":1.0})", "sequence"),
                    bad_field("TwoTo53", R"({"type":"ack","sequence":9007199254740992})",
                              "9007199254740991"),
                    bad_field("Text", R"({"type":"ack","sequence":"zebra"})", "sequence"),
                    bad_field("Null", R"({"type":"ack","sequence":null})", "sequence")),
    name_of_case<BadLine>);

INSTANTIATE_TEST_SUITE_P(
    Refusal, BadExporterMessage,
    testing::Values(
        bad_field("NoCode", R"({"type":"refusal","message":"m"})", "code"),
        bad_field("NoMessage", R"({"type":"refusal","code":"rate"})", "message"),
        bad_field("CodeNumber", R"({"type":"refusal","code":5,"message":"m"})", "code"),
        bad_field("CodeWithControl", R"({"type":"refusal","code":"zebra\u0000","message":"m"})",
                  "code"),
        bad_field("MessageWithEscape",
                  R"({"type":"refusal","code":"rate","message":"\u001b[2Jzebra"})", "message"),
        bad_field("MessageTooLong",
                  R"({"type":"refusal","code":"rate","message":)" +
                      name_of_bytes(kMaxRefusalMessageBytes + 1) + '}',
                  "512"),
        bad_field("RetryTooLong",
                  R"({"type":"refusal","code":"rate","message":"m","retry_after_ms":3600001})",
                  "retry_after_ms")),
    name_of_case<BadLine>);

template <class Message>
Message decode_from_exporter(const std::string& line) {
  const auto decoded = decode_exporter_message(line);
  EXPECT_TRUE(decoded) << decoded.error().detail;
  return decoded ? std::get<Message>(*decoded) : Message{};
}

TEST(GoodbyeMessage, ReadsBackWhatItWrites) {
  for (const Goodbye& goodbye : {Goodbye{"stop", std::nullopt}, Goodbye{"moved", milliseconds(0)},
                                 Goodbye{"a reason of a newer agent", milliseconds(3600000)}}) {
    const std::string line = without_newline(encode(goodbye));
    EXPECT_EQ(decode_from_exporter<Goodbye>(line), goodbye);
    const auto from_agent = decode_agent_message(line);
    ASSERT_TRUE(from_agent);
    EXPECT_EQ(std::get<Goodbye>(*from_agent), goodbye);
  }
}

Welcome full_welcome() {
  Welcome welcome;
  welcome.exporter_version = "0.1.0";
  welcome.max_line_bytes = 65536;
  welcome.max_cpus = 64;
  welcome.idle_timeout = milliseconds(15000);
  welcome.groups.add(MetricGroup::percent);
  welcome.groups.add(MetricGroup::agent);
  welcome.peak_window = milliseconds(90000);
  CpuTimes times;
  times.ticks = {1, 2, 3, 4, 5, 6, 7, 8, 9, kLargest};
  times.fields = 10;
  welcome.resume = Resume{milliseconds(123456), CpuCounters{times, {{0, times}, {63, times}}}};
  return welcome;
}

TEST(WelcomeMessage, ReadsBackWhatItWrites) {
  Welcome welcome = full_welcome();
  EXPECT_EQ(decode_from_exporter<Welcome>(without_newline(encode(welcome))), welcome);
  welcome.resume->cpu.cores.clear();
  EXPECT_EQ(decode_from_exporter<Welcome>(without_newline(encode(welcome))), welcome);
  welcome.resume.reset();
  EXPECT_EQ(decode_from_exporter<Welcome>(without_newline(encode(welcome))), welcome);
}

TEST(WelcomeMessage, IsWrittenForTheEye) {
  Welcome welcome = full_welcome();
  welcome.resume->cpu.cores.clear();
  EXPECT_EQ(
      encode(welcome),
      R"({"type":"welcome","protocol":1,"exporter_version":"0.1.0","max_line_bytes":65536,)"
      R"("max_cpus":64,"idle_timeout_ms":15000,"groups":["percent","agent"],)"
      R"("peak_window_ms":90000,"resume":{"uptime_ms":123456,"cpu":{"total":[1,2,3,4,5,6,7,8,9,9007199254740991]}}})"
      "\n");
}

TEST(WelcomeMessage, NeedsTwoFieldsOnly) {
  Welcome expected;
  expected.groups = MetricGroups::usual();
  EXPECT_EQ(decode_from_exporter<Welcome>(R"({"type":"welcome","protocol":1})"), expected);
}

TEST(WelcomeMessage, TakesTheShortestAndTheLongestPeakWindow) {
  EXPECT_EQ(decode_from_exporter<Welcome>(welcome_with(R"("peak_window_ms":1000)")).peak_window,
            milliseconds(1000));
  EXPECT_EQ(decode_from_exporter<Welcome>(welcome_with(R"("peak_window_ms":3600000)")).peak_window,
            milliseconds(3600000));
  EXPECT_EQ(decode_from_exporter<Welcome>(welcome_with(R"("groups":[])")).peak_window,
            milliseconds(120000));
}

TEST(WelcomeMessage, DropsUnknownGroups) {
  const Welcome welcome = decode_from_exporter<Welcome>(
      welcome_with(R"("groups":["cpu","zebra","","CPU","exporter"],"zebra_ms":"x")"));
  MetricGroups expected;
  expected.add(MetricGroup::cpu);
  expected.add(MetricGroup::exporter);
  EXPECT_EQ(welcome.groups, expected);
}

TEST(WelcomeMessage, MayCollectNothing) {
  EXPECT_TRUE(decode_from_exporter<Welcome>(welcome_with(R"("groups":[])")).groups.empty());
}

TEST(WelcomeMessage, SortsTheCoresOfAResume) {
  const Welcome welcome = decode_from_exporter<Welcome>(
      welcome_with(R"("resume":{"cpu":{"cores":[[2,1,2,3,4],[1,1,2,3,4]],"total":[1,2,3,4]},)"
                   R"("uptime_ms":9007199254740991})"));
  ASSERT_TRUE(welcome.resume.has_value());
  EXPECT_EQ(welcome.resume->uptime, milliseconds(kLargest));
  ASSERT_EQ(welcome.resume->cpu.cores.size(), 2U);
  EXPECT_EQ(welcome.resume->cpu.cores[0].id, 1U);
}

TEST(AckMessage, ReadsBackWhatItWrites) {
  for (const std::uint64_t sequence : {std::uint64_t{1}, std::uint64_t{4242}, kLargest}) {
    const std::string line = without_newline(encode(Ack{sequence}));
    EXPECT_EQ(decode_from_exporter<Ack>(line), Ack{sequence});
  }
}

TEST(AckMessage, IsWrittenForTheEye) {
  EXPECT_EQ(encode(Ack{7}), "{\"type\":\"ack\",\"sequence\":7}\n");
}

TEST(RefusalMessage, ReadsBackWhatItWrites) {
  for (const Refusal& refusal :
       {Refusal{"bad_field", "endpoint must be \"a name\"", std::nullopt},
        Refusal{"a_code_of_a_newer_exporter", "", milliseconds(30000)},
        Refusal{"capacity", std::string(kMaxRefusalMessageBytes, 'm'), milliseconds(3600000)}}) {
    EXPECT_EQ(decode_from_exporter<Refusal>(without_newline(encode(refusal))), refusal);
  }
}

TEST(RefusalMessage, ReplacesInvalidUtf8) {
  const Refusal refusal{"bad_json", "\xFF", std::nullopt};
  EXPECT_EQ(decode_from_exporter<Refusal>(without_newline(encode(refusal))).message,
            "\xEF\xBF\xBD");
}

TEST(SampleMessage, ReadsBackWhatItWrites) {
  CpuSample sample;
  sample.sequence = 12;
  sample.percent = 0.1 + 0.2;
  sample.uptime = milliseconds(99);
  sample.cpu = full_welcome().resume->cpu;
  EXPECT_EQ(decode_sample(without_newline(encode(sample))), sample);
}

TEST(Messages, FitTheLongestLineWhenTheyAreLargest) {
  CpuTimes largest;
  largest.ticks.fill(kLargest);
  largest.fields = kCpuModeCount;
  CpuSample sample;
  sample.sequence = kLargest;
  sample.cpu.emplace().total = largest;
  for (std::uint32_t id = kMaxCpuId - kMaxCpus + 1; id <= kMaxCpuId; ++id) {
    sample.cpu->cores.push_back({id, largest});
  }
  const std::string line = without_newline(encode(sample));
  EXPECT_LE(line.size(), kMaxLineBytes);
  EXPECT_EQ(decode_sample(line), sample);
}

TEST(Messages, SurviveAnyFlippedByte) {
  const std::string agent_line = without_newline(encode(full_hello()));
  const std::string exporter_line = without_newline(encode(full_welcome()));
  std::mt19937 generator(7);
  const auto damage = [&generator](std::string line) {
    const std::size_t at = generator() % line.size();
    line[at] = static_cast<char>(generator() % 256);
    return line;
  };
  for (int i = 0; i < 20000; ++i) {
    const auto from_agent = decode_agent_message(damage(agent_line));
    EXPECT_TRUE(from_agent || !from_agent.error().detail.empty());
    const auto from_exporter = decode_exporter_message(damage(exporter_line));
    EXPECT_TRUE(from_exporter || !from_exporter.error().detail.empty());
  }
}

// ---- names and texts

struct TextCase {
  const char* name;
  std::string text;
  bool is_valid;
};

class EndpointName : public testing::TestWithParam<TextCase> {};

TEST_P(EndpointName, IsJudged) {
  EXPECT_EQ(is_valid_endpoint(GetParam().text), GetParam().is_valid);
}

INSTANTIATE_TEST_SUITE_P(
    Table, EndpointName,
    testing::Values(TextCase{"OneLetter", "a", true}, TextCase{"OneDigit", "7", true},
                    TextCase{"HostName", "web-1.example.org", true},
                    TextCase{"Underscore", "a_b", true}, TextCase{"Capitals", "WEB", true},
                    TextCase{"Ipv4", "10.0.0.1", true}, TextCase{"DotsInside", "a..b", true},
                    TextCase{"Longest", std::string(128, 'a'), true},
                    TextCase{"OneOverTheLimit", std::string(129, 'a'), false},
                    TextCase{"Empty", "", false}, TextCase{"OnlyDot", ".", false},
                    TextCase{"LeadingDot", ".a", false}, TextCase{"TrailingDot", "a.", false},
                    TextCase{"LeadingHyphen", "-a", false}, TextCase{"TrailingHyphen", "a-", false},
                    TextCase{"LeadingUnderscore", "_a", false},
                    TextCase{"TrailingUnderscore", "a_", false}, TextCase{"Blank", "a b", false},
                    TextCase{"Quote", "a\"b", false}, TextCase{"Backslash", "a\\b", false},
                    TextCase{"Brace", "a\"} 1", false}, TextCase{"Slash", "a/b", false},
                    TextCase{"Colon", "a:1", false}, TextCase{"Newline", "a\n", false},
                    TextCase{"CarriageReturn", "a\r", false},
                    TextCase{"NulAtTheEnd", std::string("a\0", 2), false},
                    TextCase{"NulInside", std::string("a\0b", 3), false},
                    TextCase{"NotAscii", "h\xC3\xB6st", false}),
    name_of_case<TextCase>);

class LabelName : public testing::TestWithParam<TextCase> {};

TEST_P(LabelName, IsJudged) {
  EXPECT_EQ(is_valid_label_name(GetParam().text), GetParam().is_valid);
}

INSTANTIATE_TEST_SUITE_P(
    Table, LabelName,
    testing::Values(TextCase{"OneLetter", "a", true}, TextCase{"OneUnderscore", "_", true},
                    TextCase{"WithDigits", "rack_42", true},
                    TextCase{"Longest", std::string(32, 'a'), true},
                    TextCase{"OneOverTheLimit", std::string(33, 'a'), false},
                    TextCase{"Empty", "", false}, TextCase{"LeadingDigit", "4a", false},
                    TextCase{"Capital", "aB", false}, TextCase{"Hyphen", "a-b", false},
                    TextCase{"Dot", "a.b", false}, TextCase{"Colon", "a:b", false},
                    TextCase{"Blank", "a ", false}, TextCase{"Newline", "a\n", false},
                    TextCase{"Nul", std::string("a\0", 2), false},
                    TextCase{"NotAscii", "\xC3\xB6", false}),
    name_of_case<TextCase>);

class ShowableText : public testing::TestWithParam<TextCase> {};

TEST_P(ShowableText, IsJudged) {
  EXPECT_EQ(is_showable_text(GetParam().text), GetParam().is_valid);
}

INSTANTIATE_TEST_SUITE_P(
    Table, ShowableText,
    testing::Values(
        TextCase{"Empty", "", true}, TextCase{"Ascii", " ~\"\\{}", true},
        TextCase{"FirstBeyondC1", "\xC2\xA0", true}, TextCase{"TwoBytes", "\xC3\xB6", true},
        TextCase{"ThreeBytes", "\xE2\x82\xAC", true},
        TextCase{"FourBytes", "\xF0\x9F\x94\xA5", true},
        TextCase{"LastBeforeSurrogates", "\xED\x9F\xBF", true},
        TextCase{"FirstBehindSurrogates", "\xEE\x80\x80", true},
        TextCase{"LastOfUnicode", "\xF4\x8F\xBF\xBF", true},
        TextCase{"Longest", std::string(128, 'a'), true},
        TextCase{"LongestInUtf8", repeat("\xC3\xB6", 64), true},
        TextCase{"OneOverTheLimit", std::string(129, 'a'), false},
        TextCase{"OverTheLimitInUtf8", repeat("\xC3\xB6", 64) + "a", false},
        TextCase{"Nul", std::string("\0", 1), false}, TextCase{"Tab", "a\tb", false},
        TextCase{"Newline", "a\n", false}, TextCase{"Escape", "\x1B[0m", false},
        TextCase{"LastOfC0", "\x1F", false}, TextCase{"Delete", "\x7F", false},
        TextCase{"FirstOfC1", "\xC2\x80", false}, TextCase{"LastOfC1", "\xC2\x9F", false},
        TextCase{"StrayContinuation", "\x80", false}, TextCase{"StrayLead", "a\xC3", false},
        TextCase{"LeadThenAscii", "\xC3z", false}, TextCase{"CutShort", "\xE2\x82", false},
        TextCase{"CutShortOfFour", "\xF0\x9F\x94", false},
        TextCase{"OverlongOfTwo", "\xC1\xBF", false},
        TextCase{"OverlongOfThree", "\xE0\x9F\xBF", false},
        TextCase{"OverlongOfFour", "\xF0\x8F\xBF\xBF", false},
        TextCase{"FirstSurrogate", "\xED\xA0\x80", false},
        TextCase{"LastSurrogate", "\xED\xBF\xBF", false},
        TextCase{"BeyondUnicode", "\xF4\x90\x80\x80", false},
        TextCase{"FarBeyondUnicode", "\xF7\xBF\xBF\xBF", false},
        TextCase{"NeverALead", "\xFF", false}),
    name_of_case<TextCase>);

}  // namespace
}  // namespace cpu_monitor
