#include "common/log.hpp"

#include <unistd.h>

#include <atomic>
#include <iterator>
#include <memory>
#include <mutex>
#include <string>
#include <utility>

#include <spdlog/fmt/fmt.h>
#include <spdlog/logger.h>
#include <spdlog/sinks/base_sink.h>

#include "common/output.hpp"
#include "common/utf8.hpp"

namespace cpu_monitor::log {
namespace {

constexpr std::size_t kMaxValueBytes = 256;
constexpr std::size_t kMaxMessageBytes = 1024;
constexpr std::string_view kReplacementCharacter = "\xEF\xBF\xBD";

/// spdlog's own stderr sink waits for as long as the reader of a full pipe does not read, and is
/// killed by SIGPIPE when there is no reader.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    write_unless_blocked(STDERR_FILENO, std::string_view(line.data(), line.size()));
  }
  void flush_() override {}
};

spdlog::logger make_logger() {
  spdlog::logger logger("cpu-monitor", std::make_shared<StderrSink>());
  logger.set_pattern("%v");
  logger.set_level(spdlog::level::info);
  logger.set_error_handler([](const std::string&) {});  // the default one writes to stderr
  return logger;
}

spdlog::logger& logger() {
  static spdlog::logger instance = make_logger();
  return instance;
}

std::atomic<Format>& format() {
  static std::atomic<Format> instance{Format::logfmt};
  return instance;
}

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      break;
  }
  return spdlog::level::err;
}

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
      fmt::format_to(std::back_inserter(line), "\\u{:04x}", static_cast<std::uint32_t>(character));
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
    } else if (is_control(character->value)) {
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
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     time.hours().count(), time.minutes().count(), time.seconds().count(),
                     time.subseconds().count());
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
  if (!logger().should_log(to_spdlog(level))) return;
  const bool is_json = format().load() == Format::json;
  const std::string line =
      is_json ? json_line(level, message, fields) : logfmt_line(level, message, fields);
  logger().log(to_spdlog(level), spdlog::string_view_t(line.data(), line.size()));
}

}  // namespace

void configure(Level level, Format new_format) {
  logger().set_level(to_spdlog(level));
  format().store(new_format);
}

void debug(std::string_view message, Fields fields) { write_line(Level::debug, message, fields); }
void info(std::string_view message, Fields fields) { write_line(Level::info, message, fields); }
void warn(std::string_view message, Fields fields) { write_line(Level::warn, message, fields); }
void error(std::string_view message, Fields fields) { write_line(Level::error, message, fields); }

std::optional<std::uint64_t> Throttle::admit(Clock::time_point now) {
  if (last_ && now - *last_ < interval_) {
    ++held_back_;
    return std::nullopt;
  }
  last_ = now;
  return std::exchange(held_back_, 0);
}

}  // namespace cpu_monitor::log
