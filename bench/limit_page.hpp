#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace cpu_monitor::bench {

/// The series node_cpu_seconds_total of a whole fleet, written as fast as we know how: by copies of
/// fixed size and two digits at a time, into one buffer that is kept.
///
/// The text is the one of exporter/exposition_times.cpp for the same ticks.  Threads: one at a
/// time.
class LimitPage {
 public:
  LimitPage(std::size_t agents, std::uint32_t cores);

  /// Writes the page anew.  The view lives until the next call.
  [[nodiscard]] std::string_view render();

  [[nodiscard]] std::size_t series() const { return ticks_.size(); }

 private:
  std::uint32_t cores_;
  std::vector<std::string> endpoints_;
  std::vector<std::uint64_t> ticks_;  ///< by agent, core, mode
  std::vector<char> page_;
};

}  // namespace cpu_monitor::bench
