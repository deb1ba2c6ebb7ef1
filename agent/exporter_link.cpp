#include "agent/exporter_link.hpp"

#include <algorithm>
#include <array>
#include <exception>
#include <utility>
#include <variant>
#include <vector>

#include <asio/connect.hpp>

#include "common/duration.hpp"
#include "common/log.hpp"

namespace cpu_monitor::agent {
namespace {

constexpr std::size_t kReadChunkBytes = 4096;
constexpr std::string_view kNotOurProtocol =
    "the answer is not of this protocol; is it the exporter's ingest port?";
constexpr std::chrono::milliseconds kMaxRetryAfter = std::chrono::minutes(5);

/// An exporter says one thing a push, a few at a welcome.  More is not read.
constexpr double kMessagesPerSecond = 20;
constexpr double kMessageBurst = 100;

/// An exporter asks once a second at most, by its own clock.
constexpr double kRecordingsPerSecond = 1;
constexpr double kRecordingBurst = 2;

/// The next piece of a recording goes out when the exporter has all but this of what was sent
/// before: a sample finds little ahead of itself, however slow the way is.
constexpr std::size_t kMaxBytesAhead = 4096;
constexpr std::chrono::milliseconds kBetweenPieces{10};

/// Refusals that pass by themselves; all others wait for a person.
bool passes_by_itself(std::string_view code) {
  const auto known = kRefusalCodeNames.find(code);
  return known == RefusalCode::endpoint_in_use || known == RefusalCode::capacity ||
         known == RefusalCode::idle_timeout || known == RefusalCode::handshake_timeout ||
         known == RefusalCode::rate;
}

/// A session of hours must not be taken for dead by one lost packet, nor a push every 20 minutes
/// for silence.
std::chrono::milliseconds ack_timeout(const ExporterLink::Settings& settings) {
  return std::max(settings.min_ack_timeout,
                  2 * settings.hello.push_interval + std::chrono::seconds(5));
}

/// The exporter would end the connection over a longer line, again and again.  Only a machine with
/// a thousand CPUs, counters of 17 digits and every group collected has one: it goes without what
/// is named here, one after the other until it fits.
std::string encode_within_limit(CpuSample& sample) {
  using Shed = void (*)(CpuSample&);
  constexpr std::array<Shed, 3> kSheds{[](CpuSample& large) { large.schedstat.clear(); },
                                       [](CpuSample& large) {
                                         large.slow.frequency.reset();
                                         large.slow.throttles.reset();
                                       },
                                       [](CpuSample& large) {
                                         if (large.cpu) large.cpu->cores.clear();
                                       }};
  std::string line = encode(sample);
  for (const Shed shed : kSheds) {
    if (line.size() <= kMaxLineBytes) break;
    shed(sample);
    line = encode(sample);
  }
  return line;
}

using Addresses = std::vector<asio::ip::tcp::endpoint>;

/// Empty when the host is a name, which must be looked up.  A look-up would do for a number too,
/// but Asio keeps a thread and its stack for that from then on.
Addresses numeric_address(const HostPort& exporter) {
  // Asio takes an interface it does not know for none; the look-up says so.
  if (exporter.host.find('%') != std::string::npos) return {};
  std::error_code is_a_name;
  const auto address = asio::ip::make_address(exporter.host, is_a_name);
  if (is_a_name) return {};
  return {asio::ip::tcp::endpoint(address, exporter.port)};
}

}  // namespace

ExporterLink::ExporterLink(asio::io_context& io, Settings settings, Events events)
    : io_(io),
      settings_(std::move(settings)),
      events_(std::move(events)),
      exporter_name_(format_host_port(settings_.exporter)),
      resolver_(io),
      deadline_(io),
      retry_(io),
      next_piece_due_(io),
      random_(std::random_device{}()),
      backoff_(settings_.backoff_base, settings_.backoff_cap),
      refused_backoff_(settings_.backoff_base, settings_.refused_backoff_cap),
      recordings_(kRecordingsPerSecond, kRecordingBurst, TokenBucket::Clock::now()),
      proofs_(settings_.proofs()) {}

void ExporterLink::start() {
  auto on_end = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);  // out of io_context::run, to main
  };
  asio::co_spawn(io_, run(), std::move(on_end));
}

