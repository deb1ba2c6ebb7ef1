// Agents in good standing, over real sockets.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::string_literals;

std::string percent_of(const RunningExporter& exporter, const std::string& endpoint) {
  return exporter.value(R"(my_cpu_percents{endpoint=")" + endpoint + R"(",method="reported"})");
}

std::string up_of(const RunningExporter& exporter, const std::string& endpoint) {
  return exporter.value(R"(cpu_monitor_agent_up{endpoint=")" + endpoint + "\"}");
}

template <class Message>
Message read_message(TcpClient& client) {
  const auto line = client.read_line();
  if (!line) throw std::runtime_error("the stream ended");
  auto message = decode_exporter_message(*line);
  if (!message) throw std::runtime_error("not a message: " + *line);
  return std::get<Message>(*message);
}

std::string cpu_sample_line(int sequence, const std::string& ticks, int uptime_ms) {
  return R"({"type":"sample","sequence":)" + std::to_string(sequence) +
         R"(,"percent":50,"uptime_ms":)" + std::to_string(uptime_ms) + R"(,"cpu":{"total":[)" +
         ticks + R"(],"cores":[[0,)" + ticks + "]]}}\n";
}

TEST(AgentSession, TheSmallestClientIsAHelloOfThreeFieldsAndAPercentage) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("tiny") + sample_line(1)));
  const auto welcome = read_message<Welcome>(client);
  EXPECT_EQ(welcome.max_line_bytes, kMaxLineBytes);
  EXPECT_EQ(welcome.max_cpus, kMaxCpus);
  EXPECT_EQ(welcome.idle_timeout, std::chrono::seconds(30));
  EXPECT_EQ(welcome.groups, MetricGroups::usual());
  EXPECT_FALSE(welcome.resume);
  EXPECT_EQ(read_message<Ack>(client).sequence, 1U);
  EXPECT_EQ(percent_of(exporter, "tiny"), "14.6");
  EXPECT_EQ(up_of(exporter, "tiny"), "1");
}

TEST(AgentSession, ThePeakWindowIsToldToAgentsAndNamedOnThePage) {
  exporter::ExporterOptions options;
  options.peak_window = std::chrono::seconds(90);
  RunningExporter exporter(options);
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("tiny")));
  EXPECT_EQ(read_message<Welcome>(client).peak_window, std::chrono::seconds(90));
  ASSERT_TRUE(client.send(
      R"({"type":"sample","sequence":1,"percent":1,"burst":{"utilization":{"counts":[0,0,0,0,0,0,0,0],"sum":0},)"
      R"("busiest_core":{"counts":[0,0,0,0,0,0,0,0],"sum":0},"runs":{"counts":[0,0,0,0,0,0,0,0],"sum":0},)"
      R"("peak":0.5}})"
      "\n"));
  EXPECT_EQ(read_message<Ack>(client).sequence, 1U);
  EXPECT_NE(exporter.scrape().find("within the last 1m30s (--peak.window)"), std::string::npos);
}

TEST(AgentSession, FactsStandOnThePage) {
  exporter::ExporterOptions options;
  options.collect = MetricGroups::all();
  RunningExporter exporter(options);
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("tiny")));
  read_message<Welcome>(client);
  ASSERT_TRUE(client.send(R"({"type":"facts","online":[0],"isolated":[3]})"
                          "\n" +
                          sample_line(1)));
  EXPECT_EQ(read_message<Ack>(client).sequence, 1U);
  EXPECT_EQ(exporter.value(R"(node_cpu_online{endpoint="tiny",cpu="0"})"), "1");
  EXPECT_EQ(exporter.value(R"(node_cpu_isolated{endpoint="tiny",cpu="3"})"), "1");
}

TEST(AgentSession, AWelcomedAgentIsOnNoPageBeforeItsFirstSample) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("quiet")));
  read_message<Welcome>(client);
  EXPECT_EQ(exporter.scrape().find("quiet"), std::string::npos);
  ASSERT_TRUE(client.send(sample_line(1)));
  read_message<Ack>(client);
  EXPECT_EQ(up_of(exporter, "quiet"), "1");
}

TEST(AgentSession, APercentageIsShownAsItWasWritten) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("short") + sample_line(1, "84.9")));
  read_message<Welcome>(client);
  read_message<Ack>(client);
  EXPECT_EQ(percent_of(exporter, "short"), "84.9");
}

