#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace cpu_monitor {

/// Two digits of 0-9, a-f for each byte.
[[nodiscard]] inline std::string format_hex(std::span<const std::uint8_t> bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : bytes) {
    text += kDigits[byte >> 4U];
    text += kDigits[byte & 0xFU];
  }
  return text;
}

}  // namespace cpu_monitor
