#include "common/log.hpp"

#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>

#include "common/output.hpp"
#include "common/utf8.hpp"

namespace cpu_monitor::log {
namespace {

constexpr std::size_t kMaxValueBytes = 256;
constexpr std::size_t kMaxMessageBytes = 1024;
constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

std::atomic<Level> least_level{Level::info};
std::atomic<Format> line_format{Format::logfmt};

void append_escaped(std::string& line, char32_t character) {
  switch (character) {
    case '\n':
      line += "\\n";
      break;
    case '\r':
      line += "\\r";
      break;
    case '\t':
      line += "\\t";
      break;
    default:
      std::array<char, 16> text{};
      std::snprintf(text.data(), text.size(), "\\u%04x", static_cast<unsigned>(character));
      line += text.data();
  }
}

/// In quotes, escaped as in JSON, which logfmt shares.  Longer than `max_bytes`: cut, with "...".
void append_quoted(std::string& line, std::string_view text, std::size_t max_bytes) {
  line += '"';
  std::size_t taken = 0;
  while (taken < text.size()) {
    const auto character = first_code_point(text.substr(taken));
    const std::size_t bytes = character ? character->bytes : 1;
    if (taken + bytes > max_bytes) break;
    if (!character) {
      line += kReplacementCharacter;
    } else if (is_control(character->value) || is_deceptive(character->value)) {
      append_escaped(line, character->value);
    } else {
      if (character->value == '"' || character->value == '\\') line += '\\';
      line += text.substr(taken, bytes);
    }
    taken += bytes;
  }
  if (taken < text.size()) line += "...";
  line += '"';
}

bool needs_quotes(std::string_view value) {
  for (const char c : value) {
    if (c <= ' ' || c > '~' || c == '"' || c == '\\' || c == '=') return true;
  }
  return value.empty() || value.size() > kMaxValueBytes;
}

/// RFC 3339, in UTC, to the millisecond.
std::string timestamp(std::chrono::system_clock::time_point now) {
  const auto day = std::chrono::floor<std::chrono::days>(now);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::milliseconds>(now - day));
  std::array<char, 64> text{};
  std::snprintf(text.data(), text.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ",
                static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(time.hours().count()),
                static_cast<int>(time.minutes().count()), static_cast<int>(time.seconds().count()),
                static_cast<int>(time.subseconds().count()));
  return text.data();
}

std::string logfmt_line(Level level, std::string_view message, Fields fields) {
  std::string line = "ts=" + timestamp(std::chrono::system_clock::now());
  line.append(" level=").append(kLevelNames[level]).append(" msg=");
  append_quoted(line, message, kMaxMessageBytes);
  for (const Field& field : fields) {
    line.append(" ").append(field.key).append("=");
    if (needs_quotes(field.value)) {
      append_quoted(line, field.value, kMaxValueBytes);
    } else {
      line += field.value;
    }
  }
  return line;
}

std::string json_line(Level level, std::string_view message, Fields fields) {
  std::string line = "{\"ts\":\"" + timestamp(std::chrono::system_clock::now());
  line.append("\",\"level\":\"").append(kLevelNames[level]).append("\",\"msg\":");
  append_quoted(line, message, kMaxMessageBytes);
  for (const Field& field : fields) {
    line.append(",\"").append(field.key).append("\":");
    append_quoted(line, field.value, kMaxValueBytes);
  }
  line += '}';
  return line;
}

void write_line(Level level, std::string_view message, Fields fields) {
  if (level < least_level.load()) return;
  const bool is_json = line_format.load() == Format::json;
  const std::string line =
      (is_json ? json_line(level, message, fields) : logfmt_line(level, message, fields)) + '\n';
  // A long line is written in pieces: another thread's must not come between them.
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  write_unless_blocked(STDERR_FILENO, line);
}

}  // namespace

void configure(Level level, Format format) {
  least_level.store(level);
  line_format.store(format);
}

void debug(std::string_view message, Fields fields) { write_line(Level::debug, message, fields); }
void info(std::string_view message, Fields fields) { write_line(Level::info, message, fields); }
void warn(std::string_view message, Fields fields) { write_line(Level::warn, message, fields); }
void error(std::string_view message, Fields fields) { write_line(Level::error, message, fields); }

std::optional<std::uint64_t> Throttle::admit(Clock::time_point now) {
  if (!began_ || now - *began_ >= interval_) {
    began_ = now;
    admitted_ = 0;
  }
  if (admitted_ >= events_) {
    ++held_back_;
    return std::nullopt;
  }
  ++admitted_;
  return std::exchange(held_back_, 0);
}

std::uint64_t Throttle::leftover(Clock::time_point now) {
  if (!began_ || now - *began_ < interval_) return 0;
  return std::exchange(held_back_, 0);
}

}  // namespace cpu_monitor::log
