#include "exporter/text_format.hpp"

#include <array>
#include <charconv>
#include <cmath>

namespace cpu_monitor::exporter {
namespace {

template <class Number>
void append_shortest(std::string& text, Number value) {
  std::array<char, 32> digits;  // NOLINT: written before it is read, 65,000 times a page
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  text.append(digits.data(), end);
}

void append_escaped(std::string& text, std::string_view value) {
  for (const char c : value) {
    if (c == '\n') {
      text += "\\n";
      continue;
    }
    if (c == '\\' || c == '"') text.push_back('\\');
    text.push_back(c);
  }
}

}  // namespace

void append_number(std::string& text, std::uint64_t value) { append_shortest(text, value); }

void append_number(std::string& text, double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: below it a whole number is no 1e+06
  if (std::abs(value) < kExact && value == std::trunc(value)) {
    append_shortest(text, static_cast<std::int64_t>(value));
  } else {
    append_shortest(text, value);
  }
}

void append_label(std::string& labels, std::string_view name, std::string_view value) {
  if (!labels.empty()) labels.push_back(',');
  labels.append(name).append("=\"");
  append_escaped(labels, value);
  labels.push_back('"');
}

void append_head(std::string& text, std::string_view name, std::string_view type,
                 std::string_view help) {
  text.append("# HELP ").append(name).append(" ").append(help).append("\n");
  text.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

}  // namespace cpu_monitor::exporter
