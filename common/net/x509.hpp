#pragma once

#include <chrono>
#include <cstddef>
#include <ctime>
#include <memory>
#include <optional>
#include <string_view>

#include <openssl/x509v3.h>

#include "common/unix_time.hpp"

/// What is read of certificates, be they a peer's or our own: over OpenSSL, for .cpp files alone.
/// The agent loads OpenSSL: each of its functions here stands in agent/openssl.cpp too.
namespace cpu_monitor::net {

/// For a std::unique_ptr to what OpenSSL made.
template <auto* Free>
struct Freer {
  template <class T>
  void operator()(T* object) const {
    Free(object);
  }
};

/// A key under a passphrase would ask for it on the terminal.
inline int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) {
  return -1;
}

inline std::optional<std::chrono::system_clock::time_point> time_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (ASN1_TIME_to_tm(time, &parts) != 1) return std::nullopt;
  return from_unix_seconds(::timegm(&parts));
}

/// Calls `visit(type, value)` for each alternative name of these types: GEN_DNS, GEN_URI, and
/// GEN_IPADD with the bytes of the address.  The value may hold any byte, and is good within the
/// call.
template <class Visit>
void visit_alternative_names(const X509* certificate, Visit visit) {
  const std::unique_ptr<GENERAL_NAMES, Freer<GENERAL_NAMES_free>> names(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    int type = 0;
    const auto* const value = static_cast<const ASN1_STRING*>(
        GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(names.get(), i), &type));
    if (type != GEN_DNS && type != GEN_URI && type != GEN_IPADD) continue;
    const auto* const bytes = reinterpret_cast<const char*>(ASN1_STRING_get0_data(value));
    visit(type, std::string_view(bytes, static_cast<std::size_t>(ASN1_STRING_length(value))));
  }
}

}  // namespace cpu_monitor::net
