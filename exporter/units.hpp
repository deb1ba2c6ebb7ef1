#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "exporter/page_writer.hpp"

/// Numbers in the units of the page: seconds, hertz, degrees Celsius.  Threads: pure.
namespace cpu_monitor::exporter {

/// Counts of a fixed fraction of a second, written as seconds.
///
/// Exact and without floating point where the fraction has at most kMaxDecimals decimals (100, 250,
/// 1000, a million, a billion a second); the shortest text of the nearest double elsewhere (1024).
class SecondsFormat {
 public:
  explicit constexpr SecondsFormat(std::uint32_t counts_per_second)
      : counts_per_second_(counts_per_second) {
    std::uint64_t power = 1;
    for (std::size_t decimals = 0; decimals <= kMaxDecimals; ++decimals, power *= 10) {
      if (power % counts_per_second_ != 0) continue;
      decimals_ = decimals;
      decimal_units_per_count_ = power / counts_per_second_;
      return;
    }
  }

  void append(PageWriter& page, std::uint64_t count) const;

 private:
  static constexpr std::size_t kMaxDecimals = 9;

  static void append_fraction(PageWriter& page, std::uint64_t fraction, std::size_t decimals);

  std::uint64_t counts_per_second_;
  std::optional<std::size_t> decimals_;
  std::uint64_t decimal_units_per_count_ = 0;
};

struct CountedSeconds {
  std::uint64_t count = 0;
  std::uint32_t per_second = 1;
};

inline constexpr std::uint32_t kMicroseconds = 1'000'000;
inline constexpr std::uint32_t kNanoseconds = 1'000'000'000;

struct KiloHertz {
  std::uint64_t count = 0;
};

struct MilliCelsius {
  std::int64_t count = 0;
};

void append_number(PageWriter& page, CountedSeconds value);
void append_number(PageWriter& page, std::chrono::milliseconds value);
void append_number(PageWriter& page, KiloHertz value);
void append_number(PageWriter& page, MilliCelsius value);

}  // namespace cpu_monitor::exporter