void ExporterLink::offer(CpuSample sample) {
  if (pending_) sample.slow.inherit(pending_->slow);
  pending_ = std::move(sample);
  send_pending();
}

void ExporterLink::tell(const CpuFacts& facts) {
  if (!stream_ || !welcomed_at_ || stopping_) return;
  const std::string line = encode(facts);
  if (line.size() <= kMaxLineBytes) return stream_->send(line);
  log::warn("the facts of the CPUs do not fit into a line; they are not sent",
            {{"bytes", std::to_string(line.size())}});
}

void ExporterLink::reload() {
  if (stopping_ || !refresh_proofs()) return;
  log::info("connecting anew, with the certificates and token as they are now",
            {{"exporter", exporter_name_}});
  is_reloading_ = true;
  retry_.cancel();
  if (connecting_) connecting_->close();
  if (stream_) stream_->close();
}

void ExporterLink::stop() {
  stopping_ = true;
  retry_.cancel();
  resolver_.cancel();
  drop_recording();
  if (connecting_) connecting_->close();
  if (!stream_) return;
  if (welcomed_at_) {
    Goodbye goodbye;
    goodbye.reason = "stop";
    stream_->send(encode(goodbye));
  }
  stream_->finish();
  set_deadline(std::chrono::seconds(1));
}

asio::awaitable<void> ExporterLink::run() {
  while (!stopping_) {
    is_reloading_ = false;
    co_await serve_one_connection();
    if (stopping_) co_return;
    if (is_reloading_) continue;
    const auto wait = next_wait();
    log::debug("next attempt", {{"exporter", exporter_name_}, {"in", format_duration(wait)}});
    retry_.expires_after(wait);
    co_await retry_.async_wait(net::use_nothrow);
  }
}

asio::awaitable<void> ExporterLink::serve_one_connection() {
  needs_a_person_ = false;
  is_over_ = false;
  timed_out_ = false;
  retry_after_ = {};
  framer_ = LineFramer(kMaxLineBytes);

  refresh_proofs();
  const bool is_connected = co_await connect();
  if (is_connected) {
    const bool is_secure = co_await secure();
    if (is_secure) {
      set_deadline(settings_.welcome_timeout);
      settings_.hello.token = proofs_.token;
      stream_->send(encode(settings_.hello));
      co_await read_lines();
    }
    stream_->close();
    stream_.reset();
  }
  deadline_.cancel();
  drop_recording();
  in_flight_.reset();
  const bool was_welcomed = std::exchange(welcomed_at_, std::nullopt).has_value();
  if (was_welcomed && !stopping_ && events_.disconnected) events_.disconnected();
}

asio::awaitable<bool> ExporterLink::connect() {
  auto addresses = numeric_address(settings_.exporter);
  if (addresses.empty()) {
    const std::string port = std::to_string(settings_.exporter.port);
    auto [resolve_error, found] =
        co_await resolver_.async_resolve(settings_.exporter.host, port, net::use_nothrow);
    if (stopping_) co_return false;
    if (resolve_error) {
      note_failure("cannot look up the exporter's name", resolve_error.message());
      co_return false;
    }
    for (const auto& entry : found) addresses.push_back(entry.endpoint());
  }

  set_deadline(settings_.connect_timeout);
  connecting_.emplace(io_);
  auto [connect_error, address] =
      co_await asio::async_connect(*connecting_, addresses, net::use_nothrow);
  auto socket = std::move(*connecting_);
  connecting_.reset();
  if (stopping_) co_return false;
  if (connect_error) {
    note_failure("cannot connect to the exporter",
                 timed_out_ ? "timed out" : connect_error.message());
    co_return false;
  }
  stream_ = std::make_shared<net::Stream>(std::move(socket));
  co_return true;
}

/// Until the handshake of TLS is over, if there is to be one.
asio::awaitable<bool> ExporterLink::secure() {
  if (!proofs_.tls) co_return true;
  const auto stream = stream_;
  set_deadline(settings_.connect_timeout);
  const auto failure = co_await stream->secure(proofs_.tls);
  if (failure && !stopping_ && !is_reloading_) note_tls_failure(*failure);
  co_return !failure && !stopping_;
}

