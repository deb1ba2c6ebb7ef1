#pragma once

#include <array>
#include <chrono>
#include <random>

#include <asio/signal_set.hpp>

#include "agent/exporter_link.hpp"
#include "agent/host_reader.hpp"
#include "agent/options.hpp"
#include "agent/sampler.hpp"
#include "agent/slow_reader.hpp"
#include "common/net/asio.hpp"

namespace cpu_monitor::agent {

/// The wiring of one agent: a clock that ticks the sampler and hands its samples to the link.
///
/// Ownership: must outlive the run of its io_context.  Threads: the io_context's.
class Agent {
 public:
  Agent(asio::io_context& io, AgentOptions options);

  void start();

  /// Says goodbye to the exporter and lets io_context::run return.
  void stop();

 private:
  using Clock = std::chrono::steady_clock;

  void hear_hangups();
  void begin_to_tick();
  void wait_for(asio::steady_timer& alarm, Clock::time_point time);
  void on_alarm(asio::steady_timer& alarm);
  void tick();
  void push();
  void read_slow_sources(std::chrono::milliseconds uptime);
  [[nodiscard]] SlowReadings slow_readings(std::chrono::milliseconds uptime);
  void on_welcome(const Welcome& welcome);
  void go_on_from(const Resume& resume);
  void on_acknowledged(const CpuSample& sample);
  [[nodiscard]] ExporterLink::NextPiece play(const RecordingRequest& request) const;
  [[nodiscard]] bool sends_cores() const;

  asio::io_context& io_;
  AgentOptions options_;
  HostReader reader_;
  Sampler sampler_;
  SlowReader slow_reader_;
  ExporterLink link_;
  asio::signal_set hangup_;  ///< the files of certificates and the token were replaced
  /// They take turns, so that the next tick is known to Asio when one is over: it sets the kernel's
  /// timer once a tick then, not once for what else is due and once more for the tick.
  std::array<asio::steady_timer, 2> alarms_;
  Clock::time_point next_tick_;
  Clock::time_point next_push_;
  MetricGroups groups_ = MetricGroups::usual();
  std::optional<std::chrono::milliseconds> slow_pass_began_;  ///< uptime; none: none did
  bool is_slow_pass_running_ = false;                         ///< begun, and not whole
  bool is_slow_pass_unsent_ = false;                          ///< a whole one, not pushed yet
  std::optional<std::chrono::milliseconds>
      slow_pushed_at_;   ///< uptime; none: not since the welcome
  CpuFacts told_facts_;  ///< since the welcome
  bool was_welcomed_ = false;
  bool stopping_ = false;
};

/// Runs an agent until SIGTERM or SIGINT.  Throws std::exception when it cannot start.
void run_agent(AgentOptions options);

}  // namespace cpu_monitor::agent
