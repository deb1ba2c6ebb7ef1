// The small files of sysfs.

#include "agent/sys_cpu.hpp"

#include <algorithm>
#include <functional>

#include "common/messages.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

void require_good_list(std::string_view text) {
  const auto list = agent::parse_cpu_list(text);
  if (!list) return;
  require(std::ranges::adjacent_find(*list, std::greater_equal()) == list->end(),
          "a list is sorted, and each CPU comes once");
  require(list->empty() || list->back() <= kMaxCpuId, "a CPU has a number that can be sent");
  std::string printed;
  for (const std::uint32_t cpu : *list) {
    printed += (printed.empty() ? "" : ",") + std::to_string(cpu);
  }
  require(agent::parse_cpu_list(printed + "\n") == list, "parsing what was printed");
}

void require_good_numbers(std::string_view text) {
  const auto number = agent::parse_unsigned(text);
  if (number) {
    require(agent::parse_unsigned(" " + std::to_string(*number) + "\n") == number,
            "parsing what was printed");
  }
  const auto with_sign = agent::parse_signed(text);
  if (with_sign) {
    require(agent::parse_signed(std::to_string(*with_sign)) == with_sign,
            "parsing what was printed");
    require(*with_sign <= 0 || number == static_cast<std::uint64_t>(*with_sign),
            "what is above 0 is the same number for both");
  }
}

void require_good_names(std::string_view text) {
  for (const std::string& word : agent::parse_words(text)) {
    require(!word.empty() && is_showable_text(word), "a word can be shown");
  }
  const auto number = agent::parse_numbered_name(text, "cpu");
  if (number) {
    require(text == "cpu" + std::to_string(*number), "a name has one number, written in one way");
  }
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  require_good_list(text);
  require_good_numbers(text);
  require_good_names(text);
  return 0;
}
