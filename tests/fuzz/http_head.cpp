// The head of an HTTP message: its end is the same however it comes, and a head that we wrote is
// whole.

#include "exporter/http_head.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

using exporter::end_of_head;
using exporter::only_header;

/// As the gate reads: from three bytes before what is new.
std::optional<std::size_t> end_in_pieces(const Pieces& pieces) {
  std::string head;
  for (const std::string_view piece : pieces) {
    const std::size_t from = std::max<std::size_t>(head.size(), 3) - 3;
    head += piece;
    if (const auto end = end_of_head(head, from)) return end;
  }
  return std::nullopt;
}

void require_good_header(std::string_view head) {
  const auto value = only_header(head, "authorization");
  if (!value) return;
  require(value->find('\n') == std::string_view::npos, "a value is within its line");
  require(value->empty() || (value->data() >= head.data() &&
                             value->data() + value->size() <= head.data() + head.size()),
          "a value is a part of the head");
  const std::string twice = std::string(head) + "\nAUTHORIZATION: x\n";
  require(!only_header(twice, "authorization"), "a header that comes twice is none");
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const auto end = end_of_head(text);
  require(end_in_pieces(bytes_of(text)) == end, "reads of one byte give the same end");
  require(!end || *end <= text.size(), "the end is within the text");
  require_good_header(text);

  const exporter::HeaderLines headers{{"X-Frame-Options", "deny"}, {"Server", "ours"}};
  const std::string answer = exporter::with_headers(text.substr(0, end.value_or(0)), headers);
  require(end_of_head(answer) == answer.size(), "a head ends where it ends");
  for (const auto& [name, value] : headers) {
    std::string lower = name;
    std::ranges::transform(lower, lower.begin(), [](char c) {
      return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    require(only_header(answer, lower) == value,
            "a header of ours stands once, in place of others");
  }
  return 0;
}
