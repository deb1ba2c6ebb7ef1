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

constexpr std::string_view kCertificateIsOver =
    "the certificate of this agent has ended or is no longer believed here; give it a new one";

}  // namespace

AgentSession::AgentSession(SessionContext& context, Connection connection,
                           Clock::time_point handshake_deadline)
    : context_(context),
      connection_(std::move(connection)),
      reader_(connection_.stream, context.limits, context.read_buffer),
      deadline_(handshake_deadline),
      may_speak_(context.trust->tls() == nullptr) {}

asio::awaitable<std::optional<Connection>> AgentSession::run() {
  if (context_.trust->tls()) co_await begin_tls();
  for (;;) {
    const std::string_view bytes = co_await reader_.read();
    if (bytes.empty()) break;
    take(bytes);
    if (caller_ == Caller::legacy && !is_ending_) co_return connection_;
  }
  connection_.stream->close();
  if (!endpoint_.empty()) {
    context_.recordings.lose(connection_.id);
    context_.fleet.release(endpoint_, connection_.id);
    context_.series.release(endpoint_, connection_.id, shown_until());
    if (const auto held_back = context_.disconnect_log.admit(Clock::now())) {
      log::info("agent disconnected", {{"endpoint", endpoint_},
                                       {"peer", connection_.peer},
                                       {"not_logged", std::to_string(*held_back)}});
    }
  }
  co_return std::nullopt;
}

/// Who does not begin with TLS is told so by take().
asio::awaitable<void> AgentSession::begin_tls() {
  auto [failure] = co_await connection_.stream->readable();
  if (failure || is_ending_) co_return;
  char first_byte = 0;
  std::error_code ec;
  const auto peeked = connection_.stream->peek(asio::buffer(&first_byte, 1), ec);
  if (ec || peeked == 0) co_return;
  if (first_byte != kFirstByteOfTls) {
    may_speak_ = true;
    co_return;
  }
  const auto failed = co_await connection_.stream->secure(context_.trust->tls());
  may_speak_ = true;
  if (failed && !is_ending_) end_handshake(*failed);
}

/// The peer was told by an alert of TLS, which it can read as long as the connection stands.
void AgentSession::end_handshake(const net::TlsFailure& failure) {
  const auto code = failure.kind == net::TlsFailure::Kind::certificate ? RefusalCode::unauthorized
                                                                       : RefusalCode::tls_handshake;
  count_refusal(code);
  log_refusal(code, failure.reason);
  begin_ending();
}

/// How long its series may stay on a page after it.
AgentSession::Clock::time_point AgentSession::shown_until() const {
  return Clock::now() + std::max(context_.fleet.limits().stale_after, idle_timeout_);
}

void AgentSession::take(std::string_view bytes) {
  context_.metrics.bytes_received(bytes.size());
  if (is_ending_) return drop(bytes.size());
  if (caller_ != Caller::unknown_yet) return take_lines(bytes);

  connection_.opening += bytes;
  caller_ = recognise(connection_.opening);
  take_opening();
}

/// Sends away who is no agent, or none that speaks as it should here.
void AgentSession::take_opening() {
  const bool is_secure = connection_.stream->tls() != nullptr;
  switch (caller_) {
    case Caller::unknown_yet:
      return;
    case Caller::legacy:
      if (!is_secure) return;
      return refuse(RefusalCode::bad_json, "the legacy protocol is not spoken over TLS");
    case Caller::tls:
      if (is_secure) return refuse(RefusalCode::bad_json, "TLS is spoken already; send a hello");
      return refuse(RefusalCode::tls_unexpected,
                    "this port speaks plain text; connect without TLS");
    case Caller::http:
      return refuse(RefusalCode::bad_json,
                    "this port is for agents, one JSON object per line; metrics are on the web "
                    "port (--web.listen-address)");
    case Caller::agent:
      if (context_.trust->tls() && !is_secure) {
        return refuse(RefusalCode::tls_required,
                      "this port speaks TLS; connect with it (cpu-monitor-agent --tls)");
      }
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
  if (hello.token) token_ = digest_of_token(*hello.token);
  if (!is_certificate_believed()) return refuse(RefusalCode::unauthorized, kCertificateIsOver);
  auto identity = identify(hello.endpoint);
  if (!identity) return refuse(identity.error().code, identity.error().detail);
  auto claim = context_.fleet.claim(hello, *std::move(identity), connection_.id, Moment::now());
  if (!claim) {
    return refuse(claim.error().code, claim.error().detail, retry_after(claim.error().code));
  }
  if (claim->displaced) context_.close_connection(*claim->displaced);

  context_.welcomed(connection_.id);
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
  if (const auto held_back = context_.connect_log.admit(Clock::now())) {
    log::info("agent connected", {{"endpoint", endpoint_},
                                  {"peer", connection_.peer},
                                  {"agent_version", hello.agent_version.value_or("")},
                                  {"not_logged", std::to_string(*held_back)}});
  }
}

void AgentSession::handle(CpuFacts facts) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "facts before the hello; say hello first");
  }
  series_of_facts_ = std::max(series_of_facts_, series_of(facts));
  if (!has_room_for_series()) return;
  if (!context_.fleet.learn(endpoint_, connection_.id, std::move(facts))) close();
}

