// The value of an Authorization header: what is taken is written in one way only.

#include "exporter/basic_authorization.hpp"

#include "tests/fuzz/fuzz_target.hpp"
#include "tests/support/base64.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  using tests::base64;
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
