#include "exporter/ingest_listener.hpp"

#include <algorithm>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <asio/ip/network_v4.hpp>
#include <asio/ip/network_v6.hpp>
#include <asio/post.hpp>

#include "common/duration.hpp"
#include "common/log.hpp"
#include "exporter/agent_session.hpp"
#include "exporter/legacy_session.hpp"

namespace cpu_monitor::exporter {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds kSweepInterval{250};
constexpr std::chrono::milliseconds kOwnPause{1000};  ///< a sweep this late was not only busy
constexpr std::chrono::milliseconds kStopLinger{1000};
constexpr int kReturnsPerSecond = 500;  ///< of agents, after a restart

/// Tokens and certificates end while their agents are connected.
constexpr std::chrono::seconds kBetweenJudgements{5};
constexpr int kJudgedAtOnce = 100;

/// Attempts of one address that may fail.  A site of a thousand agents with a wrong token makes
/// four a second.
constexpr double kFailuresPerSecond = 10;
constexpr double kFailureBurst = 200;
constexpr std::size_t kMaxFailingPlaces = 4096;

/// So many newcomers of one address at once are no site that comes back.
constexpr std::size_t kCrowd = 64;

bool contains(const std::string& cidr, const asio::ip::address& address) {
  std::error_code ec;
  if (address.is_v4()) {
    const auto block = asio::ip::make_network_v4(cidr, ec);
    if (ec) return false;
    const auto host = asio::ip::make_network_v4(address.to_v4(), 32);
    return host == block.canonical() || host.is_subnet_of(block);
  }
  const auto block = asio::ip::make_network_v6(cidr, ec);
  if (ec) return false;
  const auto host = asio::ip::make_network_v6(address.to_v6(), 128);
  return host == block.canonical() || host.is_subnet_of(block);
}

}  // namespace

IngestListener::IngestListener(asio::io_context& io, Settings settings, Fleet& fleet,
                               SelfMetrics& metrics, Recordings& recordings)
    : io_(io),
      settings_(std::move(settings)),
      fleet_(fleet),
      context_{fleet,
               metrics,
               recordings,
               settings_.limits,
               settings_.groups,
               settings_.peak_window,
               settings_.trust,
               [this](ConnectionId id) { close_connection(id); },
               [this](ConnectionId id) { newcomers_.erase(id); },
               [this](const asio::ip::address& address) {
                 failures_.count(place_of(address), std::chrono::steady_clock::now());
               }},
      sweep_(io),
      handshakes_(handshake_pace()),
      failures_(kFailuresPerSecond, kFailureBurst, kMaxFailingPlaces),
      random_(std::random_device{}()) {
  for (const HostPort& address : settings_.addresses) acceptors_.push_back(listen(address));
  context_.metrics.series(0, context_.series.limit());
}

tcp::acceptor IngestListener::listen(const HostPort& address) {
  try {
    return listen_on(io_, address);
  } catch (const std::system_error& failure) {
    throw std::runtime_error("cannot listen for agents on " + format_host_port(address) + ": " +
                             failure.code().message() +
                             "; free it, or choose another with --ingest.listen-address");
  }
}

void IngestListener::start() {
  auto on_end = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);  // out of io_context::run, to main
  };
  for (tcp::acceptor& acceptor : acceptors_) {
    asio::co_spawn(io_, accept_for_ever(acceptor, admission()), on_end);
  }
  asio::co_spawn(io_, keep_deadlines(), on_end);
  context_.recordings.on_ask([this] { asio::post(io_, [this] { ask_for_recordings(); }); });
}

void IngestListener::trust(std::shared_ptr<const Trust> trust) {
  context_.trust = std::move(trust);
  judge_again_from(0);
}

/// Some at a time, so that samples need not wait until all are judged.
void IngestListener::judge_again_from(ConnectionId id) {
  judged_at_ = std::chrono::steady_clock::now();
  auto next = sessions_.lower_bound(id);
  for (int i = 0; i < kJudgedAtOnce && next != sessions_.end(); ++i) {
    const std::shared_ptr<Session> session = (next++)->second;
    session->judge_again();
  }
  if (next == sessions_.end()) return;
  asio::post(io_, [this, rest = next->first] { judge_again_from(rest); });
}

void IngestListener::stop() {
  if (stop_deadline_) return;
  stop_deadline_ = std::chrono::steady_clock::now() + kStopLinger;
  for (tcp::acceptor& acceptor : acceptors_) acceptor.close();
  const auto spread = std::chrono::milliseconds(sessions_.size() * 1000 / kReturnsPerSecond);
  std::uniform_int_distribution<std::chrono::milliseconds::rep> wait(0, spread.count());
  for (const auto& [id, session] : sessions_) {
    session->say_goodbye(std::chrono::milliseconds(wait(random_)));
  }
  sweep_.cancel();
}

std::vector<HostPort> IngestListener::addresses() const {
  std::vector<HostPort> addresses;
  for (const tcp::acceptor& acceptor : acceptors_) addresses.push_back(address_of(acceptor));
  return addresses;
}

