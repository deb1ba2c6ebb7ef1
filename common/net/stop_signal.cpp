#include "common/net/stop_signal.hpp"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>

namespace cpu_monitor::net {
namespace {

extern "C" void leave_at_once(int /*signal*/) { ::_exit(0); }

void leave_at_once_on(int signal) {
  struct sigaction action {};
  action.sa_handler = leave_at_once;
  ::sigaction(signal, &action, nullptr);
}

void leave_at_latest_after(std::chrono::milliseconds deadline) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(deadline);
  itimerval timer{};
  timer.it_value.tv_sec = seconds.count();
  timer.it_value.tv_usec = std::chrono::microseconds(deadline - seconds).count();
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

}  // namespace

StopSignal::StopSignal(asio::io_context& io, std::function<void()> on_stop)
    : signals_(io, SIGINT, SIGTERM), on_stop_(std::move(on_stop)) {
  ::signal(SIGPIPE, SIG_IGN);
  signals_.async_wait([this](std::error_code ec, int /*signal*/) {
    if (ec) return;
    signals_.clear(ec);
    leave_at_once_on(SIGINT);
    leave_at_once_on(SIGTERM);
    leave_at_once_on(SIGALRM);
    leave_at_latest_after(kStopDeadline);
    on_stop_();
  });
}

}  // namespace cpu_monitor::net
