#include "exporter/web_connection.hpp"

#include <algorithm>
#include <exception>
#include <utility>

#include "common/log.hpp"
#include "exporter/first_bytes.hpp"

namespace cpu_monitor::exporter {
namespace {

using asio::ip::tcp;

/// Until a client that has everything hangs up.
constexpr std::chrono::milliseconds kLinger{1000};

/// Workers of civetweb that may wait for slow clients, once the memory for these is used up.
constexpr std::size_t kMaxHeldWorkers = WebContext::kMaxPages / 2;

constexpr std::size_t kMaxBlockBytes = WebContext::kReadBytes;
constexpr std::size_t kMaxAnswerHeadBytes = std::size_t{64} * 1024;

/// A fatal alert of TLS: handshake_failure.
constexpr std::string_view kTlsAlert{"\x15\x03\x01\x00\x02\x02\x28", 7};

constexpr std::string_view kBusyLines = "Retry-After: 1\r\n";

/// An announced connection, until it goes.
class Announcement {
 public:
  Announcement(WebPeers& peers, std::uint16_t port) : peers_(peers), port_(port) {
    peers_.announce(port_);
  }
  ~Announcement() { static_cast<void>(leave()); }
  Announcement(const Announcement&) = delete;
  Announcement& operator=(const Announcement&) = delete;

  /// Ends it; before its socket is closed, since others may get its port.  Whether the answer is
  /// whole.
  bool leave() { return port_ != 0 && peers_.leave(std::exchange(port_, 0)); }

