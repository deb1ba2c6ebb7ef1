// What one peer, or many, may take of the ingest port.

#include <sys/resource.h>

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/running_exporter.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

constexpr const char* kTimeouts =
    R"(cpu_monitor_exporter_connections_refused_total{reason="handshake_timeout"})";
constexpr const char* kRate = R"(cpu_monitor_exporter_connections_refused_total{reason="rate"})";
constexpr int kMaxNewcomers = 512;
constexpr int kFailureBurst = 200;

/// They stay as long as it takes.
exporter::SessionLimits patient() {
  exporter::SessionLimits limits;
  limits.handshake_timeout = std::chrono::minutes(5);
  return limits;
}

std::vector<TcpClient> crowd(const RunningExporter& exporter, int size,
                             const std::string& first_bytes = "") {
  std::vector<TcpClient> clients;
  for (int i = 0; i < size; ++i) {
    clients.push_back(exporter.connect());
    if (!first_bytes.empty()) clients.back().send(first_bytes);
  }
  return clients;
}

bool is_served(TcpClient& agent, const std::string& endpoint) {
  return agent.send(hello_line(endpoint)) &&
         agent.read_line().value_or("").starts_with(R"({"type":"welcome")");
}

TEST(Newcomers, MayBeAsManyAsTheLimit) {
  RunningExporter exporter({}, patient());
  std::vector<TcpClient> silent = crowd(exporter, kMaxNewcomers);
  EXPECT_TRUE(is_served(silent.front(), "first"));
  EXPECT_TRUE(is_served(silent.back(), "last"));
  EXPECT_EQ(exporter.value(kTimeouts), "0");
}

TEST(Newcomers, PushOutTheOldestBeyondIt) {
  RunningExporter exporter({}, patient());
  TcpClient oldest = exporter.connect();
  ASSERT_TRUE(oldest.send("{"));
  std::vector<TcpClient> others = crowd(exporter, kMaxNewcomers - 1);
  TcpClient one_more = exporter.connect();
  EXPECT_TRUE(is_served(one_more, "one-more"));
  EXPECT_TRUE(oldest.is_closed_by_peer());
  EXPECT_EQ(exporter.value(kTimeouts), "1");
  EXPECT_TRUE(is_served(others.front(), "second"));
}

TEST(Newcomers, OfACrowdedPlaceMakeRoomForThoseOfOthers) {
  RunningExporter exporter({}, patient());
  TcpClient agent(exporter.ingest_port(), "127.0.0.2");
  std::vector<TcpClient> few;
  for (int i = 0; i < 20; ++i) few.emplace_back(exporter.ingest_port(), "127.0.0.3");
  const std::vector<TcpClient> many = crowd(exporter, kMaxNewcomers + 100);
  EXPECT_TRUE(is_served(agent, "agent"));
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(is_served(few[static_cast<std::size_t>(i)], "few-" + std::to_string(i)));
  }
}

TEST(Newcomers, NeverPushOutWhoIsIn) {
  RunningExporter exporter({}, patient());
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(is_served(agent, "agent"));
  const std::vector<TcpClient> silent = crowd(exporter, kMaxNewcomers + 20);
  ASSERT_TRUE(agent.send(sample_line(1)));
  EXPECT_EQ(agent.read_line(), R"({"type":"ack","sequence":1})");
}

/// For as long as it lives, so many descriptors may be open.
class DescriptorLimit {
 public:
  explicit DescriptorLimit(rlim_t limit) {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit lower = before_;
    lower.rlim_cur = limit;
    ::setrlimit(RLIMIT_NOFILE, &lower);
  }
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;

 private:
  rlimit before_{};
};

TEST(Newcomers, LeaveTheAgentsTheirPlacesWhereDescriptorsAreFew) {
  exporter::ExporterOptions options;
  options.max_agents = 172;
  std::unique_ptr<RunningExporter> exporter;
  {
    const DescriptorLimit few(300);
    exporter = std::make_unique<RunningExporter>(options, patient());
  }
  const std::vector<TcpClient> silent = crowd(*exporter, 200);
  std::vector<TcpClient> agents;
  for (int i = 0; i < 150; ++i) {
    agents.push_back(exporter->connect());
    ASSERT_TRUE(is_served(agents.back(), "agent-" + std::to_string(i))) << i;
  }
  EXPECT_EQ(exporter->value(R"(cpu_monitor_exporter_agents{state="silent"})"), "0");
}

TEST(Newcomers, AreChargedToTheirAddressWhenTheyArePushedOut) {
  RunningExporter exporter({}, patient());
  const std::vector<TcpClient> silent = crowd(exporter, kMaxNewcomers + kFailureBurst + 100);
  EXPECT_TRUE(eventually([&] { return exporter.value(kRate) != "0"; }));
}

