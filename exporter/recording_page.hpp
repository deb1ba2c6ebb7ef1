#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/fleet.hpp"
#include "exporter/page.hpp"
#include "exporter/recordings.hpp"

namespace cpu_monitor::exporter {

/// The recording as a JSON object of parallel arrays, the oldest reading first; none older than
/// `last`.  Times are Unix milliseconds by the exporter's clock, shares are percent, null when
/// unknown.  REQUIRES: `endpoint` is a valid one.  Threads: pure.
[[nodiscard]] std::string recording_json(std::string_view endpoint,
                                         const ReceivedRecording& recording,
                                         std::chrono::milliseconds last);

/// How long a recording is asked for by the query `last=10m`: 1 s to 10 min, 1 min without one.
/// None when it is anything else, or stands twice.  Other parameters are ignored.
[[nodiscard]] std::optional<std::chrono::milliseconds> parse_last(std::string_view query);

/// /agents/NAME/recording: waits for the agent.
class RecordingPage : public Page {
 public:
  RecordingPage(const Fleet& fleet, Recordings& recordings)
      : fleet_(fleet), recordings_(recordings) {}

  [[nodiscard]] Response get(const Request& request) override;

 private:
  const Fleet& fleet_;
  Recordings& recordings_;
};

}  // namespace cpu_monitor::exporter
