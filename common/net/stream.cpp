#include "common/net/stream.hpp"

#include <utility>

#include "common/net/tcp_options.hpp"

namespace cpu_monitor::net {

Stream::Stream(asio::ip::tcp::socket socket)
    : socket_(std::move(socket)),
      sent_(socket_.get_executor(), asio::steady_timer::time_point::max()) {
  set_tcp_options(socket_);
  std::error_code ignored;  // of a socket that is gone: the first read says so
  socket_.non_blocking(true, ignored);
}

void Stream::send(std::string_view lines) {
  if (finishing_ || is_broken_ || !socket_.is_open()) return;
  if (unsent_bytes() == 0) lines.remove_prefix(write_available(lines));
  if (lines.empty() || is_broken_) return;
  queued_ += lines;
  if (in_flight_.empty()) write_next();
}

/// What the kernel takes at once, which is nearly always everything.
std::size_t Stream::write_available(std::string_view lines) {
  std::error_code ec;
  const std::size_t written = socket_.write_some(asio::buffer(lines), ec);
  if (ec && ec != asio::error::would_block) give_up_writing();
  return ec ? 0 : written;
}

/// What the peer said before it left may still be there to be read.
void Stream::give_up_writing() {
  is_broken_ = true;
  queued_.clear();
  in_flight_.clear();
  sent_.cancel();
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

void Stream::write_next() {
  in_flight_ = std::exchange(queued_, {});
  auto on_written = [self = shared_from_this()](std::error_code ec, std::size_t /*bytes*/) {
    if (ec) return self->give_up_writing();
    self->in_flight_.clear();
    if (!self->queued_.empty()) return self->write_next();
    self->sent_.cancel();
    self->finish_if_sent();
  };
  asio::async_write(socket_, asio::buffer(in_flight_), std::move(on_written));
}

void Stream::finish_if_sent() {
  if (!finishing_ || unsent_bytes() > 0) return;
  std::error_code ignored;
  socket_.shutdown(asio::ip::tcp::socket::shutdown_send, ignored);
}

}  // namespace cpu_monitor::net