Admission IngestListener::admission() {
  using Clock = std::chrono::steady_clock;
  Admission admission;
  admission.is_over = [this] { return stop_deadline_.has_value(); };
  admission.admit = [this](tcp::socket socket) {
    const bool is_served = admit(std::move(socket));
    if (!is_served || !context_.trust->tls()) return Clock::duration(0);
    const auto now = Clock::now();
    handshakes_.take(now);
    return Clock::duration(handshakes_.debt(now));
  };
  admission.on_failure = [this](std::string_view reason) {
    if (const auto held_back = accept_log_.admit(Clock::now())) {
      log::warn("cannot accept connections",
                {{"reason", reason}, {"not_logged", std::to_string(*held_back)}});
    }
  };
  return admission;
}

/// Returns whether it is served.
bool IngestListener::admit(tcp::socket socket) {
  std::error_code ec;
  const tcp::endpoint peer = socket.remote_endpoint(ec);
  if (ec) return false;  // gone already
  const auto address = unmapped(peer.address());
  const std::string place = place_of(address);
  if (failures_.is_spent(place, std::chrono::steady_clock::now())) {
    turn_away(
        std::move(socket), RefusalCode::rate,
        "too many attempts from this address have failed; see the exporter's log for why, and "
        "try again in a minute");
    return false;
  }
  const bool is_full = sessions_.size() >= settings_.max_connections;
  if (is_full && newcomers_.empty()) {
    turn_away(std::move(socket), RefusalCode::capacity,
              "the exporter has as many connections as it may; try again, or raise its "
              "--ingest.max-agents and its limit of open files");
    return false;
  }
  if (is_full || newcomers_.size() >= settings_.max_newcomers) make_room_for_a_newcomer();
  Connection connection;
  connection.id = ++last_id_;
  connection.address = address;
  connection.peer = format_host_port({connection.address.to_string(), peer.port()});
  connection.stream = std::make_shared<net::Stream>(std::move(socket));
  const auto id = connection.id;
  auto session = std::make_shared<AgentSession>(
      context_, std::move(connection),
      std::chrono::steady_clock::now() + settings_.limits.handshake_timeout);
  sessions_[id] = session;
  newcomers_[id] = place;
  auto on_end = [this, id](const std::exception_ptr& failure) { on_session_end(id, failure); };
  asio::co_spawn(io_, serve(std::move(session)), std::move(on_end));
  return true;
}

/// Who was refused already goes; else, of the place from which most wait, the oldest: who comes
/// from a place of his own keeps his time, however many others come from elsewhere.
void IngestListener::make_room_for_a_newcomer() {
  std::map<std::string_view, std::size_t> crowds;
  for (const auto& [id, place] : newcomers_) ++crowds[place];
  const auto merit = [&](const auto& newcomer) {
    const bool is_refused = sessions_.at(newcomer.first)->is_refused();
    return is_refused ? newcomers_.size() + 1 : crowds.at(newcomer.second);
  };
  const auto found = std::ranges::max_element(newcomers_, {}, merit);
  const ConnectionId id = found->first;
  const std::string place = found->second;
  if (!sessions_.at(id)->is_refused()) {
    context_.metrics.connection_refused(RefusalCode::handshake_timeout);
    if (crowds.at(place) >= kCrowd) failures_.count(place, std::chrono::steady_clock::now());
  }
  newcomers_.erase(id);
  sessions_.at(id)->close();
}

/// Costs no session: one line, if the socket takes it at once.
void IngestListener::turn_away(tcp::socket socket, RefusalCode code, std::string_view message) {
  context_.metrics.connection_refused(code);
  Refusal refusal;
  refusal.code = std::string(kRefusalCodeNames[code]);
  refusal.message = std::string(message);
  refusal.retry_after = std::chrono::seconds(30);
  std::error_code ignored;
  socket.non_blocking(true, ignored);
  if (!context_.trust->tls()) socket.write_some(asio::buffer(encode(refusal)), ignored);
  log::PeerThrottle& log = context_.refusal_logs[static_cast<std::size_t>(code)];
  if (const auto held_back = log.admit(std::chrono::steady_clock::now())) {
    log::warn("connection refused", {{"code", refusal.code},
                                     {"reason", refusal.message},
                                     {"not_logged", std::to_string(*held_back)}});
  }
}

asio::awaitable<void> IngestListener::serve(std::shared_ptr<AgentSession> session) {
  std::optional<Connection> legacy = co_await session->run();
  if (!legacy || stop_deadline_) co_return;
  newcomers_.erase(legacy->id);
  if (!is_legacy_allowed(legacy->address)) {
    context_.metrics.connection_refused(RefusalCode::endpoint_denied);
    context_.failed(legacy->address);
    log_legacy_refusal(RefusalCode::endpoint_denied,
                       "legacy client denied; --ingest.legacy-allow opens the port to it",
                       legacy->peer);
    legacy->stream->close();
    co_return;
  }
  if (legacy_connections_ >= settings_.max_legacy_connections) {
    context_.metrics.connection_refused(RefusalCode::capacity);
    log_legacy_refusal(RefusalCode::capacity, "too many legacy clients", legacy->peer);
    legacy->stream->close();
    co_return;
  }
  const auto id = legacy->id;
  const auto client = std::make_shared<LegacySession>(context_, *std::move(legacy));
  sessions_[id] = client;
  context_.metrics.legacy_connections(++legacy_connections_);
  co_await client->run();
  context_.metrics.legacy_connections(--legacy_connections_);
}

