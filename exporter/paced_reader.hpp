#pragma once

#include <chrono>
#include <memory>
#include <string_view>

#include "common/net/stream.hpp"
#include "common/token_bucket.hpp"
#include "exporter/session.hpp"

namespace cpu_monitor::exporter {

/// Reads a peer no faster than it may send, and not at all while it does not read what we sent it.
///
/// Ownership: must outlive its read().  Threads: the ingest thread's.
class PacedReader {
 public:
  using Clock = std::chrono::steady_clock;

  /// `buffer` is shared by all readers of the thread: most connections are silent most of the time.
  PacedReader(std::shared_ptr<net::Stream> stream, const SessionLimits& limits, ReadBuffer& buffer);

  /// The next bytes, valid until the caller suspends; none when the connection is over.
  [[nodiscard]] asio::awaitable<std::string_view> read();

  /// One message was read: it counts against the rate.
  void count_message() { bucket_.take(Clock::now()); }

  /// The one counted last was asked for: it is no sign of haste.
  void discount_message() { bucket_.give_back(); }

  /// How long reading will pause because the peer sent too fast.
  [[nodiscard]] Clock::duration pause() { return bucket_.debt(Clock::now()); }

  /// Lifts the limits, and ends a running pause: what still comes will only be dropped.
  void hurry();

 private:
  std::shared_ptr<net::Stream> stream_;
  std::size_t max_unsent_bytes_;
  TokenBucket bucket_;
  asio::steady_timer pause_timer_;
  bool is_hurried_ = false;
  ReadBuffer& buffer_;
};

}  // namespace cpu_monitor::exporter
