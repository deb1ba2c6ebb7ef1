#include "exporter/certificate_authority.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "common/hex.hpp"
#include "common/host_port.hpp"
#include "common/join_line.hpp"
#include "common/net/x509.hpp"

namespace cpu_monitor::exporter {
namespace {

using std::chrono::days;

constexpr days kAuthorityLife{20 * 365};
constexpr days kServerLife{365};
/// Certificates begin in the past: the clock of a machine may be behind ours.
constexpr days kClockAllowance{2};
constexpr int kSerialBits = 127;  // positive, and at most the 20 bytes of RFC 5280
constexpr const char* kAuthorityName = "cpu-monitor enrolment";
constexpr long kX509Version3 = 2;

using net::Freer;
using net::no_passphrase;
using BioPtr = std::unique_ptr<BIO, Freer<BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, Freer<X509_EXTENSION_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using CertificatePtr = std::unique_ptr<X509, Freer<X509_free>>;

[[noreturn]] void fail(const std::string& what) {
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw std::runtime_error(what + (reason != nullptr ? std::string(" (") + reason + ")" : ""));
}

void require(bool is_done, const char* what) {
  if (!is_done) fail(std::string("OpenSSL cannot ") + what);
}

// PEM.

template <class Write>
std::string to_pem(const Write& write) {
  const BioPtr memory(BIO_new(BIO_s_mem()));
  require(memory && write(memory.get()) == 1, "write PEM");
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &data);
  return {data, static_cast<std::size_t>(size)};
}

std::string pem_of(X509* certificate) {
  return to_pem([&](BIO* memory) { return PEM_write_bio_X509(memory, certificate); });
}

std::string pem_of(EVP_PKEY* key) {
  return to_pem([&](BIO* memory) {
    return PEM_write_bio_PKCS8PrivateKey(memory, key, nullptr, nullptr, 0, nullptr, nullptr);
  });
}

BioPtr bio_of(std::string_view text) {
  BioPtr memory(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  require(memory != nullptr, "read from memory");
  return memory;
}

CertificatePtr certificate_of(std::string_view pem) {
  CertificatePtr certificate(PEM_read_bio_X509(bio_of(pem).get(), nullptr, no_passphrase, nullptr));
  if (!certificate) fail("there is no certificate in PEM form that can be read");
  return certificate;
}

KeyPtr key_of(std::string_view pem) {
  KeyPtr key(PEM_read_bio_PrivateKey(bio_of(pem).get(), nullptr, no_passphrase, nullptr));
  if (!key) fail("there is no private key in PEM form, without a passphrase, that can be read");
  return key;
}

// Certificates.

KeyPtr make_key() {
  KeyPtr key(EVP_EC_gen("P-256"));
  require(key != nullptr, "make a key");
  return key;
}

void set_random_serial(X509* certificate) {
  const BignumPtr number(BN_new());
  require(number && BN_rand(number.get(), kSerialBits, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY) == 1 &&
              BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
          "make a serial number");
}

void set_life(X509* certificate, Time begin, Time end) {
  const std::time_t first = std::chrono::system_clock::to_time_t(begin);
  const std::time_t last = std::chrono::system_clock::to_time_t(end);
  require(ASN1_TIME_set(X509_getm_notBefore(certificate), first) != nullptr &&
              ASN1_TIME_set(X509_getm_notAfter(certificate), last) != nullptr,
          "set a certificate's life");
}

void set_subject(X509* certificate, std::string_view name) {
  const auto* const bytes = reinterpret_cast<const unsigned char*>(name.data());
  require(X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8, bytes,
                                     static_cast<int>(name.size()), -1, 0) == 1,
          "set a certificate's name");
}

/// `issuer` may be `certificate` itself.
void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const ExtensionPtr extension(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  require(extension && X509_add_ext(certificate, extension.get(), -1) == 1, "add an extension");
}

/// A certificate of `key` that lacks but its extensions and its signature.
CertificatePtr begin_certificate(EVP_PKEY* key, std::string_view name, Time begin, Time end) {
  CertificatePtr certificate(X509_new());
  require(certificate != nullptr, "make a certificate");
  require(X509_set_version(certificate.get(), kX509Version3) == 1, "set a certificate's version");
  set_random_serial(certificate.get());
  set_life(certificate.get(), begin, end);
  set_subject(certificate.get(), name);
  require(X509_set_pubkey(certificate.get(), key) == 1, "set a certificate's key");
  return certificate;
}

/// `issuer` may be `certificate` itself.
void sign(X509* certificate, X509* issuer, EVP_PKEY* key) {
  require(X509_set_issuer_name(certificate, X509_get_subject_name(issuer)) == 1,
          "set a certificate's issuer");
  add_extension(certificate, issuer, NID_subject_key_identifier, "hash");
  add_extension(certificate, issuer, NID_authority_key_identifier, "keyid:always");
  require(X509_sign(certificate, key, EVP_sha256()) > 0, "sign a certificate");
}

/// As OpenSSL's configuration says it.  Host names and addresses have no character that means
/// anything there.
std::string alternative_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    text.append(text.empty() ? "" : ",").append(is_ip_address(name) ? "IP:" : "DNS:").append(name);
  }
  return text;
}

