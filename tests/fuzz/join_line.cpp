// The line that makes a machine a member, as it is and with the sum that it needs.

#include "common/join_line.hpp"

#include <zlib.h>

#include <array>

#include "common/messages.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

std::string summed(std::string_view text) {
  const auto sum =
      ::crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size()));
  std::array<char, 16> end{};
  std::snprintf(end.data(), end.size(), ",sum=%08lx", sum);
  return std::string(text) + end.data();
}

void require_good_line(std::string_view text) {
  const auto line = parse_join_line(text);
  if (!line) {
    const std::string& words = line.error().detail;
    require(!words.empty(), "there are words for what is wrong");
    require(words.find_first_of("\n\r\x1b") == std::string::npos, "they can be logged");
    return;
  }
  require(is_valid_endpoint(line->endpoint), "a name can be claimed");
  require(line->exporter.port != 0 && !line->exporter.host.empty(), "there is an exporter");
  require(line->token.size() >= kMinTokenBytes && line->token.size() <= kMaxTokenBytes,
          "there is a token");
  const auto again = parse_join_line(encode_join_line(*line));
  require(again && *again == *line, "parsing what was printed");
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  require_good_line(text);
  require_good_line(summed(text));
  return 0;
}
