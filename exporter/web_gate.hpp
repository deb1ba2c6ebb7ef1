#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "common/host_port.hpp"
#include "common/log.hpp"
#include "common/net/asio.hpp"
#include "common/token_bucket.hpp"
#include "exporter/listening.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/web_access.hpp"
#include "exporter/web_connection.hpp"
#include "exporter/web_server.hpp"

namespace cpu_monitor::exporter {

/// The only door to the pages: every web address, plain or TLS, in front of civetweb's private
/// port.  Bounds connections, requests and time, asks for passwords, and takes slow clients off
/// civetweb's workers (web_connection.hpp).
///
/// Ownership: the references must outlive it.
/// Threads: clients are served on a thread of its own; its methods belong to the one that made it.
class WebGate {
 public:
  struct Settings {
    std::vector<HostPort> addresses;  ///< any IP address; no host: every one
    std::string config_file;          ///< empty: plain, open to all
    WebLimits limits;
  };

  /// Listens at once.  Throws std::runtime_error that names the address and the flag to change, or
  /// the file and what is wrong with it.
  WebGate(Settings settings, WebServer& server, SelfMetrics& metrics);

  /// No newcomers; waits until the clients that are being served have their pages, but not longer
  /// than kStopLinger since stop().  What is then under way is cut.
  ~WebGate();
  WebGate(const WebGate&) = delete;
  WebGate& operator=(const WebGate&) = delete;

  static constexpr std::chrono::milliseconds kStopLinger{1200};

  void start();

  /// Goes on until the destructor, but not longer than kStopLinger.
  void stop();

  /// Reads the configuration and its files anew, for connections to come.  Throws
  /// std::runtime_error, and keeps what it had; also when TLS, passwords or client certificates
  /// would be gone.
  void reload();

  /// Those whose change calls for a reload; none without a configuration.
  [[nodiscard]] const std::vector<std::string>& files() const { return files_; }

  [[nodiscard]] bool speaks_tls() const { return access_->tls() != nullptr; }

  /// When its own certificate, and the first of its clients' authorities, ends; none if there is
  /// none.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> certificate_not_after() const;
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> ca_not_after() const;

  /// Where it listens, with the ports the system chose for port 0.
  [[nodiscard]] const std::vector<HostPort>& addresses() const { return addresses_; }

 private:
  using Clock = std::chrono::steady_clock;
  using ConnectionId = std::uint64_t;
  /// Who asks for the same with the same password gets the same verdict.
  using Question = std::pair<const BasicAuth*, std::string>;

  class Verdicts;

  [[nodiscard]] std::shared_ptr<const WebAccess> load_access(const WebAccess* predecessor);
  void warn_of_open_doors() const;
  void run();

  // On the gate's thread:
  [[nodiscard]] Admission admission();
  void admit(asio::ip::tcp::socket socket);
  [[nodiscard]] bool make_room_for(const std::string& place);
  [[nodiscard]] bool displace_one(const std::function<bool(const WebConnection&)>& may_go);
  void cut_slowest();
  [[nodiscard]] std::map<std::string_view, std::size_t> connections_by_place() const;
  void on_connection_end(ConnectionId id, const std::exception_ptr& failure);
  [[nodiscard]] asio::awaitable<void> keep_deadlines();
  void sweep(Clock::time_point due);
  void end_what_may();
  void refused(WebRefusal reason, std::string_view peer, std::string_view why);
  void judge(const std::shared_ptr<WebConnection>& connection, std::string_view authorization);
  void on_verdict(const Question& question, BasicAuth::Verdict verdict);

  const Settings settings_;
  SelfMetrics& metrics_;
  std::vector<std::string> files_;
  std::shared_ptr<const WebAccess> access_;  ///< of the newest configuration that was good
  /// Those before it that connections may still have: the last to let go may have to wait for a
  /// bcrypt, and shall not be the gate's thread.
  std::vector<std::shared_ptr<const WebAccess>> former_access_;

  // From here on of the gate's thread alone, once that runs.
  asio::io_context io_{1};
  WebContext context_;
  std::shared_ptr<const WebAccess> access_of_newcomers_;
  std::list<asio::ip::tcp::acceptor> acceptors_;
  asio::steady_timer sweep_;
  std::map<ConnectionId, std::shared_ptr<WebConnection>> connections_;
  ConnectionId last_id_ = 0;
  TokenBucket handshakes_;
  std::map<WebRefusal, log::PeerThrottle> refusal_logs_;
  log::Throttle accept_log_{std::chrono::seconds(1)};
  std::optional<Clock::time_point> stop_at_;  ///< when all that is under way is cut
  bool is_closing_ = false;                   ///< no newcomers
  std::map<Question, std::vector<std::shared_ptr<WebConnection>>> questions_;
  std::shared_ptr<Verdicts> verdicts_;

  std::vector<HostPort> addresses_;
  std::thread thread_;
};

}  // namespace cpu_monitor::exporter
