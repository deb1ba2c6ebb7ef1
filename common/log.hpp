#pragma once

#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string_view>

#include "common/name_table.hpp"

/// One line per event worth knowing, on stderr, synchronously: `ts=... level=info msg="..."
/// key=value`, or JSON.
///
/// Values are escaped here, so any bytes may be logged; a value is cut after 256 bytes.  Threads:
/// all functions are safe from any thread.  A stderr that is closed or full is ignored: losing a
/// log line never stops the program.
namespace cpu_monitor::log {

enum class Level : std::uint8_t { debug, info, warn, error };
inline constexpr NameTable<Level, 4> kLevelNames{{"debug", "info", "warn", "error"}};

enum class Format : std::uint8_t { logfmt, json };
inline constexpr NameTable<Format, 2> kFormatNames{{"logfmt", "json"}};

struct Field {
  std::string_view key;
  std::string_view value;
};
using Fields = std::initializer_list<Field>;

/// Takes effect at once.  Before the first call: info, logfmt.
void configure(Level level, Format format);

void debug(std::string_view message, Fields fields = {});
void info(std::string_view message, Fields fields = {});
void warn(std::string_view message, Fields fields = {});
void error(std::string_view message, Fields fields = {});

/// Lets some events of one cause through per interval, and counts those it held back.
///
/// Threads: one at a time.
class Throttle {
 public:
  using Clock = std::chrono::steady_clock;

  explicit Throttle(Clock::duration interval, int events = 1)
      : interval_(interval), events_(events) {}

  /// The number of events held back since the last one let through; none when this one is held back
  /// too.
  [[nodiscard]] std::optional<std::uint64_t> admit(Clock::time_point now);

  /// How many were held back in an interval that is over, without any let through since; each once.
  [[nodiscard]] std::uint64_t leftover(Clock::time_point now);

 private:
  Clock::duration interval_;
  int events_;
  std::optional<Clock::time_point> began_;  ///< of the interval that runs
  int admitted_ = 0;                        ///< since then
  std::uint64_t held_back_ = 0;
};

/// For what peers cause: 10 lines a second.
class PeerThrottle : public Throttle {
 public:
  PeerThrottle() : Throttle(std::chrono::seconds(1), 10) {}
};

}  // namespace cpu_monitor::log
