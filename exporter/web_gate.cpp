#include "exporter/web_gate.hpp"

#include <algorithm>
#include <mutex>
#include <stdexcept>
#include <system_error>
#include <tuple>

#include <asio/post.hpp>

#include "common/net/stream.hpp"

namespace cpu_monitor::exporter {
namespace {

using asio::ip::tcp;

/// So many connections of one address are no browser, and no Prometheus that waits for its scrapes.
constexpr std::size_t kCrowd = 32;
constexpr std::chrono::milliseconds kSweepInterval{100};
constexpr std::chrono::milliseconds kOwnPause{1000};  ///< a sweep this late was not only busy

/// What no reload may take away: half a file that is being written would open the door.
std::optional<std::string> why_not(const WebAccess& next, const WebAccess& current) {
  if (current.tls() && !next.tls()) return "gives the web addresses no TLS any more";
  if (current.passwords() != nullptr && next.passwords() == nullptr) {
    return "asks for no password any more";
  }
  if (current.asks_for_certificate() && !next.asks_for_certificate()) {
    return "asks for no client certificate any more";
  }
  return std::nullopt;
}

}  // namespace

/// Brings verdicts from the thread of BasicAuth to the gate's, as long as there is a gate.
class WebGate::Verdicts {
 public:
  explicit Verdicts(WebGate& gate) : gate_(&gate) {}

  void deliver(Question question, BasicAuth::Verdict verdict) {
    const std::lock_guard lock(mutex_);
    if (gate_ == nullptr) return;
    asio::post(gate_->io_, [gate = gate_, question = std::move(question), verdict] {
      gate->on_verdict(question, verdict);
    });
  }

  void end() {
    const std::lock_guard lock(mutex_);
    gate_ = nullptr;
  }

 private:
  std::mutex mutex_;
  WebGate* gate_;
};

WebGate::WebGate(Settings settings, WebServer& server, SelfMetrics& metrics)
    : settings_(std::move(settings)),
      metrics_(metrics),
      access_(load_access(nullptr)),
      context_{io_,
               server.port(),
               server.peers(),
               settings_.limits,
               [this](WebRefusal reason, std::string_view peer, std::string_view why) {
                 refused(reason, peer, why);
               },
               [this] { cut_slowest(); },
               [this](const auto& connection, std::string_view authorization) {
                 judge(connection, authorization);
               }},
      access_of_newcomers_(access_),
      sweep_(io_),
      handshakes_(handshake_pace()),
      verdicts_(std::make_shared<Verdicts>(*this)) {
  for (const HostPort& address : settings_.addresses) {
    try {
      acceptors_.push_back(listen_on(io_, address));
      addresses_.push_back(address_of(acceptors_.back()));
    } catch (const std::system_error& failure) {
      throw std::runtime_error("cannot serve HTTP on " + format_host_port(address) + ": " +
                               failure.code().message() +
                               "; free it, or choose another with --web.listen-address");
    }
  }
  warn_of_open_doors();
}

WebGate::~WebGate() {
  if (thread_.joinable()) {
    asio::post(io_, [this] {
      is_closing_ = true;
      if (!stop_at_) stop_at_ = Clock::now() + kStopLinger;
      for (tcp::acceptor& acceptor : acceptors_) acceptor.close();
      end_what_may();
      sweep_.cancel();
    });
    thread_.join();
  }
  verdicts_->end();
}

void WebGate::start() {
  auto on_end = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);  // out of io_context::run, to the log
  };
  for (tcp::acceptor& acceptor : acceptors_) {
    asio::co_spawn(io_, accept_for_ever(acceptor, admission()), on_end);
  }
  asio::co_spawn(io_, keep_deadlines(), on_end);
  thread_ = std::thread([this] { run(); });
}

void WebGate::run() {
  while (true) {
    try {
      io_.run();
      return;
    } catch (const std::exception& failure) {
      log::error("the web gate failed", {{"reason", failure.what()}});
    }
  }
}

void WebGate::stop() {
  asio::post(io_, [this] {
    if (stop_at_) return;
    stop_at_ = Clock::now() + kStopLinger;
    sweep_.cancel();
  });
}

// The configuration.

std::shared_ptr<const WebAccess> WebGate::load_access(const WebAccess* predecessor) {
  if (settings_.config_file.empty()) return std::make_shared<const WebAccess>(WebConfig{}, nullptr);
  WebConfig config = load_web_config(settings_.config_file);
  files_ =
      files_of(config, settings_.config_file);  // also when one of them is bad, and mended later
  return std::make_shared<const WebAccess>(std::move(config), predecessor);
}

