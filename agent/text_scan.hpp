#pragma once

#include <charconv>
#include <optional>
#include <string_view>
#include <system_error>

/// What the parsers of this folder share.  Threads: pure.
namespace cpu_monitor::agent {

/// Takes what stands before the first `separator` off `rest`, and the separator with it; all of
/// `rest` when there is none.
inline std::string_view take_until(std::string_view& rest, char separator) {
  const auto end = rest.find(separator);
  const std::string_view taken = rest.substr(0, end);
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return taken;
}

/// Takes a line off `rest`.  None when it is cut off: what a file ends with may be half a number.
inline std::optional<std::string_view> take_whole_line(std::string_view& rest) {
  if (rest.find('\n') == std::string_view::npos) return std::nullopt;
  return take_until(rest, '\n');
}

/// The number that `text` is, from its first byte to its last.  None for one that does not fit.
template <class Number>
std::optional<Number> parse_number(std::string_view text) {
  Number number{};
  const char* const end = text.data() + text.size();
  const auto [behind, fault] = std::from_chars(text.data(), end, number);
  if (fault != std::errc{} || behind != end) return std::nullopt;
  return number;
}

/// `text` without the white space at both ends, as the kernel puts it behind most values.
inline std::string_view trim(std::string_view text) {
  constexpr std::string_view kWhiteSpace = " \t\r\n";
  const auto first = text.find_first_not_of(kWhiteSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kWhiteSpace) - first + 1);
}

}  // namespace cpu_monitor::agent
