// Recordings, over real sockets: agents that answer as they should, and others.

#include <future>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::chrono_literals;
using exporter::RecordingFault;
using Outcome = Result<exporter::Recordings::Answer, RecordingFault>;

std::string rejected(const RunningExporter& exporter) {
  return exporter.value(R"(cpu_monitor_exporter_samples_rejected_total{reason="bad_field"})");
}

Recording piece_of(std::uint64_t request_id, std::uint32_t piece, std::uint32_t pieces,
                   std::uint32_t age_ms) {
  Recording recording;
  recording.request_id = request_id;
  recording.piece = piece;
  recording.pieces = pieces;
  recording.uptime = 1h;
  recording.interval = 100ms;
  recording.readings = {{age_ms, {100, 200, 10, 0}}};
  return recording;
}

/// A welcomed agent that says what the test says.
class Agent {
 public:
  Agent(const RunningExporter& exporter, const std::string& endpoint, const std::string& more = "")
      : client_(exporter.connect()) {
    EXPECT_TRUE(client_.send(hello_line(endpoint, more) + sample_line(1)));
    EXPECT_TRUE(hear<Welcome>());
    EXPECT_TRUE(hear<Ack>());
  }

  /// The next message; none when it is another one.
  template <class Message>
  std::optional<Message> hear() {
    const auto line = client_.read_line();
    if (!line) return std::nullopt;
    const auto message = decode_exporter_message(*line);
    if (!message || !std::holds_alternative<Message>(*message)) return std::nullopt;
    return std::get<Message>(*message);
  }

  std::uint64_t hear_request() {
    return hear<RecordingRequest>().value_or(RecordingRequest{}).request_id;
  }

  void say(const Recording& recording) { EXPECT_TRUE(client_.send(encode(recording))); }
  void say(const std::string& line) { EXPECT_TRUE(client_.send(line)); }

  /// A sample arrives and is acknowledged.
  void expect_served(std::uint64_t sequence) {
    EXPECT_TRUE(client_.send(sample_line(sequence)));
    EXPECT_EQ(hear<Ack>().value_or(Ack{}).sequence, sequence);
  }

  TcpClient& client() { return client_; }

 private:
  TcpClient client_;
};

class RecordingTest : public testing::Test {
 protected:
  std::future<Outcome> want(const std::string& endpoint, std::chrono::milliseconds last = 1min) {
    return std::async(std::launch::async, [this, endpoint, last] {
      return exporter_.recordings().get(endpoint, last);
    });
  }

  static void expect_fault(std::future<Outcome>& wanted, RecordingFault fault) {
    const Outcome outcome = wanted.get();
    ASSERT_FALSE(outcome);
    EXPECT_EQ(outcome.error().code, fault);
  }

  RunningExporter exporter_;
};

TEST_F(RecordingTest, AnAgentIsAskedAndAnswersBetweenItsSamples) {
  Agent agent(exporter_, "web-1");
  auto wanted = want("web-1", 10min);
  const auto request = agent.hear<RecordingRequest>();
  ASSERT_TRUE(request);
  EXPECT_EQ(request->last, 10min);
  agent.say(piece_of(request->request_id, 1, 2, 600000));
  agent.expect_served(2);
  const auto before = std::chrono::system_clock::now();
  agent.say(piece_of(request->request_id, 2, 2, 0));
  const Outcome outcome = wanted.get();
  ASSERT_TRUE(outcome);
  ASSERT_EQ((*outcome)->readings.size(), 2U);
  EXPECT_EQ((*outcome)->readings[0].age_ms, 600000U);
  EXPECT_LE((*outcome)->asked_at, before);
  EXPECT_GT((*outcome)->asked_at, before - 10s);
  EXPECT_EQ(rejected(exporter_), "0");
}

TEST_F(RecordingTest, AnAgentThatIsNotThereCannotBeAsked) {
  auto wanted = want("web-1");
  expect_fault(wanted, RecordingFault::not_connected);
}

TEST_F(RecordingTest, AnAgentThatHangsUpTakesItsRecordingAlong) {
  {
    Agent agent(exporter_, "web-1");
    auto wanted = want("web-1");
    agent.say(piece_of(agent.hear_request(), 1, 2, 5));
    agent.client().finish();
    expect_fault(wanted, RecordingFault::not_connected);
  }
  Agent again(exporter_, "web-1");
  auto wanted = want("web-1");
  again.say(piece_of(again.hear_request(), 1, 1, 5));
  EXPECT_TRUE(wanted.get());
}

TEST_F(RecordingTest, ATakeoverTakesTheRecordingAlong) {
  Agent before(exporter_, "web-1", R"(,"session":"s1")");
  auto wanted = want("web-1");
  const auto id = before.hear_request();
  TcpClient after = exporter_.connect();
  ASSERT_TRUE(
      after.send(hello_line("web-1", R"(,"session":"s1")") + encode(piece_of(id, 1, 1, 0))));
  expect_fault(wanted, RecordingFault::not_connected);
}

