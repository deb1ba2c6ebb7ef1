#include "exporter/agent_session.hpp"

#include <algorithm>
#include <utility>
#include <variant>

#include "common/build_info.hpp"
#include "common/duration.hpp"
#include "common/log.hpp"

namespace cpu_monitor::exporter {
namespace {

/// When a refused name is worth another try: the holder of a name may be found silent after 10 s.
std::chrono::milliseconds retry_after(RefusalCode code) {
  return code == RefusalCode::endpoint_in_use ? std::chrono::seconds(10) : std::chrono::seconds(30);
}

/// What a rejected line of a welcomed agent is counted as, if its code says anything about the
/// line.
std::optional<RejectReason> reject_reason(RefusalCode code) {
  return kRejectReasonNames.find(kRefusalCodeNames[code]);
}

}  // namespace

AgentSession::AgentSession(SessionContext& context, Connection connection,
                           Clock::time_point handshake_deadline)
    : context_(context),
      connection_(std::move(connection)),
      reader_(connection_.stream, context.limits, context.read_buffer),
      deadline_(handshake_deadline) {}

asio::awaitable<std::optional<Connection>> AgentSession::run() {
  for (;;) {
    const std::string_view bytes = co_await reader_.read();
    if (bytes.empty()) break;
    take(bytes);
    if (caller_ == Caller::legacy) co_return connection_;
  }
  connection_.stream->close();
  if (!endpoint_.empty()) {
    context_.fleet.release(endpoint_, connection_.id);
    log::info("agent disconnected", {{"endpoint", endpoint_}, {"peer", connection_.peer}});
  }
  co_return std::nullopt;
}

void AgentSession::take(std::string_view bytes) {
  context_.metrics.bytes_received(bytes.size());
  if (is_ending_) return drop(bytes.size());
  if (caller_ != Caller::unknown_yet) return take_lines(bytes);

  connection_.opening += bytes;
  caller_ = recognise(connection_.opening);
  switch (caller_) {
    case Caller::unknown_yet:
    case Caller::legacy:
      return;
    case Caller::tls:
      return refuse(RefusalCode::tls_unexpected,
                    "this port speaks plain text; connect without TLS");
    case Caller::http:
      return refuse(RefusalCode::bad_json,
                    "this port is for agents, one JSON object per line; metrics are on the web "
                    "port (--web.listen-address)");
    case Caller::agent:
      return take_lines(std::exchange(connection_.opening, {}));
  }
}

void AgentSession::take_lines(std::string_view bytes) {
  const auto status =
      framer_.push(bytes, [this](std::string_view line) { return handle_line(line); });
  acknowledge();
  if (status == LineFramer::Status::line_too_long) {
    count_rejected_line(RefusalCode::line_too_long);
    refuse(RefusalCode::line_too_long, "a line is longer than " +
                                           std::to_string(framer_.max_line_bytes()) +
                                           " bytes; end each message with a newline");
  }
}

void AgentSession::drop(std::size_t bytes) {
  dropped_bytes_ += bytes;
  if (dropped_bytes_ > context_.limits.max_drained_bytes) close();
}

/// Returns false when nothing further is to be read.
bool AgentSession::handle_line(std::string_view line) {
  reader_.count_message();
  auto message = decode_agent_message(line, std::move(context_.spare));
  if (!message) {
    count_rejected_line(message.error().code);
    refuse(message.error().code, message.error().detail);
    return false;
  }
  std::visit([this](auto&& known) { handle(std::forward<decltype(known)>(known)); },
             *std::move(message));
  if (!endpoint_.empty() && !is_ending_) {
    deadline_ = Clock::now() + idle_timeout_ + reader_.pause();
  }
  return !is_ending_;
}

void AgentSession::handle(const Hello& hello) {
  if (!endpoint_.empty()) {
    count_rejected_line(RefusalCode::bad_field);
    return refuse(RefusalCode::bad_field, "a second hello on one connection; send one, first");
  }
  auto claim = context_.fleet.claim(hello, connection_.id, Moment::now());
  if (!claim) {
    return refuse(claim.error().code, claim.error().detail, retry_after(claim.error().code));
  }
  if (claim->displaced) context_.close_connection(*claim->displaced);

  endpoint_ = hello.endpoint;
  idle_timeout_ = std::clamp(3 * hello.push_interval, context_.limits.min_idle_timeout,
                             context_.limits.max_idle_timeout);
  Welcome welcome;
  welcome.exporter_version = std::string(version());
  welcome.idle_timeout = idle_timeout_;
  welcome.groups = context_.groups;
  welcome.peak_window = context_.peak_window;
  welcome.resume = std::move(claim->resume);
  framer_.set_max_line_bytes(kMaxLineBytes);
  connection_.stream->send(encode(welcome));
  log::info("agent connected", {{"endpoint", endpoint_},
                                {"peer", connection_.peer},
                                {"agent_version", hello.agent_version.value_or("")}});
}

void AgentSession::handle(CpuFacts facts) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "facts before the hello; say hello first");
  }
  if (!context_.fleet.learn(endpoint_, connection_.id, std::move(facts))) close();
}

