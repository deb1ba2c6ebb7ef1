#include "exporter/first_bytes.hpp"

#include <array>

#include "exporter/legacy_message.hpp"

namespace cpu_monitor::exporter {

namespace {

/// How a caller that is no agent begins.
struct Opening {
  std::string_view text;
  Caller caller;
};

constexpr std::array<Opening, 12> kOpenings{{
    {kLegacyPrefix, Caller::legacy},
    {"\x16\x03", Caller::tls},  // handshake record, TLS 1.x
    {"GET ", Caller::http},
    {"HEAD ", Caller::http},
    {"POST ", Caller::http},
    {"PUT ", Caller::http},
    {"PATCH ", Caller::http},
    {"DELETE ", Caller::http},
    {"OPTIONS ", Caller::http},
    {"CONNECT ", Caller::http},
    {"TRACE ", Caller::http},
    {"PRI * HTTP", Caller::http},  // HTTP/2 without asking
}};

}  // namespace

Caller recognise(std::string_view first_bytes) {
  bool may_still_be_other = first_bytes.empty();
  for (const Opening& opening : kOpenings) {
    if (first_bytes.starts_with(opening.text)) return opening.caller;
    may_still_be_other = may_still_be_other || opening.text.starts_with(first_bytes);
  }
  return may_still_be_other ? Caller::unknown_yet : Caller::agent;
}

}  // namespace cpu_monitor::exporter
