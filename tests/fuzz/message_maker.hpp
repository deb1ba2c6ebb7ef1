#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "common/messages.hpp"

namespace cpu_monitor::fuzz {

/// Makes messages out of any bytes, every value within its range (docs/protocol.md): what no
/// mutation of JSON would find.  When the bytes are used up, the rest is zeros.
class MessageMaker {
 public:
  explicit MessageMaker(std::string_view bytes) : bytes_(bytes) {}

  [[nodiscard]] bool is_used_up() const { return bytes_.empty(); }

  [[nodiscard]] Hello hello();
  [[nodiscard]] CpuFacts facts();
  [[nodiscard]] CpuSample sample();

 private:
  [[nodiscard]] std::uint8_t byte();
  [[nodiscard]] bool flag() { return byte() % 2 == 1; }
  /// 0..max; small numbers, large ones and the last are all likely.
  [[nodiscard]] std::uint64_t integer(std::uint64_t max);
  [[nodiscard]] std::uint32_t small(std::uint32_t max);
  [[nodiscard]] double real(double max);
  [[nodiscard]] std::string text();
  [[nodiscard]] CpuTimes times();
  [[nodiscard]] BurstHistogram histogram();
  [[nodiscard]] HostReadings host();
  [[nodiscard]] CgroupCpu cgroup();
  [[nodiscard]] SlowReadings slow();
  [[nodiscard]] Throttles throttles();
  [[nodiscard]] std::vector<CoreFrequency> frequencies();
  /// Up to 7 numbers that rise.
  [[nodiscard]] std::vector<std::uint32_t> numbers(std::uint32_t max);

  template <class T, class Make>
  void maybe(std::optional<T>& value, Make make) {
    if (flag()) value = make();
  }
  void maybe_counter(std::optional<std::uint64_t>& value);

  std::string_view bytes_;
  std::uint64_t sequence_ = 0;
};

}  // namespace cpu_monitor::fuzz
