#include "common/net/stream.hpp"

#include <sys/ioctl.h>

#include <utility>

#include "common/net/tcp_options.hpp"

#include <linux/sockios.h>

namespace cpu_monitor::net {

Stream::Stream(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)),
      sent_(socket_.get_executor(), asio::steady_timer::time_point::max()) {
  set_tcp_options(socket_);
  std::error_code ignored;  // of a socket that is gone: the first read says so
  socket_.non_blocking(true, ignored);
}

asio::awaitable<std::optional<TlsFailure>> Stream::secure(
    std::shared_ptr<const TlsContext> context) {
  using Outcome = TlsSession::Outcome;
  auto session = std::make_unique<TlsSession>(std::move(context), socket_.native_handle());
  while (socket_.is_open()) {
    const Outcome outcome = session->handshake();
    if (outcome == Outcome::done) {
      tls_ = std::move(session);
      co_return std::nullopt;
    }
    if (outcome == Outcome::failed) co_return session->failure();
    const auto what = outcome == Outcome::wants_write ? asio::ip::tcp::socket::wait_write
                                                      : asio::ip::tcp::socket::wait_read;
    auto [failure] = co_await socket_.async_wait(what, use_nothrow);
    if (failure) break;
  }
  TlsFailure closed;
  closed.reason = "the connection was closed within the handshake";
  co_return closed;
}

std::size_t Stream::read_available(asio::mutable_buffer buffer, std::error_code& ec) {
  if (!tls_) return socket_.read_some(buffer, ec);
  std::size_t bytes = 0;
  if (!socket_.is_open()) {  // its descriptor may be another's by now
    ec = asio::error::operation_aborted;
    return bytes;
  }
  switch (tls_->read(static_cast<char*>(buffer.data()), buffer.size(), bytes)) {
    case TlsSession::Outcome::done:
      ec.clear();
      break;
    case TlsSession::Outcome::wants_read:
    case TlsSession::Outcome::wants_write:
      ec = asio::error::would_block;
      break;
    case TlsSession::Outcome::ended:
      ec = asio::error::eof;
      break;
    case TlsSession::Outcome::failed:
      ec = asio::error::connection_aborted;
      break;
  }
  return bytes;
}

std::size_t Stream::peek(asio::mutable_buffer buffer, std::error_code& ec) {
  return socket_.receive(buffer, asio::ip::tcp::socket::message_peek, ec);
}

void Stream::send(std::string_view text) {
  if (finishing_ || is_broken_ || !socket_.is_open()) return;
  if (unsent_.empty()) text.remove_prefix(write_available(text));
  if (text.empty() || is_broken_) return;
  unsent_ += text;
  if (!is_waiting_) write_when_possible();
}

/// What the kernel takes at once, which is nearly always everything.
std::size_t Stream::write_available(std::string_view text) {
  std::size_t written = 0;
  while (written < text.size()) {
    std::error_code ec;
    const std::size_t bytes = write_some(text.substr(written), ec);
    written += bytes;
    if (ec == asio::error::would_block) break;
    if (ec) {
      give_up_writing();
      break;
    }
  }
  return written;
}

std::size_t Stream::write_some(std::string_view text, std::error_code& ec) {
  if (!tls_) return socket_.write_some(asio::buffer(text), ec);
  std::size_t bytes = 0;
  switch (tls_->write(text, bytes)) {
    case TlsSession::Outcome::done:
      ec.clear();
      break;
    case TlsSession::Outcome::wants_read:
    case TlsSession::Outcome::wants_write:
      ec = asio::error::would_block;
      break;
    case TlsSession::Outcome::ended:
    case TlsSession::Outcome::failed:
      ec = asio::error::connection_aborted;
      break;
  }
  return bytes;
}

/// What the peer said before it left may still be there to be read.
void Stream::give_up_writing() {
  is_broken_ = true;
  unsent_ = {};
  sent_.cancel();
}

std::size_t Stream::unacknowledged_bytes() const {
  int bytes = 0;
  auto& socket = const_cast<asio::ip::tcp::socket&>(socket_);  // native_handle() is not const
  if (!socket.is_open() || ::ioctl(socket.native_handle(), SIOCOUTQ, &bytes) != 0) return 0;
  return static_cast<std::size_t>(bytes);
}

asio::awaitable<void> Stream::drained() {
  while (socket_.is_open() && unsent_bytes() > 0) {
    co_await sent_.async_wait(use_nothrow);
  }
}

void Stream::finish() {
  finishing_ = true;
  finish_if_sent();
}

void Stream::close() {
  std::error_code ignored;
  socket_.close(ignored);
  sent_.cancel();
}

void Stream::reset() {
  std::error_code ignored;
  socket_.set_option(asio::socket_base::linger(true, 0), ignored);
  close();
}

void Stream::write_when_possible() {
  is_waiting_ = true;
  auto on_writable = [self = shared_from_this()](std::error_code ec) {
    self->is_waiting_ = false;
    if (ec || !self->socket_.is_open()) return self->give_up_writing();
    self->unsent_.erase(0, self->write_available(self->unsent_));
    if (!self->unsent_.empty()) return self->write_when_possible();
    self->unsent_ = {};  // its memory, too
    self->sent_.cancel();
    self->finish_if_sent();
  };
  socket_.async_wait(asio::ip::tcp::socket::wait_write, std::move(on_writable));
}

void Stream::finish_if_sent() {
  if (!finishing_ || !unsent_.empty() || !socket_.is_open()) return;
  if (tls_) tls_->say_end();
  std::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

}  // namespace cpu_monitor::net
