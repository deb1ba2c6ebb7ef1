#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "common/log.hpp"
#include "common/messages.hpp"
#include "common/metric_group.hpp"
#include "common/net/stream.hpp"
#include "exporter/fleet.hpp"
#include "exporter/recordings.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/series_budget.hpp"
#include "exporter/trust.hpp"

namespace cpu_monitor::exporter {

/// What limits one connection.  The defaults are the product's; tests shorten them.
struct SessionLimits {
  std::chrono::milliseconds handshake_timeout = std::chrono::seconds(5);
  std::chrono::milliseconds min_idle_timeout = std::chrono::seconds(15);
  std::chrono::milliseconds max_idle_timeout = std::chrono::hours(1);
  std::chrono::milliseconds linger =
      std::chrono::seconds(2);                               ///< for the peer to read our last line
  std::size_t max_drained_bytes = std::size_t{1024} * 1024;  ///< read and dropped meanwhile
  std::size_t max_unsent_bytes =
      std::size_t{16} * 1024;          ///< more: the peer does not read, so we do not either
  double max_sample_rate = 10;         ///< lines a second, sustained
  std::size_t max_series = 5'000'000;  ///< of all agents together
};

/// What one read takes at most.
using ReadBuffer = std::array<char, 4096>;

/// What all sessions share.  Ownership: the listener's; outlives every session.  Threads: the
/// ingest thread's.
struct SessionContext {
  Fleet& fleet;
  SelfMetrics& metrics;
  Recordings& recordings;
  SessionLimits limits;
  MetricGroups groups;
  std::chrono::milliseconds peak_window;
  std::shared_ptr<const Trust> trust;  ///< replaced by a reload
  std::function<void(Fleet::ConnectionId)> close_connection;
  std::function<void(Fleet::ConnectionId)> welcomed;
  /// A newcomer failed to prove itself, or to make sense.
  std::function<void(const asio::ip::address&)> failed;
  SeriesBudget series{limits.max_series};
  std::array<log::PeerThrottle, kRefusalCodeNames.size()> refusal_logs{};  ///< by code
  log::PeerThrottle connect_log{};
  log::PeerThrottle disconnect_log{};
  ReadBuffer read_buffer{};  ///< of whoever reads just now
  CpuSample spare{};         ///< its memory serves for the next sample
};

/// One connection, as the listener sees it.  Threads: the ingest thread's.
class Session {
 public:
  virtual ~Session() = default;

  /// Ends the connection if its time is up.
  virtual void enforce_deadline(std::chrono::steady_clock::time_point now) = 0;

  /// The exporter was not running for `pause`: the peer gets that much longer.
  virtual void forgive(std::chrono::milliseconds pause) = 0;

  /// Time went by, or the exporter trusts others now: ends the connection of who is not among them.
  virtual void judge_again() = 0;

  /// Our last line is on its way.
  [[nodiscard]] virtual bool is_refused() const = 0;

  /// Sends the request to an agent.  Returns whether that is one, which can be asked.
  [[nodiscard]] virtual bool ask(const RecordingRequest& /*request*/) { return false; }

  /// The exporter stops: say so, and end.
  virtual void say_goodbye(std::chrono::milliseconds retry_after) = 0;

  /// Ends the connection at once.
  virtual void close() = 0;
};

/// The accepted connection a session is made of.
struct Connection {
  Fleet::ConnectionId id = 0;
  std::shared_ptr<net::Stream> stream;
  asio::ip::address address;
  std::string peer;     ///< "<ip>:<port>"
  std::string opening;  ///< the first bytes, until it is known who is calling
};

}  // namespace cpu_monitor::exporter
