#include "exporter/legacy_message.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <system_error>
#include <utility>

namespace cpu_monitor::exporter {

namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_digit(char byte) { return kDigits.find(byte) != std::string_view::npos; }

/// Removes the digits at the front; false when there are none.
bool skip_digits(std::string_view& text) {
  const std::size_t count = std::min(text.find_first_not_of(kDigits), text.size());
  text.remove_prefix(count);
  return count > 0;
}

bool skip(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

/// JSON's grammar without signs, but for the exponent's, which is always negative below 100.
bool is_number(std::string_view text) {
  const bool has_leading_zero = text.size() > 1 && text[0] == '0' && is_digit(text[1]);
  if (has_leading_zero || !skip_digits(text)) return false;
  if (skip(text, ".") && !skip_digits(text)) return false;
  if (skip(text, "e-") && !skip_digits(text)) return false;
  return text.empty();
}

std::optional<double> parse_percent(std::string_view text) {
  if (!is_number(text)) return std::nullopt;
  double percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (error != std::errc{} || percent > 100) return std::nullopt;
  return percent;
}

/// ASCII only, as the message is.
char to_upper(char byte) {
  return byte >= 'a' && byte <= 'z' ? static_cast<char>(byte - 'a' + 'A') : byte;
}

}  // namespace

bool LegacyReader::take(char byte) {
  const std::size_t position = text_.size();
  if (position < kLegacyPrefix.size()) {
    if (byte != kLegacyPrefix[position]) return false;
  } else if (byte == '}') {
    const std::optional<double> percent = parse_percent(number());
    if (!percent) return false;
    percent_ = *percent;
  } else if (number().size() == kMaxNumberBytes ||
             std::string_view("0123456789.e-").find(byte) == std::string_view::npos) {
    return false;
  }
  text_.push_back(byte);
  return true;
}

LegacyReader::Message LegacyReader::finish() {
  Message message{percent_, std::exchange(text_, {})};
  std::ranges::transform(message.answer, message.answer.begin(), to_upper);
  return message;
}

std::string_view LegacyReader::number() const {
  return std::string_view(text_).substr(kLegacyPrefix.size());
}

}  // namespace cpu_monitor::exporter