TEST_F(RecordingTest, NobodyAnswersForAnother) {
  Agent agent(exporter_, "web-1");
  Agent impostor(exporter_, "web-2");
  auto wanted = want("web-1");
  const auto id = agent.hear_request();
  impostor.say(piece_of(id, 1, 1, 50000));
  impostor.expect_served(2);
  EXPECT_EQ(rejected(exporter_), "1");
  agent.say(piece_of(id, 1, 1, 7));
  const Outcome outcome = wanted.get();
  ASSERT_TRUE(outcome);
  EXPECT_EQ((*outcome)->readings[0].age_ms, 7U);
}

TEST_F(RecordingTest, APieceOutOfOrderCostsTheRecordingAndNothingElse) {
  Agent agent(exporter_, "web-1");
  auto wanted = want("web-1");
  const auto id = agent.hear_request();
  agent.say(piece_of(id, 2, 2, 5));
  expect_fault(wanted, RecordingFault::no_answer);
  EXPECT_EQ(rejected(exporter_), "1");
  agent.say(piece_of(id, 1, 2, 5));
  agent.expect_served(2);
  EXPECT_EQ(rejected(exporter_), "2") << "that one is over";
}

TEST_F(RecordingTest, APieceThatCannotBeReadCostsTheRecordingAndNothingElse) {
  Agent agent(exporter_, "web-1");
  auto wanted = want("web-1");
  agent.say("{\"type\":\"recording\",\"request_id\":" + std::to_string(agent.hear_request()) +
            "}\n");
  expect_fault(wanted, RecordingFault::no_answer);
  EXPECT_EQ(rejected(exporter_), "1");
  agent.expect_served(2);
}

TEST_F(RecordingTest, ALineThatIsNoJsonStillCostsTheConnection) {
  Agent agent(exporter_, "web-1");
  auto wanted = want("web-1");
  agent.hear_request();
  agent.say("{\"type\":\"recording\",\n");
  EXPECT_EQ(agent.hear<Refusal>().value_or(Refusal{}).code, "bad_json");
  agent.client().finish();
  expect_fault(wanted, RecordingFault::not_connected);
}

TEST_F(RecordingTest, MoreThanWasSaidIsNotTaken) {
  Agent agent(exporter_, "web-1");
  auto wanted = want("web-1");
  const auto id = agent.hear_request();
  std::string lines;
  for (std::uint32_t piece = 1; piece <= 4; ++piece) {
    lines += encode(piece_of(id, std::min(piece, 2U), 2, 10 - piece));
  }
  agent.say(lines);
  EXPECT_TRUE(wanted.get());
  agent.expect_served(2);
  EXPECT_EQ(rejected(exporter_), "2");
}

TEST_F(RecordingTest, ARecordingBeforeTheHelloIsRefused) {
  TcpClient client = exporter_.connect();
  ASSERT_TRUE(client.send(encode(piece_of(1, 1, 1, 0))));
  EXPECT_NE(client.read_all().find("a recording before the hello"), std::string::npos);
}

TEST_F(RecordingTest, AStopSendsAwayWhoWaits) {
  Agent agent(exporter_, "web-1");
  auto wanted = want("web-1");
  agent.hear_request();
  exporter_.stop();
  ASSERT_EQ(wanted.wait_for(1500ms), std::future_status::ready);
  expect_fault(wanted, RecordingFault::stopping);
}

TEST(RecordingRate, PiecesThatWereAskedForAreNoHaste) {
  exporter::ExporterOptions options;
  options.max_sample_rate = 0.1;
  RunningExporter exporter(options);
  Agent agent(exporter, "web-1");
  auto wanted =
      std::async(std::launch::async, [&] { return exporter.recordings().get("web-1", 1min); });
  const auto id = agent.hear_request();
  for (std::uint32_t piece = 1; piece <= 100; ++piece) {
    agent.say(piece_of(id, piece, 100, 1000 - piece));
  }
  EXPECT_TRUE(wanted.get()) << "a hundred lines would be a thousand seconds at that rate";
  agent.expect_served(2);
}

TEST(RecordingRate, PiecesThatNobodyAskedForAreReadSlowly) {
  exporter::ExporterOptions options;
  options.max_sample_rate = 10;
  RunningExporter exporter(options);
  Agent agent(exporter, "web-1");
  const auto start = std::chrono::steady_clock::now();
  std::string lines;
  for (int i = 0; i < 40; ++i) lines += encode(piece_of(1, 1, 1, 0));
  agent.say(lines);
  agent.expect_served(2);
  // One read takes some of them together; what comes behind it waits.
  agent.expect_served(3);
  EXPECT_GT(std::chrono::steady_clock::now() - start, 500ms);
  EXPECT_EQ(rejected(exporter), "40");
}

}  // namespace
}  // namespace cpu_monitor::tests
