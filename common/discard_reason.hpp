#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "common/name_table.hpp"

namespace cpu_monitor {

/// Why an agent threw a reading, or a part of one, away instead of showing something untrue.
enum class DiscardReason : std::uint8_t {
  missing,       ///< the file does not exist
  unreadable,    ///< open or read failed
  not_a_file,    ///< a directory, FIFO, device ...
  empty,         ///< no bytes
  malformed,     ///< not the kernel's format
  torn,          ///< ends within the CPU lines
  suspend,       ///< a CPU's sum or a mode of it fell by seconds (suspend, hotplug); that interval
                 ///< is dropped
  wrapped,       ///< a counter grew more than time allows; that field's growth is dropped
  stepped_back,  ///< busy or idle time stepped back a little: no ratio from this reading
  out_of_range,  ///< a first value above kMaxTicks: that counter starts at 0
  other,         ///< a reason of a newer agent that this build does not know
};

inline constexpr NameTable<DiscardReason, 11> kDiscardReasonNames{
    {"missing", "unreadable", "not_a_file", "empty", "malformed", "torn", "suspend", "wrapped",
     "stepped_back", "out_of_range", "other"}};

/// Events since the agent started, by reason.
class DiscardCounts {
 public:
  void add(DiscardReason reason, std::uint64_t events = 1) {
    counts_[static_cast<std::size_t>(reason)] += events;
  }
  [[nodiscard]] std::uint64_t operator[](DiscardReason reason) const {
    return counts_[static_cast<std::size_t>(reason)];
  }
  /// Counts each reason of `events` once, however many they are.
  void add_reasons_of(const DiscardCounts& events) {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += events.counts_[i] != 0 ? 1U : 0U;
  }
  [[nodiscard]] bool any() const {
    for (auto count : counts_) {
      if (count != 0) return true;
    }
    return false;
  }
  bool operator==(const DiscardCounts&) const = default;

 private:
  std::array<std::uint64_t, kDiscardReasonNames.size()> counts_{};
};

}  // namespace cpu_monitor
