// The HTTP side, with the real civetweb.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/gunzip.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/running_gate.hpp"

namespace cpu_monitor::tests {
namespace {

TEST(WebServer, ServesMetricsInTheTextFormat) {
  RunningExporter exporter;
  const HttpAnswer answer = http(exporter.web_port(), "/metrics");
  EXPECT_EQ(answer.status, 200);
  EXPECT_NE(answer.head.find("Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"),
            std::string::npos)
      << answer.head;
  EXPECT_NE(answer.body.find("cpu_monitor_exporter_build_info{"), std::string::npos);
  EXPECT_TRUE(answer.body.ends_with("\n"));
}

constexpr std::string_view kGzip = "Accept-Encoding: gzip\r\n";

bool has_line(const std::string& head, std::string_view line) {
  return (head + "\r\n").find("\r\n" + std::string(line) + "\r\n") != std::string::npos;
}

TEST(WebServer, CompressesAPageForWhoTakesIt) {
  RunningExporter exporter;
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send(hello_line("web-1") + sample_line(1)));
  ASSERT_TRUE(agent.read_line());
  ASSERT_TRUE(agent.read_line());
  const HttpAnswer plain = http(exporter.web_port(), "/metrics?collect[]=percent");
  const HttpAnswer gzip = http(exporter.web_port(), "/metrics?collect[]=percent", "GET", kGzip);
  EXPECT_EQ(gzip.status, 200);
  EXPECT_TRUE(has_line(gzip.head, "Content-Encoding: gzip")) << gzip.head;
  EXPECT_TRUE(has_line(gzip.head, "Content-Length: " + std::to_string(gzip.body.size())));
  EXPECT_TRUE(has_line(gzip.head, "Vary: Accept-Encoding"));
  EXPECT_EQ(gunzip(gzip.body), plain.body);
  EXPECT_TRUE(plain.body.ends_with(" 14.6\n")) << plain.body;
}

TEST(WebServer, SendsAPlainPageInChunksOfUnknownNumber) {
  RunningExporter exporter;
  const HttpAnswer answer = http(exporter.web_port(), "/metrics");
  EXPECT_TRUE(has_line(answer.head, "Transfer-Encoding: chunked")) << answer.head;
  EXPECT_TRUE(answer.is_whole);
  EXPECT_TRUE(has_line(answer.head, "Vary: Accept-Encoding"));
  EXPECT_EQ(answer.head.find("Content-Length"), std::string::npos);
  EXPECT_EQ(answer.head.find("Content-Encoding"), std::string::npos);
}

TEST(WebServer, SaysHowLongAPageIsWhereNoChunksAreKnown) {
  RunningExporter exporter;
  TcpClient client(exporter.web_port());
  client.send("GET /metrics?collect[]=exporter HTTP/1.0\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_EQ(answer.find("Transfer-Encoding"), std::string::npos);
  const std::size_t end_of_head = answer.find("\r\n\r\n");
  ASSERT_NE(end_of_head, std::string::npos);
  const std::string body = answer.substr(end_of_head + 4);
  EXPECT_TRUE(
      has_line(answer.substr(0, end_of_head), "Content-Length: " + std::to_string(body.size())));
  EXPECT_TRUE(body.starts_with("# HELP "));
}

TEST(WebServer, HeadOfACompressedPageIsThatOfThePage) {
  RunningExporter exporter;
  const auto path = "/metrics?collect[]=percent";
  const HttpAnswer head = http(exporter.web_port(), path, "HEAD", kGzip);
  EXPECT_EQ(head.body, "");
  EXPECT_EQ(head.head, http(exporter.web_port(), path, "GET", kGzip).head);
}

/// Several megabytes: more than the kernel keeps for a client that does not read.
class WebServerLargePage : public testing::Test {
 protected:
  static RunningGate::Settings settings() {
    RunningGate::Settings settings;
    settings.big_machines = 40;
    return settings;
  }

  RunningGate page{settings()};
};

TEST_F(WebServerLargePage, IsWholeInChunksAndAsGzip) {
  const HttpAnswer plain = http(page.port(), "/metrics?collect[]=cpu");
  EXPECT_TRUE(plain.is_whole);
  EXPECT_GT(plain.body.size(), std::size_t{10} << 20);
  const HttpAnswer gzip = http(page.port(), "/metrics?collect[]=cpu", "GET", kGzip);
  EXPECT_TRUE(gunzip(gzip.body) == plain.body);
}

TEST_F(WebServerLargePage, ClientsThatHangUpCostNobodyElse) {
  for (int i = 0; i < 32; ++i) {
    TcpClient leaving(page.port());
    ASSERT_TRUE(leaving.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  }
  EXPECT_TRUE(http(page.port(), "/metrics?collect[]=cpu").is_whole);
}

class WithoutGzip : public ::testing::TestWithParam<const char*> {};

TEST_P(WithoutGzip, IsSentPlain) {
  RunningExporter exporter;
  const HttpAnswer answer = http(exporter.web_port(), GetParam(), "GET", kGzip);
  EXPECT_EQ(answer.head.find("Content-Encoding"), std::string::npos) << answer.head;
  EXPECT_FALSE(answer.body.empty());
}

INSTANTIATE_TEST_SUITE_P(Http, WithoutGzip,
                         ::testing::Values("/-/healthy", "/-/ready", "/nothing",
                                           "/metrics?collect[]=weather"),
                         [](const auto& one) { return "Path" + std::to_string(one.index); });

TEST(WebServer, ManyScrapesAtATimeAreWhole) {
  RunningExporter exporter;
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send(hello_line("web-1") + sample_line(1)));
  ASSERT_TRUE(agent.read_line());
  ASSERT_TRUE(agent.read_line());
  const auto port = exporter.web_port();
  const std::string expected = http(port, "/metrics?collect[]=percent").body;
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 16; ++i) {
    scrapers.emplace_back([port, &expected] {
      for (int round = 0; round < 10; ++round) {
        const HttpAnswer answer = http(port, "/metrics?collect[]=percent", "GET", kGzip);
        EXPECT_EQ(gunzip(answer.body), expected);
      }
    });
  }
  for (std::thread& scraper : scrapers) scraper.join();
}

struct Exchange {
  const char* name;
  const char* method;
  const char* path;
  int status;
};

class WebExchange : public ::testing::TestWithParam<Exchange> {};

TEST_P(WebExchange, IsAnsweredWithItsStatus) {
  RunningExporter exporter;
  const auto& exchange = GetParam();
  EXPECT_EQ(http(exporter.web_port(), exchange.path, exchange.method).status, exchange.status);
}

INSTANTIATE_TEST_SUITE_P(
    Http, WebExchange,
    ::testing::Values(
        Exchange{"Landing", "GET", "/", 200}, Exchange{"Healthy", "GET", "/-/healthy", 200},
        Exchange{"Ready", "GET", "/-/ready", 200}, Exchange{"HeadMetrics", "HEAD", "/metrics", 200},
        Exchange{"Collect", "GET", "/metrics?collect[]=percent", 200},
        Exchange{"CollectEncoded", "GET", "/metrics?collect%5B%5D=percent", 200},
        Exchange{"UnknownGroup", "GET", "/metrics?collect[]=weather", 400},
        Exchange{"CommaList", "GET", "/metrics?collect[]=percent,cpu", 400},
        Exchange{"Nothing", "GET", "/nothing", 404},
        Exchange{"PrefixOnly", "GET", "/metricsx", 404},
        Exchange{"BelowMetrics", "GET", "/metrics/x", 404},
        Exchange{"Traversal", "GET", "/../../etc/passwd", 404},
        Exchange{"Post", "POST", "/metrics", 405}, Exchange{"Put", "PUT", "/metrics", 405},
        Exchange{"Delete", "DELETE", "/metrics", 405}, Exchange{"Patch", "PATCH", "/", 405},
        Exchange{"Options", "OPTIONS", "/metrics", 405}),
    [](const auto& one) { return std::string(one.param.name); });

TEST(WebServer, HeadHasNoBody) {
  RunningExporter exporter;
  EXPECT_EQ(http(exporter.web_port(), "/metrics", "HEAD").body, "");
}

TEST(WebServer, ARequestWithABodyIsRefused) {
  RunningExporter exporter;
  TcpClient client(exporter.web_port());
  client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_TRUE(client.read_all().starts_with("HTTP/1.1 413 "));
}

TEST(WebServer, CollectKeepsChosenGroupsOnly) {
  RunningExporter exporter;
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send(hello_line("web-1") + sample_line(1)));
  ASSERT_TRUE(agent.read_line());
  ASSERT_TRUE(agent.read_line());
  const std::string percent = exporter.scrape("?collect[]=percent");
  EXPECT_NE(percent.find("my_cpu_percents{"), std::string::npos);
  EXPECT_EQ(percent.find("cpu_monitor_"), std::string::npos);
  const std::string both = exporter.scrape("?collect[]=agent&collect[]=exporter");
  EXPECT_EQ(both.find("my_cpu_percents{"), std::string::npos);
  EXPECT_NE(both.find("cpu_monitor_agent_up{"), std::string::npos);
  EXPECT_NE(both.find("process_open_fds "), std::string::npos);
}

