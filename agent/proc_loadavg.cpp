#include "agent/proc_loadavg.hpp"

#include <cmath>

#include "agent/text_scan.hpp"

namespace cpu_monitor::agent {
namespace {

/// Takes a number and the space behind it off `rest`.
std::optional<double> take_load(std::string_view& rest) {
  if (rest.find(' ') == std::string_view::npos) return std::nullopt;
  const auto load = parse_number<double>(take_until(rest, ' '));
  if (!load || !std::isfinite(*load) || std::signbit(*load)) return std::nullopt;
  return load;
}

}  // namespace

std::optional<LoadAverage> parse_loadavg(std::string_view text) {
  const auto one = take_load(text);
  const auto five = take_load(text);
  const auto fifteen = take_load(text);
  if (!one || !five || !fifteen) return std::nullopt;
  return LoadAverage{*one, *five, *fifteen};
}

}  // namespace cpu_monitor::agent
