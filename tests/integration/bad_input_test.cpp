// Every kind of bad input: its exact refusal, counted by reason, the connection closed, everyone
// else untouched.

#include <ostream>
#include <string>

#include <gtest/gtest.h>

#include "common/messages.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::string_literals;

exporter::SessionLimits short_limits() {
  exporter::SessionLimits limits;
  limits.handshake_timeout = std::chrono::milliseconds(400);
  limits.min_idle_timeout = std::chrono::milliseconds(600);
  return limits;
}

struct BadInput {
  const char* name;
  std::string bytes;
  const char* code;
};

std::ostream& operator<<(std::ostream& out, const BadInput& input) { return out << input.name; }

std::string welcomed(std::string_view then) { return hello_line("bad-1") + std::string(then); }

std::string sample_with(std::string_view fields) {
  return welcomed(R"({"type":"sample","sequence":1,)" + std::string(fields) + "}\n");
}

std::string sample_with_tick(std::string_view tick) {
  return sample_with(R"("cpu":{"total":[1,2,3,)" + std::string(tick) + "]}");
}

std::string sample_with_cores(std::string_view cores) {
  return sample_with(R"("cpu":{"total":[1,2,3,4],"cores":[)" + std::string(cores) + "]}");
}

std::string many_cores(int count) {
  std::string cores;
  for (int id = 0; id < count; ++id) {
    if (id > 0) cores += ',';
    cores += "[" + std::to_string(id) + ",1,2,3,4]";
  }
  return cores;
}

std::string padded_to(std::size_t bytes, std::string line) {
  line.pop_back();
  line.append(bytes - line.size(), ' ');
  return line + "\n";
}

class BadInputTest : public ::testing::TestWithParam<BadInput> {};

TEST_P(BadInputTest, IsRefusedCountedAndHarmsNobody) {
  RunningExporter exporter({}, short_limits());
  TcpClient innocent = exporter.connect();
  ASSERT_TRUE(
      innocent.send(hello_line("innocent", R"(,"push_interval_ms":20000)") + sample_line(1)));
  ASSERT_TRUE(innocent.read_line());
  ASSERT_EQ(innocent.read_line(), R"({"type":"ack","sequence":1})");

  TcpClient bad = exporter.connect();
  bad.send(GetParam().bytes);
  std::string refusal;
  while (auto line = bad.read_line()) refusal = *line;
  const auto message = decode_exporter_message(refusal);
  ASSERT_TRUE(message) << refusal;
  const auto* said = std::get_if<Refusal>(&*message);
  ASSERT_NE(said, nullptr) << refusal;
  EXPECT_EQ(said->code, GetParam().code) << said->message;
  EXPECT_FALSE(said->message.empty());
  EXPECT_TRUE(bad.is_closed_by_peer());

  const std::string reason = R"({reason=")"s + GetParam().code + "\"}";
  EXPECT_EQ(exporter.value("cpu_monitor_exporter_connections_refused_total" + reason), "1");
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="bad-1",method="reported"})"), "");

  ASSERT_TRUE(innocent.send(sample_line(2, "15.5")));
  EXPECT_EQ(innocent.read_line(), R"({"type":"ack","sequence":2})");
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="innocent",method="reported"})"), "15.5");
}

