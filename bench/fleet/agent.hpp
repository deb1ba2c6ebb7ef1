#pragma once

#include <netinet/in.h>
#include <sys/types.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <string_view>

#include "bench/fleet/options.hpp"
#include "bench/fleet/statistics.hpp"
#include "bench/fleet/timers.hpp"
#include "bench/sample_line.hpp"
#include "common/backoff.hpp"
#include "common/line_framer.hpp"
#include "common/messages.hpp"
#include "common/net/tls.hpp"

namespace cpu_monitor::bench {

/// What the agents of a fleet share.
struct FleetContext {
  using Time = std::chrono::steady_clock::time_point;

  explicit FleetContext(const FleetOptions& options_in) : options(options_in) {}

  const FleetOptions& options;
  sockaddr_in exporter{};
  std::shared_ptr<const net::TlsContext> tls;  ///< null: plain
  int epoll = -1;
  std::mt19937_64 random{std::random_device{}()};
  Time started_at = std::chrono::steady_clock::now();
  std::chrono::milliseconds wall_offset{};  ///< Unix time at started_at
  std::string slow_tail;                    ///< see sample_line.hpp
  std::string facts_line;                   ///< empty: none is sent
  std::string scratch;                      ///< a line with slow readings
  Timers timers;
  FleetStatistics statistics;
  std::size_t acknowledged_agents = 0;  ///< those that had an ack at least once
  std::size_t in_flight = 0;            ///< samples
  bool is_measuring = false;
  bool is_flat_out = false;  ///< the next sample follows the ack at once
  bool is_stopping = false;
};

/// One agent of the fleet, as exporter_link.hpp has it: connect, hello, push, acknowledge, back
/// off, again; one sample in flight, and a newer one replaces one that waits.
///
/// Ownership: of its socket; `context` outlives it.  Threads: one at a time.
class SimulatedAgent {
 public:
  using Time = FleetContext::Time;

  SimulatedAgent(FleetContext& context, std::uint32_t index, const SampleLine& line);
  ~SimulatedAgent() { close(); }
  SimulatedAgent(const SimulatedAgent&) = delete;
  SimulatedAgent& operator=(const SimulatedAgent&) = delete;

  void connect();
  /// A new sample is there; sent now or kept.
  void push();
  /// What epoll says of its socket.
  void on_events(std::uint32_t events);
  /// Ends a connection on which the exporter owes an answer for too long.
  void enforce_deadline(Time now);
  /// The last line, if welcomed; the exporter closes.
  void say_goodbye();
  void close();

  [[nodiscard]] bool is_open() const { return socket_ >= 0; }
  [[nodiscard]] bool is_welcomed() const { return state_ == State::streaming; }

 private:
  enum class State : std::uint8_t { closed, connecting, securing, greeting, streaming, leaving };

  void secure();
  void greet();
  void read();
  void read_some();
  /// As ::recv: 0 and -1 are an end and an error, in TLS too.
  [[nodiscard]] ssize_t receive(char* buffer, std::size_t size);
  /// How much of it the socket took.
  [[nodiscard]] std::size_t write(std::string_view text);
  [[nodiscard]] bool handle_line(std::string_view line);
  [[nodiscard]] bool handle_other_line(std::string_view line);
  void handle_welcome();
  void handle_ack(std::uint64_t sequence);
  void send_sample();
  void send(std::string_view text);
  void flush();
  void wait_for(std::uint32_t events, int operation);
  /// The connection is over, by its peer or by us: try again later.
  void end_connection();
  void schedule_connect();

  FleetContext& context_;
  SampleLine line_;
  std::uint32_t index_;
  int socket_ = -1;
  std::unique_ptr<net::TlsSession> tls_;  ///< null: plain
  State state_ = State::closed;
  bool in_flight_ = false;
  bool is_counted_ = false;  ///< the sample in flight was sent while it was measured
  bool is_pending_ = false;
  bool was_acknowledged_ = false;
  bool needs_a_person_ = false;
  std::chrono::milliseconds retry_after_{0};
  Time connecting_since_{};
  Time welcomed_at_{};
  Time sent_at_{};
  Time deadline_{Time::max()};
  Time next_slow_{Time::min()};
  std::optional<Time> lost_at_;  ///< the end of the last welcomed connection, until the next ack
  Backoff backoff_;
  Backoff refused_backoff_;
  LineFramer framer_{kMaxLineBytes};
  std::string unsent_;
  std::string session_;
};

}  // namespace cpu_monitor::bench
