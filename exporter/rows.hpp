#pragma once

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
  std::string_view endpoint;  ///< the label that all its series share: `endpoint="name"`
};

/// The rows of a page, with the text that their series share made once.
///
/// Lifetime: the snapshot must outlive it.  Threads: safe to read from any thread.
class Rows {
 public:
  explicit Rows(const FleetSnapshot& fleet);
  Rows(const Rows&) = delete;
  Rows& operator=(const Rows&) = delete;

  [[nodiscard]] auto begin() const { return rows_.begin(); }
  [[nodiscard]] auto end() const { return rows_.end(); }

 private:
  std::string labels_;
  std::vector<Row> rows_;
};

}  // namespace cpu_monitor::exporter
