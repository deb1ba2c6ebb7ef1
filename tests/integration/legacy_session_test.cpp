// The classroom project's Python client, byte for byte, against the real port.

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/running_exporter.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

constexpr const char* kMessage = R"({"The Perecentage Of CPU USAGE": 14.6})";
constexpr const char* kAnswer = R"({"THE PERECENTAGE OF CPU USAGE": 14.6})";

std::string reported_line(const std::string& page) {
  const auto start = page.find("\nmy_cpu_percents{");
  return start == std::string::npos
             ? ""
             : page.substr(start + 1, page.find('\n', start + 1) - start - 1);
}

TEST(LegacySession, IsAnsweredWithItsOwnBytesUpperCased) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(client.send(kMessage));
    EXPECT_EQ(client.read_exactly(std::string(kAnswer).size()), kAnswer);
  }
}

TEST(LegacySession, IsShownUnderItsAddressAndLeavesWithItsConnection) {
  RunningExporter exporter;
  {
    TcpClient client = exporter.connect();
    ASSERT_TRUE(client.send(kMessage));
    ASSERT_EQ(client.read_exactly(std::string(kAnswer).size()), kAnswer);
    const std::string line = reported_line(exporter.scrape());
    EXPECT_TRUE(line.starts_with(R"(my_cpu_percents{endpoint="127.0.0.1:)")) << line;
    EXPECT_TRUE(line.ends_with(R"(",method="reported"} 14.6)")) << line;
    EXPECT_EQ(exporter.value("cpu_monitor_exporter_legacy_connections"), "1");
  }
  EXPECT_TRUE(eventually([&] { return reported_line(exporter.scrape()).empty(); }));
  EXPECT_TRUE(
      eventually([&] { return exporter.value("cpu_monitor_exporter_legacy_connections") == "0"; }));
}

TEST(LegacySession, AMessageMayComeByteByByte) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  for (const char byte : std::string(kMessage)) ASSERT_TRUE(client.send(std::string(1, byte)));
  EXPECT_EQ(client.read_exactly(std::string(kAnswer).size()), kAnswer);
}

class LegacyBadMessage : public ::testing::TestWithParam<const char*> {};

TEST_P(LegacyBadMessage, EndsTheConnectionAndIsCounted) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(std::string(R"({"The Perecentage Of CPU USAGE": )") + GetParam()));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(exporter.value(R"(cpu_monitor_exporter_connections_refused_total{reason="bad_field"})"),
            "1");
  EXPECT_EQ(reported_line(exporter.scrape()), "");
}

INSTANTIATE_TEST_SUITE_P(Values, LegacyBadMessage,
                         ::testing::Values("100.1}", "-1}", "NaN}", "\"5\"}", "}", "1,", "1 2}",
                                           "99999999999999999999999}", "\n"));

TEST(LegacySession, IsDeniedFromAddressesThatAreNotAllowed) {
  exporter::ExporterOptions options;
  options.legacy_allow = {"192.0.2.0/24"};
  RunningExporter exporter(options);
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(kMessage));
  EXPECT_EQ(client.read_all(), "");
  EXPECT_EQ(
      exporter.value(R"(cpu_monitor_exporter_connections_refused_total{reason="endpoint_denied"})"),
      "1");
}

TEST(LegacySession, AtMost64AreServedAtOnce) {
  RunningExporter exporter;
  std::vector<TcpClient> clients;
  for (int i = 0; i < 64; ++i) {
    clients.push_back(exporter.connect());
    ASSERT_TRUE(clients.back().send(kMessage));
    ASSERT_EQ(clients.back().read_exactly(std::string(kAnswer).size()), kAnswer);
  }
  TcpClient one_more = exporter.connect();
  ASSERT_TRUE(one_more.send(kMessage));
  EXPECT_EQ(one_more.read_all(), "");
  EXPECT_EQ(exporter.value(R"(cpu_monitor_exporter_connections_refused_total{reason="capacity"})"),
            "1");
}

TEST(LegacySession, APeerThatDoesNotReadItsAnswersIsNotReadEither) {
  exporter::ExporterOptions options;
  options.max_sample_rate = 1e9;
  RunningExporter exporter(options);
  TcpClient deaf = exporter.connect();
  std::string many;
  for (int i = 0; i < 1000; ++i) many += kMessage;
  // What the kernel buffers on both sides of both directions is some MiB; then it must stall.
  constexpr std::size_t kMostBytes = 256 * 1024 * 1024;
  std::size_t sent = 0;
  while (sent < kMostBytes && deaf.send_unless_stalled(many, std::chrono::milliseconds(300))) {
    sent += many.size();
  }
  EXPECT_LT(sent, kMostBytes);
  TcpClient other = exporter.connect();
  ASSERT_TRUE(other.send(kMessage));
  EXPECT_EQ(other.read_exactly(std::string(kAnswer).size()), kAnswer);
}

}  // namespace
}  // namespace cpu_monitor::tests
