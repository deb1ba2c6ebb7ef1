#include "exporter/text_format.hpp"

#include <charconv>
#include <cmath>

namespace cpu_monitor::exporter {
namespace {

template <class Number>
void append_shortest(PageWriter& page, Number value) {
  char* const digits = page.room();
  page.commit(std::to_chars(digits, digits + PageWriter::kMaxRoom, value).ptr);
}

}  // namespace

void append_number(PageWriter& page, std::uint64_t value) { append_shortest(page, value); }

void append_number(PageWriter& page, double value) {
  constexpr double kExact = 9007199254740992.0;  // 2^53: below it a whole number is no 1e+06
  if (std::abs(value) < kExact && value == std::trunc(value)) {
    append_shortest(page, static_cast<std::int64_t>(value));
  } else {
    append_shortest(page, value);
  }
}

void append_head(PageWriter& page, std::string_view name, std::string_view type,
                 std::string_view help) {
  page.append("# HELP ", name, " ", help, "\n# TYPE ", name, " ", type, "\n");
}

}  // namespace cpu_monitor::exporter
