#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "exporter/exposition.hpp"
#include "exporter/fleet.hpp"
#include "exporter/percent_gauge.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/web_peers.hpp"

namespace cpu_monitor::exporter {

/// The exporter's HTTP side: CivetServer, and one page object per path.
///
/// CivetServer is the very server prometheus-cpp embeds.  Only GET and HEAD, no request bodies, one
/// request a connection.  It listens on a port of 127.0.0.1 that the system chose, and serves none
/// but the peers that were announced to it: WebGate is the door.  No setting reaches its port or
/// its protocol: Debian's civetweb must never be given TLS (it crashes at the first handshake with
/// OpenSSL 3) and does not know IPv6.
///
/// Ownership: the references must outlive it; its destructor waits for running requests.
/// Threads: pages run on civetweb's own threads, everything else on the caller's.
class WebServer {
 public:
  struct Settings {
    std::string telemetry_path = "/metrics";
    PageSettings page{MetricGroups::usual()};         ///< a page without a query
    std::chrono::milliseconds request_timeout{5000};  ///< without a byte from, or to, the client
  };

  /// Serves at once.  Throws std::runtime_error.
  WebServer(const Settings& settings, const Fleet& fleet, PercentGauge& gauge,
            SelfMetrics& metrics);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  /// From now on /-/ready answers 503: the exporter is going.
  void set_stopping() { is_ready_ = false; }

  /// On 127.0.0.1.
  [[nodiscard]] std::uint16_t port() const;

  /// Whom it serves.
  [[nodiscard]] WebPeers& peers();

 private:
  struct Impl;  // keeps civetweb's headers out of this one
  std::atomic<bool> is_ready_{true};
  std::unique_ptr<Impl> impl_;
};

}  // namespace cpu_monitor::exporter
