#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace cpu_monitor {

/// A share in steps of half a percent, 0..kWholeShare, or kUnknownShare.  A byte, since an agent
/// keeps thousands.
using HalfPercents = std::uint8_t;
inline constexpr HalfPercents kWholeShare = 200;
inline constexpr HalfPercents kUnknownShare = 255;

/// What one reading of the counters said of the time since the one before.
struct RecordedShares {
  HalfPercents busy = kUnknownShare;          ///< of the whole machine
  HalfPercents busiest_core = kUnknownShare;  ///< of those CPUs that had a share
  HalfPercents system = kUnknownShare;        ///< system + irq + softirq, inside busy
  HalfPercents steal = kUnknownShare;         ///< inside busy

  bool operator==(const RecordedShares&) const = default;
};

struct RecordedReading {
  std::uint32_t age_ms = 0;  ///< when the recording was asked for
  RecordedShares shares;

  bool operator==(const RecordedReading&) const = default;
};

inline constexpr std::size_t kMaxRecordedReadings = 6000;
inline constexpr std::uint32_t kMaxRecordingPieces = 100;
inline constexpr std::chrono::milliseconds kMaxRecordingLast = std::chrono::minutes(10);

/// The exporter asks for the last readings.
struct RecordingRequest {
  std::uint64_t request_id = 0;  ///< from 1
  std::chrono::milliseconds last{};

  bool operator==(const RecordingRequest&) const = default;
};

/// A part of the answer.
struct Recording {
  std::uint64_t request_id = 0;
  std::uint32_t piece = 1;  ///< from 1
  std::uint32_t pieces = 1;
  std::chrono::milliseconds uptime{};     ///< CLOCK_BOOTTIME of the agent when it was asked
  std::chrono::milliseconds interval{};   ///< between readings
  std::vector<RecordedReading> readings;  ///< the oldest first: their ages fall

  bool operator==(const Recording&) const = default;
};

/// A recording that says what it cannot.  It costs the recording, not the connection: the samples
/// beside it may be good.
struct UnusableRecording {
  std::string why;

  bool operator==(const UnusableRecording&) const = default;
};

}  // namespace cpu_monitor