void WebGate::reload() {
  std::shared_ptr<const WebAccess> access = load_access(access_.get());
  if (const auto fault = why_not(*access, *access_)) {
    throw std::runtime_error(settings_.config_file + ": " + *fault +
                             "; if that is meant, restart the exporter");
  }
  std::erase_if(former_access_, [](const auto& former) { return former.use_count() == 1; });
  former_access_.push_back(std::exchange(access_, access));
  asio::post(io_, [this, access = std::move(access)] { access_of_newcomers_ = access; });
  warn_of_open_doors();
}

void WebGate::warn_of_open_doors() const {
  for (std::size_t i = 0; i < settings_.addresses.size(); ++i) {
    if (is_loopback(settings_.addresses[i].host)) continue;
    const std::string address = format_host_port(addresses_[i]);
    if (!access_->is_guarded()) {
      return log::warn(
          "whoever reaches the web address can read all pages; --web.config.file can ask for a "
          "password or a certificate",
          {{"address", address}});
    }
    if (!access_->tls()) {
      return log::warn(
          "passwords for the web address travel in plain text; --web.config.file can give it TLS",
          {{"address", address}});
    }
  }
}

std::optional<std::chrono::system_clock::time_point> WebGate::certificate_not_after() const {
  if (!access_->tls()) return std::nullopt;
  return access_->tls()->certificate_not_after();
}

std::optional<std::chrono::system_clock::time_point> WebGate::ca_not_after() const {
  if (!access_->tls()) return std::nullopt;
  return access_->tls()->ca_not_after();
}

// Newcomers.

Admission WebGate::admission() {
  Admission admission;
  admission.is_over = [this] { return is_closing_; };
  admission.admit = [this](tcp::socket socket) {
    admit(std::move(socket));
    if (!access_of_newcomers_->tls()) return Clock::duration(0);
    const auto now = Clock::now();
    handshakes_.take(now);
    return Clock::duration(handshakes_.debt(now));
  };
  admission.on_failure = [this](std::string_view reason) {
    if (const auto held_back = accept_log_.admit(Clock::now())) {
      log::warn("cannot accept web connections",
                {{"reason", reason}, {"not_logged", std::to_string(*held_back)}});
    }
  };
  return admission;
}

void WebGate::admit(tcp::socket socket) {
  std::error_code ec;
  const tcp::endpoint endpoint = socket.remote_endpoint(ec);
  if (ec) return;  // gone already
  const asio::ip::address address = unmapped(endpoint.address());
  std::string peer = format_host_port({address.to_string(), endpoint.port()});
  std::string place = place_of(address);
  if (!make_room_for(place)) {
    return refused(WebRefusal::capacity, peer, "too many clients are being served");
  }
  auto connection =
      std::make_shared<WebConnection>(context_, std::make_shared<net::Stream>(std::move(socket)),
                                      std::move(peer), std::move(place), access_of_newcomers_);
  const ConnectionId id = ++last_id_;
  connections_[id] = connection;
  if (connections_.size() == 1) sweep_.cancel();
  auto serve = [connection = std::move(connection)] { return connection->run(); };
  auto on_end = [this, id](const std::exception_ptr& failure) { on_connection_end(id, failure); };
  asio::co_spawn(io_, std::move(serve), std::move(on_end));
}

/// False when all places are taken by clients that wait for us.
bool WebGate::make_room_for(const std::string& place) {
  const auto counts = connections_by_place();
  const auto own = counts.find(place);
  if (own != counts.end() && own->second >= settings_.limits.max_connections_of_address) {
    return displace_one([&](const WebConnection& other) { return other.place() == place; });
  }
  std::size_t all = 0;
  for (const auto& [name, count] : counts) all += count;
  if (all < settings_.limits.max_connections) return true;
  return displace_one([](const WebConnection&) { return true; });
}