TEST(WebServer, AGroupTheFleetDoesNotSendCannotBeAskedFor) {
  exporter::ExporterOptions options;
  options.collect = {};
  options.collect.add(MetricGroup::percent);
  RunningExporter exporter(options);
  EXPECT_EQ(http(exporter.web_port(), "/metrics?collect[]=cpu").status, 400);
  EXPECT_EQ(exporter.scrape().find("cpu_monitor_exporter"), std::string::npos);
}

TEST(WebServer, TheTelemetryPathCanBeMoved) {
  exporter::ExporterOptions options;
  options.telemetry_path = "/prometheus";
  RunningExporter exporter(options);
  EXPECT_EQ(http(exporter.web_port(), "/prometheus").status, 200);
  EXPECT_EQ(http(exporter.web_port(), "/metrics").status, 404);
}

TEST(WebServer, ConcurrentScrapesEachSeeAWholePage) {
  RunningExporter exporter;
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send(hello_line("busy") + sample_line(1)));
  ASSERT_TRUE(agent.read_line());
  ASSERT_TRUE(agent.read_line());
  std::vector<std::string> pages(16);
  std::vector<std::thread> scrapers;
  for (std::string& page : pages) {
    scrapers.emplace_back([&exporter, &page] { page = exporter.scrape(); });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  for (const std::string& page : pages) {
    EXPECT_NE(page.find(R"(my_cpu_percents{endpoint="busy",method="reported"} 14.6)"),
              std::string::npos);
    EXPECT_NE(page.find("\nprocess_start_time_seconds "), std::string::npos);
  }
}