TEST(AgentSession, AnAcknowledgedSampleIsOnTheNextScrape) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("exact")));
  read_message<Welcome>(client);
  for (int sequence = 1; sequence <= 15; ++sequence) {
    ASSERT_TRUE(
        client.send(sample_line(static_cast<std::uint64_t>(sequence), std::to_string(sequence))));
    ASSERT_EQ(read_message<Ack>(client).sequence, static_cast<std::uint64_t>(sequence));
    ASSERT_EQ(percent_of(exporter, "exact"), std::to_string(sequence));
  }
}

TEST(AgentSession, ABatchIsAcknowledgedWithItsHighestSequence) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("batch") + sample_line(1) + sample_line(2) + sample_line(3)));
  read_message<Welcome>(client);
  std::uint64_t acknowledged = 0;
  while (acknowledged < 3) acknowledged = read_message<Ack>(client).sequence;
  EXPECT_EQ(acknowledged, 3U);
  EXPECT_EQ(exporter.value("cpu_monitor_exporter_samples_received_total"), "3");
}

TEST(AgentSession, ASequenceThatDoesNotRiseIsIgnoredCountedAndAcknowledged) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("again") + sample_line(5, "50")));
  read_message<Welcome>(client);
  read_message<Ack>(client);
  ASSERT_TRUE(client.send(sample_line(5, "99")));
  EXPECT_EQ(read_message<Ack>(client).sequence, 5U);
  EXPECT_EQ(percent_of(exporter, "again"), "50");
  EXPECT_EQ(exporter.value(
                R"(cpu_monitor_exporter_samples_rejected_total{reason="sequence_not_rising"})"),
            "1");
}

TEST(AgentSession, UnknownFieldsAndMessagesAreIgnored) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("future", R"(,"colour":"blue","nested":{"a":[1]})")));
  read_message<Welcome>(client);
  ASSERT_TRUE(client.send("{\"type\":\"news\",\"cpus\":[]}\n" + sample_line(1)));
  EXPECT_EQ(read_message<Ack>(client).sequence, 1U);
  EXPECT_EQ(exporter.value(R"(cpu_monitor_exporter_samples_rejected_total{reason="unknown_type"})"),
            "1");
}

TEST(AgentSession, OneByteAtATimeIsTheSameAsAllAtOnce) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  for (const char byte : hello_line("drip") + sample_line(1)) {
    ASSERT_TRUE(client.send(std::string(1, byte)));
  }
  read_message<Welcome>(client);
  EXPECT_EQ(read_message<Ack>(client).sequence, 1U);
}

TEST(AgentSession, AClientThatHangsUpAfterItsLastLineIsStillHeard) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("one-shot") + sample_line(1)));
  client.finish();
  const std::string answers = client.read_all();
  EXPECT_NE(answers.find(R"({"type":"ack","sequence":1})"), std::string::npos) << answers;
  EXPECT_EQ(percent_of(exporter, "one-shot"), "14.6");
}

TEST(AgentSession, TicksBecomeSecondsOfTheAgentsOwnTickRate) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("hz", R"(,"ticks_per_second":250)") +
                          cpu_sample_line(1, "1,2,3,251", 1000)));
  read_message<Welcome>(client);
  read_message<Ack>(client);
  EXPECT_EQ(exporter.value(R"(node_cpu_seconds_total{endpoint="hz",cpu="0",mode="idle"})"),
            "1.004");
  EXPECT_EQ(exporter.value(R"(node_cpu_seconds_total{endpoint="hz",cpu="0",mode="iowait"})"), "");
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="hz",method="proc_stat"})"), "50");
}

TEST(AgentSession, AStoppedAgentIsDownAtOnce) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("leaving") + sample_line(1)));
  read_message<Welcome>(client);
  read_message<Ack>(client);
  ASSERT_EQ(up_of(exporter, "leaving"), "1");
  ASSERT_TRUE(client.send("{\"type\":\"goodbye\",\"reason\":\"stop\"}\n"));
  EXPECT_TRUE(client.is_closed_by_peer());
  EXPECT_EQ(up_of(exporter, "leaving"), "0");
}

