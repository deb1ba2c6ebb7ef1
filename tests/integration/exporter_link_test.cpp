// The agent's link against the real exporter, and against an exporter scripted byte by byte.

#include "agent/exporter_link.hpp"

#include <atomic>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/running_exporter.hpp"
#include "tests/support/running_link.hpp"
#include "tests/support/scripted_exporter.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using asio::ip::tcp;

AgentMessage decoded(const std::string& line) {
  auto message = decode_agent_message(line);
  if (!message) throw std::runtime_error("not a message: " + line);
  return *message;
}

TEST(ExporterLink, PushesToARealExporterAndIsAcknowledged) {
  RunningExporter exporter;
  RunningLink link(quick_settings(exporter.ingest_port()));
  link.offer(42);
  ASSERT_TRUE(eventually([&] { return link.acknowledged().size() == 1; }));
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="link-1",method="reported"})"), "42");
  EXPECT_EQ(link.acknowledged()[0].sequence, 1U);
}

TEST(ExporterLink, AReplacedSampleLeavesItsSlowReadingsToTheNewer) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  CpuSample first = sample_of(1);
  first.slow.boot_time_s = 1700000000;
  first.slow.self = ProcessCost{0.5, 4096};
  link.offer(first);
  CpuSample second = sample_of(2);
  second.slow.self = ProcessCost{0.75, 8192};
  link.offer(second);
  link.offer(3);
  tcp::socket socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  const auto sample = std::get<CpuSample>(decoded(ScriptedExporter::hear_line(socket)));
  EXPECT_EQ(sample.percent, 3);
  EXPECT_EQ(sample.slow.boot_time_s, 1700000000U);
  EXPECT_EQ(sample.slow.self, (ProcessCost{0.75, 8192}));
}

/// A machine of as many CPUs, and of numbers as long, as there may be.
CpuSample largest_sample(std::uint64_t khz) {
  CpuSample sample = sample_of(1);
  CpuTimes times;
  times.fields = kCpuModeCount;
  times.ticks.fill(kMaxTicks);
  sample.cpu.emplace();
  sample.cpu->total = times;
  sample.slow.frequency.emplace();
  sample.slow.throttles.emplace();
  for (std::uint32_t id = kMaxCpuId - kMaxCpus + 1; id <= kMaxCpuId; ++id) {
    sample.cpu->cores.push_back({id, times});
    sample.schedstat.push_back({id, UINT64_MAX, UINT64_MAX, UINT64_MAX});
    sample.slow.frequency->scaling.push_back({id, khz});
    sample.slow.frequency->hardware.push_back({id, khz});
    sample.slow.throttles->cores.push_back({kMaxTopologyId, id, UINT64_MAX});
  }
  return sample;
}

/// What a link makes of it.
CpuSample sent(const CpuSample& sample) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  link.offer(sample);
  tcp::socket socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  const std::string line = ScriptedExporter::hear_line(socket);
  EXPECT_LE(line.size(), kMaxLineBytes);
  return std::get<CpuSample>(decoded(line));
}

TEST(ExporterLink, ASampleThatDoesNotFitIntoALineGoesWithoutItsScheduler) {
  CpuSample sample = largest_sample(9'999'999);
  sample.slow.throttles.reset();
  ASSERT_GT(encode(sample).size(), kMaxLineBytes);
  const CpuSample heard = sent(sample);
  EXPECT_TRUE(heard.schedstat.empty());
  EXPECT_EQ(heard.cpu, sample.cpu);
  EXPECT_EQ(heard.slow.frequency, sample.slow.frequency);
}

TEST(ExporterLink, ASampleThatDoesNotFitEvenThenGoesWithoutItsClockRates) {
  const CpuSample sample = largest_sample(UINT64_MAX);
  const CpuSample heard = sent(sample);
  EXPECT_TRUE(heard.schedstat.empty());
  EXPECT_EQ(heard.slow.frequency, std::nullopt);
  EXPECT_EQ(heard.cpu, sample.cpu);
}

TEST(ExporterLink, TellsFactsToAnExporterThatWelcomedIt) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  CpuFacts facts;
  facts.isolated = {2, 3};
  link.tell(facts);
  tcp::socket socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  ASSERT_TRUE(eventually([&] { return link.welcomes == 1; }));
  facts.isolated = {5};
  link.tell(facts);
  EXPECT_EQ(std::get<CpuFacts>(decoded(ScriptedExporter::hear_line(socket))), facts)
      << "what was said before the welcome was said to nobody";
}

TEST(ExporterLink, SequencesRise) {
  RunningExporter exporter;
  RunningLink link(quick_settings(exporter.ingest_port()));
  for (std::size_t i = 1; i <= 5; ++i) {
    link.offer(static_cast<double>(i));
    ASSERT_TRUE(eventually([&] { return link.acknowledged().size() == i; }));
    EXPECT_EQ(link.acknowledged().back().sequence, i);
  }
}

TEST(ExporterLink, TheFirstLineIsTheHello) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  auto socket = exporter.accept();
  const auto message = decoded(ScriptedExporter::hear_line(socket));
  ASSERT_TRUE(std::holds_alternative<Hello>(message));
  EXPECT_EQ(std::get<Hello>(message).endpoint, "link-1");
}

TEST(ExporterLink, HoldsOneSampleOnItsWayAndOnlyTheNewestWaits) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  auto socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  link.offer(1);
  EXPECT_EQ(std::get<CpuSample>(decoded(ScriptedExporter::hear_line(socket))).percent, 1);
  link.offer(2);
  link.offer(3);
  link.offer(4);
  ASSERT_TRUE(eventually([&] { return link.welcomes == 1; }));
  ScriptedExporter::say(socket, "{\"type\":\"ack\",\"sequence\":1}\n");
  const auto second = std::get<CpuSample>(decoded(ScriptedExporter::hear_line(socket)));
  EXPECT_EQ(second.percent, 4);
  EXPECT_EQ(second.sequence, 2U);
}

