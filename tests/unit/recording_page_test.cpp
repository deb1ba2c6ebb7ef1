#include "exporter/recording_page.hpp"

#include <future>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/wait.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using tests::eventually;

ReceivedRecording some_recording() {
  ReceivedRecording recording;
  recording.asked_at = std::chrono::system_clock::time_point(1700000000s + 500us);
  recording.interval = 100ms;
  recording.readings = {{600000, {0, 1, 2, 3}}, {200, {199, 200, 101, 100}}, {100, {}}};
  return recording;
}

TEST(RecordingJson, HoldsParallelArraysInPercentByOurClock) {
  EXPECT_EQ(recording_json("web-1", some_recording(), 10min),
            R"({"endpoint":"web-1","interval_ms":100,)"
            R"("time_ms":[1699999400000,1699999999800,1699999999900],)"
            R"("busy":[0,99.5,null],"busiest_core":[0.5,100,null],"system":[1,50.5,null],)"
            R"("steal":[1.5,50,null]})"
            "\n");
}

TEST(RecordingJson, LeavesOutWhatIsOlderThanWanted) {
  EXPECT_NE(recording_json("web-1", some_recording(), 200ms).find(R"("busy":[99.5,null])"),
            std::string::npos);
  EXPECT_NE(recording_json("web-1", some_recording(), 1ms).find(R"("busy":[])"), std::string::npos);
}

TEST(RecordingJson, OfNothingHasEmptyArrays) {
  ReceivedRecording nothing;
  nothing.interval = 1s;
  EXPECT_EQ(recording_json("a", nothing, 10min),
            R"({"endpoint":"a","interval_ms":1000,"time_ms":[],"busy":[],"busiest_core":[],)"
            R"("system":[],"steal":[]})"
            "\n");
}

TEST(RecordingQuery, IsAMinuteUnlessItSaysOtherwise) {
  EXPECT_EQ(parse_last(""), 1min);
  EXPECT_EQ(parse_last("a=b&&c"), 1min);
  EXPECT_EQ(parse_last("last=1s"), 1s);
  EXPECT_EQ(parse_last("last=10m"), 10min);
  EXPECT_EQ(parse_last("a=b&last=1m30s&c"), 90s);
  EXPECT_EQ(parse_last("last=1500ms"), 1500ms);
  EXPECT_EQ(parse_last("%6cast=%31m"), 1min);
}

class BadLast : public testing::TestWithParam<const char*> {};

TEST_P(BadLast, IsNone) { EXPECT_EQ(parse_last(GetParam()), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(RecordingQuery, BadLast,
                         testing::Values("last", "last=", "last=10", "last=0s", "last=999ms",
                                         "last=10m1ms", "last=11m", "last=1h", "last=-1m",
                                         "last=1+m", "last=1m&last=1m", "last=1m&last", "last=x",
                                         "last=%zz", "last=1m,2m", "last=600000"));

class RecordingPageTest : public testing::Test {
 protected:
  RecordingPageTest() { connect("web-1", 5); }

  void connect(const std::string& endpoint, Fleet::ConnectionId connection) {
    Hello hello;
    hello.endpoint = endpoint;
    ASSERT_TRUE(fleet_.claim(hello, Identity{}, connection, Moment::now()));
    CpuSample sample;
    sample.sequence = 1;
    sample.percent = 5;
    ASSERT_EQ(fleet_.apply(endpoint, connection, sample, Moment::now()), Fleet::Applied::applied);
  }

  Response get(std::string_view name, std::string_view query) {
    Request request;
    request.name = name;
    request.query = query;
    return page_.get(request);
  }

  Fleet fleet_{Fleet::Limits{}};
  Recordings recordings_{{100ms, 1ms, 1}};
  RecordingPage page_{fleet_, recordings_};
};

TEST_F(RecordingPageTest, ShowsWhatTheAgentAnswered) {
  auto answer = std::async(std::launch::async, [this] { return get("web-1", "last=10m"); });
  std::vector<Recordings::Ask> asks;
  ASSERT_TRUE(eventually([&] { return !(asks = recordings_.take_asks()).empty(); }));
  EXPECT_EQ(asks[0].endpoint, "web-1");
  EXPECT_EQ(asks[0].request.last, 10min);
  recordings_.asked(asks[0].request.request_id, 5);
  Recording piece;
  piece.request_id = asks[0].request.request_id;
  piece.interval = 100ms;
  piece.readings = {{1000, {100, 200, 10, 0}}};
  EXPECT_TRUE(recordings_.take(5, piece, std::chrono::system_clock::time_point(1700000000s)));
  const auto got = answer.get();
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body,
            R"({"endpoint":"web-1","interval_ms":100,"time_ms":[1699999999000],"busy":[50],)"
            R"("busiest_core":[100],"system":[5],"steal":[0]})"
            "\n");
}

TEST_F(RecordingPageTest, AnUnknownNameIsNotFound) {
  for (const char* const name : {"web-2", "", "web-1/", "..", "a b", "\"", "web-1\n"}) {
    EXPECT_EQ(get(name, "").status, 404) << name;
  }
}

TEST_F(RecordingPageTest, ABadDurationIsABadRequest) {
  EXPECT_EQ(get("web-1", "last=11m").status, 400);
}

TEST_F(RecordingPageTest, AnAgentThatIsAwayCannotBeAsked) {
  fleet_.release("web-1", 5);
  EXPECT_EQ(get("web-1", "").status, 503);
  EXPECT_TRUE(recordings_.take_asks().empty());
}

TEST_F(RecordingPageTest, AnAgentBeforeItsFirstSampleCanBeAsked) {
  Hello hello;
  hello.endpoint = "new-1";
  ASSERT_TRUE(fleet_.claim(hello, Identity{}, 7, Moment::now()));
  EXPECT_EQ(get("new-1", "").status, 504);
}

TEST_F(RecordingPageTest, AnExpectedMachineThatHasNotComeIsAway) {
  Moment long_ago = Moment::now();
  long_ago.steady -= 61s;
  fleet_.expect({"db-1"}, long_ago);
  EXPECT_EQ(get("db-1", "").status, 503);
}

TEST_F(RecordingPageTest, AnAgentThatSaysNothingTimesOut) {
  const auto answer = get("web-1", "");
  EXPECT_EQ(answer.status, 504);
  EXPECT_EQ(answer.body.find(R"({"error":")"), 0U);
}

TEST_F(RecordingPageTest, TooManyAtOnceAreToldToComeBack) {
  connect("web-2", 6);
  auto first = std::async(std::launch::async, [this] { return get("web-1", ""); });
  ASSERT_TRUE(eventually([&] { return !recordings_.take_asks().empty(); }));
  const auto answer = get("web-2", "");
  EXPECT_EQ(answer.status, 429);
  EXPECT_EQ(answer.more_lines, "Retry-After: 1\r\n");
  EXPECT_EQ(first.get().status, 504);
}

TEST_F(RecordingPageTest, AStoppingExporterSaysSo) {
  recordings_.stop();
  const auto answer = get("web-1", "");
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.body.find("stopping"), std::string::npos);
}

}  // namespace
}  // namespace cpu_monitor::exporter
