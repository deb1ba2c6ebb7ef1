#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "common/host_port.hpp"
#include "exporter/fleet.hpp"
#include "exporter/pages.hpp"
#include "exporter/percent_gauge.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/web_gate.hpp"
#include "exporter/web_server.hpp"

namespace cpu_monitor::tests {

/// A web gate and the web server behind it, over a fleet of its own, until the end of scope.
class RunningGate {
 public:
  struct Settings {
    exporter::WebLimits limits;
    std::string config_file;
    std::vector<HostPort> addresses{{"127.0.0.1", 0}};
    std::size_t big_machines = 0;  ///< of 1024 CPUs: 0.6 MB of a plain page each
    std::chrono::milliseconds civetweb_patience{5000};
  };

  explicit RunningGate(const Settings& settings);
  RunningGate() : RunningGate(Settings{}) {}

  [[nodiscard]] std::uint16_t port() const { return gate_->addresses()[0].port; }
  [[nodiscard]] exporter::WebGate& gate() { return *gate_; }
  [[nodiscard]] exporter::WebServer& server() { return *server_; }

  /// How many requests were refused or cut for that reason.
  [[nodiscard]] std::size_t refused(exporter::WebRefusal reason);

  /// As the exporter does when it stops, to the end.
  void stop();

 private:
  exporter::Fleet fleet_{{}};
  exporter::PercentGauge gauge_;
  exporter::SelfMetrics metrics_;
  exporter::Recordings recordings_;
  exporter::ServingState serving_;
  std::optional<exporter::WebServer> server_;
  std::optional<exporter::WebGate> gate_;
};

}  // namespace cpu_monitor::tests
