#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

/// What libFuzzer calls for every input, and the replay for every input of a corpus.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace cpu_monitor::fuzz {

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// What must hold of every input.  Aborts if it doesn't, which is a finding to the fuzzer and a
/// failed test to ctest.
inline void require(bool holds, const char* claim) {
  if (holds) return;
  std::fprintf(stderr, "not so: %s\n", claim);
  std::abort();
}

/// Numbers that depend on the input and nothing else, so that the input itself can be plain text.
class Dice {
 public:
  explicit Dice(std::string_view seed) {
    for (const char byte : seed) state_ = (state_ ^ static_cast<unsigned char>(byte)) * kPrime;
  }

  /// 0..limit-1.  REQUIRES: limit > 0.
  [[nodiscard]] std::size_t below(std::size_t limit) {
    state_ ^= state_ << 13U;
    state_ ^= state_ >> 7U;
    state_ ^= state_ << 17U;
    return static_cast<std::size_t>((state_ >> 16U) % limit);
  }

 private:
  static constexpr std::uint64_t kPrime = 1099511628211U;  // FNV-1a
  std::uint64_t state_ = 14695981039346656037U;
};

using Pieces = std::vector<std::string_view>;

/// The text byte by byte.
inline Pieces bytes_of(std::string_view text) {
  Pieces pieces;
  for (std::size_t i = 0; i < text.size(); ++i) pieces.push_back(text.substr(i, 1));
  return pieces;
}

/// The text in pieces of 1 to 32 bytes.
inline Pieces random_pieces(std::string_view text) {
  Dice dice(text);
  Pieces pieces;
  while (!text.empty()) {
    const std::string_view piece = text.substr(0, 1 + dice.below(32));
    pieces.push_back(piece);
    text.remove_prefix(piece.size());
  }
  return pieces;
}

/// The text in its lines, without their '\n'.
inline Pieces lines_of(std::string_view text) {
  Pieces lines;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    lines.push_back(line);
    text.remove_prefix(line.size() < text.size() ? line.size() + 1 : line.size());
  }
  return lines;
}

/// The front of a text, cut where the dice fall.
inline std::string_view random_prefix(std::string_view text) {
  return text.substr(0, Dice(text).below(text.size() + 1));
}

}  // namespace cpu_monitor::fuzz
