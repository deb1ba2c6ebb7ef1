#include "exporter/self_metrics.hpp"

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>
#include <optional>
#include <sstream>
#include <system_error>
#include <utility>
#include <vector>

#include <prometheus/counter.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include "common/build_info.hpp"
#include "exporter/registry_text.hpp"

namespace cpu_monitor::exporter {

namespace {

using prometheus::Counter;
using prometheus::Gauge;
using prometheus::MetricType;

// The process, from the kernel.  What cannot be read is left out.

std::optional<double> process_cpu_seconds() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return std::nullopt;
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<double> open_descriptors() {
  // Linux 6.2 and later say how many there are; with ten thousand agents, listing them takes longer
  // than all other metrics of the process.
  struct stat folder {};
  if (::stat("/proc/self/fd", &folder) == 0 && folder.st_size > 0) {
    return static_cast<double>(folder.st_size);
  }
  std::error_code error;
  const std::filesystem::directory_iterator entries("/proc/self/fd", error);
  if (error) return std::nullopt;
  const auto count = std::distance(begin(entries), end(entries));
  return static_cast<double>(count - 1);  // one of them is the iterator's own
}

std::optional<double> max_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return std::nullopt;
  return static_cast<double>(limit.rlim_cur);
}

/// The first two columns of /proc/self/statm: virtual and resident memory, in pages.
std::array<std::optional<double>, 2> memory_bytes() {
  std::ifstream file("/proc/self/statm");
  double virtual_pages = 0;
  double resident_pages = 0;
  if (!(file >> virtual_pages >> resident_pages)) return {};
  const auto page_bytes = static_cast<double>(sysconf(_SC_PAGESIZE));
  return {virtual_pages * page_bytes, resident_pages * page_bytes};
}

/// When the machine booted, in Unix seconds: the `btime` line of /proc/stat.
std::optional<double> boot_time() {
  std::ifstream file("/proc/stat");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("btime ")) return std::stod(line.substr(6));
  }
  return std::nullopt;
}

constexpr int kStartTimeField = 22;  // of /proc/self/stat, counted from 1; proc(5)
constexpr int kNameField = 2;

/// In clock ticks since boot.
std::optional<double> start_ticks() {
  std::ifstream file("/proc/self/stat");
  // The program's name stands in parentheses; it may hold spaces and parentheses itself.
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::size_t name_end = text.rfind(')');
  if (name_end == std::string::npos) return std::nullopt;
  std::istringstream fields(text.substr(name_end + 1));
  std::string skipped;
  for (int i = kNameField + 1; i < kStartTimeField; ++i) fields >> skipped;
  double ticks = 0;
  if (!(fields >> ticks)) return std::nullopt;
  return ticks;
}

std::optional<double> process_start_time() {
  const std::optional<double> boot = boot_time();
  const std::optional<double> ticks = start_ticks();
  if (!boot || !ticks) return std::nullopt;
  return *boot + *ticks / static_cast<double>(sysconf(_SC_CLK_TCK));
}

void add_process_family(std::vector<prometheus::MetricFamily>& families, const char* name,
                        const char* help, MetricType type, std::optional<double> value) {
  if (!value) return;
  prometheus::ClientMetric metric;
  (type == MetricType::Counter ? metric.counter.value : metric.gauge.value) = *value;
  families.push_back({name, help, type, {metric}});
}

/// The six process_* every Prometheus client has, under their usual HELP.
std::vector<prometheus::MetricFamily> process_families(std::optional<double> start_time) {
  const auto [virtual_bytes, resident_bytes] = memory_bytes();
  std::vector<prometheus::MetricFamily> families;
  add_process_family(families, "process_cpu_seconds_total",
                     "Total user and system CPU time spent in seconds.", MetricType::Counter,
                     process_cpu_seconds());
  add_process_family(families, "process_open_fds", "Number of open file descriptors.",
                     MetricType::Gauge, open_descriptors());
  add_process_family(families, "process_max_fds", "Maximum number of open file descriptors.",
                     MetricType::Gauge, max_descriptors());
  add_process_family(families, "process_virtual_memory_bytes", "Virtual memory size in bytes.",
                     MetricType::Gauge, virtual_bytes);
  add_process_family(families, "process_resident_memory_bytes", "Resident memory size in bytes.",
                     MetricType::Gauge, resident_bytes);
  add_process_family(families, "process_start_time_seconds",
                     "Start time of the process since unix epoch in seconds.", MetricType::Gauge,
                     start_time);
  return families;
}

