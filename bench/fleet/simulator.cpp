#include "bench/fleet/simulator.hpp"

#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "bench/process.hpp"
#include "bench/tcp.hpp"
#include "common/output.hpp"

namespace cpu_monitor::bench {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;
using std::chrono::seconds;
using Clock = std::chrono::steady_clock;

constexpr std::size_t kOtherDescriptors = 16;
constexpr std::size_t kEventsAtOnce = 512;
constexpr std::uint64_t kStopSignal = ~std::uint64_t{0};  // instead of an agent's index
constexpr milliseconds kLookAtDeadlines{250};
constexpr seconds kAckPatience{5};
constexpr seconds kGoodbyePatience{2};

milliseconds unix_time_now() {
  return std::chrono::floor<milliseconds>(std::chrono::system_clock::now().time_since_epoch());
}

void require_descriptors(std::size_t agents) {
  const std::size_t limit = raise_descriptor_limit();
  if (agents + kOtherDescriptors <= limit) return;
  throw std::runtime_error(std::to_string(agents) + " agents need as many open files and " +
                           std::to_string(kOtherDescriptors) + " more; ulimit -n allows " +
                           std::to_string(limit));
}

}  // namespace

FleetSimulator::FleetSimulator(const FleetOptions& options)
    : context_(options),
      stop_signal_(open_stop_signals()),
      prototype_(simulated_sample(options.shape)),
      events_(kEventsAtOnce) {
  require_descriptors(options.agents);
  context_.exporter = socket_address(options.exporter);
  if (options.tls) context_.tls = net::TlsContext::of_client(*options.tls);
  ::signal(SIGPIPE, SIG_IGN);  // OpenSSL writes as it likes
  context_.epoll = ::epoll_create1(EPOLL_CLOEXEC);
  if (context_.epoll < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
  context_.wall_offset = unix_time_now();
  context_.slow_tail =
      slow_tail(simulated_sample(options.shape), simulated_slow_readings(options.shape));
  if (options.shape.with_detail) context_.facts_line = encode(simulated_facts(options.shape.cores));
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = kStopSignal;
  ::epoll_ctl(context_.epoll, EPOLL_CTL_ADD, stop_signal_, &event);
  for (std::uint32_t index = 0; index < options.agents; ++index) {
    agents_.push_back(std::make_unique<SimulatedAgent>(context_, index, prototype_));
  }
}

FleetSimulator::~FleetSimulator() {
  agents_.clear();
  ::close(context_.epoll);
  ::close(stop_signal_);
}

void FleetSimulator::run() {
  schedule_agents();
  push_until_the_end();
  const Time now = Clock::now();
  connected_at_end_ = static_cast<std::size_t>(
      std::ranges::count_if(agents_, [](const auto& agent) { return agent->is_welcomed(); }));
  if (context_.is_measuring) end_measuring(now);
  context_.is_stopping = true;
  context_.timers.clear();
  wait_for_acks();
  context_.is_measuring = false;
  say_goodbye();
}

/// Connects are spread over the ramp, pushes over the interval.
void FleetSimulator::schedule_agents() {
  const FleetOptions& options = context_.options;
  context_.started_at = Clock::now();
  for (std::uint32_t index = 0; index < options.agents; ++index) {
    const Time connect = context_.started_at + nanoseconds(options.ramp) * index / options.agents;
    context_.timers.add({connect, index, Timers::Kind::connect});
    if (options.interval == milliseconds(0)) continue;
    const nanoseconds interval = options.interval;
    const Time phase = context_.started_at + interval * index / options.agents;
    const auto intervals = phase < connect ? (connect - phase) / interval + 1 : 0;
    context_.timers.add({phase + intervals * interval, index, Timers::Kind::push});
  }
  end_ = context_.started_at + options.ramp + options.duration;
  if (options.measure_from_start) {
    context_.is_flat_out = options.interval == milliseconds(0);
    begin_measuring(context_.started_at);
  } else {
    end_ += kReadyPatience;
  }
}

void FleetSimulator::push_until_the_end() {
  while (stop_signals_ == 0 && Clock::now() < end_) {
    turn(end_);
    if (!is_ready_ && context_.acknowledged_agents == agents_.size()) note_ready();
  }
}

void FleetSimulator::wait_for_acks() {
  const Time until = Clock::now() + kAckPatience;
  while (context_.in_flight > 0 && stop_signals_ < 2 && Clock::now() < until) turn(until);
}

void FleetSimulator::say_goodbye() {
  if (context_.options.no_goodbye) return;
  for (const auto& agent : agents_) agent->say_goodbye();
  const auto is_open = [](const auto& agent) { return agent->is_open(); };
  const Time until = Clock::now() + kGoodbyePatience;
  while (stop_signals_ < 2 && Clock::now() < until && std::ranges::any_of(agents_, is_open)) {
    turn(until);
  }
}

void FleetSimulator::note_ready() {
  is_ready_ = true;
  write_unless_blocked(STDERR_FILENO, "ready\n");
  if (context_.options.measure_from_start) return;
  begin_measuring(Clock::now());
  end_ = measured_since_ + context_.options.duration;
  if (context_.options.interval != milliseconds(0)) return;
  // Not earlier: those that were there first would keep the others out.
  context_.is_flat_out = true;
  for (const auto& agent : agents_) agent->push();
}

void FleetSimulator::begin_measuring(Time now) {
  context_.is_measuring = true;
  measured_since_ = now;
  cpu_seconds_before_ = cpu_seconds();
}

void FleetSimulator::end_measuring(Time now) {
  context_.statistics.window.seconds = std::chrono::duration<double>(now - measured_since_).count();
  context_.statistics.window.cpu_seconds = cpu_seconds() - cpu_seconds_before_;
}

void FleetSimulator::on_due(const Timers::Entry& entry) {
  SimulatedAgent& agent = *agents_[entry.agent];
  if (entry.kind == Timers::Kind::connect) return agent.connect();
  agent.push();
  const nanoseconds interval = context_.options.interval;
  const Time now = Clock::now();
  Timers::Entry next{entry.when + interval, entry.agent, Timers::Kind::push};
  if (next.when <= now) {
    // We are late by whole intervals: those samples give way to the next one.
    const auto missed = (now - next.when) / interval + 1;
    next.when += missed * interval;
    if (context_.is_measuring) {
      context_.statistics.window.merged += static_cast<std::uint64_t>(missed);
    }
  }
  context_.timers.add(next);
}

void FleetSimulator::enforce_deadlines(Time now) {
  if (now < next_look_at_deadlines_) return;
  next_look_at_deadlines_ = now + kLookAtDeadlines;
  for (const auto& agent : agents_) agent->enforce_deadline(now);
}

void FleetSimulator::turn(Time until) {
  const int count = wait_for_events(until);
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events_[static_cast<std::size_t>(i)];
    if (event.data.u64 != kStopSignal) {
      agents_[event.data.u64]->on_events(event.events);
      continue;
    }
    signalfd_siginfo info{};
    while (::read(stop_signal_, &info, sizeof info) > 0) ++stop_signals_;
  }
  const Time now = Clock::now();
  context_.timers.run(now, [this](const Timers::Entry& entry) { on_due(entry); });
  enforce_deadlines(now);
}

