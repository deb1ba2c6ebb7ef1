#include "agent/proc_pressure.hpp"

#include "agent/text_scan.hpp"

namespace cpu_monitor::agent {
namespace {

constexpr std::string_view kTotalKey = "total=";

/// `fields`: what stands behind the kind.  avg10 and its like may come in any number before it.
std::optional<std::uint64_t> find_total(std::string_view fields) {
  while (!fields.empty()) {
    std::string_view field = take_until(fields, ' ');
    if (!field.starts_with(kTotalKey)) continue;
    field.remove_prefix(kTotalKey.size());
    return parse_number<std::uint64_t>(field);
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_pressure_total(std::string_view text, std::string_view kind) {
  while (auto line = take_whole_line(text)) {
    if (take_until(*line, ' ') == kind) return find_total(*line);
  }
  return std::nullopt;
}

}  // namespace cpu_monitor::agent
