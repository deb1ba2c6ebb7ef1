#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/fleet.hpp"

namespace cpu_monitor::exporter {

/// An agent as every family needs it.
struct Row {
  const AgentView* agent;
  const CpuSample* sample;  ///< null when there is none to show, as the next two
  const SlowReadings* slow;
  const CpuFacts* facts;
  /// How the labels of all its series begin: `{endpoint="name"`, or nothing.
  std::string_view labels;

  /// What stands before one more label, and behind the last one.
  [[nodiscard]] std::string_view before_label() const { return labels.empty() ? "{" : ","; }
  [[nodiscard]] std::string_view end() const { return labels.empty() ? " " : "} "; }
};

/// Whether series say whose they are.  On a page of one agent Prometheus knows.
enum class EndpointLabel : std::uint8_t { shown, hidden };

/// The rows of a page, with the text that their series share made once.
///
/// Lifetime: the snapshot must outlive it.  Threads: safe to read from any thread.
class Rows {
 public:
  Rows(const FleetSnapshot& fleet, EndpointLabel endpoint_label);
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  [[nodiscard]] auto begin() const { return rows_.begin(); }
  [[nodiscard]] auto end() const { return rows_.end(); }

 private:
  std::string labels_;
  std::vector<Row> rows_;
};

}  // namespace cpu_monitor::exporter
