#include "exporter/query.hpp"

#include <charconv>
#include <cstddef>
#include <system_error>
#include <utility>

namespace cpu_monitor::exporter {
namespace {

/// Cuts the text before the first `separator` off `rest`, and drops the separator.
std::string_view take_until(std::string_view& rest, char separator) {
  const std::string_view piece = rest.substr(0, rest.find(separator));
  rest.remove_prefix(piece.size() < rest.size() ? piece.size() + 1 : piece.size());
  return piece;
}

std::optional<char> decode_byte(std::string_view two_digits) {
  unsigned char byte = 0;
  const char* const end = two_digits.data() + two_digits.size();
  const auto [stopped, error] = std::from_chars(two_digits.data(), end, byte, 16);
  if (two_digits.size() != 2 || error != std::errc{} || stopped != end) return std::nullopt;
  return static_cast<char>(byte);
}

std::optional<std::string> decode(std::string_view text) {
  std::string decoded;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const std::optional<char> byte = decode_byte(text.substr(i + 1, 2));
    if (!byte) return std::nullopt;
    decoded += *byte;
    i += 2;
  }
  return decoded;
}

}  // namespace

Result<std::vector<Parameter>, QueryFault> parse_query(std::string_view query) {
  std::vector<Parameter> parameters;
  while (!query.empty()) {
    std::string_view rest = take_until(query, '&');
    auto name = decode(take_until(rest, '='));
    auto value = decode(rest);
    if (!name || !value) {
      return Error(QueryFault::bad_encoding,
                   "the query is not percent-encoded: % needs two hex digits");
    }
    parameters.push_back({*std::move(name), *std::move(value)});
  }
  return parameters;
}

}  // namespace cpu_monitor::exporter
