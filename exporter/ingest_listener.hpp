#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "common/host_port.hpp"
#include "common/net/asio.hpp"
#include "common/token_bucket.hpp"
#include "exporter/failure_budget.hpp"
#include "exporter/fleet.hpp"
#include "exporter/listening.hpp"
#include "exporter/session.hpp"

namespace cpu_monitor::exporter {

class AgentSession;

/// Accepts agents, finds out who is calling, and keeps the deadlines of all connections.
///
/// Ownership: must outlive the run of its io_context; owns the sessions together with their
/// coroutines. Threads: the io_context's.
class IngestListener {
 public:
  struct Settings {
    std::vector<HostPort> addresses;
    std::vector<std::string> legacy_allow;  ///< CIDR blocks
    std::size_t max_legacy_connections = 64;
    std::size_t max_connections =
        10'512;                       ///< agents, and newcomers that have not said who they are
    std::size_t max_newcomers = 512;  ///< of them; one more, and the least of them goes
    std::shared_ptr<const Trust> trust = std::make_shared<const Trust>();
    MetricGroups groups = MetricGroups::usual();
    std::chrono::milliseconds peak_window = kDefaultPeakWindow;
    SessionLimits limits;
  };

  /// Listens at once.  Throws std::runtime_error that names the address and the flag to change.
  IngestListener(asio::io_context& io, Settings settings, Fleet& fleet, SelfMetrics& metrics,
                 Recordings& recordings);

  void start();

  /// From now on these are trusted; whoever no longer is, is sent away.
  void trust(std::shared_ptr<const Trust> trust);

  /// No newcomers; a goodbye to all, with a wait that spreads their return over 1 s for each 500 of
  /// them.
  void stop();

  /// Where it listens, with the ports the system chose for port 0.
  [[nodiscard]] std::vector<HostPort> addresses() const;

 private:
  using ConnectionId = Fleet::ConnectionId;

  [[nodiscard]] asio::ip::tcp::acceptor listen(const HostPort& address);
  [[nodiscard]] Admission admission();
  void judge_again_from(ConnectionId id);
  [[nodiscard]] bool admit(asio::ip::tcp::socket socket);
  void make_room_for_a_newcomer();
  void turn_away(asio::ip::tcp::socket socket, RefusalCode code, std::string_view message);
  [[nodiscard]] asio::awaitable<void> serve(std::shared_ptr<AgentSession> session);
  void log_legacy_refusal(RefusalCode code, std::string_view message, std::string_view peer);
  void log_what_was_held_back();
  void on_session_end(ConnectionId id, const std::exception_ptr& failure);
  [[nodiscard]] asio::awaitable<void> keep_deadlines();
  void sweep(std::chrono::steady_clock::time_point due);
  void forgive(std::chrono::steady_clock::duration lateness);
  void enforce_deadlines();
  void close_connection(ConnectionId id);
  void ask_for_recordings();
  [[nodiscard]] bool is_legacy_allowed(const asio::ip::address& peer) const;

  asio::io_context& io_;
  Settings settings_;
  Fleet& fleet_;
  SessionContext context_;
  std::list<asio::ip::tcp::acceptor> acceptors_;
  asio::steady_timer sweep_;
  TokenBucket handshakes_;
  FailureBudget failures_;
  std::map<ConnectionId, std::shared_ptr<Session>> sessions_;
  /// Of them, who was not welcomed yet, and from which place; the oldest first.
  std::map<ConnectionId, std::string> newcomers_;
  std::chrono::steady_clock::time_point judged_at_;
  log::PeerThrottle accept_log_;
  log::PeerThrottle failure_log_;
  std::size_t legacy_connections_ = 0;
  ConnectionId last_id_ = 0;
  std::mt19937_64 random_;
  std::optional<std::chrono::steady_clock::time_point> stop_deadline_;  ///< set once stopping
};

}  // namespace cpu_monitor::exporter
