#pragma once

#include <chrono>
#include <random>

#include "agent/exporter_link.hpp"
#include "agent/host_reader.hpp"
#include "agent/options.hpp"
#include "agent/sampler.hpp"
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
  [[nodiscard]] asio::awaitable<void> tick_for_ever();
  void push();
  void on_welcome(const Welcome& welcome);
  void on_acknowledged(const CpuSample& sample);
  [[nodiscard]] bool sends_cores() const;

  asio::io_context& io_;
  AgentOptions options_;
  HostReader reader_;
  Sampler sampler_;
  ExporterLink link_;
  asio::steady_timer clock_;
  MetricGroups groups_ = MetricGroups::usual();
  bool was_welcomed_ = false;
  bool stopping_ = false;
};

/// Runs an agent until SIGTERM or SIGINT.  Throws std::exception when it cannot start.
void run_agent(AgentOptions options);

}  // namespace cpu_monitor::agent
