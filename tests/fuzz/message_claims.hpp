#pragma once

#include <string>
#include <string_view>

#include "common/messages.hpp"
#include "tests/fuzz/fuzz_target.hpp"

/// What must hold of every line that one side decodes.
namespace cpu_monitor::fuzz {

inline void require_good_refusal(const Error<RefusalCode>& error) {
  require(!error.detail.empty() && error.detail.size() <= kMaxRefusalMessageBytes,
          "a refusal has words, and room for them");
  Refusal refusal;
  refusal.code = std::string(kRefusalCodeNames[error.code]);
  refusal.message = error.detail;
  std::string line = encode(refusal);
  line.pop_back();
  const auto message = decode_exporter_message(line);
  require(message && std::get<Refusal>(*message) == refusal, "a refusal can be said");
}

/// `decode` of what was decoded and encoded again is the same message.
template <class Message, class Decode>
void require_fixed_point(const Message& message, Decode decode) {
  std::visit(
      [&](const auto& known) {
        using Known = std::decay_t<decltype(known)>;
        if constexpr (std::is_same_v<Known, UnusableRecording>) {
          require(!known.why.empty(), "it is known why a recording is not taken");
        } else if constexpr (!std::is_same_v<Known, UnknownMessage>) {
          std::string line = encode(known);
          require(line.ends_with('\n'), "a line ends in a newline");
          line.pop_back();
          require(line.find('\n') == std::string::npos, "a message is one line");
          const auto again = decode(line);
          require(again && std::get<Known>(*again) == known, "decoding what was encoded");
          require(encode(std::get<Known>(*again)) == line + "\n", "encoding what was decoded");
        }
      },
      message);
}

}  // namespace cpu_monitor::fuzz
