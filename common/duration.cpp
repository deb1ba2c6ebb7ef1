#include "common/duration.hpp"

#include <array>
#include <charconv>
#include <system_error>

namespace cpu_monitor {
namespace {

struct Unit {
  std::string_view name;
  std::chrono::milliseconds length;
};

constexpr std::array<Unit, 5> kUnits{{{"d", std::chrono::hours(24)},
                                      {"h", std::chrono::hours(1)},
                                      {"m", std::chrono::minutes(1)},
                                      {"s", std::chrono::seconds(1)},
                                      {"ms", std::chrono::milliseconds(1)}}};

constexpr std::chrono::milliseconds kMaxDuration = 1000 * std::chrono::hours(24);

constexpr std::string_view kDigits = "0123456789";

/// Takes a whole number off the head of `text`.
std::optional<std::int64_t> take_number(std::string_view& text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of(kDigits));
  std::int64_t number = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  if (fault != std::errc{}) return std::nullopt;
  text.remove_prefix(digits.size());
  return number;
}

/// Takes a unit off the head of `text`: the index in kUnits.
std::optional<std::size_t> take_unit(std::string_view& text) {
  const std::string_view name = text.substr(0, text.find_first_of(kDigits));
  for (std::size_t i = 0; i < kUnits.size(); ++i) {
    if (kUnits[i].name != name) continue;
    text.remove_prefix(name.size());
    return i;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::chrono::milliseconds> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  std::chrono::milliseconds sum{0};
  std::size_t first_allowed_unit = 0;
  while (!text.empty()) {
    const std::optional<std::int64_t> number = take_number(text);
    if (!number) return std::nullopt;
    const std::optional<std::size_t> unit = take_unit(text);
    if (!unit || *unit < first_allowed_unit) return std::nullopt;
    first_allowed_unit = *unit + 1;

    const std::chrono::milliseconds length = kUnits[*unit].length;
    if (*number > (kMaxDuration - sum) / length) return std::nullopt;
    sum += *number * length;
  }
  return sum;
}

std::string format_duration(std::chrono::milliseconds duration) {
  std::string text;
  for (const Unit& unit : kUnits) {
    const std::int64_t count = duration / unit.length;
    if (count <= 0) continue;
    text.append(std::to_string(count)).append(unit.name);
    duration -= count * unit.length;
  }
  return text.empty() ? "0s" : text;
}

}  // namespace cpu_monitor
