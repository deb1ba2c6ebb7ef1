#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/line_framer.hpp"
#include "common/messages.hpp"
#include "common/net/asio.hpp"
#include "exporter/first_bytes.hpp"
#include "exporter/paced_reader.hpp"
#include "exporter/session.hpp"

namespace cpu_monitor::exporter {

/// One agent, from its first byte to goodbye: bytes -> lines -> messages -> fleet, and an
/// acknowledgement back.
///
/// Ownership: shared; run() keeps it alive.  Threads: the ingest thread's.
class AgentSession : public Session, public std::enable_shared_from_this<AgentSession> {
 public:
  AgentSession(SessionContext& context, Connection connection,
               std::chrono::steady_clock::time_point handshake_deadline);

  /// Until the connection ends, or turns out to be a legacy client's: then its connection is handed
  /// back, with the bytes read so far.
  [[nodiscard]] asio::awaitable<std::optional<Connection>> run();

  /// Sends a refusal, counts it, and ends the connection once the peer could read it.
  void refuse(RefusalCode code, std::string_view message,
              std::optional<std::chrono::milliseconds> retry_after = std::nullopt);

  void enforce_deadline(std::chrono::steady_clock::time_point now) override;
  void forgive(std::chrono::milliseconds pause) override;
  void judge_again() override;
  [[nodiscard]] bool is_refused() const override { return is_ending_; }
  [[nodiscard]] bool ask(const RecordingRequest& request) override;
  void say_goodbye(std::chrono::milliseconds retry_after) override;
  void close() override;

 private:
  using Clock = std::chrono::steady_clock;

  [[nodiscard]] asio::awaitable<void> begin_tls();
  void take_opening();
  void end_handshake(const net::TlsFailure& failure);
  void take(std::string_view bytes);
  void take_lines(std::string_view bytes);
  void drop(std::size_t bytes);
  bool handle_line(std::string_view line);
  void handle(const Hello& hello);
  void handle(CpuFacts facts);
  void handle(CpuSample sample);
  void handle(const Recording& recording);
  void handle(const UnusableRecording& recording);
  void handle(const Goodbye& goodbye);
  void handle(const UnknownMessage&);
  [[nodiscard]] bool has_room_for_series();
  [[nodiscard]] Clock::time_point shown_until() const;
  void acknowledge();
  void begin_ending();
  [[nodiscard]] Result<Identity, RefusalCode> identify(std::string_view endpoint) const;
  [[nodiscard]] bool is_certificate_believed() const;
  void count_rejected_line(RefusalCode code);
  void count_refusal(RefusalCode code);
  void log_refusal(RefusalCode code, std::string_view reason);

  SessionContext& context_;
  Connection connection_;
  Caller caller_ = Caller::unknown_yet;
  LineFramer framer_{kMaxLineBytesBeforeWelcome};
  PacedReader reader_;
  Clock::time_point deadline_;

  std::size_t series_of_sample_ = 0;
  std::size_t series_of_facts_ = 0;

  std::string endpoint_;              ///< empty until welcomed
  std::optional<TokenDigest> token_;  ///< by which it is welcome, to be judged again
  std::chrono::milliseconds idle_timeout_{0};
  std::optional<std::uint64_t> to_acknowledge_;
  std::size_t dropped_bytes_ = 0;
  bool may_speak_;          ///< not before a handshake of TLS is over, if there is to be one
  bool is_ending_ = false;  ///< our last line is on its way; what still comes is dropped
};

}  // namespace cpu_monitor::exporter
