#include "exporter/units.hpp"

#include <array>

#include "exporter/text_format.hpp"

namespace cpu_monitor::exporter {
namespace {

void append_thousandths(std::string& text, std::int64_t count) {
  const auto bits = static_cast<std::uint64_t>(count);
  if (count < 0) text.push_back('-');
  SecondsFormat(1000).append(text, count < 0 ? 0 - bits : bits);
}

}  // namespace

SecondsFormat::SecondsFormat(std::uint32_t counts_per_second)
    : counts_per_second_(counts_per_second) {
  std::uint64_t power = 1;
  for (std::size_t decimals = 0; decimals <= kMaxDecimals; ++decimals, power *= 10) {
    if (power % counts_per_second_ != 0) continue;
    decimals_ = decimals;
    decimal_units_per_count_ = power / counts_per_second_;
    return;
  }
}

void SecondsFormat::append(std::string& text, std::uint64_t count) const {
  if (!decimals_) {
    append_number(text, static_cast<double>(count) / static_cast<double>(counts_per_second_));
    return;
  }
  append_number(text, count / counts_per_second_);
  const std::uint64_t fraction = count % counts_per_second_ * decimal_units_per_count_;
  if (fraction != 0) append_fraction(text, fraction, *decimals_);
}

void SecondsFormat::append_fraction(std::string& text, std::uint64_t fraction,
                                    std::size_t decimals) {
  std::array<char, kMaxDecimals + 1> digits{'.'};
  for (std::size_t i = decimals; i > 0; --i, fraction /= 10) {
    digits[i] = static_cast<char>('0' + fraction % 10);
  }
  while (digits[decimals] == '0') --decimals;
  text.append(digits.data(), decimals + 1);
}

void append_number(std::string& text, CountedSeconds value) {
  SecondsFormat(value.per_second).append(text, value.count);
}

void append_number(std::string& text, std::chrono::milliseconds value) {
  append_thousandths(text, value.count());
}

/// Three zeros behind the kHz: no product that could overflow.
void append_number(std::string& text, KiloHertz value) {
  append_number(text, value.count);
  if (value.count != 0) text.append("000");
}

void append_number(std::string& text, MilliCelsius value) { append_thousandths(text, value.count); }

}  // namespace cpu_monitor::exporter
