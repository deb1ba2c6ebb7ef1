#pragma once

#include <array>
#include <charconv>
#include <concepts>
#include <string>
#include <string_view>

namespace cpu_monitor::bench {

/// One JSON object of numbers, written in the order of the calls.
///
/// REQUIRES: keys need no escape.  Threads: one at a time.
class JsonObject {
 public:
  template <std::integral Integer>
  JsonObject& add(std::string_view key, Integer value) {
    return add_text(key, std::to_string(value));
  }
  /// `decimals` behind the point.
  JsonObject& add(std::string_view key, double value, int decimals) {
    std::array<char, 64> text;
    const auto end = std::to_chars(text.data(), text.data() + text.size(), value,
                                   std::chars_format::fixed, decimals);
    return add_text(key, std::string_view(text.data(), end.ptr));
  }
  JsonObject& add(std::string_view key, const JsonObject& value) {
    return add_text(key, value.text());
  }
  /// `value` is JSON already.
  JsonObject& add_text(std::string_view key, std::string_view value) {
    members_.append(members_.empty() ? "\"" : ",\"").append(key).append("\":").append(value);
    return *this;
  }

  [[nodiscard]] std::string text() const { return "{" + members_ + "}"; }

 private:
  std::string members_;
};

}  // namespace cpu_monitor::bench
