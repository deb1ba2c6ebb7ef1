// The pages of single agents and of the fleet as data: each through the gate and the real civetweb.

#include <chrono>
#include <cstdint>
#include <future>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "common/messages.hpp"
#include "tests/support/gunzip.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/tcp_client.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::string_view kSample =
    R"({"type":"sample","sequence":1,"percent":14.6,"load":[0.5,0.4,0.3],)"
    R"("cpu":{"total":[1,2,3,4,5,6,7,8,0,0],"cores":[[0,1,2,3,4,5,6,7,8,0,0]]}})"
    "\n";

exporter::ExporterOptions without_hold() {
  exporter::ExporterOptions options;
  options.sd_hold = 0ms;
  return options;
}

class AgentPages : public testing::Test {
 protected:
  explicit AgentPages(exporter::ExporterOptions options = without_hold())
      : exporter_(std::move(options)) {}

  /// Connected under that name; its sample is on the pages.
  TcpClient join(std::string_view name) {
    TcpClient agent = exporter_.connect();
    EXPECT_TRUE(agent.send(hello_line(name) + std::string(kSample)));
    EXPECT_TRUE(agent.read_line());  // welcome
    EXPECT_TRUE(agent.read_line());  // ack
    return agent;
  }

  HttpAnswer get(std::string_view path, std::string_view lines = "") {
    return http(exporter_.web_port(), path, "GET", lines);
  }

  /// GET /sd, with these lines alone.
  HttpAnswer discover(std::string_view lines) {
    TcpClient client(exporter_.web_port());
    EXPECT_TRUE(client.send("GET /sd HTTP/1.1\r\n" + std::string(lines) + "\r\n"));
    return parse_answer(client.read_all());
  }

  json get_json(std::string_view path) {
    const HttpAnswer answer = get(path);
    EXPECT_EQ(answer.status, 200) << path << answer.body;
    EXPECT_NE(answer.head.find("Content-Type: application/json"), std::string::npos);
    return json::parse(answer.body);
  }

  RunningExporter exporter_;
};

// /agents/NAME/metrics

TEST_F(AgentPages, OneAgentIsATargetOfItsOwn) {
  const TcpClient agent = join("web-1");
  const TcpClient other = join("web-2");
  const HttpAnswer page = get("/agents/web-1/metrics");
  EXPECT_EQ(page.status, 200);
  EXPECT_NE(page.head.find("Content-Type: text/plain; version=0.0.4"), std::string::npos);
  EXPECT_NE(page.body.find("\nmy_cpu_percents{endpoint=\"web-1\",method=\"proc_stat\"} 14.6\n"),
            std::string::npos)
      << page.body;
  EXPECT_NE(page.body.find("\nnode_load1 0.5\n"), std::string::npos) << page.body;
  EXPECT_NE(page.body.find("\nnode_cpu_seconds_total{cpu=\"0\",mode=\"user\"} 0.01\n"),
            std::string::npos);
  EXPECT_NE(page.body.find("\ncpu_monitor_agent_up 1\n"), std::string::npos);
  EXPECT_EQ(page.body.find("web-2"), std::string::npos);
  EXPECT_EQ(page.body.find("cpu_monitor_exporter_"), std::string::npos);
}

TEST_F(AgentPages, AnAgentsPageTakesGroupsAndGzip) {
  const TcpClient agent = join("web-1");
  const HttpAnswer page = get("/agents/web-1/metrics?collect[]=agent&collect[]=load");
  EXPECT_EQ(page.body.find("my_cpu_percents"), std::string::npos);
  EXPECT_NE(page.body.find("node_load1"), std::string::npos);
  EXPECT_EQ(get("/agents/web-1/metrics?collect[]=weather").status, 400);
  const HttpAnswer gzip =
      get("/agents/web-1/metrics?collect[]=cpu&collect[]=agent", "Accept-Encoding: gzip\r\n");
  EXPECT_NE(gzip.head.find("Vary: Accept-Encoding"), std::string::npos);
}

TEST_F(AgentPages, AnUnknownAgentHasNoPage) {
  for (const char* const path :
       {"/agents/web-1/metrics", "/api/v1/agents/web-1", "/agents/a%22b/metrics"}) {
    EXPECT_EQ(get(path).status, 404) << path;
  }
}