// The exporter's own events, in a registry.

Counter& add_counter(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildCounter().Name(name).Help(help).Register(registry).Add({});
}

Gauge& add_gauge(prometheus::Registry& registry, const char* name, const char* help) {
  return prometheus::BuildGauge().Name(name).Help(help).Register(registry).Add({});
}

double to_seconds(std::chrono::system_clock::time_point time) {
  return std::chrono::duration<double>(time.time_since_epoch()).count();
}

template <class Metric, class Enum, std::size_t N>
std::array<Metric*, N> add_each(prometheus::Family<Metric>& family, const char* label,
                                const NameTable<Enum, N>& names) {
  std::array<Metric*, N> metrics{};
  for (std::size_t i = 0; i < N; ++i) {
    metrics[i] = &family.Add({{label, std::string(names.names[i])}});
  }
  return metrics;
}

}  // namespace

struct SelfMetrics::Impl {
  Impl();

  void count_agents(const FleetSnapshot& fleet);

  std::mutex render_mutex;
  const std::optional<double> start_time = process_start_time();
  prometheus::Registry registry;
  Counter& samples_received;
  std::array<Counter*, kRejectReasonNames.size()> samples_rejected;
  std::array<Counter*, kRefusalCodeNames.size()> connections_refused;
  std::array<Counter*, kWebRefusalNames.size()> web_requests_refused;
  Counter& received_bytes;
  std::array<Gauge*, kAgentStateNames.size()> agents;
  Gauge& agents_remembered;
  Gauge& agents_limit;
  Gauge& series;
  Gauge& series_limit;
  Gauge& legacy_connections;
  Gauge& reload_successful;
  Gauge& reload_success_time;
  prometheus::Family<Gauge>& certificate_ends;
  std::array<Gauge*, kWatchedCertificateNames.size()> certificates{};  ///< null: there is none
};

SelfMetrics::Impl::Impl()
    : samples_received(add_counter(registry, "cpu_monitor_exporter_samples_received_total",
                                   "Samples received from agents, repeated ones included.")),
      samples_rejected(add_each(prometheus::BuildCounter()
                                    .Name("cpu_monitor_exporter_samples_rejected_total")
                                    .Help("Lines of welcomed agents that did not become their "
                                          "newest sample, by reason.")
                                    .Register(registry),
                                "reason", kRejectReasonNames)),
      connections_refused(
          add_each(prometheus::BuildCounter()
                       .Name("cpu_monitor_exporter_connections_refused_total")
                       .Help("Connections the exporter refused or ended, by reason.")
                       .Register(registry),
                   "reason", kRefusalCodeNames)),
      web_requests_refused(add_each(prometheus::BuildCounter()
                                        .Name("cpu_monitor_exporter_web_requests_refused_total")
                                        .Help("Requests for pages that were refused or cut, by "
                                              "reason.")
                                        .Register(registry),
                                    "reason", kWebRefusalNames)),
      received_bytes(add_counter(registry, "cpu_monitor_exporter_received_bytes_total",
                                 "Bytes received on the ingest port.")),
      agents(add_each(prometheus::BuildGauge()
                          .Name("cpu_monitor_exporter_agents")
                          .Help("Agents the exporter knows, by state.")
                          .Register(registry),
                      "state", kAgentStateNames)),
      agents_remembered(add_gauge(registry, "cpu_monitor_exporter_agents_remembered",
                                  "Names of agents that take a place, those kept for expected "
                                  "machines that have not come included.")),
      agents_limit(
          add_gauge(registry, "cpu_monitor_exporter_agents_limit", "Places for names of agents.")),
      series(add_gauge(registry, "cpu_monitor_exporter_series",
                       "Series of all agents, as the exporter counts them against its limit.")),
      series_limit(add_gauge(registry, "cpu_monitor_exporter_series_limit",
                             "Series that all agents may bring together.")),
      legacy_connections(prometheus::BuildGauge()
                             .Name("cpu_monitor_exporter_legacy_connections")
                             .Help("Open connections of clients that report a percentage without "
                                   "a name.")
                             .Register(registry)
                             .Add({})),
      reload_successful(add_gauge(registry, "cpu_monitor_exporter_config_last_reload_successful",
                                  "Whether the files of certificates, tokens and the web could be "
                                  "read when they were read last.")),
      reload_success_time(
          add_gauge(registry, "cpu_monitor_exporter_config_last_reload_success_timestamp_seconds",
                    "When these files were last read with success.")),
      certificate_ends(prometheus::BuildGauge()
                           .Name("cpu_monitor_exporter_certificate_not_after_timestamp_seconds")
                           .Help("When a certificate ends; of authorities, the first to end.")
                           .Register(registry)) {
  prometheus::BuildGauge()
      .Name("cpu_monitor_exporter_build_info")
      .Help("The version and the git revision the exporter was built from.")
      .Register(registry)
      .Add({{"version", std::string(version())}, {"revision", std::string(revision())}})
      .Set(1);
}

