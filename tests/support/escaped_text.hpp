#pragma once

#include <charconv>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>

namespace cpu_monitor::tests {

/// Any bytes as one readable line: printable ASCII as it is, but for the backslash, which begins
/// `\\`, `\n`, `\r`, `\t` and `\xHH`.  tests/fuzz/corpus.py writes the same.
/// Throws std::runtime_error for anything else.
inline std::string unescaped(std::string_view line) {
  const auto fail = [line] { throw std::runtime_error("a bad escape in: " + std::string(line)); };
  std::string text;
  while (!line.empty()) {
    const char byte = line.front();
    line.remove_prefix(1);
    if (byte != '\\') {
      text += byte;
      continue;
    }
    const std::string_view code = line.substr(0, 1);
    line.remove_prefix(code.size());
    if (code == "n") {
      text += '\n';
    } else if (code == "r") {
      text += '\r';
    } else if (code == "t") {
      text += '\t';
    } else if (code == "\\") {
      text += '\\';
    } else if (code == "x" && line.size() >= 2) {
      unsigned char value = 0;
      const auto [end, error] = std::from_chars(line.data(), line.data() + 2, value, 16);
      if (error != std::errc{} || end != line.data() + 2) fail();
      text += static_cast<char>(value);
      line.remove_prefix(2);
    } else {
      fail();
    }
  }
  return text;
}

}  // namespace cpu_monitor::tests