void AgentSession::handle(CpuSample sample) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "a sample before the hello; say hello first");
  }
  const auto sequence = sample.sequence;
  context_.metrics.sample_received();
  const auto applied = context_.fleet.apply(endpoint_, connection_.id, sample, Moment::now());
  context_.spare = std::move(sample);
  if (applied == Fleet::Applied::not_holder) return close();
  if (applied == Fleet::Applied::sequence_not_rising) {
    context_.metrics.sample_rejected(RejectReason::sequence_not_rising);
  }
  to_acknowledge_ = std::max(to_acknowledge_.value_or(0), sequence);
}

void AgentSession::handle(const Goodbye& goodbye) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "a goodbye before the hello; say hello first");
  }
  acknowledge();
  context_.fleet.leave(endpoint_, connection_.id, goodbye.reason == "moved", Moment::now());
  begin_ending();
}

void AgentSession::handle(const UnknownMessage& /*message*/) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "an unknown message before the hello; say hello first");
  }
  context_.metrics.sample_rejected(RejectReason::unknown_type);
}

void AgentSession::acknowledge() {
  if (!to_acknowledge_) return;
  Ack ack;
  ack.sequence = *std::exchange(to_acknowledge_, std::nullopt);
  connection_.stream->send(encode(ack));
}

void AgentSession::refuse(RefusalCode code, std::string_view message,
                          std::optional<std::chrono::milliseconds> retry_after) {
  if (is_ending_) return;
  context_.metrics.connection_refused(code);  // first, so that whoever reads it finds it counted
  acknowledge();
  Refusal refusal;
  refusal.code = std::string(kRefusalCodeNames[code]);
  refusal.message = std::string(message);
  refusal.retry_after = retry_after;
  connection_.stream->send(encode(refusal));
  begin_ending();

  const auto held_back = context_.refusal_log.admit(Clock::now());
  if (held_back) {
    log::warn("connection refused", {{"code", refusal.code},
                                     {"peer", connection_.peer},
                                     {"endpoint", endpoint_},
                                     {"reason", message},
                                     {"not_logged", std::to_string(*held_back)}});
  }
}

void AgentSession::begin_ending() {
  is_ending_ = true;
  deadline_ = Clock::now() + context_.limits.linger;
  reader_.hurry();
  connection_.stream->finish();
}

void AgentSession::count_rejected_line(RefusalCode code) {
  const auto reason = reject_reason(code);
  if (!endpoint_.empty() && reason) context_.metrics.sample_rejected(*reason);
}

void AgentSession::enforce_deadline(Clock::time_point now) {
  if (now < deadline_) return;
  if (is_ending_) return close();
  if (endpoint_.empty()) {
    return refuse(RefusalCode::handshake_timeout,
                  "no complete hello within " + format_duration(context_.limits.handshake_timeout) +
                      "; send one line, ended by a newline");
  }
  refuse(RefusalCode::idle_timeout, "no complete message within " + format_duration(idle_timeout_) +
                                        "; announce a longer push_interval_ms or push more often");
}

void AgentSession::forgive(std::chrono::milliseconds pause) {
  // A message read after the pause has set a deadline that needs no more.
  const auto longest = std::max(deadline_, Clock::now() + idle_timeout_);
  deadline_ = endpoint_.empty() ? deadline_ + pause : std::min(deadline_ + pause, longest);
}

void AgentSession::say_goodbye(std::chrono::milliseconds retry_after) {
  if (is_ending_) return;
  Goodbye goodbye;
  goodbye.reason = "stop";
  goodbye.retry_after = retry_after;
  connection_.stream->send(encode(goodbye));
  begin_ending();
}

void AgentSession::close() {
  is_ending_ = true;
  reader_.hurry();
  connection_.stream->close();
}

}  // namespace cpu_monitor::exporter
