#include "common/join_line.hpp"

#include <utility>

#include "common/calendar_day.hpp"
#include "common/messages.hpp"

namespace cpu_monitor {
namespace {

constexpr std::string_view kScheme = "cpu-monitor://";
constexpr std::string_view kSum = ",sum=";
constexpr std::size_t kSumDigits = 8;
constexpr std::size_t kPinDigits = 64;
constexpr std::string_view kSpace = " \t\r\n\f\v";
constexpr std::string_view kHexDigits = "0123456789abcdef";
constexpr std::string_view kTokenCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Fault = Error<JoinLineFault>;

/// CRC-32 as in zlib and PNG: it finds every change of up to 32 bits in a row.
std::uint32_t checksum(std::string_view text) {
  std::uint32_t sum = 0xFFFF'FFFF;
  for (const char c : text) {
    sum ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) sum = (sum >> 1) ^ ((sum & 1) != 0 ? 0xEDB8'8320 : 0);
  }
  return ~sum;
}

std::string format_sum(std::uint32_t sum) {
  std::string text;
  for (int shift = 28; shift >= 0; shift -= 4) text += kHexDigits[(sum >> shift) & 0xF];
  return text;
}

bool consists_of(std::string_view text, std::string_view characters) {
  return text.find_first_not_of(characters) == std::string_view::npos;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// Takes what stands before `end` off `text`, and `end`; all of it, if `end` is not there.
std::string_view take_until(std::string_view& text, char end) {
  const std::string_view part = text.substr(0, text.find(end));
  text.remove_prefix(part.size() == text.size() ? part.size() : part.size() + 1);
  return part;
}

Fault cut_off() {
  return {JoinLineFault::cut_off,
          "the line ends too early: it was cut off when it was copied; copy all of it, up to sum= "
          "and 8 digits"};
}

Fault bad_field(std::string words) { return {JoinLineFault::bad_field, std::move(words)}; }

/// What is wrong with a text before its fields are looked at.
std::optional<Fault> fault_of_whole(std::string_view text) {
  if (text.empty()) {
    return Fault(JoinLineFault::not_a_line,
                 "there is no line; paste the one that 'cpu-monitor-exporter enroll' printed");
  }
  if (kScheme.starts_with(text)) return cut_off();
  if (!text.starts_with(kScheme)) {
    return Fault(JoinLineFault::not_a_line,
                 "the line does not begin with cpu-monitor://; paste the one that "
                 "'cpu-monitor-exporter enroll' printed, from there on and without quotes");
  }
  if (text.size() > kMaxJoinLineBytes) {
    return Fault(JoinLineFault::not_a_line, "the line has more than " +
                                                std::to_string(kMaxJoinLineBytes) +
                                                " bytes; paste one line, and nothing else");
  }
  if (text.find_first_of(kSpace) != std::string_view::npos) {
    return Fault(JoinLineFault::damaged,
                 "the line has white space in it; paste it as one line, and nothing else");
  }
  return std::nullopt;
}

/// What stands before the sum, if that is right.
Result<std::string_view, JoinLineFault> checked(std::string_view text) {
  const std::size_t end = text.rfind(kSum);
  if (end == std::string_view::npos) return cut_off();
  const std::string_view sum = text.substr(end + kSum.size());
  if (sum.size() < kSumDigits && consists_of(sum, kHexDigits)) return cut_off();
  if (sum.size() > kSumDigits && consists_of(sum.substr(0, kSumDigits), kHexDigits)) {
    return Fault(JoinLineFault::damaged,
                 "the line goes on behind its end, which is sum= and 8 digits; paste nothing else");
  }
  if (sum != format_sum(checksum(text.substr(0, end)))) {
    return Fault(JoinLineFault::damaged,
                 "the line was changed when it was copied, as its sum shows; copy it once more");
  }
  return text.substr(0, end);
}

/// One run over the fields.
class Parser {
 public:
  Result<JoinLine, JoinLineFault> run(std::string_view text) {
    text.remove_prefix(kScheme.size());
    if (auto fault = take_address(take_until(text, '/'))) return *std::move(fault);
    if (auto fault = take_name(take_until(text, ','))) return *std::move(fault);
    while (!text.empty()) {
      if (auto fault = take_field(take_until(text, ','))) return *std::move(fault);
    }
    if (line_.token.empty()) return bad_field("the line holds no token=");
    if (line_.ca_pin.empty()) return bad_field("the line holds no ca=");
    return std::move(line_);
  }

 private:
  using MaybeFault = std::optional<Fault>;

  MaybeFault take_address(std::string_view text) {
    auto address = parse_host_port(text);
    if (!address || address->host.empty() || address->port == 0) {
      return bad_field(
          "the line's address is not HOST:PORT with a port from 1 to 65535; have a new line made "
          "with 'cpu-monitor-exporter enroll NAME --address HOST:PORT'");
    }
    line_.exporter = *std::move(address);
    return std::nullopt;
  }

  MaybeFault take_name(std::string_view text) {
    if (!is_valid_endpoint(text)) return bad_field("the line's name is not an endpoint name");
    line_.endpoint = text;
    return std::nullopt;
  }

  MaybeFault take_field(std::string_view field) {
    const std::string_view name = take_until(field, '=');
    if (name == "token") return take_token(field);
    if (name == "ca") return take_pin(field);
    if (name == "expires") return take_day(field);
    return bad_field(
        "the line holds what this agent does not know; it may be of a newer exporter: update the "
        "agent");
  }

  MaybeFault take_token(std::string_view text) {
    const bool is_token = text.size() >= kMinTokenBytes && text.size() <= kMaxTokenBytes &&
                          consists_of(text, kTokenCharacters);
    if (!is_token || !line_.token.empty()) {
      return bad_field(
          "the line holds no token, or two: token= is followed by 16 to 128 letters, "
          "digits, '-' and '_'");
    }
    line_.token = text;
    return std::nullopt;
  }

  MaybeFault take_pin(std::string_view text) {
    const bool is_pin = text.size() == kPinDigits && consists_of(text, kHexDigits);
    if (!is_pin || !line_.ca_pin.empty()) {
      return bad_field(
          "the line holds no fingerprint of an authority, or two: ca= is followed by "
          "64 digits of 0-9 and a-f");
    }
    line_.ca_pin = text;
    return std::nullopt;
  }

  MaybeFault take_day(std::string_view text) {
    const auto day = parse_day(text);
    if (!day || line_.last_day) {
      return bad_field(
          "the line holds no day, or two: expires= is followed by one of the "
          "calendar, as in expires=2031-12-31");
    }
    line_.last_day = day;
    return std::nullopt;
  }

  JoinLine line_;
};

}  // namespace

Result<JoinLine, JoinLineFault> parse_join_line(std::string_view text) {
  text = trimmed(text);
  if (auto fault = fault_of_whole(text)) return *std::move(fault);
  const auto fields = checked(text);
  if (!fields) return fields.error();
  return Parser().run(*fields);
}

std::string encode_join_line(const JoinLine& line) {
  std::string text(kScheme);
  text.append(format_host_port(line.exporter)).append("/").append(line.endpoint);
  text.append(",token=").append(line.token).append(",ca=").append(line.ca_pin);
  if (line.last_day) text.append(",expires=").append(format_day(*line.last_day));
  const std::string sum = format_sum(checksum(text));
  return text.append(kSum).append(sum);
}

}  // namespace cpu_monitor
