#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/simulated_agent.hpp"
#include "exporter/fleet.hpp"

namespace cpu_monitor::bench {

/// A fleet of simulated agents, all connected: the one place of bench-micro that knows how a Fleet
/// is filled.  Threads: one at a time.
class FilledFleet {
 public:
  /// One sample of every agent, as decoded from lines.
  using Samples = std::vector<CpuSample>;

  /// Every agent has said its hello, its facts and one sample.
  FilledFleet(std::size_t agents, const SampleShape& shape);

  /// The next sample of each agent.
  [[nodiscard]] Samples next_samples();
  /// Applies them, in an order that has nothing to do with the names.
  void apply(const Samples& samples);
  [[nodiscard]] exporter::FleetSnapshot snapshot() const;

 private:
  struct Agent {
    std::string endpoint;
    exporter::Fleet::ConnectionId connection = 0;
  };

  SampleShape shape_;
  exporter::Fleet fleet_;
  std::vector<Agent> agents_;  ///< shuffled
  std::uint64_t sequence_ = kFirstSequence;
};

}  // namespace cpu_monitor::bench
