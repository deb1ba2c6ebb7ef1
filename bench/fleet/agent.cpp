#include "bench/fleet/agent.hpp"

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <utility>
#include <variant>

#include "bench/tcp.hpp"

namespace cpu_monitor::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

// As the real agent has them (docs/protocol.md, "Order and timing").
constexpr milliseconds kBackoffBase = seconds(5);
constexpr milliseconds kBackoffCap = seconds(30);
constexpr milliseconds kRefusedBackoffCap = std::chrono::minutes(5);
constexpr milliseconds kMaxRetryAfter = std::chrono::minutes(5);
constexpr seconds kAnswerTimeout{10};  // of connect and hello
constexpr seconds kSteadyAfter{10};

constexpr std::string_view kAckStart = R"({"type":"ack","sequence":)";
constexpr std::size_t kReadBytes = std::size_t{64} * 1024;

milliseconds ack_timeout(milliseconds interval) {
  return std::max<milliseconds>(seconds(20), 2 * interval + seconds(5));
}

/// Machines that count alike would make a page that is compressed too well.
constexpr std::uint64_t kTicksApart = 997;

bool passes_by_itself(std::string_view code) {
  const auto known = kRefusalCodeNames.find(code);
  return known == RefusalCode::endpoint_in_use || known == RefusalCode::capacity ||
         known == RefusalCode::idle_timeout || known == RefusalCode::handshake_timeout;
}

}  // namespace

SimulatedAgent::SimulatedAgent(FleetContext& context, std::uint32_t index, const SampleLine& line)
    : context_(context),
      line_(line),
      index_(index),
      backoff_(kBackoffBase, kBackoffCap),
      refused_backoff_(kBackoffBase, kRefusedBackoffCap),
      session_(std::to_string(context.random()) + "-" + std::to_string(index)) {
  line_.move_ticks_on(kTicksApart * index);
}

void SimulatedAgent::connect() {
  if (context_.is_stopping) return;
  connecting_since_ = Clock::now();
  socket_ = begin_to_connect(context_.exporter);
  if (socket_ < 0) {
    context_.statistics.last_connect_error = errno;
    return end_connection();
  }
  state_ = State::connecting;
  deadline_ = connecting_since_ + kAnswerTimeout;
  wait_for(EPOLLOUT, EPOLL_CTL_ADD);
}

void SimulatedAgent::push() {
  if (is_pending_ && context_.is_measuring) ++context_.statistics.window.merged;
  is_pending_ = true;
  send_sample();
}

void SimulatedAgent::on_events(std::uint32_t events) {
  if (state_ == State::connecting) {
    if (const int error = connect_error(socket_); error != 0) {
      context_.statistics.last_connect_error = error;
      return end_connection();
    }
    if (context_.tls == nullptr) return greet();
    state_ = State::securing;
    tls_ = std::make_unique<net::TlsSession>(context_.tls, socket_);
  }
  if (state_ == State::securing) return secure();
  if ((events & EPOLLOUT) != 0) flush();
  if (is_open() && (events & ~std::uint32_t{EPOLLOUT}) != 0) read();
}

void SimulatedAgent::enforce_deadline(Time now) {
  if (now < deadline_) return;
  end_connection();
}

void SimulatedAgent::say_goodbye() {
  if (state_ != State::streaming) return close();
  Goodbye goodbye;
  goodbye.reason = "stop";
  send(encode(goodbye));
  if (!is_open()) return;
  state_ = State::leaving;
  if (tls_) tls_->say_end();
  ::shutdown(socket_, SHUT_WR);
}

void SimulatedAgent::close() {
  tls_.reset();
  if (socket_ >= 0) ::close(socket_);
  socket_ = -1;
  state_ = State::closed;
  deadline_ = Time::max();
  if (std::exchange(in_flight_, false)) --context_.in_flight;
  framer_ = LineFramer(kMaxLineBytes);
  unsent_.clear();
}

void SimulatedAgent::secure() {
  using Outcome = net::TlsSession::Outcome;
  switch (tls_->handshake()) {
    case Outcome::wants_read:
      return wait_for(EPOLLIN, EPOLL_CTL_MOD);
    case Outcome::wants_write:
      return wait_for(EPOLLOUT, EPOLL_CTL_MOD);
    case Outcome::done:
      return greet();
    case Outcome::ended:
    case Outcome::failed:
      return end_connection();
  }
}

void SimulatedAgent::greet() {
  state_ = State::greeting;
  wait_for(EPOLLIN, EPOLL_CTL_MOD);
  const std::string name = endpoint_name(context_.options.endpoint_prefix, index_);
  Hello hello = simulated_hello(name, session_, context_.options.interval);
  if (!context_.options.token.empty()) hello.token = context_.options.token;
  send(encode(hello));
}

ssize_t SimulatedAgent::receive(char* buffer, std::size_t size) {
  if (!tls_) return ::recv(socket_, buffer, size, 0);
  using Outcome = net::TlsSession::Outcome;
  std::size_t received = 0;
  const Outcome outcome = tls_->read(buffer, size, received);
  if (outcome == Outcome::done) return static_cast<ssize_t>(received);
  if (outcome == Outcome::ended) return 0;
  errno = outcome == Outcome::failed ? EPROTO : EAGAIN;
  return -1;
}

std::size_t SimulatedAgent::write(std::string_view text) {
  // A broken connection is noticed by the read that follows.
  std::size_t written = 0;
  if (tls_) return tls_->write(text, written) == net::TlsSession::Outcome::done ? written : 0;
  const ssize_t sent = ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL);
  return sent < 0 ? 0 : static_cast<std::size_t>(sent);
}

void SimulatedAgent::read() {
  do {
    read_some();
  } while (tls_ && tls_->has_pending());
}