asio::awaitable<void> ExporterLink::read_lines() {
  const auto stream = stream_;
  std::array<char, kReadChunkBytes> chunk{};
  TokenBucket messages(kMessagesPerSecond, kMessageBurst, TokenBucket::Clock::now());
  asio::steady_timer pause(io_);
  for (;;) {
    const auto wait = messages.debt(TokenBucket::Clock::now());
    if (wait > TokenBucket::Clock::duration::zero()) {
      pause.expires_after(wait);
      co_await pause.async_wait(net::use_nothrow);
    }
    std::error_code ec;
    std::size_t bytes = 0;
    if (!stream->has_pending()) {
      auto [failure] = co_await stream->readable();
      ec = failure;
    }
    if (!ec) bytes = stream->read_available(asio::buffer(chunk), ec);
    if (ec == asio::error::would_block) continue;
    if (ec) {
      if (stopping_ || is_reloading_) co_return;
      const net::TlsSession* const tls = stream->tls();
      if (tls != nullptr && tls->failure().kind == net::TlsFailure::Kind::refused) {
        note_tls_failure(tls->failure());
        co_return;
      }
      note_failure(welcomed_at_ ? "lost the exporter" : "the exporter closed before its welcome",
                   timed_out_ ? "no answer in time" : ec.message());
      co_return;
    }
    const auto status = framer_.push(std::string_view(chunk.data(), bytes),
                                     [this, &messages](std::string_view line) {
                                       messages.take(TokenBucket::Clock::now());
                                       return handle_line(line);
                                     });
    if (status == LineFramer::Status::line_too_long) {
      note_failure(kNotOurProtocol, "a line that does not end");
    }
    if (status != LineFramer::Status::ok) co_return;
  }
}

/// Returns false when the connection is over: the exporter's last line is its last word.
bool ExporterLink::handle_line(std::string_view line) {
  // The answer of every second is known beforehand: no need to make a tree of it.
  if (in_flight_ && line == expected_ack_) {
    handle(Ack{in_flight_->sequence});
    return true;
  }
  const auto message = decode_exporter_message(line);
  if (!message) {
    note_failure(kNotOurProtocol, message.error().detail);
    return false;
  }
  std::visit([this](const auto& known) { handle(known); }, *message);
  return !is_over_;
}

void ExporterLink::handle(const Welcome& welcome) {
  if (welcomed_at_ || stopping_) return;
  welcomed_at_ = std::chrono::steady_clock::now();
  set_deadline(ack_timeout(settings_));
  last_failure_.clear();
  log::info("connected", {{"exporter", exporter_name_},
                          {"endpoint", settings_.hello.endpoint},
                          {"exporter_version", welcome.exporter_version}});
  if (events_.welcomed) events_.welcomed(welcome);
  send_pending();
}

void ExporterLink::handle(const Ack& ack) {
  if (!in_flight_ || ack.sequence != in_flight_->sequence) return;
  set_deadline(ack_timeout(settings_));
  const auto now = std::chrono::steady_clock::now();
  if (welcomed_at_ && now - *welcomed_at_ >= settings_.steady_after) {
    backoff_.reset();
    refused_backoff_.reset();
  }
  const CpuSample sample = *std::exchange(in_flight_, std::nullopt);
  if (events_.acknowledged) events_.acknowledged(sample);
  send_pending();
}

/// A newer request takes the place of the one whose answer is under way.
void ExporterLink::handle(const RecordingRequest& request) {
  if (!welcomed_at_ || stopping_ || !events_.recording) return;
  const auto now = TokenBucket::Clock::now();
  if (recordings_.tokens(now) < 1) return;
  recordings_.take(now);
  next_piece_ = events_.recording(request);
  send_piece();
}

void ExporterLink::handle(const Refusal& refusal) {
  is_over_ = true;
  // A token or a name that was good until now may be so again: its file is being written.
  needs_a_person_ = !welcomed_at_ && !passes_by_itself(refusal.code);
  retry_after_ = refusal.retry_after.value_or(retry_after_);
  note_failure("refused by the exporter (" + refusal.code + ")", refusal.message);
}

