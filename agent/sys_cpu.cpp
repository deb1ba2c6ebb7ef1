#include "agent/sys_cpu.hpp"

#include "agent/text_scan.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

struct Range {
  std::uint32_t first = 0;
  std::uint32_t last = 0;
};

/// "8" or "0-3".
std::optional<Range> parse_range(std::string_view text) {
  const bool is_one = text.find('-') == std::string_view::npos;
  const auto first = parse_number<std::uint32_t>(take_until(text, '-'));
  const auto last = is_one ? first : parse_number<std::uint32_t>(text);
  if (!first || !last || *first > *last || *last > kMaxCpuId) return std::nullopt;
  return Range{*first, *last};
}

}  // namespace

std::optional<std::vector<std::uint32_t>> parse_cpu_list(std::string_view text) {
  text = trim(text);
  if (text.ends_with(',')) return std::nullopt;
  std::vector<bool> is_listed(kMaxCpuId + 1);
  while (!text.empty()) {
    const auto range = parse_range(take_until(text, ','));
    if (!range) return std::nullopt;
    for (std::uint32_t cpu = range->first; cpu <= range->last; ++cpu) is_listed[cpu] = true;
  }
  std::vector<std::uint32_t> cpus;
  for (std::uint32_t cpu = 0; cpu <= kMaxCpuId; ++cpu) {
    if (is_listed[cpu]) cpus.push_back(cpu);
  }
  return cpus;
}

std::optional<std::uint64_t> parse_unsigned(std::string_view text) {
  return parse_number<std::uint64_t>(trim(text));
}

std::optional<std::int64_t> parse_signed(std::string_view text) {
  return parse_number<std::int64_t>(trim(text));
}

std::vector<std::string> parse_words(std::string_view text) {
  std::vector<std::string> words;
  text = trim(text);
  while (!text.empty()) {
    const std::string_view word = take_until(text, ' ');
    if (!word.empty() && is_showable_text(word)) words.emplace_back(word);
  }
  return words;
}

std::optional<std::uint32_t> parse_numbered_name(std::string_view name, std::string_view stem) {
  if (!name.starts_with(stem)) return std::nullopt;
  name.remove_prefix(stem.size());
  if (name.size() > 1 && name.starts_with('0')) return std::nullopt;
  return parse_number<std::uint32_t>(name);
}

}  // namespace cpu_monitor::agent