void SelfMetrics::Impl::count_agents(const FleetSnapshot& fleet) {
  std::array<std::size_t, kAgentStateNames.size()> counts{};
  for (const AgentView& agent : fleet.agents) ++counts[static_cast<std::size_t>(agent.state)];
  for (std::size_t i = 0; i < counts.size(); ++i) agents[i]->Set(static_cast<double>(counts[i]));
  agents_remembered.Set(static_cast<double>(fleet.places_taken));
  agents_limit.Set(static_cast<double>(fleet.max_places));
}

SelfMetrics::SelfMetrics() : impl_(std::make_unique<Impl>()) {}
SelfMetrics::~SelfMetrics() = default;

void SelfMetrics::connection_refused(RefusalCode reason) {
  impl_->connections_refused[static_cast<std::size_t>(reason)]->Increment();
}

void SelfMetrics::web_request_refused(WebRefusal reason) {
  impl_->web_requests_refused[static_cast<std::size_t>(reason)]->Increment();
}

void SelfMetrics::sample_received() { impl_->samples_received.Increment(); }

void SelfMetrics::sample_rejected(RejectReason reason) {
  impl_->samples_rejected[static_cast<std::size_t>(reason)]->Increment();
}

void SelfMetrics::bytes_received(std::size_t bytes) {
  impl_->received_bytes.Increment(static_cast<double>(bytes));
}

void SelfMetrics::legacy_connections(std::size_t count) {
  impl_->legacy_connections.Set(static_cast<double>(count));
}

void SelfMetrics::series(std::size_t count, std::size_t limit) {
  impl_->series.Set(static_cast<double>(count));
  impl_->series_limit.Set(static_cast<double>(limit));
}

void SelfMetrics::config_reloaded(bool is_successful, std::chrono::system_clock::time_point now) {
  impl_->reload_successful.Set(is_successful ? 1 : 0);
  if (is_successful) impl_->reload_success_time.Set(to_seconds(now));
}

void SelfMetrics::certificate_ends(WatchedCertificate which,
                                   std::optional<std::chrono::system_clock::time_point> when) {
  const std::lock_guard lock(impl_->render_mutex);
  Gauge*& gauge = impl_->certificates[static_cast<std::size_t>(which)];
  if (!when) {
    if (gauge != nullptr) impl_->certificate_ends.Remove(std::exchange(gauge, nullptr));
    return;
  }
  if (gauge == nullptr) {
    gauge = &impl_->certificate_ends.Add(
        {{"certificate", std::string(kWatchedCertificateNames[which])}});
  }
  gauge->Set(to_seconds(*when));
}

void SelfMetrics::render(const FleetSnapshot& fleet, PageWriter& page) {
  std::vector<prometheus::MetricFamily> families;
  {
    const std::lock_guard lock(impl_->render_mutex);
    impl_->count_agents(fleet);
    families = impl_->registry.Collect();
  }
  append_families(std::move(families), page);
  append_families(process_families(impl_->start_time), page);
}

}  // namespace cpu_monitor::exporter
