#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "common/net/asio.hpp"
#include "exporter/legacy_message.hpp"
#include "exporter/paced_reader.hpp"
#include "exporter/session.hpp"

namespace cpu_monitor::exporter {

/// One Python client of the classroom project: a value in, the same bytes upper-cased out.  Its
/// series has the peer's address as endpoint, and leaves with the connection.
///
/// Ownership: shared; run() keeps it alive.  Threads: the ingest thread's.
class LegacySession : public Session {
 public:
  /// It sends once a second; this long without a value and it is taken for dead.
  static constexpr std::chrono::seconds kIdleTimeout{30};

  LegacySession(SessionContext& context, Connection connection);

  /// Until the connection ends.
  [[nodiscard]] asio::awaitable<void> run();

  void enforce_deadline(std::chrono::steady_clock::time_point now) override;
  void forgive(std::chrono::milliseconds pause) override { deadline_ += pause; }
  /// It proves nothing, and its address is allowed as it was.
  void judge_again() override {}
  [[nodiscard]] bool is_refused() const override { return false; }
  void say_goodbye(std::chrono::milliseconds retry_after) override;
  void close() override;

 private:
  [[nodiscard]] bool take(std::string_view bytes);
  void accept(const LegacyReader::Message& message);

  SessionContext& context_;
  Connection connection_;
  PacedReader reader_;
  LegacyReader messages_;
  std::chrono::steady_clock::time_point deadline_;
};

}  // namespace cpu_monitor::exporter
