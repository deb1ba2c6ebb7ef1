#include "common/recording_json.hpp"

#include <ostream>
#include <random>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

using namespace std::chrono_literals;

Recording some_recording() {
  Recording recording;
  recording.request_id = 7;
  recording.piece = 2;
  recording.pieces = 3;
  recording.uptime = 3340563ms;
  recording.interval = 100ms;
  recording.readings = {{600000, {0, 1, 2, 3}}, {200, {200, 200, 200, 200}}, {0, {}}};
  return recording;
}

std::string recording_with(const std::string& piece, const std::string& readings) {
  return R"({"type":"recording","request_id":7,"uptime_ms":5,"interval_ms":100,)" + piece + "," +
         readings + "}";
}

std::string readings_of(const std::string& ages, const std::string& busy) {
  return R"("age_ms":)" + ages + R"(,"busy":)" + busy +
         R"(,"busiest_core":[1,1],"system":[1,1],"steal":[1,1])";
}

constexpr const char* kGoodPiece = R"("piece":1,"pieces":1)";

TEST(RecordingMessage, IsWrittenForTheEye) {
  EXPECT_EQ(encode(some_recording()),
            R"({"type":"recording","request_id":7,"piece":2,"pieces":3,"uptime_ms":3340563,)"
            R"("interval_ms":100,"age_ms":[600000,200,0],"busy":[0,200,null],)"
            R"("busiest_core":[1,200,null],"system":[2,200,null],"steal":[3,200,null]})"
            "\n");
}

TEST(RecordingMessage, ReadsBackWhatItWrites) {
  std::string line = encode(some_recording());
  line.pop_back();
  const auto message = decode_agent_message(line);
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<Recording>(*message), some_recording());
}

TEST(RecordingMessage, MayHoldNoReading) {
  Recording empty;
  empty.request_id = 1;
  empty.interval = 10ms;
  std::string line = encode(empty);
  line.pop_back();
  EXPECT_EQ(std::get<Recording>(*decode_agent_message(line)), empty);
}

TEST(RecordingMessage, MayHoldAsManyReadingsAsThereAre) {
  Recording full = some_recording();
  full.readings.clear();
  for (std::uint32_t i = 0; i < kMaxRecordedReadings; ++i) {
    full.readings.push_back({600000 - i, {200, 200, 200, 200}});
  }
  std::string line = encode(full);
  line.pop_back();
  EXPECT_LT(line.size(), kMaxLineBytes);
  EXPECT_EQ(std::get<Recording>(*decode_agent_message(line)), full);
  full.readings.push_back({0, {}});
  line = encode(full);
  line.pop_back();
  EXPECT_TRUE(std::holds_alternative<UnusableRecording>(*decode_agent_message(line)));
}

TEST(RecordingMessage, FieldsThatAreNotKnownAreIgnored) {
  const auto message = decode_agent_message(
      recording_with(kGoodPiece, readings_of("[1,0]", "[1,1]") + R"(,"mood":[1])"));
  EXPECT_TRUE(std::holds_alternative<Recording>(*message));
}

struct BadRecordingCase {
  std::string name;
  std::string line;
  std::string why;
};

std::ostream& operator<<(std::ostream& out, const BadRecordingCase& one) { return out << one.name; }

class BadRecording : public testing::TestWithParam<BadRecordingCase> {};

TEST_P(BadRecording, IsUnusableAndSaysWhy) {
  const auto message = decode_agent_message(GetParam().line);
  ASSERT_TRUE(message);
  const auto* const unusable = std::get_if<UnusableRecording>(&*message);
  ASSERT_NE(unusable, nullptr);
  EXPECT_EQ(unusable->why, GetParam().why);
}

constexpr const char* kBadAges =
    "age_ms must hold integers from 600000 to 0, each less than the one before";
constexpr const char* kBadBusy = "busy must hold half percents, integers from 0 to 200, or null";
constexpr const char* kBadPiece = "piece must be an integer from 1 to 100";

BadRecordingCase bad_piece(const std::string& name, const std::string& piece,
                           const std::string& why) {
  return {name, recording_with(piece, readings_of("[1,0]", "[1,1]")), why};
}
BadRecordingCase bad_ages(const std::string& name, const std::string& ages,
                          const std::string& why = kBadAges) {
  return {name, recording_with(kGoodPiece, readings_of(ages, "[1,1]")), why};
}
BadRecordingCase bad_busy(const std::string& name, const std::string& busy,
                          const std::string& why = kBadBusy) {
  return {name, recording_with(kGoodPiece, readings_of("[1,0]", busy)), why};
}

