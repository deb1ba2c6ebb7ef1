#include "exporter/compression.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <vector>

#include <isa-l/igzip_lib.h>

namespace cpu_monitor::exporter {
namespace {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t";
  const std::size_t start = text.find_first_not_of(kSpace);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(kSpace) - start + 1);
}

/// Cuts the part up to `separator` off the front of `text`.
std::string_view cut(std::string_view& text, char separator) {
  const std::size_t end = text.find(separator);
  const std::string_view part = text.substr(0, end);
  text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
  return trimmed(part);
}

bool is_same_word(std::string_view one, std::string_view other) {
  return std::ranges::equal(
      one, other, {}, [](unsigned char c) { return std::tolower(c); },
      [](unsigned char c) { return std::tolower(c); });
}

/// Whether a quality is one, `0` or `1` with up to three decimals but not above 1, and not 0.
bool is_above_zero(std::string_view quality) {
  if (quality.empty() || quality.size() > 5 || (quality.size() > 1 && quality[1] != '.')) {
    return false;
  }
  const std::string_view decimals = quality.substr(std::min<std::size_t>(quality.size(), 2));
  const bool are_zeros = decimals.find_first_not_of('0') == std::string_view::npos;
  if (quality[0] == '1') return are_zeros;
  const bool are_digits = decimals.find_first_not_of("0123456789") == std::string_view::npos;
  return quality[0] == '0' && are_digits && !are_zeros;
}

bool has_quality(std::string_view parameters) {
  while (!parameters.empty()) {
    std::string_view value = cut(parameters, ';');
    if (is_same_word(cut(value, '='), "q")) return is_above_zero(trimmed(value));
  }
  return true;
}

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) {
  std::optional<bool> by_name;
  bool takes_any = false;
  while (!accept_encoding.empty()) {
    std::string_view choice = cut(accept_encoding, ',');
    const std::string_view coding = cut(choice, ';');
    if (is_same_word(coding, "gzip")) return has_quality(choice);
    if (is_same_word(coding, "x-gzip")) by_name = has_quality(choice);
    if (coding == "*") takes_any = has_quality(choice);
  }
  return by_name.value_or(takes_any);
}

struct GzipStream::Impl {
  void compress(std::string_view text, bool is_last);

  isal_zstream stream{};
  std::vector<std::uint8_t> level_buffer = std::vector<std::uint8_t>(ISAL_DEF_LVL1_DEFAULT);
  std::array<std::uint8_t, std::size_t{64} * 1024> output{};
  std::string member;
};

void GzipStream::Impl::compress(std::string_view text, bool is_last) {
  // The library does not write to its input, though the type would let it.
  stream.next_in = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<std::uint32_t>(text.size());
  stream.end_of_stream = is_last ? 1 : 0;
  do {
    stream.next_out = output.data();
    stream.avail_out = static_cast<std::uint32_t>(output.size());
    if (isal_deflate(&stream) != COMP_OK) throw std::runtime_error("ISA-L cannot compress");
    member.append(reinterpret_cast<const char*>(output.data()), output.size() - stream.avail_out);
  } while (stream.avail_out == 0);
}

GzipStream::GzipStream() : impl_(std::make_unique<Impl>()) {
  isal_zstream& stream = impl_->stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = impl_->level_buffer.data();
  stream.level_buf_size = static_cast<std::uint32_t>(impl_->level_buffer.size());
  stream.gzip_flag = IGZIP_GZIP;
  stream.flush = NO_FLUSH;
}

GzipStream::~GzipStream() = default;

void GzipStream::add(std::string_view text) {
  constexpr std::size_t kMost = std::size_t{1} << 30;  // the library counts in 32 bits
  for (; text.size() > kMost; text.remove_prefix(kMost)) {
    impl_->compress(text.substr(0, kMost), false);
  }
  impl_->compress(text, false);
}

std::string GzipStream::finish() {
  impl_->compress({}, true);
  return std::move(impl_->member);
}

}  // namespace cpu_monitor::exporter
