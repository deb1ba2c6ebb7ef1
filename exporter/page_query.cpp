#include "exporter/page_query.hpp"

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <utility>

namespace cpu_monitor::exporter {

namespace {

constexpr std::string_view kParameter = "collect[]";

std::string choices(const MetricGroups& collected) {
  std::string names;
  for (std::size_t i = 0; i < kMetricGroupNames.size(); ++i) {
    if (!collected.has(static_cast<MetricGroup>(i))) continue;
    if (!names.empty()) names += ", ";
    names += kMetricGroupNames.names[i];
  }
  return names;
}

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

/// Percent-decoding as of HTML forms: `+` is a space.
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

Error<QueryFault> bad_encoding() {
  return {QueryFault::bad_encoding, "the query is not percent-encoded: % needs two hex digits"};
}

/// Quotes nothing of the query: what a stranger put in a link is not repeated to whoever follows
/// it.
Result<MetricGroup, QueryFault> find_group(std::string_view encoded,
                                           const MetricGroups& collected) {
  const std::optional<std::string> name = decode(encoded);
  if (!name) return bad_encoding();
  const std::optional<MetricGroup> group = kMetricGroupNames.find(*name);
  if (!group) {
    return Error(QueryFault::unknown_group,
                 "collect[] names an unknown group; choose from: " + choices(collected) +
                     " (one a parameter: collect[]=a&collect[]=b)");
  }
  if (!collected.has(*group)) {
    return Error(QueryFault::group_not_collected,
                 "collect[]=" + *name +
                     " is not collected here (--web.collect); choose from: " + choices(collected));
  }
  return *group;
}

}  // namespace

Result<MetricGroups, QueryFault> parse_page_query(std::string_view query,
                                                  const MetricGroups& collected) {
  MetricGroups chosen;
  while (!query.empty()) {
    std::string_view value = take_until(query, '&');
    const std::optional<std::string> key = decode(take_until(value, '='));
    if (!key) return bad_encoding();
    if (*key != kParameter) continue;
    const auto group = find_group(value, collected);
    if (!group) return group.error();
    chosen.add(*group);
  }
  return chosen.empty() ? collected : chosen;
}

}  // namespace cpu_monitor::exporter