void ExporterLink::handle(const Goodbye& goodbye) {
  is_over_ = true;
  retry_after_ = goodbye.retry_after.value_or(retry_after_);
  note_failure("the exporter says goodbye", goodbye.reason);
}

void ExporterLink::send_pending() {
  if (!stream_ || !welcomed_at_ || stopping_ || in_flight_ || !pending_) return;
  in_flight_ = *std::exchange(pending_, std::nullopt);
  in_flight_->sequence = ++last_sequence_;
  expected_ack_ = encode(Ack{last_sequence_});
  expected_ack_.pop_back();  // the newline
  stream_->send(encode_within_limit(*in_flight_));
}

/// One piece, if the way is free; and looks again soon.
void ExporterLink::send_piece() {
  if (!next_piece_ || !stream_) return;
  if (stream_->unsent_bytes() == 0 && stream_->unacknowledged_bytes() <= kMaxBytesAhead) {
    const std::optional<Recording> piece = next_piece_();
    if (!piece) return drop_recording();
    stream_->send(encode(*piece));
  }
  next_piece_due_.expires_after(kBetweenPieces);
  next_piece_due_.async_wait([this](std::error_code ec) {
    if (!ec) send_piece();
  });
}

void ExporterLink::drop_recording() {
  next_piece_ = nullptr;
  next_piece_due_.cancel();
}

void ExporterLink::set_deadline(std::chrono::milliseconds from_now) {
  deadline_.expires_after(from_now);
  deadline_.async_wait([this](std::error_code ec) {
    // After a pause of the process the answer may lie before this call in the same queue.
    if (ec || deadline_.expiry() > std::chrono::steady_clock::now()) return;
    timed_out_ = true;
    if (connecting_) connecting_->close();
    if (stream_) stream_->close();
  });
}

/// Returns whether they could be read.
bool ExporterLink::refresh_proofs() {
  try {
    proofs_ = settings_.proofs();
    last_proofs_failure_.clear();
    return true;
  } catch (const std::runtime_error& failure) {
    if (last_proofs_failure_ != failure.what()) {
      log::warn("cannot read the certificates or the token; going on with those read before",
                {{"reason", failure.what()}});
    }
    last_proofs_failure_ = failure.what();
    return false;
  }
}

void ExporterLink::note_tls_failure(const net::TlsFailure& failure) {
  using Kind = net::TlsFailure::Kind;
  needs_a_person_ = failure.kind != Kind::closed;
  switch (failure.kind) {
    case Kind::closed:
      return note_failure("lost the exporter within the TLS handshake",
                          timed_out_ ? "no answer in time" : failure.reason);
    case Kind::not_tls:
      return note_failure(
          "the exporter does not speak TLS on this port; give it a certificate "
          "(--ingest.tls-cert-file), or leave --tls out here",
          failure.reason);
    case Kind::certificate:
      return note_failure(
          "the exporter's certificate is not believed, so that nothing was told to it; see "
          "--tls.ca-file and --tls.server-name, or join again if it was set up anew",
          failure.reason);
    case Kind::refused:
      return note_failure(
          "the exporter does not believe this agent's certificate; see --tls.cert-file",
          failure.reason);
    case Kind::protocol:
      return note_failure("the TLS handshake failed", failure.reason);
  }
}

void ExporterLink::note_failure(std::string_view what, std::string_view detail) {
  std::string failure = std::string(what) + ": " + std::string(detail);
  if (failure == last_failure_) {
    log::debug(what, {{"exporter", exporter_name_}, {"reason", detail}});
    return;
  }
  log::warn(what, {{"exporter", exporter_name_}, {"reason", detail}});
  last_failure_ = std::move(failure);
}

std::chrono::milliseconds ExporterLink::next_wait() {
  const auto jittered = needs_a_person_ ? refused_backoff_.next(random_) : backoff_.next(random_);
  return std::max(jittered, std::min(retry_after_, kMaxRetryAfter));
}

}  // namespace cpu_monitor::agent
