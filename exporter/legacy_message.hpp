#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace cpu_monitor::exporter {

/// How every message of the classroom project's Python client begins, spelling included.
inline constexpr std::string_view kLegacyPrefix = R"({"The Perecentage Of CPU USAGE": )";

/// Reads that client's messages, `{"The Perecentage Of CPU USAGE": 14.6}` without any line end, one
/// after another and byte by byte: prefix, a number 0..100 (digits, at most one '.'), '}'.
///
/// The client waits for the same bytes upper-cased before it sends the next.  Threads: one at a
/// time.
class LegacyReader {
 public:
  struct Message {
    double percent = 0;
    std::string answer;
  };

  enum class Status : std::uint8_t { ok, malformed };

  /// Calls `on_message(const Message&)` for each finished message.  After `malformed` nothing more
  /// can be read.
  template <class OnMessage>
  [[nodiscard]] Status push(std::string_view bytes, OnMessage&& on_message) {
    for (const char byte : bytes) {
      if (!take(byte)) return Status::malformed;
      if (byte != '}') continue;
      on_message(finish());
    }
    return Status::ok;
  }

  /// The longest number: `1.2345678901234567e-100`, 17 digits and all that can stand around them.
  static constexpr std::size_t kMaxNumberBytes = 23;

 private:
  [[nodiscard]] bool take(char byte);
  [[nodiscard]] Message finish();
  [[nodiscard]] std::string_view number() const;

  std::string text_;    ///< the message so far
  double percent_ = 0;  ///< known when text_ is whole
};

}  // namespace cpu_monitor::exporter