int FleetSimulator::wait_for_events(Time until) {
  const Time next = context_.timers.next(std::min(until, Clock::now() + kLookAtDeadlines));
  const auto wait = std::max(nanoseconds(0), nanoseconds(next - Clock::now()));
  timespec timeout{};
  timeout.tv_sec = static_cast<time_t>(wait / seconds(1));
  timeout.tv_nsec = static_cast<long>((wait % seconds(1)).count());
  const int most = static_cast<int>(events_.size());
  const int count = ::epoll_pwait2(context_.epoll, events_.data(), most, &timeout, nullptr);
  if (count < 0 && errno == ENOSYS) {  // Linux before 5.11
    const auto coarse = std::chrono::ceil<milliseconds>(wait).count();
    return ::epoll_wait(context_.epoll, events_.data(), most, static_cast<int>(coarse));
  }
  return count;
}

std::string FleetSimulator::report() const {
  return context_.statistics.report(context_.options, prototype_.size(), connected_at_end_);
}

std::string FleetSimulator::complaint() const {
  std::string text;
  if (const int error = context_.statistics.last_connect_error; error != 0) {
    text += std::to_string(context_.statistics.failed_connects) +
            " attempts to connect failed, the last for: " + std::strerror(error) + "\n";
  }
  if (!has_succeeded()) {
    text += "only " + std::to_string(context_.acknowledged_agents) + " of " +
            std::to_string(agents_.size()) + " agents were ever acknowledged\n";
  }
  return text;
}

}  // namespace cpu_monitor::bench
