#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "common/cpu_sample.hpp"

namespace cpu_monitor::bench {

/// The line of a sample, encoded once; from then on only digits of it are rewritten in place, which
/// costs a fraction of a microsecond.
///
/// Every number keeps its width: one that would need a digit more stops at all nines, so that
/// counters never fall.  A copy is another machine that starts from the same numbers; copies share
/// what they know of the places.  Threads: one at a time for each copy.
class SampleLine {
 public:
  /// REQUIRES: `sample` has a percentage of two whole digits, CPU counters, both times, and no slow
  /// readings.
  explicit SampleLine(const CpuSample& sample);

  /// The next sample of the machine: sequence and times are set, counters grow by what they grow in
  /// the time since the last one, and one tick at least.  The view ends in '\n' and lives until the
  /// next call.
  [[nodiscard]] std::string_view next(std::chrono::milliseconds time,
                                      std::chrono::milliseconds uptime);

  /// Every mode of every CPU that is not 0 goes `ticks` ahead.
  void move_ticks_on(std::uint64_t ticks);

  [[nodiscard]] std::uint64_t sequence() const { return sequence_; }
  [[nodiscard]] std::size_t size() const { return text_.size(); }

 private:
  struct Digits {
    std::uint32_t offset = 0;
    std::uint32_t width = 0;
  };
  using Cpu = std::array<Digits, kCpuModeCount>;  ///< by mode
  struct Counter {
    Digits digits;
    std::uint64_t per_second = 0;
  };
  struct Layout {
    Digits sequence;
    Digits whole_percent;
    Digits time;
    Digits uptime;
    Cpu total;
    std::vector<Cpu> cores;
    std::vector<Counter> counters;
  };
  class Finder;

  void put(Digits digits, std::uint64_t value);
  void add(Digits digits, std::uint64_t amount);
  void add_ticks(std::uint64_t ticks);
  void move_on(const Cpu& cpu, std::uint64_t ticks);
  [[nodiscard]] bool is_zero(Digits digits) const;

  std::string text_;
  std::shared_ptr<const Layout> layout_;
  std::uint64_t sequence_ = 0;
  std::chrono::milliseconds ticked_until_{};
};

/// The end of a line that says slow readings as well: it takes the place of the last two bytes,
/// "}\n", of a line without them.  Empty when there is nothing to say.
[[nodiscard]] std::string slow_tail(const CpuSample& sample, const SlowReadings& slow);

}  // namespace cpu_monitor::bench