void SimulatedAgent::read_some() {
  std::array<char, kReadBytes> bytes;
  const ssize_t size = receive(bytes.data(), bytes.size());
  if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (size <= 0) return end_connection();
  if (context_.is_measuring) {
    context_.statistics.window.bytes_received += static_cast<std::uint64_t>(size);
  }
  const std::string_view text(bytes.data(), static_cast<std::size_t>(size));
  const auto status =
      framer_.push(text, [this](std::string_view line) { return handle_line(line) && is_open(); });
  if (status != LineFramer::Status::ok) end_connection();
}

/// Returns false when the connection is over: the exporter's last line is its last word.
bool SimulatedAgent::handle_line(std::string_view line) {
  if (state_ == State::leaving) return true;
  if (!line.starts_with(kAckStart)) return handle_other_line(line);
  std::uint64_t sequence = 0;
  std::from_chars(line.data() + kAckStart.size(), line.data() + line.size(), sequence);
  handle_ack(sequence);
  return true;
}

bool SimulatedAgent::handle_other_line(std::string_view line) {
  const auto message = decode_exporter_message(line);
  if (!message) {
    ++context_.statistics.refusals["answer_not_understood"];
    return false;
  }
  if (std::holds_alternative<Welcome>(*message)) handle_welcome();
  if (const auto* const ack = std::get_if<Ack>(&*message)) handle_ack(ack->sequence);
  if (const auto* const goodbye = std::get_if<Goodbye>(&*message)) {
    retry_after_ = goodbye->retry_after.value_or(retry_after_);
    return false;
  }
  if (const auto* const refusal = std::get_if<Refusal>(&*message)) {
    const bool is_known = kRefusalCodeNames.find(refusal->code).has_value();
    ++context_.statistics.refusals[is_known ? refusal->code : "other"];
    needs_a_person_ = !passes_by_itself(refusal->code);
    retry_after_ = refusal->retry_after.value_or(retry_after_);
    return false;
  }
  return true;
}

void SimulatedAgent::handle_welcome() {
  if (state_ != State::greeting) return;
  state_ = State::streaming;
  welcomed_at_ = Clock::now();
  context_.statistics.connect.add(welcomed_at_ - connecting_since_);
  deadline_ = welcomed_at_ + ack_timeout(context_.options.interval);
  next_slow_ = Time::min();
  if (!context_.facts_line.empty()) send(context_.facts_line);
  if (context_.options.interval == milliseconds(0)) is_pending_ = true;
  send_sample();
}

void SimulatedAgent::handle_ack(std::uint64_t sequence) {
  if (!in_flight_ || sequence != line_.sequence()) return;
  in_flight_ = false;
  --context_.in_flight;
  const Time now = Clock::now();
  deadline_ = now + ack_timeout(context_.options.interval);
  if (is_counted_) {
    ++context_.statistics.window.acked;
    context_.statistics.window.ack.add(now - sent_at_);
  }
  if (!std::exchange(was_acknowledged_, true)) ++context_.acknowledged_agents;
  if (lost_at_) context_.statistics.add_reconnect(now - *std::exchange(lost_at_, std::nullopt));
  if (now - welcomed_at_ >= kSteadyAfter) {
    backoff_.reset();
    refused_backoff_.reset();
  }
  if (context_.is_flat_out) is_pending_ = true;
  send_sample();
}

void SimulatedAgent::send_sample() {
  if (state_ != State::streaming || in_flight_ || !is_pending_ || context_.is_stopping) return;
  is_pending_ = false;
  in_flight_ = true;
  is_counted_ = context_.is_measuring;
  ++context_.in_flight;
  if (is_counted_) ++context_.statistics.window.sent;
  sent_at_ = Clock::now();
  const auto elapsed = std::chrono::floor<milliseconds>(sent_at_ - context_.started_at);
  const std::string_view line = line_.next(context_.wall_offset + elapsed, kFirstUptime + elapsed);
  if (sent_at_ < next_slow_ || context_.slow_tail.empty()) return send(line);
  next_slow_ = sent_at_ + kSlowInterval;
  context_.scratch.assign(line.substr(0, line.size() - 2)).append(context_.slow_tail);
  send(context_.scratch);
}

void SimulatedAgent::send(std::string_view text) {
  if (!is_open()) return;
  if (context_.is_measuring) context_.statistics.window.bytes_sent += text.size();
  if (unsent_.empty()) {
    text.remove_prefix(write(text));
    if (text.empty()) return;
    wait_for(EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
  }
  unsent_.append(text);
}

void SimulatedAgent::flush() {
  unsent_.erase(0, write(unsent_));
  if (!unsent_.empty()) return;
  wait_for(EPOLLIN, EPOLL_CTL_MOD);
}

void SimulatedAgent::wait_for(std::uint32_t events, int operation) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = index_;
  ::epoll_ctl(context_.epoll, operation, socket_, &event);
}

void SimulatedAgent::end_connection() {
  const State was = state_;
  close();
  if (was == State::leaving || context_.is_stopping) return;
  if (was == State::streaming) {
    ++context_.statistics.disconnects;
    lost_at_ = lost_at_.value_or(Clock::now());
  } else {
    ++context_.statistics.failed_connects;
  }
  schedule_connect();
}

void SimulatedAgent::schedule_connect() {
  Backoff& backoff = needs_a_person_ ? refused_backoff_ : backoff_;
  const milliseconds wait =
      std::max(backoff.next(context_.random), std::min(retry_after_, kMaxRetryAfter));
  needs_a_person_ = false;
  retry_after_ = milliseconds(0);
  context_.timers.add({Clock::now() + wait, index_, Timers::Kind::connect});
}

}  // namespace cpu_monitor::bench