TEST(WebServer, ATakenPortIsNamedWithTheFlagThatChangesIt) {
  RunningExporter exporter;
  asio::io_context io;
  exporter::ExporterOptions options;
  options.ingest_addresses = {{"127.0.0.1", 0}};
  options.web_addresses = {{"127.0.0.1", exporter.web_port()}};
  try {
    exporter::Exporter second(io, options);
    FAIL() << "two servers on one port";
  } catch (const std::runtime_error& failure) {
    EXPECT_NE(std::string(failure.what()).find(std::to_string(exporter.web_port())),
              std::string::npos)
        << failure.what();
    EXPECT_NE(std::string(failure.what()).find("--web.listen-address"), std::string::npos);
  }
}

TEST(IngestListener, ATakenPortIsNamedWithTheFlagThatChangesIt) {
  RunningExporter exporter;
  asio::io_context io;
  exporter::ExporterOptions options;
  options.ingest_addresses = {{"127.0.0.1", exporter.ingest_port()}};
  options.web_addresses = {{"127.0.0.1", 0}};
  try {
    exporter::Exporter second(io, options);
    FAIL() << "two listeners on one port";
  } catch (const std::runtime_error& failure) {
    EXPECT_NE(std::string(failure.what()).find(std::to_string(exporter.ingest_port())),
              std::string::npos)
        << failure.what();
    EXPECT_NE(std::string(failure.what()).find("--ingest.listen-address"), std::string::npos);
  }
}

}  // namespace
}  // namespace cpu_monitor::tests
