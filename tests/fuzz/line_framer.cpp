// However a stream is cut into reads, its lines are the same: those of a plain split.

#include "common/line_framer.hpp"

#include <optional>

#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

constexpr std::size_t kCap = 24;
constexpr std::size_t kGrownCap = 96;

struct Outcome {
  std::vector<std::string> lines;
  LineFramer::Status status = LineFramer::Status::ok;
  bool has_partial_line = false;

  bool operator==(const Outcome&) const = default;
};

/// A line "stop" is the last one taken; behind a line "grow" the cap is larger.
Outcome framed(const Pieces& pieces) {
  LineFramer framer(kCap);
  Outcome outcome;
  for (const std::string_view piece : pieces) {
    outcome.status = framer.push(piece, [&](std::string_view line) {
      outcome.lines.emplace_back(line);
      if (line == "grow") framer.set_max_line_bytes(kGrownCap);
      return line != "stop";
    });
    if (outcome.status != LineFramer::Status::ok) return outcome;
  }
  outcome.has_partial_line = framer.has_partial_line();
  return outcome;
}

/// The same without a framer.
Outcome split(std::string_view text) {
  Outcome outcome;
  std::size_t cap = kCap;
  for (std::size_t end = text.find('\n');; end = text.find('\n')) {
    const std::string_view line = text.substr(0, end);
    if (line.size() > cap) {
      outcome.status = LineFramer::Status::line_too_long;
      return outcome;
    }
    if (end == std::string_view::npos) break;
    outcome.lines.emplace_back(line);
    if (line == "grow") cap = kGrownCap;
    if (line == "stop") {
      outcome.status = LineFramer::Status::stopped;
      return outcome;
    }
    text.remove_prefix(end + 1);
  }
  outcome.has_partial_line = !text.empty();
  return outcome;
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const Outcome expected = split(text);
  require(framed({text}) == expected, "one read gives the lines of the text");
  require(framed(bytes_of(text)) == expected, "reads of one byte give the same lines");
  require(framed(random_pieces(text)) == expected, "any reads give the same lines");
  return 0;
}
