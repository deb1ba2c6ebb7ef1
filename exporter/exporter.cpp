#include "exporter/exporter.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <vector>

#include "common/log.hpp"
#include "common/net/stop_signal.hpp"
#include "exporter/batches.hpp"
#include "exporter/enrolment.hpp"

namespace cpu_monitor::exporter {
namespace {

/// Descriptors kept for everything but agents: newcomers, the web server, files.
constexpr std::size_t kOtherDescriptors = 128;

/// Of these, newcomers have the least: web clients may have what is left but for the rest.
constexpr std::size_t kOtherNewcomers = 16;
constexpr std::size_t kFewDescriptors = 32;  ///< event loops, listening sockets, files
constexpr std::size_t kPageDescriptors = 2 * WebContext::kMaxPages;  ///< between gate and civetweb

/// Connections beside the agents' that may be open at once: newcomers, and those just refused.
constexpr std::size_t kNewcomers = 512;

std::size_t descriptor_limit() {
  rlimit limit{};
  return ::getrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : 1024;
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

/// Clamps the number of agents to what the descriptors allow.  Throws std::runtime_error when they
/// are too few to serve anybody.
ExporterOptions within_descriptors(ExporterOptions options) {
  const std::size_t limit = descriptor_limit();
  if (limit <= kOtherDescriptors) {
    throw std::runtime_error("only " + std::to_string(limit) +
                             " files may be open at once; raise the limit (ulimit -n) to " +
                             std::to_string(kOtherDescriptors) + " and one for each agent");
  }
  const std::size_t most = limit - kOtherDescriptors;
  if (options.max_agents > most) {
    log::warn(
        "fewer agents than --ingest.max-agents: raise the limit of open files (ulimit -n)",
        {{"max_agents", std::to_string(options.max_agents)}, {"possible", std::to_string(most)}});
    options.max_agents = most;
  }
  return options;
}

Fleet::Limits fleet_limits(const ExporterOptions& options) {
  Fleet::Limits limits;
  limits.max_agents = options.max_agents;
  limits.stale_after = options.stale_after;
  limits.forget_after = options.forget_after;
  return limits;
}

/// On the ingest port.
std::size_t max_connections(const ExporterOptions& options) {
  return std::min(options.max_agents + kNewcomers,
                  descriptor_limit() - kOtherDescriptors + kOtherNewcomers);
}

IngestListener::Settings listener_settings(const ExporterOptions& options, SessionLimits limits,
                                           std::shared_ptr<const Trust> trust) {
  IngestListener::Settings settings;
  settings.trust = std::move(trust);
  settings.addresses = options.ingest_addresses;
  settings.legacy_allow = options.legacy_allow;
  settings.max_connections = max_connections(options);
  settings.max_newcomers = settings.max_connections - options.max_agents;
  settings.groups = options.collect;
  settings.peak_window = options.peak_window;
  settings.limits = limits;
  settings.limits.max_sample_rate = options.max_sample_rate;
  settings.limits.max_series = options.max_series;
  return settings;
}

PagesSettings pages_settings(const ExporterOptions& options) {
  PagesSettings settings;
  settings.telemetry_path = options.telemetry_path;
  settings.metrics.groups = options.collect;
  settings.metrics.peak_window = options.peak_window;
  settings.external_url = options.external_url;
  settings.sd_hold = options.sd_hold;
  settings.has_admin_api = options.has_admin_api;
  return settings;
}

WebGate::Settings gate_settings(const ExporterOptions& options) {
  WebGate::Settings settings;
  settings.addresses = options.web_addresses;
  settings.config_file = options.web_config_file;
  WebLimits& limits = settings.limits;
  const std::size_t left =
      descriptor_limit() - max_connections(options) - kFewDescriptors - kPageDescriptors;
  limits.max_connections = std::min(limits.max_connections, left);
  limits.max_connections_of_address = limits.max_connections / 2;
  return settings;
}

void log_addresses(const char* component, const std::vector<HostPort>& addresses) {
  for (const HostPort& address : addresses) {
    log::info("listening", {{"component", component}, {"address", format_host_port(address)}});
  }
}

}  // namespace

Exporter::Exporter(asio::io_context& io, const ExporterOptions& options, SessionLimits limits)
    : trust_files_{options.ingest_tls, options.tokens_file, options.allow_anonymous},
      state_directory_(options.state_directory),
      fleet_(fleet_limits(options)),
      listener_(io, listener_settings(options, limits, load_trust()), fleet_, metrics_,
                recordings_),
      web_(make_site(pages_settings(options), fleet_, gauge_, metrics_, recordings_, serving_)),
      gate_(gate_settings(options), web_, metrics_),
      reloader_(
          io, reloaded(), [this] { renew_own_certificate(); }, metrics_) {
  show_web_access();
}

void Exporter::start() {
  listener_.start();
  gate_.start();
  reloader_.start();
}

void Exporter::stop() {
  serving_.is_stopping = true;
  recordings_.stop();
  reloader_.stop();
  gate_.stop();
  listener_.stop();
}

/// Shows when its certificates end, and which machines it expects.
std::shared_ptr<const Trust> Exporter::load_trust() {
  auto trust = trust_ ? std::make_shared<const Trust>(trust_files_, *trust_)
                      : std::make_shared<const Trust>(trust_files_);
  if (const auto& tls = trust->tls()) {
    metrics_.certificate_ends(WatchedCertificate::ingest, tls->certificate_not_after());
    metrics_.certificate_ends(WatchedCertificate::ingest_client_ca, tls->ca_not_after());
  }
  fleet_.expect(trust->listed(), Moment::now());
  trust_ = trust;
  return trust;
}

std::vector<Reloader::Source> Exporter::reloaded() {
  Reloader::Source ingest;
  ingest.files = [this] { return files_of(trust_files_); };
  ingest.reload = [this] { listener_.trust(load_trust()); };
  Reloader::Source web;
  web.files = [this] { return gate_.files(); };
  web.reload = [this] {
    gate_.reload();
    show_web_access();
  };
  return {ingest, web};
}

void Exporter::show_web_access() {
  serving_.speaks_tls = gate_.speaks_tls();
  metrics_.certificate_ends(WatchedCertificate::web, gate_.certificate_not_after());
  metrics_.certificate_ends(WatchedCertificate::web_client_ca, gate_.ca_not_after());
}

/// The reloader finds the new one.
void Exporter::renew_own_certificate() {
  if (state_directory_.empty()) return;
  if (renew_if_due(state_directory_, std::chrono::system_clock::now())) {
    log::info("the exporter's certificate is renewed", {{"in", state_directory_}});
  }
}

void run_exporter(const ExporterOptions& options) {
  raise_descriptor_limit();
  asio::io_context io{1};
  Exporter exporter(io, within_descriptors(options));
  net::StopSignal stop_signal(io, [&exporter] {
    log::info("stopping");
    exporter.stop();
  });
  exporter.start();
  log_addresses("ingest", exporter.ingest().addresses());
  log_addresses("web", exporter.web().addresses());
  run_in_batches(io);
}

}  // namespace cpu_monitor::exporter
