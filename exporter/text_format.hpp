#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "exporter/page_writer.hpp"

/// The pieces of the Prometheus text format 0.0.4.  Threads: pure.
namespace cpu_monitor::exporter {

void append_number(PageWriter& page, std::uint64_t value);

/// The shortest text that reads back as the same double, whole numbers without an exponent.
void append_number(PageWriter& page, double value);

/// The value of a label, escaped.  `Text` is a PageWriter or a std::string.
template <class Text>
void append_escaped(Text& text, std::string_view value) {
  const auto is_special = [](char c) { return c == '\\' || c == '"' || c == '\n'; };
  for (;;) {
    const auto found = std::find_if(value.begin(), value.end(), is_special);
    const auto special = static_cast<std::size_t>(found - value.begin());
    text.append(value.substr(0, special));
    if (special == value.size()) return;
    const char character = value[special];
    text.append(character == '\n' ? "\\n" : character == '"' ? "\\\"" : "\\\\");
    value.remove_prefix(special + 1);
  }
}

/// The HELP and TYPE lines of a family.  `help` holds no newline and no backslash.
void append_head(PageWriter& page, std::string_view name, std::string_view type,
                 std::string_view help);

}  // namespace cpu_monitor::exporter