TEST_F(AgentPages, AnAgentThatSaidGoodbyeIsKnownUntilItIsHidden) {
  TcpClient agent = join("web-1");
  ASSERT_TRUE(agent.send("{\"type\":\"goodbye\",\"reason\":\"moved\"}\n"));
  EXPECT_FALSE(agent.read_line());
  EXPECT_EQ(get("/agents/web-1/metrics").status, 404);
}

// /sd

TEST_F(AgentPages, DiscoveryListsAgentsWhereTheClientFoundThem) {
  const TcpClient agent = join("web-1");
  const json targets = json::parse(discover("Host: mon:8000\r\n").body);
  ASSERT_EQ(targets.size(), 1U);
  EXPECT_EQ(targets[0]["targets"], json::array({"mon:8000"}));
  EXPECT_EQ(targets[0]["labels"]["__metrics_path__"], "/agents/web-1/metrics");
  EXPECT_EQ(targets[0]["labels"]["__scheme__"], "http");
}

TEST_F(AgentPages, DiscoveryNeedsToKnowWhereItIs) {
  EXPECT_EQ(discover("").status, 400);
  EXPECT_EQ(discover("Host: a\"b\r\n").status, 400);
}

class HeldDiscovery : public AgentPages {
 protected:
  HeldDiscovery() : AgentPages({}) {}
};

TEST_F(HeldDiscovery, SaysNothingSoonAfterAStart) {
  const HttpAnswer answer = get("/sd");
  EXPECT_EQ(answer.status, 503);
  EXPECT_NE(answer.head.find("Retry-After: 60"), std::string::npos) << answer.head;
}

// /api/v1/agents

TEST_F(AgentPages, ListsAgents) {
  const TcpClient agent = join("web-1");
  const TcpClient other = join("db-1");
  const json list = get_json("/api/v1/agents?search=WEB&history=2");
  EXPECT_EQ(list["counts"]["alive"], 2);
  EXPECT_EQ(list["matching"], 1);
  ASSERT_EQ(list["agents"].size(), 1U);
  EXPECT_EQ(list["agents"][0]["endpoint"], "web-1");
  EXPECT_EQ(list["agents"][0]["percent"], 14.6);
  EXPECT_EQ(list["agents"][0]["history"]["percent"].size(), 2U);
}

TEST_F(AgentPages, RefusesListsThatMakeNoSense) {
  const HttpAnswer answer = get("/api/v1/agents?limit=0");
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(json::parse(answer.body)["error"].is_string());
}

TEST_F(AgentPages, ShowsAllOfOneAgent) {
  const TcpClient agent = join("web-1");
  const json shown = get_json("/api/v1/agents/web-1");
  EXPECT_EQ(shown["cpu"]["cores"][0]["ticks"], (json{1, 2, 3, 4, 5, 6, 7, 8, 0, 0}));
  EXPECT_EQ(shown["connects"], 1);
}

// DELETE

TEST_F(AgentPages, ForgetsNothingUnlessItMay) {
  const TcpClient agent = join("web-1");
  const HttpAnswer answer = http(exporter_.web_port(), "/api/v1/agents/web-1", "DELETE");
  EXPECT_EQ(answer.status, 405);
  EXPECT_NE(answer.head.find("Allow: GET, HEAD"), std::string::npos);
  EXPECT_EQ(http(exporter_.web_port(), "/metrics", "DELETE").status, 405);
}

class AdminPages : public AgentPages {
 protected:
  AdminPages()
      : AgentPages([] {
          exporter::ExporterOptions options = without_hold();
          options.has_admin_api = true;
          return options;
        }()) {}
};

