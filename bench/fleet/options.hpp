#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "bench/simulated_agent.hpp"
#include "common/host_port.hpp"
#include "common/net/tls.hpp"

namespace cpu_monitor::bench {

struct FleetOptions {
  HostPort exporter{"127.0.0.1", 8080};
  std::uint32_t agents = 100;
  SampleShape shape;
  std::chrono::milliseconds interval{1000};  ///< between pushes; 0: as soon as the ack came
  std::chrono::milliseconds duration{10'000};
  std::chrono::milliseconds ramp{0};  ///< over which the agents connect
  std::string endpoint_prefix = "sim-";
  std::optional<net::TlsClientSettings> tls;  ///< none: plain
  std::string token;                          ///< of all of them; empty: none
  bool no_goodbye = false;
  bool measure_from_start = false;
};

/// Reads the command line into `options`.  Returns the exit code when the program is to leave.
[[nodiscard]] std::optional<int> read_fleet_options(int argc, char** argv, FleetOptions& options);

}  // namespace cpu_monitor::bench