TEST(ExporterLink, ComesBackAfterEachLoss) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  for (int i = 0; i < 5; ++i) {
    auto socket = exporter.accept();
    ScriptedExporter::hear_line(socket);
    ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
    ASSERT_TRUE(eventually([&] { return link.welcomes == i + 1; }));
  }
  EXPECT_TRUE(eventually([&] { return link.disconnects == 5; }));
}

TEST(ExporterLink, AnUnacknowledgedSampleIsFollowedByAHigherSequenceOnTheNextConnection) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  {
    auto socket = exporter.accept();
    ScriptedExporter::hear_line(socket);
    ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
    link.offer(1);
    ScriptedExporter::hear_line(socket);
  }
  auto socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  link.offer(2);
  EXPECT_EQ(std::get<CpuSample>(decoded(ScriptedExporter::hear_line(socket))).sequence, 2U);
}

TEST(ExporterLink, AcksOfOtherSequencesAreIgnored) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  auto socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  link.offer(1);
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket,
                        "{\"type\":\"ack\",\"sequence\":7}\n{\"type\":\"ack\",\"sequence\":1}\n");
  ASSERT_TRUE(eventually([&] { return !link.acknowledged().empty(); }));
  EXPECT_EQ(link.acknowledged().size(), 1U);
}

struct BadAnswer {
  const char* name;
  const char* text;
};

class LinkBadAnswer : public ::testing::TestWithParam<BadAnswer> {};

TEST_P(LinkBadAnswer, IsSurvivedByTryingAgain) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  {
    auto socket = exporter.accept();
    ScriptedExporter::hear_line(socket);
    ScriptedExporter::say(socket, GetParam().text);
    // The link gives up by itself: this end never closes.
    char byte = 0;
    std::error_code ec;
    while (asio::read(socket, asio::buffer(&byte, 1), ec) == 1) {
    }
  }
  auto socket = exporter.accept();
  ScriptedExporter::hear_line(socket);
  ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
  EXPECT_TRUE(eventually([&] { return link.welcomes >= 1; }));
}

INSTANTIATE_TEST_SUITE_P(
    Answers, LinkBadAnswer,
    ::testing::Values(
        BadAnswer{"Http", "HTTP/1.1 400 Bad Request\r\n\r\n"},
        BadAnswer{"Words", "220 mail ready\n"}, BadAnswer{"NeverAnswers", ""},
        BadAnswer{"HalfALine", "{\"type\":\"wel"}, BadAnswer{"BadUtf8", "{\"type\":\"\xff\"}\n"},
        BadAnswer{"AckWithoutSequence", "{\"type\":\"ack\"}\n"},
        BadAnswer{"NegativeAck", "{\"type\":\"ack\",\"sequence\":-1}\n"},
        BadAnswer{"Refusal", "{\"type\":\"refusal\",\"code\":\"bad_field\",\"message\":\"no\"}\n"},
        BadAnswer{"UnknownRefusal",
                  "{\"type\":\"refusal\",\"code\":\"later\",\"message\":\"no\"}\n"}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(ExporterLink, ALineThatNeverEndsIsCutOff) {
  ScriptedExporter exporter;
  RunningLink link(quick_settings(exporter.port()));
  {
    auto socket = exporter.accept();
    ScriptedExporter::hear_line(socket);
    ScriptedExporter::say(socket, std::string(2 * kMaxLineBytes, 'x'));
  }
  auto socket = exporter.accept();
  EXPECT_TRUE(std::holds_alternative<Hello>(decoded(ScriptedExporter::hear_line(socket))));
}

TEST(ExporterLink, SaysGoodbyeWhenItStops) {
  ScriptedExporter exporter;
  std::string last_line;
  {
    auto link = std::make_unique<RunningLink>(quick_settings(exporter.port()));
    auto socket = exporter.accept();
    ScriptedExporter::hear_line(socket);
    ScriptedExporter::say(socket, ScriptedExporter::kWelcome);
    ASSERT_TRUE(eventually([&] { return link->welcomes == 1; }));
    std::thread stopper([&link] { link.reset(); });
    last_line = ScriptedExporter::hear_line(socket);
    socket.close();
    stopper.join();
  }
  EXPECT_EQ(last_line, R"({"type":"goodbye","reason":"stop"})");
}

TEST(ExporterLink, StopsWhileNobodyListens) {
  std::uint16_t nobodys_port = 0;
  {
    const ScriptedExporter gone;
    nobodys_port = gone.port();
  }
  const auto start = std::chrono::steady_clock::now();
  { RunningLink link(quick_settings(nobodys_port)); }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
}

TEST(ExporterLink, StopsWhileThePeerSaysNothing) {
  ScriptedExporter exporter;
  std::thread holder;
  const auto start = std::chrono::steady_clock::now();
  {
    auto settings = quick_settings(exporter.port());
    settings.welcome_timeout = std::chrono::hours(1);
    RunningLink link(std::move(settings));
    auto socket = exporter.accept();
    ScriptedExporter::hear_line(socket);
    // Until the link hangs up.
    holder = std::thread([held = std::move(socket)]() mutable {
      char byte = 0;
      std::error_code ec;
      while (asio::read(held, asio::buffer(&byte, 1), ec) == 1) {
      }
    });
  }
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(2));
  holder.join();
}

}  // namespace
}  // namespace cpu_monitor::tests