TEST(AgentSession, AMovedAgentIsForgottenAtOnce) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(hello_line("moving") + sample_line(1)));
  read_message<Welcome>(client);
  read_message<Ack>(client);
  ASSERT_TRUE(client.send("{\"type\":\"goodbye\",\"reason\":\"moved\"}\n"));
  EXPECT_TRUE(client.is_closed_by_peer());
  EXPECT_EQ(exporter.scrape().find("moving"), std::string::npos);
}

TEST(AgentSession, AReconnectingAgentNeverLeavesASecondSeries) {
  RunningExporter exporter;
  for (std::uint64_t sequence = 1; sequence <= 5; ++sequence) {
    TcpClient client = exporter.connect();
    ASSERT_TRUE(client.send(hello_line("flaky", R"(,"session":"s1")") + sample_line(sequence)));
    read_message<Welcome>(client);
    ASSERT_EQ(read_message<Ack>(client).sequence, sequence);
  }
  const std::string page = exporter.scrape();
  const auto first = page.find("\nmy_cpu_percents{");
  ASSERT_NE(first, std::string::npos);
  EXPECT_EQ(page.find("\nmy_cpu_percents{", first + 1), std::string::npos);
  EXPECT_EQ(exporter.value(R"(cpu_monitor_agent_connects_total{endpoint="flaky"})"), "5");
}

TEST(AgentSession, TheSameProcessTakesItsNameOverFromItsOldConnection) {
  RunningExporter exporter;
  TcpClient old_connection = exporter.connect();
  ASSERT_TRUE(old_connection.send(hello_line("web-1", R"(,"session":"s1")") + sample_line(1)));
  read_message<Welcome>(old_connection);
  read_message<Ack>(old_connection);
  TcpClient new_connection = exporter.connect();
  ASSERT_TRUE(
      new_connection.send(hello_line("web-1", R"(,"session":"s1")") + sample_line(2, "99")));
  read_message<Welcome>(new_connection);
  EXPECT_EQ(read_message<Ack>(new_connection).sequence, 2U);
  EXPECT_TRUE(old_connection.is_closed_by_peer());
  EXPECT_EQ(percent_of(exporter, "web-1"), "99");
}

TEST(AgentSession, ASecondLiveAgentWithTheNameIsRefusedAndTheFirstUntouched) {
  RunningExporter exporter;
  TcpClient first = exporter.connect();
  ASSERT_TRUE(first.send(hello_line("twin", R"(,"session":"s1")") + sample_line(1)));
  read_message<Welcome>(first);
  read_message<Ack>(first);
  TcpClient second = exporter.connect();
  ASSERT_TRUE(second.send(hello_line("twin", R"(,"session":"s2")") + sample_line(1, "99")));
  const auto refusal = read_message<Refusal>(second);
  EXPECT_EQ(refusal.code, "endpoint_in_use");
  ASSERT_TRUE(refusal.retry_after);
  EXPECT_LE(*refusal.retry_after, std::chrono::seconds(30));
  ASSERT_TRUE(first.send(sample_line(2, "7.5")));
  EXPECT_EQ(read_message<Ack>(first).sequence, 2U);
  EXPECT_EQ(percent_of(exporter, "twin"), "7.5");
}

TEST(AgentSession, ARestartedAgentIsToldTheCountersLastShown) {
  RunningExporter exporter;
  {
    TcpClient before = exporter.connect();
    ASSERT_TRUE(before.send(hello_line("resumed", R"(,"boot_id":"b1","session":"s1")") +
                            cpu_sample_line(1, "10,20,30,40,50,60,70,80,90,100", 5000)));
    read_message<Welcome>(before);
    read_message<Ack>(before);
  }
  TcpClient after = exporter.connect();
  ASSERT_TRUE(after.send(hello_line("resumed", R"(,"boot_id":"b1","session":"s2")")));
  const auto welcome = read_message<Welcome>(after);
  ASSERT_TRUE(welcome.resume);
  EXPECT_EQ(welcome.resume->uptime, std::chrono::milliseconds(5000));
  EXPECT_EQ(welcome.resume->cpu.total.ticks,
            (std::array<Ticks, 10>{10, 20, 30, 40, 50, 60, 70, 80, 90, 100}));
  ASSERT_EQ(welcome.resume->cpu.cores.size(), 1U);
}