void IngestListener::log_legacy_refusal(RefusalCode code, std::string_view message,
                                        std::string_view peer) {
  log::PeerThrottle& log = context_.refusal_logs[static_cast<std::size_t>(code)];
  if (const auto held_back = log.admit(std::chrono::steady_clock::now())) {
    log::warn(message, {{"peer", peer}, {"not_logged", std::to_string(*held_back)}});
  }
}

/// Of a flood that is over nobody comes to say how many lines it would have been.
void IngestListener::log_what_was_held_back() {
  const auto now = std::chrono::steady_clock::now();
  for (std::size_t code = 0; code < kRefusalCodeNames.size(); ++code) {
    if (const std::uint64_t count = context_.refusal_logs[code].leftover(now)) {
      log::warn("more connections were refused",
                {{"code", kRefusalCodeNames.names[code]}, {"not_logged", std::to_string(count)}});
    }
  }
  if (const std::uint64_t count = context_.connect_log.leftover(now)) {
    log::info("more agents connected", {{"not_logged", std::to_string(count)}});
  }
  if (const std::uint64_t count = context_.disconnect_log.leftover(now)) {
    log::info("more agents disconnected", {{"not_logged", std::to_string(count)}});
  }
}

void IngestListener::on_session_end(ConnectionId id, const std::exception_ptr& failure) {
  newcomers_.erase(id);
  sessions_.erase(id);
  if (stop_deadline_) sweep_.cancel();
  if (!failure) return;
  const auto held_back = failure_log_.admit(std::chrono::steady_clock::now());
  if (!held_back) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    log::error("a session failed",
               {{"reason", error.what()}, {"not_logged", std::to_string(*held_back)}});
  }
}

asio::awaitable<void> IngestListener::keep_deadlines() {
  while (!stop_deadline_ || !sessions_.empty()) {
    sweep_.expires_after(kSweepInterval);
    co_await sweep_.async_wait(net::use_nothrow);
    try {
      sweep(sweep_.expiry());
    } catch (const std::exception& failure) {  // the next one comes soon
      log::error("the deadlines of agents were not kept", {{"reason", failure.what()}});
    }
  }
}

void IngestListener::sweep(std::chrono::steady_clock::time_point due) {
  const auto now = std::chrono::steady_clock::now();
  if (now - due > kOwnPause) forgive(now - due);
  enforce_deadlines();
  if (now - judged_at_ > kBetweenJudgements) judge_again_from(0);
  context_.series.expire(now);
  context_.metrics.series(context_.series.used(), context_.series.limit());
  context_.recordings.expire();
  log_what_was_held_back();
  fleet_.expire(Moment::now());
}

/// This process did not run (SIGSTOP, a sleeping or swapping machine), so that what the agents sent
/// lies unread: their silence was ours.
void IngestListener::forgive(std::chrono::steady_clock::duration lateness) {
  const auto pause = std::chrono::ceil<std::chrono::milliseconds>(lateness);
  log::warn("the exporter itself was not running; its agents get the time back",
            {{"for", format_duration(pause)}});
  for (const auto& [id, session] : sessions_) session->forgive(pause);
  fleet_.forgive(pause, Moment::now());
}

void IngestListener::enforce_deadlines() {
  const auto now = std::chrono::steady_clock::now();
  const bool is_over = stop_deadline_ && now >= *stop_deadline_;
  for (const auto& [id, session] : sessions_) {
    if (is_over) {
      session->close();
    } else {
      session->enforce_deadline(now);
    }
  }
}

void IngestListener::close_connection(ConnectionId id) {
  const auto found = sessions_.find(id);
  if (found != sessions_.end()) found->second->close();
}

/// Each from the agent that reports under the name now.
void IngestListener::ask_for_recordings() {
  Recordings& recordings = context_.recordings;
  for (const Recordings::Ask& ask : recordings.take_asks()) {
    const auto holder = fleet_.holder_of(ask.endpoint);
    const auto found = holder ? sessions_.find(*holder) : sessions_.end();
    if (found != sessions_.end() && found->second->ask(ask.request)) {
      recordings.asked(ask.request.request_id, found->first);
    } else {
      recordings.give_up(ask.request.request_id, RecordingFault::not_connected);
    }
  }
}

bool IngestListener::is_legacy_allowed(const asio::ip::address& peer) const {
  return std::any_of(settings_.legacy_allow.begin(), settings_.legacy_allow.end(),
                     [&peer](const std::string& cidr) { return contains(cidr, peer); });
}

}  // namespace cpu_monitor::exporter