TEST_F(AdminPages, ForgetsAnAgentThatIsNotConnected) {
  {
    const TcpClient agent = join("web-1");
    EXPECT_EQ(http(exporter_.web_port(), "/api/v1/agents/web-1", "DELETE").status, 409);
  }
  int status = 409;
  const auto deadline = std::chrono::steady_clock::now() + 30s;
  while (status == 409 && std::chrono::steady_clock::now() < deadline) {
    status = http(exporter_.web_port(), "/api/v1/agents/web-1", "DELETE").status;
  }
  EXPECT_EQ(status, 204);
  EXPECT_EQ(http(exporter_.web_port(), "/api/v1/agents/web-1", "DELETE").status, 404);
  EXPECT_EQ(get_json("/api/v1/agents")["matching"], 0);
}

// /agents/NAME/recording

std::string recording_line(std::uint64_t request_id) {
  return R"({"type":"recording","request_id":)" + std::to_string(request_id) +
         R"(,"piece":1,"pieces":1,"uptime_ms":5000,"interval_ms":100,"age_ms":[100,0],)"
         R"("busy":[200,null],"busiest_core":[200,1],"system":[10,null],"steal":[0,null]})"
         "\n";
}

TEST_F(AgentPages, ARecordingIsAskedFromTheAgent) {
  TcpClient agent = join("web-1");
  auto page = std::async(std::launch::async,
                         [this] { return get_json("/agents/web-1/recording?last=10m"); });
  const auto request = decode_exporter_message(agent.read_line().value_or(""));
  ASSERT_TRUE(request);
  EXPECT_EQ(std::get<RecordingRequest>(*request).last, 10min);
  const auto before = std::chrono::system_clock::now();
  ASSERT_TRUE(agent.send(recording_line(std::get<RecordingRequest>(*request).request_id)));
  const json shown = page.get();
  EXPECT_EQ(shown["endpoint"], "web-1");
  EXPECT_EQ(shown["interval_ms"], 100);
  EXPECT_EQ(shown["busy"], json::parse("[100,null]"));
  EXPECT_EQ(shown["busiest_core"], json::parse("[100,0.5]"));
  EXPECT_EQ(shown["system"], json::parse("[5,null]"));
  EXPECT_EQ(shown["steal"], json::parse("[0,null]"));
  const std::chrono::milliseconds newest(shown["time_ms"][1].get<std::int64_t>());
  EXPECT_GE(newest, std::chrono::floor<std::chrono::milliseconds>(before.time_since_epoch()));
  EXPECT_EQ(shown["time_ms"][0].get<std::int64_t>(), newest.count() - 100);
}

TEST_F(AgentPages, ARecordingOfNobodyIsNotFound) {
  EXPECT_EQ(get("/agents/web-1/recording").status, 404);
  EXPECT_EQ(get("/agents//recording").status, 404);
  EXPECT_EQ(get("/agents/a/b/recording").status, 404);
}

TEST_F(AgentPages, ARecordingOfAnAgentThatLeftMustWait) {
  { const TcpClient agent = join("web-1"); }
  ASSERT_TRUE(eventually([this] { return get("/agents/web-1/recording").status == 503; }));
}

TEST_F(AgentPages, ARecordingForTooLongIsABadRequest) {
  const TcpClient agent = join("web-1");
  const HttpAnswer answer = get("/agents/web-1/recording?last=11m");
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(json::parse(answer.body)["error"].is_string());
}

TEST_F(AgentPages, OtherPagesComeWhileRecordingsAreWaitedFor) {
  std::vector<TcpClient> agents;
  std::vector<std::future<HttpAnswer>> waiting;
  for (const char* const name : {"web-1", "web-2", "web-3"}) {
    agents.push_back(join(name));
    waiting.push_back(std::async(std::launch::async, [this, name] {
      return get("/agents/" + std::string(name) + "/recording");
    }));
    ASSERT_TRUE(agents.back().read_line()) << "the request";
  }
  const HttpAnswer one_too_many = get("/agents/web-1/recording");
  EXPECT_EQ(one_too_many.status, 429);
  EXPECT_NE(one_too_many.head.find("\r\nRetry-After: 1"), std::string::npos);
  EXPECT_EQ(get("/metrics").status, 200);
  EXPECT_EQ(get("/api/v1/agents").status, 200);
  exporter_.stop();
  for (auto& page : waiting) EXPECT_EQ(page.get().status, 503) << "the exporter stopped";
}

}  // namespace
}  // namespace cpu_monitor::tests
