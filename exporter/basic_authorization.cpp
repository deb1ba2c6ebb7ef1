#include "exporter/basic_authorization.hpp"

#include <algorithm>
#include <cstdint>

namespace cpu_monitor::exporter {
namespace {

/// The value of a Base64 digit, or 64.
unsigned digit_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return static_cast<unsigned>(digit - 'A');
  if (digit >= 'a' && digit <= 'z') return static_cast<unsigned>(digit - 'a') + 26;
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0') + 52;
  if (digit == '+') return 62;
  return digit == '/' ? 63 : 64;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);

  std::string bytes;
  std::uint32_t bits = 0;  // of the digits read, those that no byte took
  unsigned count = 0;
  for (const char digit : text) {
    const unsigned value = digit_value(digit);
    if (value == 64) return std::nullopt;
    bits = (bits << 6) | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count);
    bits &= (1U << count) - 1;
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

bool is_basic(std::string_view scheme) {
  constexpr std::string_view kScheme = "basic";
  const auto equal_but_for_case = [](char a, char b) { return (a | 0x20) == b; };
  return std::ranges::equal(scheme, kScheme, equal_but_for_case);
}

}  // namespace

std::optional<UserPassword> parse_basic_authorization(std::string_view authorization) {
  if (authorization.size() > kMaxAuthorizationBytes) return std::nullopt;
  const std::size_t space = authorization.find(' ');
  if (space == std::string_view::npos || !is_basic(authorization.substr(0, space))) {
    return std::nullopt;
  }
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', space),  //
                                       authorization.size()));
  const auto decoded = decode_base64(authorization);
  if (!decoded || decoded->find('\0') != std::string::npos) return std::nullopt;
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return UserPassword{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

}  // namespace cpu_monitor::exporter