const BadInput kBadInputs[] = {
    // Not JSON.
    {"Words", "hello there\n", "bad_json"},
    {"EmptyLine", "\n", "bad_json"},
    {"Array", "[1,2,3]\n", "bad_json"},
    {"Number", "14.6\n", "bad_json"},
    {"UnclosedObject", "{\"type\":\"hello\"\n", "bad_json"},
    {"TwoObjectsOnALine", "{\"type\":\"hello\"}{}\n", "bad_json"},
    {"Depth60000", std::string(60'000, '[').substr(0, 4000) + "\n", "bad_json"},
    {"DepthSeven",
     R"({"type":"hello","a":{"b":{"c":{"d":{"e":{"f":{}}}}}}})"
     "\n",
     "bad_json"},
    {"Depth60000Welcomed", welcomed("{\"a\":" + std::string(60'000, '[') + "\n"), "bad_json"},
    {"DuplicateKey",
     R"({"type":"hello","type":"hello","protocol":1,"endpoint":"bad-1"})"
     "\n",
     "bad_json"},
    {"DuplicateKeyInSample", sample_with(R"("percent":1,"percent":2)"), "bad_json"},
    {"DuplicateUnknownKey", sample_with(R"("percent":1,"x":{"y":1,"y":2})"), "bad_json"},
    {"InvalidUtf8", "{\"type\":\"hello\",\"protocol\":1,\"endpoint\":\"bad\xff\"}\n", "bad_json"},
    {"OverlongUtf8", "{\"type\":\"hello\",\"protocol\":1,\"endpoint\":\"bad\xc0\xaf\"}\n",
     "bad_json"},
    {"HttpRequest", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "bad_json"},
    {"Http2Preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "bad_json"},
    {"TlsHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(500, 'x'),
     "tls_unexpected"},
    {"Zeros", std::string(100, '\0') + "\n", "bad_json"},
    // Numbers.
    {"PercentNaN", sample_with(R"("percent":NaN)"), "bad_json"},
    {"PercentInfinity", sample_with(R"("percent":Infinity)"), "bad_json"},
    {"Percent1e999", sample_with(R"("percent":1e999)"), "bad_field"},
    {"PercentNegative", sample_with(R"("percent":-1)"), "bad_field"},
    {"PercentOver100", sample_with(R"("percent":100.01)"), "bad_field"},
    {"PercentString", sample_with(R"("percent":"5")"), "bad_field"},
    {"PercentNull", sample_with(R"("percent":null)"), "bad_field"},
    {"TickNegative", sample_with_tick("-1"), "bad_field"},
    {"TickFraction", sample_with_tick("1.5"), "bad_field"},
    {"TickTwoTo53", sample_with_tick("9007199254740992"), "bad_field"},
    {"TickTwoTo64", sample_with_tick("18446744073709551616"), "bad_field"},
    {"TickString", sample_with_tick(R"("5")"), "bad_field"},
    {"Tick1e999", sample_with_tick("1e999"), "bad_field"},
    {"TickNaN", sample_with_tick("NaN"), "bad_json"},
    {"TickTrue", sample_with_tick("true"), "bad_field"},
    {"ThreeTicks", sample_with(R"("cpu":{"total":[1,2,3]})"), "bad_field"},
    {"CpuIsAnArray", sample_with(R"("cpu":[1,2,3,4])"), "bad_field"},
    {"CpuWithoutTotal", sample_with(R"("cpu":{"cores":[]})"), "bad_field"},
    {"NothingInTheSample", sample_with(R"("time_ms":1)"), "bad_field"},
    {"SequenceZero",
     welcomed(R"({"type":"sample","sequence":0,"percent":1})"
              "\n"),
     "bad_field"},
    {"SequenceMissing",
     welcomed(R"({"type":"sample","percent":1})"
              "\n"),
     "bad_field"},
    // CPUs.
    {"TooManyCpus", sample_with_cores(many_cores(1025)), "capacity"},
    {"CpuIdTwoTo31", sample_with_cores("[2147483648,1,2,3,4]"), "bad_field"},
    {"CpuIdNegative", sample_with_cores("[-1,1,2,3,4]"), "bad_field"},
    {"CpuIdRepeated", sample_with_cores("[3,1,2,3,4],[3,1,2,3,4]"), "bad_field"},
    // Turns.
    {"SampleBeforeHello", sample_line(1), "bad_field"},
    {"GoodbyeBeforeHello", "{\"type\":\"goodbye\",\"reason\":\"stop\"}\n", "bad_field"},
    {"FactsBeforeHello", "{\"type\":\"facts\"}\n", "bad_field"},
    {"UnknownTypeBeforeHello", "{\"type\":\"news\"}\n", "bad_field"},
    {"HelloTwice", welcomed(hello_line("bad-1")), "bad_field"},
    {"NoType", "{\"protocol\":1,\"endpoint\":\"bad-1\"}\n", "bad_field"},
    {"TypeIsANumber", "{\"type\":1}\n", "bad_field"},
    {"Protocol2", "{\"type\":\"hello\",\"protocol\":2,\"endpoint\":\"bad-1\"}\n",
     "unsupported_protocol"},
    {"ProtocolMissing", "{\"type\":\"hello\",\"endpoint\":\"bad-1\"}\n", "bad_field"},
    // Names.
    {"EndpointThatBreaksThePage", hello_line(R"(a\"} 1)"), "bad_field"},
    {"EndpointWithCarriageReturn", hello_line(R"(a\rb)"), "bad_field"},
    {"EndpointWithNewline", hello_line(R"(a\nb)"), "bad_field"},
    {"Endpoint129Bytes", hello_line(std::string(129, 'a')), "bad_field"},
    {"EndpointEmpty", hello_line(""), "bad_field"},
    {"EndpointEndsInADot", hello_line("host."), "bad_field"},
    {"EndpointMissing", "{\"type\":\"hello\",\"protocol\":1}\n", "bad_field"},
    {"EndpointInUse", hello_line("innocent"), "endpoint_in_use"},
    {"LabelNameWithDash", hello_line("bad-1", R"(,"labels":{"a-b":"c"})"), "bad_field"},
    {"PushIntervalTooShort", hello_line("bad-1", R"(,"push_interval_ms":99)"), "bad_field"},
    {"TicksPerSecondZero", hello_line("bad-1", R"(,"ticks_per_second":0)"), "bad_field"},
    // Lines.
    {"HelloOneByteTooLong", padded_to(kMaxLineBytesBeforeWelcome + 1, hello_line("bad-1")),
     "line_too_long"},
    {"SampleOneByteTooLong", welcomed(padded_to(kMaxLineBytes + 1, sample_line(1))),
     "line_too_long"},
    {"NoNewlineForEver", "{\"a\":\"" + std::string(600'000, 'x'), "line_too_long"},
    {"NoNewlineForEverWelcomed", welcomed("{\"a\":\"" + std::string(600'000, 'x')),
     "line_too_long"},
    // Silence.
    {"NothingAtAll", "", "handshake_timeout"},
    {"OneByteThenSilence", "{", "handshake_timeout"},
    {"HalfAHelloThenSilence", R"({"type":"hello","protocol":1,"endp)", "handshake_timeout"},
    {"HelloWithoutNewline", R"({"type":"hello","protocol":1,"endpoint":"bad-1"})",
     "handshake_timeout"},
    {"SilenceAfterHello", hello_line("bad-1", R"(,"push_interval_ms":100)"), "idle_timeout"},
    {"HalfASampleThenSilence",
     hello_line("bad-1", R"(,"push_interval_ms":100)") + R"({"type":"sample","seq)",
     "idle_timeout"},
};

INSTANTIATE_TEST_SUITE_P(Wire, BadInputTest, ::testing::ValuesIn(kBadInputs),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(LineLimit, LinesOfLimitMinusOneAndLimitAreTaken) {
  RunningExporter exporter;
  for (const std::size_t less : {1U, 0U}) {
    TcpClient agent = exporter.connect();
    const std::string name = "edge-" + std::to_string(less);
    ASSERT_TRUE(agent.send(padded_to(kMaxLineBytesBeforeWelcome - less, hello_line(name))));
    ASSERT_TRUE(agent.read_line().value_or("").starts_with(R"({"type":"welcome")"));
    ASSERT_TRUE(agent.send(padded_to(kMaxLineBytes - less, sample_line(1))));
    EXPECT_EQ(agent.read_line(), R"({"type":"ack","sequence":1})");
  }
}

TEST(CpuLimit, ExactlyTheMostCpusAreTaken) {
  RunningExporter exporter;
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send(sample_with_cores(many_cores(static_cast<int>(kMaxCpus)))));
  ASSERT_TRUE(agent.read_line());
  EXPECT_EQ(agent.read_line(), R"({"type":"ack","sequence":1})");
  const std::string last = R"(node_cpu_seconds_total{endpoint="bad-1",cpu="1023",mode="idle"})";
  EXPECT_EQ(exporter.value(last), "0.04");
}

TEST(BadInput, IsCountedAsRejectedSampleWhenItComesFromAWelcomedAgent) {
  RunningExporter exporter;
  TcpClient bad = exporter.connect();
  ASSERT_TRUE(bad.send(sample_with_tick("-1")));
  static_cast<void>(bad.read_all());
  EXPECT_EQ(exporter.value(R"(cpu_monitor_exporter_samples_rejected_total{reason="bad_field"})"),
            "1");
  EXPECT_EQ(exporter.value("cpu_monitor_exporter_samples_received_total"), "0");
}

std::string rejected(const RunningExporter& exporter, const std::string& reason) {
  return exporter.value(R"(cpu_monitor_exporter_samples_rejected_total{reason=")" + reason + "\"}");
}

TEST(BadInput, TooManyCpusAreCountedAsALackOfCapacity) {
  RunningExporter exporter;
  TcpClient bad = exporter.connect();
  ASSERT_TRUE(bad.send(sample_with_cores(many_cores(1025))));
  EXPECT_NE(bad.read_all().find("--no-cpu.per-core"), std::string::npos);
  EXPECT_EQ(rejected(exporter, "capacity"), "1");
  EXPECT_EQ(rejected(exporter, "bad_field"), "0");
}

TEST(BadInput, ASecondHelloIsCountedAsARejectedLine) {
  RunningExporter exporter;
  TcpClient bad = exporter.connect();
  ASSERT_TRUE(bad.send(hello_line("bad-1") + hello_line("bad-1")));
  static_cast<void>(bad.read_all());
  EXPECT_EQ(rejected(exporter, "bad_field"), "1");
}

TEST(BadInput, ABadHelloIsNotCountedAsARejectedLine) {
  RunningExporter exporter;
  TcpClient bad = exporter.connect();
  ASSERT_TRUE(bad.send(hello_line("")));
  static_cast<void>(bad.read_all());
  EXPECT_EQ(rejected(exporter, "bad_field"), "0");
}

class CountedBytes : public ::testing::TestWithParam<BadInput> {};

TEST_P(CountedBytes, AreAllThatCame) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(GetParam().bytes));
  client.finish();
  static_cast<void>(client.read_all());
  const std::string count = std::to_string(GetParam().bytes.size());
  EXPECT_TRUE(eventually([&] {
    return exporter.value("cpu_monitor_exporter_received_bytes_total") == count;
  })) << exporter.value("cpu_monitor_exporter_received_bytes_total");
}

const BadInput kCountedInputs[] = {
    {"TlsHello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"s + std::string(500, 'x'),
     "tls_unexpected"},
    {"HttpRequest", "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", "bad_json"},
    {"DrainedAfterARefusal", "hello there\n" + std::string(20'000, 'x'), "bad_json"},
    {"Agent", hello_line("counted") + sample_line(1), ""},
    {"LegacyClient", "14.6", ""},
};

INSTANTIATE_TEST_SUITE_P(Wire, CountedBytes, ::testing::ValuesIn(kCountedInputs),
                         [](const auto& one) { return std::string(one.param.name); });

TEST(BadInput, SlowTricklingBytesDoNotPostponeTheHandshakeDeadline) {
  RunningExporter exporter({}, short_limits());
  TcpClient slow = exporter.connect();
  const std::string line = hello_line("slow-1");
  const bool was_cut_off = eventually([&, next = std::size_t{0}]() mutable {
    next = (next + 1) % (line.size() - 1);
    return !slow.send(line.substr(next, 1));
  });
  EXPECT_TRUE(was_cut_off);
  EXPECT_NE(exporter.value(
                R"(cpu_monitor_exporter_connections_refused_total{reason="handshake_timeout"})"),
            "0");
}

}  // namespace
}  // namespace cpu_monitor::tests