TEST(Failures, OfOneAddressSpendItsBudgetAndHarmNobodyInside) {
  RunningExporter exporter;
  TcpClient inside = exporter.connect();
  ASSERT_TRUE(is_served(inside, "inside"));
  int refused = 0;
  std::string last;
  // More come back meanwhile, ten a second.
  for (int i = 0; i < 4 * kFailureBurst && last.find("\"rate\"") == std::string::npos; ++i) {
    TcpClient bad = exporter.connect();
    bad.send("garbage\n");
    last = bad.read_line().value_or("");
    ++refused;
  }
  EXPECT_GT(refused, kFailureBurst);
  EXPECT_NE(exporter.value(kRate), "0");
  ASSERT_TRUE(inside.send(sample_line(1)));
  EXPECT_EQ(inside.read_line(), R"({"type":"ack","sequence":1})");
}

TEST(Failures, LeaveRoomForThoseThatSucceed) {
  RunningExporter exporter;
  for (int i = 0; i < kFailureBurst - 1; ++i) {
    TcpClient bad = exporter.connect();
    bad.send("garbage\n");
    ASSERT_NE(bad.read_line().value_or("").find("bad_json"), std::string::npos) << i;
  }
  TcpClient good = exporter.connect();
  EXPECT_TRUE(is_served(good, "good"));
  EXPECT_EQ(exporter.value(kRate), "0");
}

/// As many CPUs as asked for.
std::string sample_of_cpus(int count) {
  std::string cores;
  for (int id = 0; id < count; ++id) {
    cores += (id > 0 ? ",[" : "[") + std::to_string(id) + ",1,2,3,4]";
  }
  return R"({"type":"sample","sequence":1,"cpu":{"total":[1,2,3,4],"cores":[)" + cores + "]}}\n";
}

TEST(Series, AreLimitedOverAllAgents) {
  exporter::ExporterOptions options;
  options.max_series = 2000;
  RunningExporter exporter(options);
  TcpClient first = exporter.connect();
  ASSERT_TRUE(is_served(first, "first"));
  ASSERT_TRUE(first.send(sample_of_cpus(100)));
  EXPECT_EQ(first.read_line(), R"({"type":"ack","sequence":1})");
  {
    TcpClient second = exporter.connect();
    ASSERT_TRUE(is_served(second, "second"));
    ASSERT_TRUE(second.send(sample_of_cpus(100)));
    const auto refusal = second.read_line().value_or("");
    EXPECT_NE(refusal.find(R"("code":"capacity")"), std::string::npos) << refusal;
    EXPECT_NE(refusal.find("--ingest.max-series"), std::string::npos) << refusal;
    EXPECT_TRUE(second.is_closed_by_peer());
  }
  TcpClient small = exporter.connect();
  ASSERT_TRUE(is_served(small, "small"));
  ASSERT_TRUE(small.send(sample_line(1)));
  EXPECT_EQ(small.read_line(), R"({"type":"ack","sequence":1})");
}

TEST(Series, AreCountedOnceForAnAgentThatComesBack) {
  exporter::ExporterOptions options;
  options.max_series = 2000;
  RunningExporter exporter(options);
  std::vector<TcpClient> agents;
  for (int i = 0; i < 3; ++i) {  // each takes over from the one before
    agents.push_back(exporter.connect());
    ASSERT_TRUE(agents.back().send(hello_line("agent", R"(,"session":"s")")));
    ASSERT_TRUE(agents.back().read_line());
    ASSERT_TRUE(agents.back().send(sample_of_cpus(100)));
    EXPECT_EQ(agents.back().read_line(), R"({"type":"ack","sequence":1})") << i;
  }
}

TEST(Series, AreGivenBackWhenTheyAreNoLongerShown) {
  exporter::ExporterOptions options;
  options.max_series = 2000;
  options.stale_after = std::chrono::seconds(1);
  exporter::SessionLimits limits;
  limits.min_idle_timeout = std::chrono::milliseconds(300);
  RunningExporter exporter(options, limits);
  for (int i = 0; i < 2; ++i) {
    const std::string name = "agent-" + std::to_string(i);
    EXPECT_TRUE(eventually([&] {
      TcpClient agent = exporter.connect();
      return agent.send(hello_line(name, R"(,"push_interval_ms":100)")) && agent.read_line() &&
             agent.send(sample_of_cpus(100)) &&
             agent.read_line() == R"({"type":"ack","sequence":1})";
    })) << name;
  }
}

}  // namespace
}  // namespace cpu_monitor::tests
