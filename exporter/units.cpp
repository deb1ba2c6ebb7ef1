#include "exporter/units.hpp"

#include <array>
#include <string_view>

#include "exporter/text_format.hpp"

namespace cpu_monitor::exporter {
namespace {

void append_thousandths(PageWriter& page, std::int64_t count) {
  const auto bits = static_cast<std::uint64_t>(count);
  if (count < 0) page.append('-');
  static constexpr SecondsFormat kOfThousandths(1000);
  kOfThousandths.append(page, count < 0 ? 0 - bits : bits);
}

}  // namespace

void SecondsFormat::append(PageWriter& page, std::uint64_t count) const {
  if (!decimals_) {
    append_number(page, static_cast<double>(count) / static_cast<double>(counts_per_second_));
    return;
  }
  append_number(page, count / counts_per_second_);
  const std::uint64_t fraction = count % counts_per_second_ * decimal_units_per_count_;
  if (fraction != 0) append_fraction(page, fraction, *decimals_);
}

void SecondsFormat::append_fraction(PageWriter& page, std::uint64_t fraction,
                                    std::size_t decimals) {
  std::array<char, kMaxDecimals + 1> digits{'.'};
  for (std::size_t i = decimals; i > 0; --i, fraction /= 10) {
    digits[i] = static_cast<char>('0' + fraction % 10);
  }
  while (digits[decimals] == '0') --decimals;
  page.append(std::string_view(digits.data(), decimals + 1));
}

void append_number(PageWriter& page, CountedSeconds value) {
  static constexpr SecondsFormat kOfMicroseconds(kMicroseconds);
  static constexpr SecondsFormat kOfNanoseconds(kNanoseconds);
  switch (value.per_second) {
    case kMicroseconds:
      return kOfMicroseconds.append(page, value.count);
    case kNanoseconds:
      return kOfNanoseconds.append(page, value.count);
    default:
      return SecondsFormat(value.per_second).append(page, value.count);
  }
}

void append_number(PageWriter& page, std::chrono::milliseconds value) {
  append_thousandths(page, value.count());
}

/// Three zeros behind the kHz: no product that could overflow.
void append_number(PageWriter& page, KiloHertz value) {
  append_number(page, value.count);
  if (value.count != 0) page.append("000");
}

void append_number(PageWriter& page, MilliCelsius value) { append_thousandths(page, value.count); }

}  // namespace cpu_monitor::exporter
