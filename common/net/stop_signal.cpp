#include "common/net/stop_signal.hpp"

#include <signal.h>
#include <sys/time.h>
#include <unistd.h>

#include <utility>

namespace cpu_monitor::net {
namespace {

using Handler = void (*)(int);

Handler tell_asio = nullptr;

extern "C" void leave_at_once(int /*signal*/) { ::_exit(0); }

void leave_at_latest_after(std::chrono::milliseconds deadline) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(deadline);
  itimerval timer{};
  timer.it_value.tv_sec = seconds.count();
  timer.it_value.tv_usec = std::chrono::microseconds(deadline - seconds).count();
  ::setitimer(ITIMER_REAL, &timer, nullptr);
}

void on(int signal, Handler handler) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  ::sigaction(signal, &action, nullptr);
}

/// Runs even while the loop does not: the deadline is set before anybody is asked to stop.
extern "C" void begin_to_stop(int signal) {
  leave_at_latest_after(StopSignal::kStopDeadline);
  on(SIGINT, leave_at_once);
  on(SIGTERM, leave_at_once);
  tell_asio(signal);
}

}  // namespace

StopSignal::StopSignal(asio::io_context& io, std::function<void()> on_stop)
    : signals_(io, SIGINT, SIGTERM), on_stop_(std::move(on_stop)) {
  ::signal(SIGPIPE, SIG_IGN);
  struct sigaction of_asio {};
  ::sigaction(SIGTERM, nullptr, &of_asio);
  tell_asio = of_asio.sa_handler;
  on(SIGALRM, leave_at_once);
  on(SIGINT, begin_to_stop);
  on(SIGTERM, begin_to_stop);
  signals_.async_wait([this](std::error_code ec, int /*signal*/) {
    if (!ec) on_stop_();
  });
}

}  // namespace cpu_monitor::net
