#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace cpu_monitor {

/// One character of a text, and the number of bytes it takes there.
struct CodePoint {
  char32_t value = 0;
  std::size_t bytes = 0;
};

/// The first character of `text`, which is not empty.  None when it is ill-formed: cut short,
/// overlong, a surrogate, or beyond U+10FFFF.  Threads: pure.
[[nodiscard]] inline std::optional<CodePoint> first_code_point(std::string_view text) {
  constexpr std::array<char32_t, 5> kSmallestOfLength{0, 0, 0x80, 0x800, 0x10000};
  const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };

  const unsigned lead = byte(0);
  if (lead < 0x80) return CodePoint{lead, 1};
  if (lead < 0xC0 || lead > 0xF4) return std::nullopt;
  const std::size_t bytes = lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  if (text.size() < bytes) return std::nullopt;

  char32_t value = lead & (0x7FU >> bytes);
  for (std::size_t i = 1; i < bytes; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return std::nullopt;
    value = (value << 6) | (byte(i) & 0x3F);
  }
  const bool is_surrogate = value >= 0xD800 && value <= 0xDFFF;
  if (value < kSmallestOfLength[bytes] || value > 0x10FFFF || is_surrogate) return std::nullopt;
  return CodePoint{value, bytes};
}

/// C0, DEL and C1: what a terminal may obey instead of show.
[[nodiscard]] constexpr bool is_control(char32_t character) {
  return character < 0x20 || (character >= 0x7F && character <= 0x9F);
}

/// What ends a line or turns the direction of what follows (Unicode's bidirectional formatting): it
/// shows a reader something else than is there.
[[nodiscard]] constexpr bool is_deceptive(char32_t character) {
  return character == 0x2028 || character == 0x2029 ||
         (character >= 0x202A && character <= 0x202E) ||
         (character >= 0x2066 && character <= 0x2069);
}

}  // namespace cpu_monitor
