#include "agent/flight_recorder.hpp"

#include <algorithm>
#include <cmath>

namespace cpu_monitor::agent {
namespace {

HalfPercents half_percents(double share) {
  return static_cast<HalfPercents>(std::lround(std::clamp(share, 0.0, 1.0) * kWholeShare));
}

/// A raw counter may step back: not below 0, nor above what it is a part of.
HalfPercents system_of(const Share& share) {
  const auto all = static_cast<double>(share.ticks.busy + share.ticks.rest);
  if (all <= 0) return kUnknownShare;
  return half_percents(std::clamp(static_cast<double>(share.ticks.system) / all, 0.0, share.busy));
}

}  // namespace

FlightRecorder::FlightRecorder(std::chrono::milliseconds sample_interval)
    : sample_interval_(sample_interval),
      ring_(std::make_unique_for_overwrite<Entry[]>(kCapacity)) {}

void FlightRecorder::add(const Utilization& reading, Uptime now) {
  if (newest_at_ && now <= *newest_at_) return;
  // Nobody asks for what is older; and over weeks the milliseconds of an entry would wrap unseen.
  if (newest_at_ && now - *newest_at_ > kMaxRecordingLast) forgotten_ = count_;
  newest_at_ = now;
  Entry entry{static_cast<std::uint32_t>(now.count()), kUnknownShare, kUnknownShare, kUnknownShare,
              kUnknownShare};
  if (reading.busiest_core) entry.busiest_core = half_percents(*reading.busiest_core);
  if (reading.machine) {
    entry.busy = half_percents(reading.machine->busy);
    entry.system = system_of(*reading.machine);
    entry.steal = half_percents(reading.machine->steal);
    fill_what_waited(entry, reading.machine->covers, now);
  }
  at(count_++) = entry;
}

/// The share is that of all the time it covers.
void FlightRecorder::fill_what_waited(const Entry& shares, std::chrono::milliseconds covers,
                                      Uptime now) {
  for (std::uint64_t number = count_; number > oldest();) {
    Entry& entry = at(--number);
    if (entry.busy != kUnknownShare || std::chrono::milliseconds(age_of(entry, now)) >= covers) {
      return;
    }
    entry.busy = shares.busy;
    entry.system = shares.system;
    entry.steal = shares.steal;
  }
}

std::uint64_t FlightRecorder::oldest() const {
  return std::max(forgotten_, count_ > kCapacity ? count_ - kCapacity : 0);
}

std::uint32_t FlightRecorder::age_of(const Entry& entry, Uptime now) {
  return static_cast<std::uint32_t>(now.count()) - entry.uptime_ms;
}

FlightRecorder::Playback FlightRecorder::play(const RecordingRequest& request, Uptime now) const {
  const auto last = std::min(request.last, kMaxRecordingLast);
  Playback playback(*this);
  // Ages are told apart modulo 49 days: nothing is young when all is that old.
  const bool is_over = !newest_at_ || now - *newest_at_ > last;
  playback.end_ = count_;
  playback.next_ = count_;
  while (!is_over && playback.next_ > oldest() &&
         std::chrono::milliseconds(age_of(at(playback.next_ - 1), now)) <= last) {
    --playback.next_;
  }
  const std::uint64_t readings = playback.end_ - playback.next_;
  const std::uint64_t pieces = (readings + kReadingsOfPiece - 1) / kReadingsOfPiece;
  playback.head_.request_id = request.request_id;
  playback.head_.piece = 0;
  playback.head_.pieces = static_cast<std::uint32_t>(std::max<std::uint64_t>(pieces, 1));
  playback.head_.uptime = now;
  playback.head_.interval = sample_interval_;
  return playback;
}

std::optional<Recording> FlightRecorder::Playback::next() {
  if (head_.piece == head_.pieces) return std::nullopt;
  ++head_.piece;
  Recording piece = head_;
  const std::uint64_t until = std::min<std::uint64_t>(next_ + kReadingsOfPiece, end_);
  piece.readings.reserve(static_cast<std::size_t>(until - next_));
  for (; next_ < until; ++next_) {
    if (next_ < recorder_->oldest()) continue;
    const Entry& entry = recorder_->at(next_);
    const RecordedShares shares{entry.busy, entry.busiest_core, entry.system, entry.steal};
    piece.readings.push_back({age_of(entry, head_.uptime), shares});
  }
  return piece;
}

}  // namespace cpu_monitor::agent
