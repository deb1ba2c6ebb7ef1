#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "bench/fleet/options.hpp"
#include "bench/latency_histogram.hpp"

namespace cpu_monitor::bench {

/// What became of the agents and their samples.
///
/// Threads: one at a time.
struct FleetStatistics {
  using Duration = std::chrono::nanoseconds;

  // Over the whole run.
  std::uint64_t disconnects = 0;  ///< of agents that had been welcomed
  std::map<std::string, std::uint64_t> refusals;
  LatencyHistogram connect;
  std::uint64_t reconnects = 0;
  std::map<std::uint64_t, std::uint64_t>
      reconnects_by_second;  ///< from the end of a connection to the first ack of the next
  Duration slowest_reconnect{0};
  std::uint64_t failed_connects = 0;
  int last_connect_error = 0;  ///< an errno

  /// While it is measured.
  struct Window {
    std::uint64_t sent = 0;
    std::uint64_t acked = 0;
    std::uint64_t merged = 0;  ///< a newer sample took its place before it could be sent
    std::uint64_t bytes_sent = 0;
    std::uint64_t bytes_received = 0;
    LatencyHistogram ack;
    double seconds = 0;
    double cpu_seconds = 0;
  };
  Window window;

  void add_reconnect(Duration took);

  /// One JSON object.
  [[nodiscard]] std::string report(const FleetOptions& options, std::size_t sample_bytes,
                                   std::size_t connected) const;
};

}  // namespace cpu_monitor::bench