TEST(AgentSession, AStoppedAgentResumesAfterItLeftThePage) {
  exporter::ExporterOptions options;
  options.stale_after = std::chrono::milliseconds(1);
  RunningExporter exporter(options);
  TcpClient before = exporter.connect();
  ASSERT_TRUE(before.send(hello_line("back", R"(,"boot_id":"b1","session":"s1")") +
                          cpu_sample_line(1, "10,20,30,40", 5000) +
                          "{\"type\":\"goodbye\",\"reason\":\"stop\"}\n"));
  static_cast<void>(before.read_all());
  ASSERT_TRUE(eventually([&] { return exporter.scrape().find("back") == std::string::npos; }));
  TcpClient after = exporter.connect();
  ASSERT_TRUE(after.send(hello_line("back", R"(,"boot_id":"b1","session":"s2")")));
  const auto welcome = read_message<Welcome>(after);
  ASSERT_TRUE(welcome.resume);
  EXPECT_EQ(welcome.resume->uptime, std::chrono::milliseconds(5000));
  EXPECT_EQ(exporter.scrape().find("back"), std::string::npos);
}

TEST(AgentSession, AnotherBootResumesNothing) {
  RunningExporter exporter;
  {
    TcpClient before = exporter.connect();
    ASSERT_TRUE(before.send(hello_line("rebooted", R"(,"boot_id":"b1")") +
                            cpu_sample_line(1, "10,20,30,40", 5000)));
    read_message<Welcome>(before);
    read_message<Ack>(before);
  }
  TcpClient after = exporter.connect();
  ASSERT_TRUE(after.send(hello_line("rebooted", R"(,"boot_id":"b2")")));
  EXPECT_FALSE(read_message<Welcome>(after).resume);
}

TEST(AgentSession, AFastAgentIsSlowedDownAndLosesNothing) {
  exporter::ExporterOptions options;
  options.max_sample_rate = 100;
  RunningExporter exporter(options);
  TcpClient client = exporter.connect();
  std::string lines = hello_line("eager");
  constexpr std::uint64_t kSamples = 120;
  for (std::uint64_t sequence = 1; sequence <= kSamples; ++sequence) lines += sample_line(sequence);
  const auto start = std::chrono::steady_clock::now();
  ASSERT_TRUE(client.send(lines + sample_line(kSamples + 1)));
  read_message<Welcome>(client);
  std::uint64_t acknowledged = 0;
  while (acknowledged <= kSamples) acknowledged = read_message<Ack>(client).sequence;
  // 122 lines less a burst of 20 and the chunk read at once, at 100 a second.
  EXPECT_GT(std::chrono::steady_clock::now() - start, std::chrono::milliseconds(100));
  EXPECT_EQ(exporter.value("cpu_monitor_exporter_samples_received_total"),
            std::to_string(kSamples + 1));
}

TEST(AgentSession, AgentsUpToTheLimitAreTakenAndOneMoreIsRefused) {
  exporter::ExporterOptions options;
  options.max_agents = 3;
  RunningExporter exporter(options);
  std::vector<TcpClient> agents;
  for (int i = 0; i < 3; ++i) {
    agents.push_back(exporter.connect());
    ASSERT_TRUE(agents.back().send(hello_line("agent-" + std::to_string(i)) + sample_line(1)));
    read_message<Welcome>(agents.back());
  }
  TcpClient one_more = exporter.connect();
  ASSERT_TRUE(one_more.send(hello_line("agent-3")));
  EXPECT_EQ(read_message<Refusal>(one_more).code, "capacity");
  EXPECT_EQ(exporter.value(R"(cpu_monitor_exporter_connections_refused_total{reason="capacity"})"),
            "1");
}

TEST(AgentSession, AStoppingExporterSaysGoodbyeToAll) {
  RunningExporter exporter;
  std::vector<TcpClient> agents;
  for (int i = 0; i < 20; ++i) {
    agents.push_back(exporter.connect());
    ASSERT_TRUE(agents.back().send(hello_line("agent-" + std::to_string(i)) + sample_line(1)));
    read_message<Welcome>(agents.back());
    read_message<Ack>(agents.back());
  }
  exporter.stop();
  for (TcpClient& agent : agents) {
    const auto goodbye = read_message<Goodbye>(agent);
    EXPECT_EQ(goodbye.reason, "stop");
    ASSERT_TRUE(goodbye.retry_after);
    EXPECT_LE(*goodbye.retry_after, std::chrono::milliseconds(40));
    EXPECT_TRUE(agent.is_closed_by_peer());
  }
}

}  // namespace
}  // namespace cpu_monitor::tests
