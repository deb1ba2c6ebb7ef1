// The agent's link, asked for recordings: by the real exporter, and by one scripted byte by byte.

#include <chrono>
#include <future>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "agent/flight_recorder.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/running_link.hpp"
#include "tests/support/scripted_exporter.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::chrono_literals;
using asio::ip::tcp;

constexpr std::chrono::milliseconds kUptime = 1h;

/// A recorder with as many readings as it takes.
agent::FlightRecorder full_recorder() {
  agent::FlightRecorder recorder(100ms);
  for (int i = 5999; i >= 0; --i) {
    agent::Share share;
    share.busy = 1;
    share.ticks.busy = 10;
    share.covers = 100ms;
    recorder.add({share, 1.0}, kUptime - i * 100ms);
  }
  return recorder;
}

RunningLink::PlayRecording played_from(const agent::FlightRecorder& recorder) {
  return [&recorder](const RecordingRequest& request) {
    return [playback = recorder.play(request, kUptime)]() mutable { return playback.next(); };
  };
}

std::string request_line(std::uint64_t id) { return encode(RecordingRequest{id, 10min}); }

AgentMessage heard(tcp::socket& socket) {
  return *decode_agent_message(ScriptedExporter::hear_line(socket));
}

/// Welcomes a link.
tcp::socket welcomed(ScriptedExporter& exporter) {
  tcp::socket socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  return socket;
}

TEST(LinkRecording, ARealExporterGetsAllOfIt) {
  const agent::FlightRecorder recorder = full_recorder();
  RunningExporter exporter;
  RunningLink link(quick_settings(exporter.ingest_port()), played_from(recorder));
  link.offer(42);
  ASSERT_TRUE(eventually([&] { return link.acknowledged().size() == 1; }));
  auto wanted =
      std::async(std::launch::async, [&] { return exporter.recordings().get("link-1", 10min); });
  link.offer(43);
  const auto outcome = wanted.get();
  ASSERT_TRUE(outcome);
  EXPECT_EQ((*outcome)->readings.size(), 6000U);
  EXPECT_EQ((*outcome)->readings.front(), (RecordedReading{599900, {200, 200, 0, 0}}));
  EXPECT_EQ((*outcome)->readings.back().age_ms, 0U);
  EXPECT_TRUE(eventually([&] { return link.acknowledged().size() == 2; }));
  EXPECT_EQ(exporter.value(R"(cpu_monitor_exporter_samples_rejected_total{reason="bad_field"})"),
            "0");
}

TEST(LinkRecording, ALinkWithoutARecorderIgnoresTheRequest) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  tcp::socket socket = welcomed(exporter);
  ScriptedExporter::say(socket, request_line(1));
  link.offer(5);
  EXPECT_TRUE(std::holds_alternative<CpuSample>(heard(socket)));
}

TEST(LinkRecording, ARequestBeforeTheWelcomeIsIgnored) {
  const agent::FlightRecorder recorder = full_recorder();
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()), played_from(recorder));
  tcp::socket socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, request_line(1) + ScriptedExporter::kWelcome);
  link.offer(5);
  EXPECT_TRUE(std::holds_alternative<CpuSample>(heard(socket)));
}

TEST(LinkRecording, WhoAsksAgainAndAgainIsAnsweredOnceInAWhile) {
  const agent::FlightRecorder recorder = full_recorder();
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()), played_from(recorder));
  tcp::socket socket = welcomed(exporter);
  std::string requests;
  for (std::uint64_t id = 1; id <= 50; ++id) requests += request_line(id);
  ScriptedExporter::say(socket, requests);
  std::set<std::uint64_t> answered;
  std::uint32_t piece = 0;
  do {
    const auto message = heard(socket);
    ASSERT_TRUE(std::holds_alternative<Recording>(message));
    const auto& recording = std::get<Recording>(message);
    answered.insert(recording.request_id);
    piece = recording.piece;
  } while (piece < 12);
  EXPECT_EQ(answered, (std::set<std::uint64_t>{1, 2}));
  link.offer(5);
  EXPECT_TRUE(std::holds_alternative<CpuSample>(heard(socket))) << "and that was all";
}

TEST(LinkRecording, ASampleDoesNotWaitBehindARecording) {
  const agent::FlightRecorder recorder = full_recorder();
  ScriptedExporter exporter;
  exporter.take_little();
  RunningLink link(quick_settings(exporter.port()), played_from(recorder));
  tcp::socket socket = welcomed(exporter);
  ScriptedExporter::say(socket, request_line(1));
  // It takes a piece or two until it is read, of which a sample knows nothing.
  std::size_t there = 0;
  ASSERT_TRUE(eventually([&] { return (there = socket.available()) > 2000; }));
  link.offer(5);
  int pieces_before = 0;
  while (std::holds_alternative<Recording>(heard(socket))) ++pieces_before;
  EXPECT_LE(pieces_before, 3);
  int pieces_behind = 0;
  while (pieces_before + pieces_behind < 12) {
    ASSERT_TRUE(std::holds_alternative<Recording>(heard(socket)));
    ++pieces_behind;
  }
}

TEST(LinkRecording, ARecordingEndsWithItsConnection) {
  const agent::FlightRecorder recorder = full_recorder();
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()), played_from(recorder));
  {
    tcp::socket socket = welcomed(exporter);
    ScriptedExporter::say(socket, request_line(1));
    ASSERT_TRUE(std::holds_alternative<Recording>(heard(socket)));
  }
  tcp::socket socket = welcomed(exporter);
  link.offer(5);
  EXPECT_TRUE(std::holds_alternative<CpuSample>(heard(socket)));
}

TEST(LinkRecording, AStopSendsNoMoreOfIt) {
  const agent::FlightRecorder recorder = full_recorder();
  ScriptedExporter exporter;
  exporter.take_little();
  const auto start = std::chrono::steady_clock::now();
  {
    RunningLink link(quick_settings(exporter.port()), played_from(recorder));
    tcp::socket socket = welcomed(exporter);
    ScriptedExporter::say(socket, request_line(1));
    ASSERT_TRUE(eventually([&] { return socket.available() > 2000; }));
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
}

}  // namespace
}  // namespace cpu_monitor::tests