/// Whoever has most gives most easily; of those who have as many, who is furthest from an answer.
/// Who waits for us stays, unless his place is a crowd.
bool WebGate::displace_one(const std::function<bool(const WebConnection&)>& may_go) {
  using Standing = WebConnection::Standing;
  const auto now = Clock::now();
  const auto counts = connections_by_place();
  const auto rank = [&](const WebConnection& connection) {
    const auto standing = connection.standing();
    const double pace = standing == Standing::reading ? connection.pace(now) : 0;
    const std::size_t crowd = counts.at(connection.place());
    return std::tuple(settings_.limits.max_connections - crowd, standing, pace, connection.began());
  };
  std::shared_ptr<WebConnection> least;
  for (const auto& [id, connection] : connections_) {
    if (!connection->is_open() || !may_go(*connection)) continue;
    const bool is_served = connection->standing() == Standing::served;
    if (is_served && counts.at(connection->place()) < kCrowd) continue;
    if (!least || rank(*connection) < rank(*least)) least = connection;
  }
  if (!least) return false;
  if (least->standing() == Standing::done) {
    least->close();
  } else {
    least->cut(WebRefusal::capacity, "too many connections");
  }
  return true;
}

std::map<std::string_view, std::size_t> WebGate::connections_by_place() const {
  std::map<std::string_view, std::size_t> counts;
  for (const auto& [id, connection] : connections_) {
    if (connection->is_open()) ++counts[connection->place()];
  }
  return counts;
}

void WebGate::on_connection_end(ConnectionId id, const std::exception_ptr& failure) {
  connections_.erase(id);
  if (is_closing_) sweep_.cancel();
  if (!failure) return;
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& error) {
    refused(WebRefusal::page_failed, "", error.what());
  }
}

// Those who are in.

void WebGate::cut_slowest() {
  const auto now = Clock::now();
  std::shared_ptr<WebConnection> slowest;
  for (const auto& [id, connection] : connections_) {
    if (!connection->is_open() || !connection->has_output()) continue;
    if (!slowest || connection->pace(now) < slowest->pace(now)) slowest = connection;
  }
  if (slowest) slowest->cut(WebRefusal::slow_reader, "the memory for slow readers is used up");
}

asio::awaitable<void> WebGate::keep_deadlines() {
  while (!is_closing_ || !connections_.empty()) {
    if (connections_.empty()) {
      sweep_.expires_at(asio::steady_timer::time_point::max());
    } else {
      sweep_.expires_after(kSweepInterval);
    }
    co_await sweep_.async_wait(net::use_nothrow);
    try {
      sweep(sweep_.expiry());
    } catch (const std::exception& failure) {  // the next one comes soon
      log::error("the deadlines of web clients were not kept", {{"reason", failure.what()}});
    }
  }
}

void WebGate::sweep(Clock::time_point due) {
  const auto now = Clock::now();
  for (const auto& [id, connection] : connections_) {
    if (now - due > kOwnPause) connection->forgive(now - due);
    connection->enforce_deadlines(now);
  }
  if (is_closing_ || (stop_at_ && now >= *stop_at_)) end_what_may();
}

/// Those who wait for us, or read what they were promised, may go on to the end of the linger.
void WebGate::end_what_may() {
  const bool is_over = stop_at_ && Clock::now() >= *stop_at_;
  for (const auto& [id, connection] : connections_) {
    switch (connection->standing()) {
      case WebConnection::Standing::done:
      case WebConnection::Standing::asking:
        connection->close();
        break;
      case WebConnection::Standing::reading:
      case WebConnection::Standing::served:
        if (is_over) connection->cut(WebRefusal::stopping, "the exporter stops");
        break;
    }
  }
}

void WebGate::refused(WebRefusal reason, std::string_view peer, std::string_view why) {
  metrics_.web_request_refused(reason);
  if (why.empty()) return;
  if (const auto held_back = refusal_logs_[reason].admit(Clock::now())) {
    log::warn("web request refused", {{"reason", kWebRefusalNames[reason]},
                                      {"peer", peer},
                                      {"why", why},
                                      {"not_logged", std::to_string(*held_back)}});
  }
}

// Passwords.

void WebGate::judge(const std::shared_ptr<WebConnection>& connection,
                    std::string_view authorization) {
  BasicAuth* const passwords = connection->access()->passwords();
  Question question(passwords, authorization);
  auto& those_who_ask = questions_[question];
  those_who_ask.push_back(connection);
  if (those_who_ask.size() > 1) return;
  passwords->judge(connection->place(), authorization,
                   [verdicts = verdicts_, question](BasicAuth::Verdict verdict) {
                     verdicts->deliver(question, verdict);
                   });
}

void WebGate::on_verdict(const Question& question, BasicAuth::Verdict verdict) {
  const auto asked = questions_.extract(question);
  if (asked.empty()) return;
  for (const auto& connection : asked.mapped()) connection->hear(verdict);
}

}  // namespace cpu_monitor::exporter
