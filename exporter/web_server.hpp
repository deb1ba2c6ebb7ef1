#pragma once

#include <chrono>
#include <cstdint>
#include <memory>

#include "exporter/site.hpp"
#include "exporter/web_peers.hpp"

namespace cpu_monitor::exporter {

/// The exporter's HTTP side: CivetServer, and the pages of a site.
///
/// CivetServer is the very server prometheus-cpp embeds.  GET, HEAD and DELETE, no request bodies,
/// one request a connection.  It listens on a port of 127.0.0.1 that the system chose, and serves
/// none but the peers that were announced to it: WebGate is the door.  No setting reaches its port
/// or its protocol: Debian's civetweb must never be given TLS (it crashes at the first handshake
/// with OpenSSL 3) and does not know IPv6.
///
/// Ownership: its destructor waits for running requests.
/// Threads: pages run on civetweb's own threads, everything else on the caller's.
class WebServer {
 public:
  /// So long a client may take without a byte from it, or to it.
  static constexpr std::chrono::milliseconds kRequestTimeout{5000};

  /// Serves at once.  Throws std::runtime_error.
  explicit WebServer(Site site, std::chrono::milliseconds request_timeout = kRequestTimeout);
  ~WebServer();
  WebServer(const WebServer&) = delete;
  WebServer& operator=(const WebServer&) = delete;

  /// On 127.0.0.1.
  [[nodiscard]] std::uint16_t port() const;

  /// Whom it serves.
  [[nodiscard]] WebPeers& peers();

 private:
  struct Impl;  // keeps civetweb's headers out of this one
  std::unique_ptr<Impl> impl_;
};

}  // namespace cpu_monitor::exporter
