#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "agent/utilization.hpp"
#include "common/recording.hpp"

namespace cpu_monitor::agent {

/// The last readings as they were, 8 bytes each, whether or not anybody is connected.
///
/// One reading that has to wait for its time to be booked (ShareMeter) is unknown until a later one
/// covers it, and then has that one's share.  Where nothing was read there is nothing: a suspended
/// machine leaves a hole.
///
/// Units: times are CLOCK_BOOTTIME.  Threads: one at a time.  Its memory is allocated once, and
/// used as it fills.
class FlightRecorder {
 public:
  using Uptime = std::chrono::milliseconds;

  explicit FlightRecorder(std::chrono::milliseconds sample_interval);

  /// One more reading.  One that is not later than the one before is dropped.
  void add(const Utilization& reading, Uptime now);

  /// What was held when it was asked for, piece by piece, the oldest first.
  class Playback {
   public:
    /// None when that was all.  What the recorder has overwritten meanwhile is missing.
    [[nodiscard]] std::optional<Recording> next();

   private:
    friend class FlightRecorder;
    explicit Playback(const FlightRecorder& recorder) : recorder_(&recorder) {}

    const FlightRecorder* recorder_;
    Recording head_;          ///< of the piece given last, without its readings
    std::uint64_t next_ = 0;  ///< number of a reading
    std::uint64_t end_ = 0;
  };

  /// Answers `request`; `now` is the moment that ages are counted from.  The recorder must outlive
  /// the answer.
  [[nodiscard]] Playback play(const RecordingRequest& request, Uptime now) const;

  static constexpr std::size_t kCapacity = kMaxRecordedReadings;

  /// A piece is a line of 10 KB or so: a sample that comes behind it does not wait long.
  static constexpr std::size_t kReadingsOfPiece = 500;

 private:
  /// Without initialisers, so that its memory is not touched before it is used.
  struct Entry {
    std::uint32_t uptime_ms;  ///< wraps after 49 days: only differences count
    HalfPercents busy;
    HalfPercents busiest_core;
    HalfPercents system;
    HalfPercents steal;
  };
  static_assert(sizeof(Entry) == 8);

  [[nodiscard]] Entry& at(std::uint64_t number) const { return ring_[number % kCapacity]; }
  [[nodiscard]] std::uint64_t oldest() const;
  [[nodiscard]] static std::uint32_t age_of(const Entry& entry, Uptime now);
  void fill_what_waited(const Entry& shares, std::chrono::milliseconds covers, Uptime now);

  std::chrono::milliseconds sample_interval_;
  std::unique_ptr<Entry[]> ring_;  ///< reading n stands at n modulo kCapacity
  std::uint64_t count_ = 0;        ///< readings so far
  std::uint64_t forgotten_ = 0;    ///< of them, those that a long gap lies behind
  std::optional<Uptime> newest_at_;
};

}  // namespace cpu_monitor::agent
