#include "exporter/http_head.hpp"

#include <algorithm>

namespace cpu_monitor::exporter {
namespace {

constexpr std::string_view kLineEnd = "\r\n";

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool equal_but_for_case(std::string_view a, std::string_view b) {
  return std::ranges::equal(a, b, {}, lower, lower);
}

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kBlank = " \t\r";
  const std::size_t begin = text.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kBlank) - begin + 1);
}

/// The next line without its '\n', which `text` loses with it.
std::string_view take_line(std::string_view& text) {
  const std::size_t end = text.find('\n');
  const std::string_view line = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return line;
}

bool is_replaced(std::string_view line, const HeaderLines& headers) {
  const std::string_view name = line.substr(0, line.find(':'));
  return std::ranges::any_of(
      headers, [name](const auto& header) { return equal_but_for_case(header.first, name); });
}

}  // namespace

std::optional<std::size_t> end_of_head(std::string_view text, std::size_t from) {
  constexpr std::string_view kEmptyLine = "\r\n\r\n";
  constexpr std::string_view kBareEmptyLine = "\n\n";
  const std::size_t end = text.find(kEmptyLine, from);
  const std::size_t bare_end = text.find(kBareEmptyLine, from);
  if (end == std::string_view::npos && bare_end == std::string_view::npos) return std::nullopt;
  return end < bare_end ? end + kEmptyLine.size() : bare_end + kBareEmptyLine.size();
}

bool asks_for_path(std::string_view head) {
  for (std::size_t i = head.find('\r'); i != std::string_view::npos; i = head.find('\r', i + 1)) {
    if (!head.substr(i + 1).starts_with('\n')) return false;
  }
  const std::string_view line = take_line(head);
  const std::size_t method_end = line.find(' ');
  return method_end != 0 && method_end != std::string_view::npos &&
         line.substr(method_end + 1).starts_with('/');
}

std::string without_header(std::string_view head, std::string_view name) {
  std::string text(take_line(head));
  text += '\n';
  while (!head.empty()) {
    const std::string_view line = take_line(head);
    if (equal_but_for_case(line.substr(0, line.find(':')), name)) continue;
    text.append(line) += '\n';
  }
  return text;
}

std::optional<std::string_view> only_header(std::string_view head, std::string_view name) {
  std::optional<std::string_view> value;
  take_line(head);  // the request line
  while (!head.empty()) {
    const std::string_view line = take_line(head);
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !equal_but_for_case(line.substr(0, colon), name)) {
      continue;
    }
    if (value) return std::nullopt;
    value = trimmed(line.substr(colon + 1));
  }
  return value;
}

std::string with_headers(std::string_view head, const HeaderLines& headers) {
  std::string text;
  text.append(trimmed(take_line(head))).append(kLineEnd);
  while (!head.empty()) {
    const std::string_view line = trimmed(take_line(head));
    if (line.empty() || is_replaced(line, headers)) continue;
    text.append(line).append(kLineEnd);
  }
  for (const auto& [name, value] : headers) {
    text.append(name).append(": ").append(value).append(kLineEnd);
  }
  return text.append(kLineEnd);
}

}  // namespace cpu_monitor::exporter
