#pragma once

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

namespace cpu_monitor::exporter {

/// The connections to civetweb's private port that the gate has announced: nobody else on this
/// machine is served there.
///
/// Threads: safe from any.
class WebPeers {
 public:
  /// All of them come from `address`, one of 127.0.0.0/8.
  explicit WebPeers(std::string address) : address_(std::move(address)) {}

  [[nodiscard]] const std::string& address() const { return address_; }

  /// A connection will come from this port, with one request.
  void announce(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    peers_[port] = Progress::announced;
  }

  /// Whether a request may be served: once for each announcement.
  [[nodiscard]] bool begin(std::string_view address, int port) {
    const std::lock_guard lock(mutex_);
    const auto peer = peers_.find(port);
    if (address != address_ || peer == peers_.end()) return false;
    return std::exchange(peer->second, Progress::begun) == Progress::announced;
  }

  /// The answer was sent, to its end.
  void finish(int port) {
    const std::lock_guard lock(mutex_);
    const auto peer = peers_.find(port);
    if (peer != peers_.end()) peer->second = Progress::finished;
  }

  /// The connection is over.  Whether its answer was whole; that of civetweb itself, which begins
  /// nothing here, always is.
  bool leave(std::uint16_t port) {
    const std::lock_guard lock(mutex_);
    const auto peer = peers_.find(port);
    if (peer == peers_.end()) return false;
    const bool is_whole = peer->second != Progress::begun;
    peers_.erase(peer);
    return is_whole;
  }

 private:
  enum class Progress : std::uint8_t { announced, begun, finished };

  const std::string address_;
  std::mutex mutex_;
  std::map<int, Progress> peers_;
};

}  // namespace cpu_monitor::exporter
