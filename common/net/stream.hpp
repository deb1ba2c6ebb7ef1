#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "common/net/asio.hpp"

namespace cpu_monitor::net {

/// One TCP connection between agent and exporter: one reader (a coroutine), and lines queued for
/// writing from anywhere on the same thread.
///
/// Ownership: shared; a pending read or write keeps it alive.  Threads: the io_context's.
/// Errors: after a failed write nothing more is sent; the reader learns of it from the read behind
/// what the peer said last.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(asio::ip::tcp::socket socket);

  /// Waits until there is something to read, or the end.  Takes no buffer meanwhile.  Awaits to
  /// (error).
  [[nodiscard]] auto readable() {
    return socket_.async_wait(asio::ip::tcp::socket::wait_read, use_nothrow);
  }

  /// Reads what is there now; `would_block` when that is nothing after all.
  [[nodiscard]] std::size_t read_available(asio::mutable_buffer buffer, std::error_code& ec) {
    return socket_.read_some(buffer, ec);
  }

  /// Reads what is there, at least one byte.  Awaits to (error, bytes).
  [[nodiscard]] auto read_some(asio::mutable_buffer buffer) {
    return socket_.async_read_some(buffer, use_nothrow);
  }

  /// Sends whole lines, or queues what the kernel does not take; returns at once.  Nothing is sent
  /// once finish() or close() was called.
  void send(std::string_view lines);

  /// Bytes queued and not yet taken by the kernel.
  [[nodiscard]] std::size_t unsent_bytes() const { return queued_.size() + in_flight_.size(); }

  /// Suspends until everything queued is sent, or the connection is closed.
  [[nodiscard]] asio::awaitable<void> drained();

  /// Sends what is queued, then the end of the stream.  Reading goes on: a socket closed with
  /// unread input resets the connection, and the peer would lose our last line.
  void finish();

  /// Ends the connection now, whatever is queued.  The pending read ends with operation_aborted.
  void close();

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  [[nodiscard]] asio::any_io_executor get_executor() { return socket_.get_executor(); }

 private:
  void write_next();
  [[nodiscard]] std::size_t write_available(std::string_view lines);
  void give_up_writing();
  void finish_if_sent();

  asio::ip::tcp::socket socket_;
  asio::steady_timer sent_;  ///< a signal: cancelled when the queue runs empty
  std::string queued_;
  std::string in_flight_;
  bool finishing_ = false;
  bool is_broken_ = false;  ///< a write failed
};

}  // namespace cpu_monitor::net
