#include "exporter/self_metrics.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "common/build_info.hpp"
#include "tests/support/page_text.hpp"

namespace cpu_monitor::exporter {
namespace {

std::string render(SelfMetrics& metrics, const FleetSnapshot& fleet = {}) {
  return text_written([&](PageWriter& page) { metrics.render(fleet, page); });
}

/// The text of a series' value; none when there is no such series.
std::optional<std::string> value(const std::string& page, const std::string& series) {
  std::istringstream text(page);
  for (std::string line; std::getline(text, line);) {
    if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
  }
  return std::nullopt;
}

double number(const std::string& page, const std::string& series) {
  const auto text = value(page, series);
  EXPECT_TRUE(text) << series;
  return text ? std::stod(*text) : -1;
}

std::string rejected(RejectReason reason) {
  return "cpu_monitor_exporter_samples_rejected_total{reason=\"" +
         std::string(kRejectReasonNames[reason]) + "\"}";
}

std::string refused(RefusalCode code) {
  return "cpu_monitor_exporter_connections_refused_total{reason=\"" +
         std::string(kRefusalCodeNames[code]) + "\"}";
}

std::string web_refused(WebRefusal reason) {
  return "cpu_monitor_exporter_web_requests_refused_total{reason=\"" +
         std::string(kWebRefusalNames[reason]) + "\"}";
}

std::string agents(AgentState state) {
  return "cpu_monitor_exporter_agents{state=\"" + std::string(kAgentStateNames[state]) + "\"}";
}

TEST(SelfMetrics, StandAtZeroBeforeTheFirstEvent) {
  SelfMetrics metrics;
  const std::string page = render(metrics);
  EXPECT_EQ(value(page, "cpu_monitor_exporter_samples_received_total"), "0");
  EXPECT_EQ(value(page, "cpu_monitor_exporter_received_bytes_total"), "0");
  EXPECT_EQ(value(page, "cpu_monitor_exporter_legacy_connections"), "0");
  for (std::size_t i = 0; i < kRejectReasonNames.size(); ++i) {
    EXPECT_EQ(value(page, rejected(static_cast<RejectReason>(i))), "0");
  }
  for (std::size_t i = 0; i < kRefusalCodeNames.size(); ++i) {
    EXPECT_EQ(value(page, refused(static_cast<RefusalCode>(i))), "0");
  }
  for (std::size_t i = 0; i < kWebRefusalNames.size(); ++i) {
    EXPECT_EQ(value(page, web_refused(static_cast<WebRefusal>(i))), "0");
  }
  for (std::size_t i = 0; i < kAgentStateNames.size(); ++i) {
    EXPECT_EQ(value(page, agents(static_cast<AgentState>(i))), "0");
  }
}

TEST(SelfMetrics, NameTheBuild) {
  SelfMetrics metrics;
  EXPECT_EQ(value(render(metrics), "cpu_monitor_exporter_build_info{revision=\"" +
                                       std::string(revision()) + "\",version=\"" +
                                       std::string(version()) + "\"}"),
            "1");
}

TEST(SelfMetrics, CountSamples) {
  SelfMetrics metrics;
  for (int i = 0; i < 3; ++i) metrics.sample_received();
  EXPECT_EQ(value(render(metrics), "cpu_monitor_exporter_samples_received_total"), "3");
}

TEST(SelfMetrics, SayThatRepeatedSamplesAreCounted) {
  SelfMetrics metrics;
  EXPECT_NE(render(metrics).find("# HELP cpu_monitor_exporter_samples_received_total Samples "
                                 "received from agents, repeated ones included.\n"),
            std::string::npos);
}

TEST(SelfMetrics, WriteLargeCountsWithoutAnExponent) {
  SelfMetrics metrics;
  metrics.bytes_received(1'000'000'000'000'000);
  EXPECT_EQ(value(render(metrics), "cpu_monitor_exporter_received_bytes_total"),
            "1000000000000000");
}

class SelfMetricsReject : public testing::TestWithParam<std::size_t> {};

TEST_P(SelfMetricsReject, IsCountedUnderItsReasonAlone) {
  SelfMetrics metrics;
  metrics.sample_rejected(static_cast<RejectReason>(GetParam()));
  const std::string page = render(metrics);
  for (std::size_t i = 0; i < kRejectReasonNames.size(); ++i) {
    EXPECT_EQ(value(page, rejected(static_cast<RejectReason>(i))), i == GetParam() ? "1" : "0");
  }
}

INSTANTIATE_TEST_SUITE_P(Reasons, SelfMetricsReject,
                         testing::Range<std::size_t>(0, kRejectReasonNames.size()),
                         [](const auto& param) {
                           std::string name(kRejectReasonNames.names[param.param]);
                           std::erase(name, '_');
                           return name;
                         });

class SelfMetricsRefusal : public testing::TestWithParam<std::size_t> {};

TEST_P(SelfMetricsRefusal, IsCountedUnderItsReasonAlone) {
  SelfMetrics metrics;
  metrics.connection_refused(static_cast<RefusalCode>(GetParam()));
  const std::string page = render(metrics);
  for (std::size_t i = 0; i < kRefusalCodeNames.size(); ++i) {
    EXPECT_EQ(value(page, refused(static_cast<RefusalCode>(i))), i == GetParam() ? "1" : "0");
  }
}

INSTANTIATE_TEST_SUITE_P(Reasons, SelfMetricsRefusal,
                         testing::Range<std::size_t>(0, kRefusalCodeNames.size()),
                         [](const auto& param) {
                           std::string name(kRefusalCodeNames.names[param.param]);
                           std::erase(name, '_');
                           return name;
                         });

class SelfMetricsWebRefusal : public testing::TestWithParam<std::size_t> {};

TEST_P(SelfMetricsWebRefusal, IsCountedUnderItsReasonAlone) {
  SelfMetrics metrics;
  metrics.web_request_refused(static_cast<WebRefusal>(GetParam()));
  const std::string page = render(metrics);
  for (std::size_t i = 0; i < kWebRefusalNames.size(); ++i) {
    EXPECT_EQ(value(page, web_refused(static_cast<WebRefusal>(i))), i == GetParam() ? "1" : "0");
  }
}

INSTANTIATE_TEST_SUITE_P(Reasons, SelfMetricsWebRefusal,
                         testing::Range<std::size_t>(0, kWebRefusalNames.size()),
                         [](const auto& param) {
                           std::string name(kWebRefusalNames.names[param.param]);
                           std::erase(name, '_');
                           return name;
                         });

TEST(SelfMetrics, CountAgentsByState) {
  SelfMetrics metrics;
  FleetSnapshot fleet;
  for (const AgentState state : {AgentState::alive, AgentState::alive, AgentState::gone}) {
    AgentView agent;
    agent.identity = std::make_shared<const AgentIdentity>();
    agent.state = state;
    fleet.agents.push_back(agent);
  }
  std::string page = render(metrics, fleet);
  EXPECT_EQ(value(page, agents(AgentState::alive)), "2");
  EXPECT_EQ(value(page, agents(AgentState::silent)), "0");
  EXPECT_EQ(value(page, agents(AgentState::gone)), "1");
  page = render(metrics, {});
  EXPECT_EQ(value(page, agents(AgentState::alive)), "0");
}

TEST(SelfMetrics, SetTheLegacyConnections) {
  SelfMetrics metrics;
  metrics.legacy_connections(64);
  EXPECT_EQ(value(render(metrics), "cpu_monitor_exporter_legacy_connections"), "64");
  metrics.legacy_connections(0);
  EXPECT_EQ(value(render(metrics), "cpu_monitor_exporter_legacy_connections"), "0");
}

struct BytesCase {
  const char* name;
  std::size_t first;
  std::size_t second;
  std::string_view sum;
};

class SelfMetricsBytes : public testing::TestWithParam<BytesCase> {};

TEST_P(SelfMetricsBytes, LoseNoDigit) {
  SelfMetrics metrics;
  metrics.bytes_received(GetParam().first);
  metrics.bytes_received(GetParam().second);
  EXPECT_EQ(value(render(metrics), "cpu_monitor_exporter_received_bytes_total"), GetParam().sum);
}

INSTANTIATE_TEST_SUITE_P(
    Sums, SelfMetricsBytes,
    testing::Values(BytesCase{"Few", 1, 2, "3"},
                    BytesCase{"OverAFloat", (1U << 24) - 1, 2, "16777217"},
                    BytesCase{"OverAnInt", (std::size_t{1} << 32) - 1, 2, "4294967297"},
                    BytesCase{"UnderAMillion", 999'999, 0, "999999"},
                    BytesCase{"OverAMillion", 1'234'567, 0, "1234567"},
                    BytesCase{"LargestWholeNumberOfADouble", (std::size_t{1} << 53) - 2, 1,
                              "9007199254740991"}),
    [](const auto& param) { return param.param.name; });

TEST(SelfMetrics, HaveEachFamilyOnceWithItsHead) {
  SelfMetrics metrics;
  std::map<std::string, std::string> types;
  std::set<std::string> helps;
  std::istringstream page(render(metrics));
  for (std::string line; std::getline(page, line);) {
    std::istringstream words(line);
    std::string mark;
    std::string keyword;
    std::string family;
    std::string type;
    words >> mark >> keyword >> family >> type;
    if (keyword == "HELP") {
      EXPECT_TRUE(helps.insert(family).second) << family;
    }
    if (keyword == "TYPE") {
      EXPECT_TRUE(types.emplace(family, type).second) << family;
    }
  }
  const std::map<std::string, std::string> expected{
      {"cpu_monitor_exporter_agents", "gauge"},
      {"cpu_monitor_exporter_agents_limit", "gauge"},
      {"cpu_monitor_exporter_agents_remembered", "gauge"},
      {"cpu_monitor_exporter_series", "gauge"},
      {"cpu_monitor_exporter_series_limit", "gauge"},
      {"cpu_monitor_exporter_build_info", "gauge"},
      {"cpu_monitor_exporter_config_last_reload_success_timestamp_seconds", "gauge"},
      {"cpu_monitor_exporter_config_last_reload_successful", "gauge"},
      {"cpu_monitor_exporter_connections_refused_total", "counter"},
      {"cpu_monitor_exporter_legacy_connections", "gauge"},
      {"cpu_monitor_exporter_received_bytes_total", "counter"},
      {"cpu_monitor_exporter_samples_received_total", "counter"},
      {"cpu_monitor_exporter_samples_rejected_total", "counter"},
      {"cpu_monitor_exporter_web_requests_refused_total", "counter"},
      {"process_cpu_seconds_total", "counter"},
      {"process_max_fds", "gauge"},
      {"process_open_fds", "gauge"},
      {"process_resident_memory_bytes", "gauge"},
      {"process_start_time_seconds", "gauge"},
      {"process_virtual_memory_bytes", "gauge"}};
  EXPECT_EQ(types, expected);
  EXPECT_EQ(helps.size(), expected.size());
}

using Seconds = std::chrono::system_clock::time_point;

Seconds at(int seconds) { return Seconds(std::chrono::seconds(seconds)); }

TEST(SelfMetricsReload, SaysWhenItSucceeded) {
  SelfMetrics metrics;
  metrics.config_reloaded(true, at(1000));
  const std::string page = render(metrics);
  EXPECT_EQ(value(page, "cpu_monitor_exporter_config_last_reload_successful"), "1");
  EXPECT_EQ(value(page, "cpu_monitor_exporter_config_last_reload_success_timestamp_seconds"),
            "1000");
}

TEST(SelfMetricsReload, KeepsTheTimeOfTheLastSuccess) {
  SelfMetrics metrics;
  metrics.config_reloaded(true, at(1000));
  metrics.config_reloaded(false, at(2000));
  const std::string page = render(metrics);
  EXPECT_EQ(value(page, "cpu_monitor_exporter_config_last_reload_successful"), "0");
  EXPECT_EQ(value(page, "cpu_monitor_exporter_config_last_reload_success_timestamp_seconds"),
            "1000");
}

class SelfMetricsCertificate : public testing::TestWithParam<std::size_t> {};

TEST_P(SelfMetricsCertificate, IsShownAsLongAsThereIsOne) {
  const auto which = static_cast<WatchedCertificate>(GetParam());
  const std::string series =
      "cpu_monitor_exporter_certificate_not_after_timestamp_seconds{certificate=\"" +
      std::string(kWatchedCertificateNames[which]) + "\"}";
  SelfMetrics metrics;
  EXPECT_EQ(value(render(metrics), series), std::nullopt);
  metrics.certificate_ends(which, at(5000));
  metrics.certificate_ends(which, at(6000));
  EXPECT_EQ(value(render(metrics), series), "6000");
  metrics.certificate_ends(which, std::nullopt);
  metrics.certificate_ends(which, std::nullopt);
  EXPECT_EQ(value(render(metrics), series), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(Each, SelfMetricsCertificate,
                         testing::Range<std::size_t>(0, kWatchedCertificateNames.size()),
                         [](const auto& param) {
                           return std::string(kWatchedCertificateNames.names[param.param]);
                         });

TEST(SelfMetrics, AppendToThePage) {
  SelfMetrics metrics;
  const std::string page = text_written([&metrics](PageWriter& writer) {
    writer.append("before\n");
    metrics.render({}, writer);
  });
  EXPECT_TRUE(page.starts_with("before\n# HELP "));
}

TEST(SelfMetrics, AreTheSameTextForTheSameEvents) {
  const auto own_families = [] {
    SelfMetrics metrics;
    metrics.sample_rejected(RejectReason::bad_field);
    const std::string page = render(metrics);
    return page.substr(0, page.find("# HELP process_"));
  };
  EXPECT_EQ(own_families(), own_families());
}

// ---------------------------------------------------------------------------------------------
// The process.

TEST(SelfMetricsProcess, CpuTimeIsWhatTheKernelSaysAndNeverFalls) {
  SelfMetrics metrics;
  const double before = number(render(metrics), "process_cpu_seconds_total");
  volatile std::uint64_t work = 0;
  for (int i = 0; i < 50'000'000; ++i) work = work + 1;
  const double after = number(render(metrics), "process_cpu_seconds_total");
  rusage usage{};
  ASSERT_EQ(getrusage(RUSAGE_SELF, &usage), 0);
  const double later = static_cast<double>(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
                       static_cast<double>(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
  EXPECT_GT(after, before);
  EXPECT_LE(after, later + 1e-9);
}

TEST(SelfMetricsProcess, CountsOpenDescriptors) {
  SelfMetrics metrics;
  const double before = number(render(metrics), "process_open_fds");
  const int one = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int other = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_NE(other, -1);
  EXPECT_EQ(number(render(metrics), "process_open_fds"), before + 2);
  ::close(one);
  ::close(other);
  EXPECT_EQ(number(render(metrics), "process_open_fds"), before);
}

TEST(SelfMetricsProcess, DoesNotCountTheDescriptorItCountsWith) {
  SelfMetrics metrics;
  int open_now = 0;
  for (int descriptor = 0; descriptor < 1024; ++descriptor) {
    if (::fcntl(descriptor, F_GETFD) != -1) ++open_now;
  }
  EXPECT_EQ(number(render(metrics), "process_open_fds"), open_now);
}

TEST(SelfMetricsProcess, KnowsTheSoftLimitOfDescriptors) {
  SelfMetrics metrics;
  rlimit limit{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
  EXPECT_EQ(number(render(metrics), "process_max_fds"), static_cast<double>(limit.rlim_cur));
}

TEST(SelfMetricsProcess, MeasuresMemoryInBytes) {
  SelfMetrics metrics;
  const double before = number(render(metrics), "process_resident_memory_bytes");
  // Of the kernel itself: the heap may have as much left from other tests.
  constexpr std::size_t kBytes = 32 << 20;
  void* const touched = ::mmap(nullptr, kBytes, PROT_READ | PROT_WRITE,
                               MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  ASSERT_NE(touched, MAP_FAILED);
  const std::string page = render(metrics);
  ::munmap(touched, kBytes);
  EXPECT_GE(number(page, "process_resident_memory_bytes"),
            before + 0.9 * static_cast<double>(kBytes));
  EXPECT_GT(number(page, "process_virtual_memory_bytes"),
            number(page, "process_resident_memory_bytes"));
}

TEST(SelfMetricsProcess, StartedInThePastAndOnlyOnce) {
  SelfMetrics metrics;
  const double start = number(render(metrics), "process_start_time_seconds");
  const double now =
      std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
  EXPECT_LE(start, now + 2) << "btime is cut to whole seconds";
  EXPECT_GE(start, now - 600) << "longer than any test may run";
  EXPECT_EQ(number(render(metrics), "process_start_time_seconds"), start);
}

TEST(SelfMetricsThreads, LoseNoEvent) {
  SelfMetrics metrics;
  const auto work = [&metrics] {
    for (int i = 0; i < 2000; ++i) {
      metrics.sample_received();
      metrics.bytes_received(3);
      metrics.connection_refused(RefusalCode::capacity);
    }
  };
  {
    const std::jthread one(work);
    const std::jthread other(work);
    for (int i = 0; i < 5; ++i) EXPECT_FALSE(render(metrics).empty());
  }
  const std::string page = render(metrics);
  EXPECT_EQ(value(page, "cpu_monitor_exporter_samples_received_total"), "4000");
  EXPECT_EQ(value(page, "cpu_monitor_exporter_received_bytes_total"), "12000");
  EXPECT_EQ(value(page, refused(RefusalCode::capacity)), "4000");
}

}  // namespace
}  // namespace cpu_monitor::exporter
