#include "exporter/legacy_session.hpp"

#include <utility>

#include "common/log.hpp"

namespace cpu_monitor::exporter {

LegacySession::LegacySession(SessionContext& context, Connection connection)
    : context_(context),
      connection_(std::move(connection)),
      reader_(connection_.stream, context.limits, context.read_buffer),
      deadline_(std::chrono::steady_clock::now() + kIdleTimeout) {}

asio::awaitable<void> LegacySession::run() {
  if (const auto held_back = context_.connect_log.admit(std::chrono::steady_clock::now())) {
    log::info("legacy client connected",
              {{"peer", connection_.peer}, {"not_logged", std::to_string(*held_back)}});
  }
  bool is_understood = take(std::exchange(connection_.opening, {}));
  while (is_understood) {
    const std::string_view bytes = co_await reader_.read();
    if (bytes.empty()) break;
    context_.metrics.bytes_received(bytes.size());
    is_understood = take(bytes);
  }
  if (!is_understood) context_.metrics.connection_refused(RefusalCode::bad_field);
  connection_.stream->close();
  context_.fleet.withdraw(connection_.id);
  if (const auto held_back = context_.disconnect_log.admit(std::chrono::steady_clock::now())) {
    log::info("legacy client disconnected", {{"peer", connection_.peer},
                                             {"reason", is_understood ? "left" : "bad message"},
                                             {"not_logged", std::to_string(*held_back)}});
  }
}

bool LegacySession::take(std::string_view bytes) {
  const auto status =
      messages_.push(bytes, [this](const LegacyReader::Message& message) { accept(message); });
  return status == LegacyReader::Status::ok;
}

void LegacySession::accept(const LegacyReader::Message& message) {
  reader_.count_message();
  context_.metrics.sample_received();
  context_.fleet.report(connection_.id, connection_.peer, message.percent);
  connection_.stream->send(message.answer);
  deadline_ = std::chrono::steady_clock::now() + kIdleTimeout + reader_.pause();
}

void LegacySession::enforce_deadline(std::chrono::steady_clock::time_point now) {
  if (now < deadline_) return;
  context_.metrics.connection_refused(RefusalCode::idle_timeout);
  close();
}

void LegacySession::say_goodbye(std::chrono::milliseconds /*retry_after*/) { close(); }

void LegacySession::close() {
  reader_.hurry();
  connection_.stream->close();
}

}  // namespace cpu_monitor::exporter
