#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "common/net/asio.hpp"
#include "common/net/tls.hpp"

namespace cpu_monitor::net {

/// One TCP connection, plain or TLS: one reader (a coroutine), and text queued for writing from
/// anywhere on the same thread.
///
/// Ownership: shared; a pending read or write keeps it alive.  Threads: the io_context's.
/// Errors: after a failed write nothing more is sent; the reader learns of it from the read behind
/// what the peer said last.
class Stream : public std::enable_shared_from_this<Stream> {
 public:
  explicit Stream(asio::ip::tcp::socket socket);

  /// Speaks TLS from here on.  Suspends until the handshake is over; returns why it failed, or
  /// none. The caller bounds the time, by close().
  [[nodiscard]] asio::awaitable<std::optional<TlsFailure>> secure(
      std::shared_ptr<const TlsContext> context);

  /// None on a plain connection.
  [[nodiscard]] TlsSession* tls() const { return tls_.get(); }

  /// Waits until the socket has something to read, or the end.  Takes no buffer meanwhile.  Awaits
  /// to (error).  Not to be called while has_pending().
  [[nodiscard]] auto readable() {
    return socket_.async_wait(asio::ip::tcp::socket::wait_read, use_nothrow);
  }

  /// Bytes that are read but not yet asked for.
  [[nodiscard]] bool has_pending() const { return tls_ && tls_->has_pending(); }

  /// Reads what is there now; `would_block` when that is nothing after all, `eof` at the end.
  [[nodiscard]] std::size_t read_available(asio::mutable_buffer buffer, std::error_code& ec);

  /// The first bytes that lie unread, which stay there; `would_block` when there are none.
  [[nodiscard]] std::size_t peek(asio::mutable_buffer buffer, std::error_code& ec);

  /// Sends, or queues what the kernel does not take; returns at once.  Nothing is sent once
  /// finish() or close() was called.
  void send(std::string_view text);

  /// Bytes queued and not yet taken by the kernel.
  [[nodiscard]] std::size_t unsent_bytes() const { return unsent_.size(); }

  /// Bytes that the kernel took and the peer has not acknowledged yet; those of TLS, where it is
  /// used.
  [[nodiscard]] std::size_t unacknowledged_bytes() const;

  /// A write failed: the peer is gone, and nothing more is sent.
  [[nodiscard]] bool is_broken() const { return is_broken_; }

  /// Suspends until everything queued is sent, or the connection is closed.
  [[nodiscard]] asio::awaitable<void> drained();

  /// Sends what is queued, then the end of the stream.  Reading goes on: a socket closed with
  /// unread input resets the connection, and the peer would lose our last line.
  void finish();

  /// Ends the connection now, whatever is queued.  The pending read ends with operation_aborted.
  void close();

  /// As close(), but what the kernel still holds for the peer goes with it, and the peer is told of
  /// an error rather than an end.
  void reset();

  [[nodiscard]] bool is_open() const { return socket_.is_open(); }

  [[nodiscard]] asio::any_io_executor get_executor() { return socket_.get_executor(); }

 private:
  void write_when_possible();
  [[nodiscard]] std::size_t write_available(std::string_view text);
  [[nodiscard]] std::size_t write_some(std::string_view text, std::error_code& ec);
  void give_up_writing();
  void finish_if_sent();

  asio::ip::tcp::socket socket_;
  std::unique_ptr<TlsSession> tls_;  ///< none: plain
  asio::steady_timer sent_;          ///< a signal: cancelled when the queue runs empty
  std::string unsent_;
  bool is_waiting_ = false;  ///< until the kernel takes more
  bool finishing_ = false;
  bool is_broken_ = false;  ///< a write failed
};

}  // namespace cpu_monitor::net