 private:
  WebPeers& peers_;
  std::uint16_t port_;
};

}  // namespace

WebConnection::WebConnection(WebContext& context, std::shared_ptr<net::Stream> stream,
                             std::string peer, std::string place,
                             std::shared_ptr<const WebAccess> access)
    : context_(context),
      stream_(std::move(stream)),
      peer_(std::move(peer)),
      place_(std::move(place)),
      access_(std::move(access)),
      deadline_(began_ + context_.limits.head_timeout),
      wake_(context_.io, asio::steady_timer::time_point::max()),
      civetweb_(context_.io),
      progress_at_(began_) {}

WebConnection::~WebConnection() { give_back(block_bytes_); }

asio::awaitable<void> WebConnection::run() {
  const bool is_greeted = co_await greet();
  if (is_greeted) co_await take_request();
  stage_ = Stage::leaving;
  co_await leave();
}

asio::awaitable<void> WebConnection::take_request() {
  const bool has_asked = co_await read_head();
  if (!has_asked) co_return;
  stage_ = Stage::waiting;
  deadline_ = Clock::now() + context_.limits.answer_timeout;
  const bool may_see = co_await prove();
  if (may_see) co_await serve();
}

// The handshake.

/// False when there will be no request.
asio::awaitable<bool> WebConnection::greet() {
  if (!access_->tls()) co_return true;
  const std::optional<char> first = co_await first_byte();
  if (!first) co_return false;
  if (*first != kFirstByteOfTls) {
    context_.refused(WebRefusal::tls_required, peer_, "the client does not speak TLS");
    answer("400 Bad Request", "This port speaks HTTPS: the address has to begin with https://.");
    co_return false;
  }
  const auto failure = co_await stream_->secure(access_->tls());
  if (failure) on_handshake_failed(*failure);
  co_return !failure;
}

/// Which stays unread; none when the client left.
asio::awaitable<std::optional<char>> WebConnection::first_byte() {
  char byte = 0;
  while (true) {
    auto [failure] = co_await stream_->readable();
    if (failure) co_return std::nullopt;
    std::error_code ec;
    const std::size_t bytes = stream_->peek(asio::buffer(&byte, 1), ec);
    if (bytes == 1) co_return byte;
    if (ec != asio::error::would_block) co_return std::nullopt;
  }
}

void WebConnection::on_handshake_failed(const net::TlsFailure& failure) {
  switch (failure.kind) {
    case net::TlsFailure::Kind::closed:
      return;  // it left, or was cut, which counted it
    case net::TlsFailure::Kind::certificate:
      return context_.refused(WebRefusal::client_certificate, peer_, failure.reason);
    case net::TlsFailure::Kind::not_tls:
    case net::TlsFailure::Kind::refused:
    case net::TlsFailure::Kind::protocol:
      return context_.refused(WebRefusal::tls_handshake, peer_, failure.reason);
  }
}

// The request.

/// False when there will be none, or none that can be served.
asio::awaitable<bool> WebConnection::read_head() {
  while (true) {
    if (!stream_->has_pending()) {
      auto [failure] = co_await stream_->readable();
      if (failure) co_return false;
    }
    std::error_code ec;
    const std::size_t bytes = stream_->read_available(asio::buffer(context_.read_buffer), ec);
    if (ec == asio::error::would_block) continue;
    if (ec) co_return false;
    const std::size_t from = std::max<std::size_t>(head_.size(), 3) - 3;
    head_.append(context_.read_buffer.data(), std::min(bytes, kMaxRequestHeadBytes + 1));
    if (head_.front() == kFirstByteOfTls && stream_->tls() == nullptr) {
      context_.refused(WebRefusal::tls_unexpected, peer_, "the client speaks TLS");
      stream_->send(kTlsAlert);
      co_return false;
    }
    const auto end = end_of_head(head_, from);
    if (end.value_or(head_.size()) > kMaxRequestHeadBytes) {
      context_.refused(WebRefusal::head_too_large, peer_, "the request is too long");
      answer("431 Request Header Fields Too Large", "A request may have 8192 bytes.");
      co_return false;
    }
    if (!end) continue;
    head_.resize(*end);  // what stands behind it belongs to no request that will be answered
    if (!asks_for_path(head_)) {
      context_.refused(WebRefusal::bad_request, peer_, "the request asks for no path");
      answer("400 Bad Request", "Ask for a path, as in GET /metrics HTTP/1.1.");
      co_return false;
    }
    head_ = without_header(head_, "upgrade");  // to a protocol that nobody here speaks
    co_return true;
  }
}

/// Whether it may see pages; says so if not.
asio::awaitable<bool> WebConnection::prove() {
  if (stream_->tls() != nullptr && !access_->is_allowed(*stream_->tls())) {
    context_.refused(WebRefusal::client_certificate, peer_,
                     "the certificate holds none of the client_allowed_sans");
    answer("403 Forbidden", "Your certificate does not hold a name that is allowed here.");
    co_return false;
  }
  if (access_->passwords() == nullptr) co_return true;
  const std::string_view authorization = only_header(head_, "authorization").value_or("");
  verdict_ = access_->passwords()->known(authorization);
  if (!verdict_) context_.judge(shared_from_this(), authorization);
  while (!verdict_ && is_open()) co_await wake_.async_wait(net::use_nothrow);
  if (!is_open()) co_return false;
  switch (*verdict_) {
    case BasicAuth::Verdict::allowed:
      co_return true;
    case BasicAuth::Verdict::denied:
      context_.refused(WebRefusal::unauthorized, peer_,
                       authorization.empty() ? "no password" : "wrong user or password");
      answer("401 Unauthorized", "A user and a password are needed.",
             "WWW-Authenticate: Basic realm=\"cpu-monitor\"\r\n");
      co_return false;
    case BasicAuth::Verdict::busy:
      break;
  }
  context_.refused(WebRefusal::busy, peer_, "too many passwords are to be judged");
  answer("503 Service Unavailable", "Too many passwords are to be judged; try again.", kBusyLines);
  co_return false;
}

void WebConnection::hear(BasicAuth::Verdict verdict) {
  verdict_ = verdict;
  wake_.cancel();
}

// The answer.

asio::awaitable<void> WebConnection::serve() {
  const Outcome outcome = co_await fetch();
  if (!is_open() || stream_->is_broken()) co_return;
  if (outcome == Outcome::nothing) {
    context_.refused(WebRefusal::page_failed, peer_, "civetweb did not answer");
    answer("503 Service Unavailable", "The page could not be made; try again.", kBusyLines);
  }
  if (outcome == Outcome::cut) context_.refused(WebRefusal::page_failed, peer_, "the page was cut");
  co_await all_is_sent();
  if (outcome == Outcome::cut) end(false);
}

/// Asks civetweb and passes its answer on.  Nothing of it waits for the client when this is over,
/// but in memory.
asio::awaitable<WebConnection::Outcome> WebConnection::fetch() {
  const Turns::Ticket page(context_.pages, place_, [this] { wake_.cancel(); });
  while (!page.is_turn() && is_open()) co_await wake_.async_wait(net::use_nothrow);
  if (!is_open()) co_return Outcome::nothing;

  std::error_code ec;
  civetweb_.open(tcp::v4(), ec);
  // A close tells civetweb at once that nobody reads on.  Otherwise a worker may wait for a window
  // that never opens, and each answer leaves a port behind that cannot be used for a minute.
  if (!ec) civetweb_.set_option(asio::socket_base::linger(true, 0), ec);
  if (!ec) civetweb_.bind({asio::ip::make_address(context_.peers.address()), 0}, ec);
  const auto port = ec ? std::uint16_t{0} : civetweb_.local_endpoint(ec).port();
  if (ec) co_return Outcome::nothing;

  Announcement announcement(context_.peers, port);
  const bool has_asked = co_await ask_civetweb();
  if (has_asked) co_await relay();
  const bool is_whole = announcement.leave();
  civetweb_.close(ec);
  if (!answer_head_is_there_) co_return Outcome::nothing;
  co_return is_whole ? Outcome::whole : Outcome::cut;
}

asio::awaitable<bool> WebConnection::ask_civetweb() {
  const tcp::endpoint server(asio::ip::address_v4::loopback(), context_.server_port);
  auto [no_connection] = co_await civetweb_.async_connect(server, net::use_nothrow);
  if (no_connection) co_return false;
  auto [failure, bytes] =
      co_await asio::async_write(civetweb_, asio::buffer(head_), net::use_nothrow);
  if (failure) co_return false;
  std::error_code ec;
  civetweb_.non_blocking(true, ec);
  co_return true;
}

/// Until the end of civetweb's answer, or of the client.
asio::awaitable<void> WebConnection::relay() {
  while (is_open() && !stream_->is_broken()) {
    co_await have_room();
    auto [failure] = co_await civetweb_.async_wait(tcp::socket::wait_read, net::use_nothrow);
    if (failure) co_return;
    std::error_code ec;
    const std::size_t bytes = civetweb_.read_some(asio::buffer(context_.read_buffer), ec);
    if (ec == asio::error::would_block) continue;
    if (ec) co_return;
    pass_on({context_.read_buffer.data(), bytes});
  }
}

/// For the next bytes of civetweb.
asio::awaitable<void> WebConnection::have_room() {
  const auto has_room = [this] {
    return !has_output() ||
           context_.buffered_bytes + WebContext::kReadBytes <= context_.limits.max_buffered_bytes;
  };
  if (has_room()) co_return;
  if (context_.held.size() >= kMaxHeldWorkers) context_.cut_slowest();
  context_.held.insert(this);
  while (is_open() && !stream_->is_broken() && !has_room()) {
    co_await wake_.async_wait(net::use_nothrow);
  }
  context_.held.erase(this);
}

/// Bytes of civetweb's answer, which get the configured headers on their way.
void WebConnection::pass_on(std::string_view bytes) {
  if (answer_head_is_there_) return deliver(bytes);
  const std::size_t from = std::max<std::size_t>(answer_head_.size(), 3) - 3;
  answer_head_ += bytes;
  const auto end = end_of_head(answer_head_, from);
  if (!end && answer_head_.size() < kMaxAnswerHeadBytes) return;
  answer_head_is_there_ = true;
  const std::string_view text = answer_head_;
  if (!end || access_->headers().empty()) {
    deliver(text);
  } else {
    deliver(with_headers(text.substr(0, *end), access_->headers()));
    deliver(text.substr(*end));
  }
  answer_head_ = {};
}

/// An answer of the gate itself.
void WebConnection::answer(std::string_view status, std::string_view words,
                           std::string_view more_lines) {
  std::string head = "HTTP/1.1 ";
  head.append(status).append("\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: ");
  head.append(std::to_string(words.size() + 1)).append("\r\n");
  head.append(kCommonHeaderLines).append(more_lines).append("\r\n");
  deliver(with_headers(head, access_->headers()));
  if (!head_.starts_with("HEAD ")) deliver(std::string(words) + "\n");
}

void WebConnection::deliver(std::string_view bytes) {
  if (!is_open() || bytes.empty()) return;
  if (!answer_began_) answer_began_ = progress_at_ = Clock::now();
  delivered_bytes_ += bytes.size();
  if (!has_output()) {
    stream_->send(bytes);
    if (stream_->unsent_bytes() > 0) start_pump();
    return;
  }
  block_bytes_ += bytes.size();
  context_.buffered_bytes += bytes.size();
  while (!bytes.empty()) {
    if (blocks_.empty() || blocks_.back().size() == kMaxBlockBytes) blocks_.emplace_back();
    std::string& block = blocks_.back();
    const std::size_t fits = std::min(bytes.size(), kMaxBlockBytes - block.size());
    block.append(bytes.substr(0, fits));
    bytes.remove_prefix(fits);
  }
}

void WebConnection::start_pump() {
  is_pumping_ = true;
  auto to_client = [self = shared_from_this()] { return self->pump(); };
  auto on_end = [self = shared_from_this()](const std::exception_ptr& failure) {
    self->is_pumping_ = false;
    if (failure) self->cut(WebRefusal::page_failed, "out of memory");
    self->wake_.cancel();
  };
  asio::co_spawn(context_.io, std::move(to_client), std::move(on_end));
}

/// Blocks to the stream, each when the one before is sent.
asio::awaitable<void> WebConnection::pump() {
  while (true) {
    co_await stream_->drained();
    if (!is_open() || stream_->is_broken() || blocks_.empty()) break;
    const std::string block = std::move(blocks_.front());
    blocks_.pop_front();
    give_back(block.size());
    stream_->send(block);
  }
  blocks_.clear();
  give_back(block_bytes_);
}

asio::awaitable<void> WebConnection::all_is_sent() {
  while (is_open() && is_pumping_) co_await wake_.async_wait(net::use_nothrow);
}

void WebConnection::give_back(std::size_t bytes) {
  block_bytes_ -= bytes;
  context_.buffered_bytes -= bytes;
  for (WebConnection* const waiting : context_.held) waiting->wake_.cancel();
}

/// To the last byte, and the client's own end: a socket closed with unread input resets the
/// connection, and the client would lose what it has not read.
asio::awaitable<void> WebConnection::leave() {
  co_await all_is_sent();
  stream_->finish();
  while (is_open()) {
    if (!stream_->has_pending()) {
      auto [failure] = co_await stream_->readable();
      if (failure) break;
    }
    std::error_code ec;
    static_cast<void>(stream_->read_available(asio::buffer(context_.read_buffer), ec));
    if (ec && ec != asio::error::would_block) break;
  }
  stream_->close();
}

// Deadlines.

bool WebConnection::has_output() const { return stream_->unsent_bytes() > 0 || !blocks_.empty(); }

/// Of TLS a few less than there are.
std::size_t WebConnection::acknowledged_bytes() const {
  const std::size_t pending =
      block_bytes_ + stream_->unsent_bytes() + stream_->unacknowledged_bytes();
  return std::max(delivered_bytes_, pending) - pending;
}

double WebConnection::pace(Clock::time_point now) const {
  if (!answer_began_) return 0;
  const std::chrono::duration<double> elapsed = now - *answer_began_;
  return static_cast<double>(acknowledged_bytes()) / std::max(elapsed.count(), 0.001);
}

WebConnection::Standing WebConnection::standing() const {
  if (stage_ == Stage::asking) return Standing::asking;
  if (has_output() || stream_->unacknowledged_bytes() > 0) return Standing::reading;
  return stage_ == Stage::leaving ? Standing::done : Standing::served;
}

void WebConnection::enforce_deadlines(Clock::time_point now) {
  if (!is_open()) return;
  switch (standing()) {
    case Standing::done:
      if (!done_at_) done_at_ = now;
      if (now >= *done_at_ + kLinger) close();
      return;
    case Standing::asking:
    case Standing::served:
      progress_bytes_ = acknowledged_bytes();
      progress_at_ = now;
      break;
    case Standing::reading: {
      const std::size_t bytes = acknowledged_bytes();
      if (bytes < progress_bytes_ + context_.limits.min_progress_bytes) {
        if (now >= progress_at_ + context_.limits.progress_timeout) {
          return cut(WebRefusal::slow_reader, "the client reads its page too slowly");
        }
        break;
      }
      progress_bytes_ = bytes;
      progress_at_ = now;
      break;
    }
  }
  if (now >= deadline_) on_late();
}

void WebConnection::forgive(Clock::duration pause) {
  deadline_ += pause;
  progress_at_ += pause;
}

void WebConnection::on_late() {
  if (stage_ == Stage::asking) {
    cut(WebRefusal::head_timeout, "no whole request in time");
  } else if (delivered_bytes_ == 0) {
    cut(WebRefusal::busy, "its turn did not come in time");
  } else {
    cut(WebRefusal::slow_reader, "the client did not read its page in time");
  }
}

void WebConnection::cut(WebRefusal reason, std::string_view why) {
  if (!is_open()) return;
  context_.refused(reason, peer_, why);
  end(stage_ != Stage::asking);
}

void WebConnection::close() { end(false); }

/// `resets`: the client does not get what the kernel still holds for it.
void WebConnection::end(bool resets) {
  if (resets) {
    stream_->reset();
  } else {
    stream_->close();
  }
  std::error_code ignored;
  civetweb_.shutdown(tcp::socket::shutdown_both, ignored);  // whoever reads it closes it
  blocks_.clear();
  give_back(block_bytes_);
  wake_.cancel();
}

}  // namespace cpu_monitor::exporter