std::string name_of(const testing::TestParamInfo<BadRecordingCase>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(
    Head, BadRecording,
    testing::Values(
        BadRecordingCase{"Nothing", R"({"type":"recording"})",
                         "request_id must be an integer from 1 to 9007199254740991"},
        BadRecordingCase{"RequestZero", R"({"type":"recording","request_id":0})",
                         "request_id must be an integer from 1 to 9007199254740991"},
        BadRecordingCase{"RequestText", R"({"type":"recording","request_id":"1"})",
                         "request_id must be an integer from 1 to 9007199254740991"},
        bad_piece("PieceMissing", R"("pieces":1)", kBadPiece),
        bad_piece("PieceZero", R"("piece":0,"pieces":1)", kBadPiece),
        bad_piece("PieceNegative", R"("piece":-1,"pieces":1)", kBadPiece),
        bad_piece("PieceFraction", R"("piece":1.0,"pieces":1)", kBadPiece),
        bad_piece("PieceBehindTheLast", R"("piece":3,"pieces":2)", "piece must be at most pieces"),
        bad_piece("PiecesMissing", R"("piece":1)", "pieces must be an integer from 1 to 100"),
        bad_piece("PiecesZero", R"("piece":1,"pieces":0)",
                  "pieces must be an integer from 1 to 100"),
        bad_piece("PiecesTooMany", R"("piece":1,"pieces":101)",
                  "pieces must be an integer from 1 to 100"),
        BadRecordingCase{
            "UptimeMissing",
            R"({"type":"recording","request_id":7,"piece":1,"pieces":1,"interval_ms":100})",
            "uptime_ms must be an integer from 0 to 9007199254740991"},
        BadRecordingCase{
            "IntervalTooShort",
            R"({"type":"recording","request_id":7,"piece":1,"pieces":1,"uptime_ms":1,"interval_ms":9})",
            "interval_ms must be an integer from 10 to 10000"},
        BadRecordingCase{
            "IntervalTooLong",
            R"({"type":"recording","request_id":7,"piece":1,"pieces":1,"uptime_ms":1,"interval_ms":10001})",
            "interval_ms must be an integer from 10 to 10000"}),
    name_of);

INSTANTIATE_TEST_SUITE_P(
    Readings, BadRecording,
    testing::Values(
        bad_ages("AgesObject", "{}", "age_ms must be an array of at most 6000 readings"),
        bad_ages("AgesNull", "null", "age_ms must be an array of at most 6000 readings"),
        bad_ages("AgesOfText", R"(["1","0"])"), bad_ages("AgesOfLists", "[[1],[0]]"),
        bad_ages("AgeNull", "[1,null]"), bad_ages("AgeNegative", "[0,-1]"),
        bad_ages("AgeFraction", "[1.5,0]"), bad_ages("AgeTooOld", "[600001,0]"),
        bad_ages("AgeHuge", "[18446744073709551615,0]"), bad_ages("AgesRise", "[1,2]"),
        bad_ages("AgeTwice", "[1,1]"),
        bad_ages("FewerAges", "[1]", "busy must hold as many readings as age_ms"),
        bad_ages("MoreAges", "[2,1,0]", "busy must hold as many readings as age_ms"),
        bad_busy("BusyText", R"("1,1")", "busy must be an array of at most 6000 readings"),
        bad_busy("FewerShares", "[1]", "busy must hold as many readings as age_ms"),
        bad_busy("MoreShares", "[1,1,1]", "busy must hold as many readings as age_ms"),
        bad_busy("NoShares", "[]", "busy must hold as many readings as age_ms"),
        bad_busy("ShareTooLarge", "[201,1]"), bad_busy("ShareUnknownAsInMemory", "[255,1]"),
        bad_busy("ShareNegative", "[1,-1]"), bad_busy("ShareFraction", "[1,0.5]"),
        bad_busy("ShareText", R"(["1",1])"), bad_busy("ShareBoolean", "[true,1]"),
        BadRecordingCase{
            "StealMissing",
            recording_with(kGoodPiece, R"("age_ms":[],"busy":[],"busiest_core":[],"system":[])"),
            "steal must be an array of at most 6000 readings"},
        BadRecordingCase{
            "SystemMissing",
            recording_with(kGoodPiece, R"("age_ms":[],"busy":[],"busiest_core":[],"steal":[])"),
            "system must be an array of at most 6000 readings"}),
    name_of);

TEST(RecordingMessage, IsStillRefusedWhenTheLineIsNoJson) {
  const auto message = decode_agent_message(R"({"type":"recording","age_ms":[1,]})");
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, RefusalCode::bad_json);
}

TEST(RecordingMessage, SurvivesAnyFlippedByte) {
  std::string line = encode(some_recording());
  line.pop_back();
  std::mt19937 random(1);  // NOLINT(cert-msc51-cpp): the same bytes each time
  for (int i = 0; i < 3000; ++i) {
    std::string damaged = line;
    damaged[random() % damaged.size()] = static_cast<char>(random() % 256);
    const auto message = decode_agent_message(damaged);
    if (!message) continue;
    const auto* const recording = std::get_if<Recording>(&*message);
    if (recording == nullptr) continue;
    EXPECT_LE(recording->readings.size(), 3U);
  }
}

TEST(RequestMessage, IsWrittenForTheEyeAndReadsBack) {
  const RecordingRequest request{7, 600s};
  std::string line = encode(request);
  EXPECT_EQ(line, "{\"type\":\"request\",\"request_id\":7,\"last_ms\":600000}\n");
  line.pop_back();
  EXPECT_EQ(std::get<RecordingRequest>(*decode_exporter_message(line)), request);
}

TEST(RequestMessage, MayAskForMoreThanThereIs) {
  const auto message =
      decode_exporter_message(R"({"type":"request","request_id":1,"last_ms":86400000})");
  ASSERT_TRUE(message);
  EXPECT_EQ(std::get<RecordingRequest>(*message).last, 24h);
}

class BadRequest : public testing::TestWithParam<const char*> {};

TEST_P(BadRequest, IsRefused) {
  const auto message =
      decode_exporter_message(std::string(R"({"type":"request",)") + GetParam() + "}");
  ASSERT_FALSE(message);
  EXPECT_EQ(message.error().code, RefusalCode::bad_field);
}

INSTANTIATE_TEST_SUITE_P(
    RequestMessage, BadRequest,
    testing::Values(R"("request_id":1)", R"("last_ms":1000)", R"("request_id":0,"last_ms":1000)",
                    R"("request_id":-1,"last_ms":1000)", R"("request_id":"1","last_ms":1000)",
                    R"("request_id":9007199254740992,"last_ms":1000)",
                    R"("request_id":1,"last_ms":0)", R"("request_id":1,"last_ms":-5)",
                    R"("request_id":1,"last_ms":1.5)", R"("request_id":1,"last_ms":null)"));

}  // namespace
}  // namespace cpu_monitor
