#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "common/cpu_facts.hpp"
#include "common/cpu_sample.hpp"
#include "common/messages.hpp"
#include "common/name_table.hpp"

/// A machine that does not exist, as its agent would tell of it: busy for weeks, every counter with
/// as many digits as it has then.
///
/// Threads: everything here is pure, callable from anywhere.
namespace cpu_monitor::bench {

/// How much a sample says.  `usual`: what an agent sends by default.  `ticks`: percent, times and
/// CPU counters alone.
enum class SampleKind : std::uint8_t { usual, ticks };
inline constexpr NameTable<SampleKind, 2> kSampleKindNames{{"default", "ticks"}};

struct SampleShape {
  std::uint32_t cores = 8;
  SampleKind kind = SampleKind::usual;
  bool with_detail = false;  ///< the detail group as well

  bool operator==(const SampleShape&) const = default;
};

/// The first sequence; far from where a digit more is needed, as all numbers here.
inline constexpr std::uint64_t kFirstSequence = 1'000'000'000;
inline constexpr std::chrono::milliseconds kFirstUptime{2'000'000'000};
inline constexpr std::chrono::milliseconds kFirstTime{1'700'000'000'000};

/// How often an agent says what changes slowly.
inline constexpr std::chrono::seconds kSlowInterval{15};

/// A sample without slow readings.
[[nodiscard]] CpuSample simulated_sample(const SampleShape& shape);

/// What comes once in kSlowInterval.  Empty for `ticks`.
[[nodiscard]] SlowReadings simulated_slow_readings(const SampleShape& shape);

[[nodiscard]] CpuFacts simulated_facts(std::uint32_t cores);

/// `push_interval` is cut to what a hello may say.
[[nodiscard]] Hello simulated_hello(std::string endpoint, std::string session,
                                    std::chrono::milliseconds push_interval);

/// `prefix` and the number from 1 on, of at least 5 digits: `sim-00001`.
[[nodiscard]] std::string endpoint_name(const std::string& prefix, std::size_t index);

}  // namespace cpu_monitor::bench
