#pragma once

#include <chrono>
#include <thread>

#include "common/net/asio.hpp"

namespace cpu_monitor::exporter {

/// As io.run(), but what comes within 10 ms of the last time is done together.
///
/// A thousand agents would wake the thread a thousand times a second, and to wake it costs as much
/// as a sample.  The price: an answer comes up to 10 ms later, and a peer that waits for each gets
/// two hundred a second at most; agents need ten.
/// Errors: what a handler throws passes through.
inline void run_in_batches(asio::io_context& io) {
  using Clock = std::chrono::steady_clock;
  constexpr std::chrono::milliseconds kBetweenBatches{10};
  Clock::time_point last_batch;
  while (io.run_one() > 0) {
    std::this_thread::sleep_until(last_batch + kBetweenBatches);
    last_batch = Clock::now();
    io.poll();
  }
}

}  // namespace cpu_monitor::exporter