void AgentSession::handle(CpuSample sample) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "a sample before the hello; say hello first");
  }
  series_of_sample_ = std::max(series_of_sample_, series_of(sample));
  if (!has_room_for_series()) return;
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

void AgentSession::handle(const Recording& recording) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "a recording before the hello; say hello first");
  }
  const auto now = std::chrono::system_clock::now();
  if (context_.recordings.take(connection_.id, recording, now)) return reader_.discount_message();
  count_rejected_line(RefusalCode::bad_field);
}

/// It costs the recording, not the connection.
void AgentSession::handle(const UnusableRecording& recording) {
  if (endpoint_.empty()) {
    return refuse(RefusalCode::bad_field, "a recording before the hello; say hello first");
  }
  log::debug("a recording cannot be used", {{"endpoint", endpoint_}, {"reason", recording.why}});
  context_.recordings.spoil(connection_.id);
  count_rejected_line(RefusalCode::bad_field);
}

/// Refuses the agent when there is not.
bool AgentSession::has_room_for_series() {
  if (context_.series.grow(endpoint_, connection_.id, series_of_sample_ + series_of_facts_)) {
    return true;
  }
  count_rejected_line(RefusalCode::capacity);
  refuse(RefusalCode::capacity,
         "the exporter shows as many series as it may; start this agent with --no-cpu.per-core, or "
         "raise the exporter's --ingest.max-series",
         std::chrono::minutes(1));
  return false;
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
  count_refusal(code);  // first, so that whoever reads it finds it counted
  acknowledge();
  Refusal refusal;
  refusal.code = std::string(kRefusalCodeNames[code]);
  refusal.message = std::string(message);
  refusal.retry_after = retry_after;
  if (may_speak_) connection_.stream->send(encode(refusal));
  begin_ending();
  log_refusal(code, message);
}

void AgentSession::count_refusal(RefusalCode code) {
  context_.metrics.connection_refused(code);
  const bool may_pass_next_time =
      code == RefusalCode::endpoint_in_use || code == RefusalCode::capacity;
  if (endpoint_.empty() && !may_pass_next_time) context_.failed(connection_.address);
}

void AgentSession::log_refusal(RefusalCode code, std::string_view reason) {
  if (const auto held_back =
          context_.refusal_logs[static_cast<std::size_t>(code)].admit(Clock::now())) {
    log::warn("connection refused", {{"code", kRefusalCodeNames[code]},
                                     {"peer", connection_.peer},
                                     {"endpoint", endpoint_},
                                     {"reason", reason},
                                     {"not_logged", std::to_string(*held_back)}});
  }
}

void AgentSession::begin_ending() {
  if (!may_speak_) return close();  // a handshake waits for the peer, and nothing else can be said
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

/// By what it has shown, as it is trusted now.
Result<Identity, RefusalCode> AgentSession::identify(std::string_view endpoint) const {
  const net::TlsSession* const tls = connection_.stream->tls();
  return context_.trust->identify(endpoint, tls != nullptr ? tls->peer_names() : std::nullopt,
                                  token_, std::chrono::system_clock::now());
}

/// It may have been shown under a trust that is no longer in force.
bool AgentSession::is_certificate_believed() const {
  net::TlsSession* const tls = connection_.stream->tls();
  return tls == nullptr || tls->is_trusted_by(context_.trust->tls());
}

void AgentSession::judge_again() {
  if (endpoint_.empty() || is_ending_) return;
  if (!is_certificate_believed()) return refuse(RefusalCode::unauthorized, kCertificateIsOver);
  const auto identity = identify(endpoint_);
  if (!identity) return refuse(identity.error().code, identity.error().detail);
  context_.fleet.confirm(endpoint_, connection_.id, *identity);
}

bool AgentSession::ask(const RecordingRequest& request) {
  if (endpoint_.empty() || is_ending_) return false;
  if (connection_.stream->unsent_bytes() > context_.limits.max_unsent_bytes) return false;
  connection_.stream->send(encode(request));
  return true;
}

void AgentSession::say_goodbye(std::chrono::milliseconds retry_after) {
  if (is_ending_) return;
  Goodbye goodbye;
  goodbye.reason = "stop";
  goodbye.retry_after = retry_after;
  if (may_speak_) connection_.stream->send(encode(goodbye));
  begin_ending();
}

void AgentSession::close() {
  is_ending_ = true;
  reader_.hurry();
  connection_.stream->close();
}

}  // namespace cpu_monitor::exporter
