#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "common/backoff.hpp"
#include "common/cpu_sample.hpp"
#include "common/host_port.hpp"
#include "common/line_framer.hpp"
#include "common/messages.hpp"
#include "common/net/asio.hpp"
#include "common/net/stream.hpp"
#include "common/recording.hpp"
#include "common/token_bucket.hpp"

namespace cpu_monitor::agent {

/// What an agent shows an exporter, and asks of it.
struct Proofs {
  std::shared_ptr<const net::TlsContext> tls;  ///< none: plain text
  std::optional<std::string> token;
};

/// The connection to the exporter, kept up for ever: connect, hello, push, acknowledge, back off,
/// again.
///
/// Holds at most one sample on its way and one waiting; a newer sample replaces the waiting one.
/// A recording that was asked for goes out between the samples, a piece at a time, and ends with
/// its connection.  Counters are cumulative, so nothing but a moment's resolution is lost by that,
/// however long the exporter is away.
///
/// Ownership: must outlive the run of its io_context.  Threads: the io_context's.
/// Errors: none reach the caller; each is logged (repeated ones once) and answered by another
/// attempt.
class ExporterLink {
 public:
  struct Settings {
    HostPort exporter;
    Hello hello;
    /// Reads what proves who this is and who the exporter is; at every attempt to connect, so that
    /// files may be replaced at any time.  Throws std::runtime_error: the last ones stay in force.
    std::function<Proofs()> proofs = [] { return Proofs(); };
    std::chrono::milliseconds connect_timeout = std::chrono::seconds(10);
    std::chrono::milliseconds welcome_timeout = std::chrono::seconds(10);
    std::chrono::milliseconds min_ack_timeout = std::chrono::seconds(20);
    std::chrono::milliseconds backoff_base = std::chrono::seconds(5);
    std::chrono::milliseconds backoff_cap = std::chrono::seconds(30);
    std::chrono::milliseconds refused_backoff_cap =
        std::chrono::minutes(5);  ///< until a person has mended something
    std::chrono::milliseconds steady_after =
        std::chrono::seconds(10);  ///< of streaming: the backoff starts anew
  };

  using NextPiece = std::function<std::optional<Recording>()>;

  /// Called on the io_context's thread.
  struct Events {
    std::function<void(const Welcome&)> welcomed;
    std::function<void(const CpuSample&)> acknowledged;
    std::function<void()> disconnected;  ///< after `welcomed`, unless by stop()
    /// Asked for a recording, once a second at most; what is returned makes the pieces of the
    /// answer, one at each call, none when that was all.
    std::function<NextPiece(const RecordingRequest&)> recording = {};
  };

  /// Throws what settings.proofs throws.
  ExporterLink(asio::io_context& io, Settings settings, Events events);

  void start();

  /// Hands over the newest sample; the link numbers it.  Sent now if connected and nothing is on
  /// its way, else kept; it replaces one that still waits, but for the slow readings of that one
  /// which it does not have itself.
  void offer(CpuSample sample);

  /// Tells the exporter what the machine's CPUs are like, if welcomed; else does nothing: it is to
  /// be said again after the next welcome.
  void tell(const CpuFacts& facts);

  /// The files of the proofs were replaced: connects anew, with them, unless they are bad.
  void reload();

  /// Says goodbye if connected, and ends.
  void stop();

 private:
  [[nodiscard]] asio::awaitable<void> run();
  [[nodiscard]] asio::awaitable<void> serve_one_connection();
  [[nodiscard]] asio::awaitable<bool> connect();
  [[nodiscard]] asio::awaitable<bool> secure();
  [[nodiscard]] asio::awaitable<void> read_lines();

  bool handle_line(std::string_view line);
  void handle(const Welcome& welcome);
  void handle(const Ack& ack);
  void handle(const RecordingRequest& request);
  void handle(const Refusal& refusal);
  void handle(const Goodbye& goodbye);
  void handle(const UnknownMessage&) {}

  bool refresh_proofs();
  void note_tls_failure(const net::TlsFailure& failure);
  void send_pending();
  void send_piece();
  void drop_recording();
  void set_deadline(std::chrono::milliseconds from_now);
  void note_failure(std::string_view what, std::string_view detail);
  [[nodiscard]] std::chrono::milliseconds next_wait();

  asio::io_context& io_;
  Settings settings_;
  Events events_;
  std::string exporter_name_;
  asio::ip::tcp::resolver resolver_;
  asio::steady_timer deadline_;
  asio::steady_timer retry_;
  asio::steady_timer next_piece_due_;
  std::mt19937_64 random_;
  Backoff backoff_;
  Backoff refused_backoff_;

  // One connection's state.
  std::optional<asio::ip::tcp::socket> connecting_;
  std::shared_ptr<net::Stream> stream_;
  LineFramer framer_{kMaxLineBytes};
  std::optional<std::chrono::steady_clock::time_point> welcomed_at_;
  std::optional<CpuSample> in_flight_;
  NextPiece next_piece_;         ///< of a recording that is under way
  std::string expected_ack_;     ///< of in_flight_, as exporters write it, without the newline
  bool is_over_ = false;         ///< the exporter refused or said goodbye
  bool needs_a_person_ = false;  ///< it will refuse again until somebody mends something
  bool timed_out_ = false;
  bool is_reloading_ = false;  ///< the next attempt is due at once
  std::chrono::milliseconds retry_after_{0};

  // Of all connections.
  TokenBucket recordings_;
  Proofs proofs_;
  std::optional<CpuSample> pending_;
  std::uint64_t last_sequence_ = 0;
  std::string last_failure_;  ///< so that the same failure is logged once, not at every attempt
  std::string last_proofs_failure_;
  bool stopping_ = false;
};

}  // namespace cpu_monitor::agent
