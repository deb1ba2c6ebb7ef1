// The value of an Authorization header: what is taken is written in one way only.

#include <algorithm>

#include "exporter/basic_auth.hpp"
#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {
namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::string_view group = bytes.substr(i, 3);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j) {
      bits = bits << 8U | (j < group.size() ? static_cast<unsigned char>(group[j]) : 0U);
    }
    for (std::size_t j = 0; j < 4; ++j) {
      text += j <= group.size() ? kDigits[bits >> (18U - 6U * j) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace
}  // namespace cpu_monitor::fuzz

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const std::string_view text = text_of(data, size);
  const auto taken = exporter::parse_basic_authorization(text);
  if (taken) {
    require(text.size() <= exporter::kMaxAuthorizationBytes, "a header has a limit");
    require(taken->user.find(':') == std::string::npos, "a user ends at the first colon");
    require(text.ends_with(" " + base64(taken->user + ":" + taken->password)),
            "encoding what was decoded");
  }
  // The same bytes as user and password, in a header that is right.
  const std::size_t colon = text.find(':');
  const bool is_plain =
      colon != std::string_view::npos && text.find('\0') == std::string_view::npos;
  const std::string header = "Basic " + base64(text);
  const auto again = exporter::parse_basic_authorization(header);
  require(again.has_value() == (is_plain && header.size() <= exporter::kMaxAuthorizationBytes),
          "every user and password can be said");
  if (again) {
    require(again->user == text.substr(0, colon) && again->password == text.substr(colon + 1),
            "decoding what was encoded");
  }
  return 0;
}
