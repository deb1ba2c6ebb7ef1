#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/net/asio.hpp"
#include "exporter/fleet.hpp"
#include "exporter/ingest_listener.hpp"
#include "exporter/options.hpp"
#include "exporter/pages.hpp"
#include "exporter/percent_gauge.hpp"
#include "exporter/recordings.hpp"
#include "exporter/reloader.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/session.hpp"
#include "exporter/web_gate.hpp"
#include "exporter/web_server.hpp"

namespace cpu_monitor::exporter {

/// The wiring of one exporter: agents -> listener -> fleet -> web server -> web gate.
///
/// Ownership: must outlive the run of its io_context.  Threads: the io_context's; civetweb and the
/// web gate bring their own.
class Exporter {
 public:
  /// Listens on all addresses at once.  `limits` bound each connection; the sample rate is taken
  /// from `options`. Throws std::runtime_error when an address cannot be had.
  Exporter(asio::io_context& io, const ExporterOptions& options, SessionLimits limits = {});

  void start();

  /// Says goodbye to all agents and lets io_context::run return.
  void stop();

  [[nodiscard]] const IngestListener& ingest() const { return listener_; }
  [[nodiscard]] Recordings& recordings() { return recordings_; }
  [[nodiscard]] const WebGate& web() const { return gate_; }

 private:
  [[nodiscard]] std::shared_ptr<const Trust> load_trust();
  [[nodiscard]] std::vector<Reloader::Source> reloaded();
  void show_web_access();
  void renew_own_certificate();

  TrustFiles trust_files_;
  std::shared_ptr<const Trust> trust_;  ///< as they were read last
  std::string state_directory_;         ///< of enrolment; empty: its files are not used
  Fleet fleet_;
  PercentGauge gauge_;
  SelfMetrics metrics_;
  Recordings recordings_;
  IngestListener listener_;
  ServingState serving_;
  WebServer web_;  // before all that its pages show: so that no scrape sees a dying object
  WebGate gate_;   // its clients go before what serves them
  Reloader reloader_;
};

/// Runs an exporter until SIGTERM or SIGINT.  Throws std::exception when it cannot start.
void run_exporter(const ExporterOptions& options);

}  // namespace cpu_monitor::exporter
