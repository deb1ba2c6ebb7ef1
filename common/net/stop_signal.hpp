#pragma once

#include <chrono>
#include <functional>

#include <asio/signal_set.hpp>

#include "common/net/asio.hpp"

namespace cpu_monitor::net {

/// Calls `on_stop` once, on the io_context's thread, at the first SIGTERM or SIGINT.
///
/// From then on the process ends in every case, with exit code 0, since it was asked to go: at a
/// second signal at once, and kStopDeadline after the first even if something blocks the thread (a
/// running name look-up cannot be cancelled, a file system may not answer, and a web server waits
/// for its slow readers).
///
/// Also ignores SIGPIPE: a peer that hangs up is an error code, not the end.
/// Ownership: must outlive the run of `io`.  Threads: the io_context's.
class StopSignal {
 public:
  static constexpr std::chrono::milliseconds kStopDeadline{1500};

  StopSignal(asio::io_context& io, std::function<void()> on_stop);

 private:
  asio::signal_set signals_;
  std::function<void()> on_stop_;
};

}  // namespace cpu_monitor::net
