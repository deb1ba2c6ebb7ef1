#pragma once

#include <sys/epoll.h>

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "bench/fleet/agent.hpp"
#include "bench/fleet/options.hpp"

namespace cpu_monitor::bench {

/// A fleet in one thread: connects over the ramp, pushes for the duration, waits for what is in
/// flight and says goodbye.  SIGINT or SIGTERM ends it early, in the same order; a second one at
/// once.
///
/// Ends in every case: kReadyPatience after the ramp and the duration at the latest, if the agents
/// never become ready.  Errors: std::runtime_error and std::system_error from the constructor.
class FleetSimulator {
 public:
  static constexpr std::chrono::seconds kReadyPatience{60};

  /// REQUIRES: `options` outlives it.
  explicit FleetSimulator(const FleetOptions& options);
  ~FleetSimulator();
  FleetSimulator(const FleetSimulator&) = delete;
  FleetSimulator& operator=(const FleetSimulator&) = delete;

  void run();

  /// Every agent had an acknowledgement, or somebody asked it to stop.
  [[nodiscard]] bool has_succeeded() const { return is_ready_ || stop_signals_ > 0; }
  /// One JSON object, and after it what else a person should know, on stderr.
  [[nodiscard]] std::string report() const;
  [[nodiscard]] std::string complaint() const;

 private:
  using Time = FleetContext::Time;

  void schedule_agents();
  void push_until_the_end();
  void wait_for_acks();
  void say_goodbye();
  void begin_measuring(Time now);
  void end_measuring(Time now);
  void note_ready();
  void on_due(const Timers::Entry& entry);
  void enforce_deadlines(Time now);
  /// Waits for sockets, signals and timers, but no longer than `until`, and serves them.
  void turn(Time until);
  int wait_for_events(Time until);

  FleetContext context_;
  int stop_signal_;
  SampleLine prototype_;
  std::vector<std::unique_ptr<SimulatedAgent>> agents_;
  std::vector<epoll_event> events_;
  Time next_look_at_deadlines_{};
  Time end_{};
  Time measured_since_{};
  double cpu_seconds_before_ = 0;
  bool is_ready_ = false;
  int stop_signals_ = 0;
  std::size_t connected_at_end_ = 0;
};

}  // namespace cpu_monitor::bench