Time time_of(const ASN1_TIME* time) {
  const auto read = net::time_of(time);
  if (!read) fail("a certificate's life cannot be read");
  return *read;
}

/// Of the 4 or 16 bytes of an address, its text.
std::string address_of(std::string_view bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == sizeof(in_addr) ? AF_INET : AF_INET6;
  const bool is_address = bytes.size() == sizeof(in_addr) || bytes.size() == sizeof(in6_addr);
  if (!is_address || ::inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr) {
    fail("a certificate holds an address that is none");
  }
  return text.data();
}

std::vector<std::string> names_of(const X509* certificate) {
  std::vector<std::string> names;
  net::visit_alternative_names(certificate, [&names](int type, std::string_view name) {
    if (type == GEN_DNS) names.emplace_back(name);
    if (type == GEN_IPADD) names.push_back(address_of(name));
  });
  return names;
}

std::string fingerprint_of(const X509* certificate) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(X509_digest(certificate, EVP_sha256(), digest.data(), &size) == 1, "hash a certificate");
  return format_hex(std::span(digest).first(size));
}

}  // namespace

CertifiedKey make_authority(Time now) {
  const KeyPtr key = make_key();
  const CertificatePtr made =
      begin_certificate(key.get(), kAuthorityName, now - kClockAllowance, now + kAuthorityLife);
  add_extension(made.get(), made.get(), NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(made.get(), made.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  sign(made.get(), made.get(), key.get());
  return {pem_of(made.get()), pem_of(key.get())};
}

CertifiedKey make_server(const CertifiedKey& authority, const std::vector<std::string>& names,
                         Time now) {
  const CertificatePtr issuer = certificate_of(authority.certificate);
  const KeyPtr signing_key = key_of(authority.key);
  if (X509_check_private_key(issuer.get(), signing_key.get()) != 1) {
    fail("the authority's key is not that of its certificate");
  }
  const Time last = time_of(X509_get0_notAfter(issuer.get()));
  if (last <= now) fail("the authority's certificate has expired");
  const KeyPtr key = make_key();
  const CertificatePtr made = begin_certificate(
      key.get(), kEnrolledServerName, now - kClockAllowance, std::min(now + kServerLife, last));
  add_extension(made.get(), issuer.get(), NID_basic_constraints, "critical,CA:FALSE");
  add_extension(made.get(), issuer.get(), NID_key_usage, "critical,digitalSignature");
  add_extension(made.get(), issuer.get(), NID_ext_key_usage, "serverAuth");
  add_extension(made.get(), issuer.get(), NID_subject_alt_name, alternative_names(names));
  sign(made.get(), issuer.get(), signing_key.get());
  return {pem_of(made.get()) + authority.certificate, pem_of(key.get())};
}

CertificateFacts inspect_certificate(std::string_view pem) {
  const CertificatePtr certificate = certificate_of(pem);
  CertificateFacts facts;
  facts.not_before = time_of(X509_get0_notBefore(certificate.get()));
  facts.not_after = time_of(X509_get0_notAfter(certificate.get()));
  facts.names = names_of(certificate.get());
  facts.fingerprint = fingerprint_of(certificate.get());
  return facts;
}

bool is_certified(std::string_view pem, const std::string& host) {
  const CertificatePtr certificate = certificate_of(pem);
  if (is_ip_address(host)) return X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1;
  return X509_check_host(certificate.get(), host.data(), host.size(),
                         X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1;
}

bool is_due_for_renewal(const CertificateFacts& certificate, Time now) {
  const auto life = certificate.not_after - certificate.not_before;
  return certificate.not_after - now < life / 3;
}

}  // namespace cpu_monitor::exporter
