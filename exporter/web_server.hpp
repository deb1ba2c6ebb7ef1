#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "common/host_port.hpp"
#include "exporter/exposition.hpp"
#include "exporter/fleet.hpp"
#include "exporter/percent_gauge.hpp"
#include "exporter/self_metrics.hpp"

namespace cpu_monitor::exporter {

/// The exporter's HTTP side: CivetServer, and one page object per path.
///
/// CivetServer is the very server prometheus-cpp embeds.  Only GET and HEAD, no request bodies, one
/// request a connection.  Debian's civetweb must never be given TLS (it crashes at the first
/// handshake with OpenSSL 3) and does not know IPv6: the addresses are IPv4, plain.
///
/// Ownership: the references must outlive it; its destructor waits for running requests.
/// Threads: pages run on civetweb's own threads, everything else on the caller's.
class WebServer {
 public:
  struct Settings {
    std::vector<HostPort> addresses;  ///< loopback IPv4
    std::string telemetry_path = "/metrics";
    PageSettings page{MetricGroups::usual()};         ///< a page without a query
    std::chrono::milliseconds request_timeout{5000};  ///< without a byte from, or to, the client
  };

  /// Serves at once.  Throws std::runtime_error that names the address and the flag to change.
  WebServer(Settings settings, const Fleet& fleet, PercentGauge& gauge, SelfMetrics& metrics);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  /// From now on /-/ready answers 503: the exporter is going.
  void set_stopping() { is_ready_ = false; }

  /// Where it listens, with the ports the system chose for port 0.
  [[nodiscard]] std::vector<HostPort> addresses() const;

 private:
  struct Impl;  // keeps civetweb's headers out of this one
  std::atomic<bool> is_ready_{true};
  std::unique_ptr<Impl> impl_;
};

}  // namespace cpu_monitor::exporter
