#include "tests/support/test_certificates.hpp"

#include <array>
#include <span>
#include <stdexcept>
#include <utility>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#include "common/hex.hpp"

namespace cpu_monitor::tests {
namespace {

void require(bool is_done, const char* what) {
  if (!is_done) throw std::runtime_error(std::string("OpenSSL: ") + what);
}

EVP_PKEY* make_key(bool is_weak) {
  EVP_PKEY* const key =
      is_weak ? EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", static_cast<std::size_t>(1024))
              : EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256");
  require(key != nullptr, "key");
  return key;
}

void add_extension(X509* certificate, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str());
  require(extension != nullptr && X509_add_ext(certificate, extension, -1) == 1, value.c_str());
  X509_EXTENSION_free(extension);
}

std::string alternative_names(const CertificateSpec& spec) {
  std::string names;
  const auto add = [&names](const char* kind, const std::vector<std::string>& values) {
    for (const std::string& value : values) {
      names.append(names.empty() ? "" : ",").append(kind).append(":").append(value);
    }
  };
  add("DNS", spec.dns);
  add("URI", spec.uris);
  add("IP", spec.addresses);
  return names;
}

template <class Write>
std::string pem(const Write& write) {
  BIO* const memory = BIO_new(BIO_s_mem());
  require(write(memory) == 1, "PEM");
  char* data = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(memory, &data));
  std::string text(data, size);
  BIO_free(memory);
  return text;
}

long next_serial() {
  static long serial = 1;
  return ++serial;
}

}  // namespace

TestCertificate::TestCertificate(const CertificateSpec& spec, const TestCertificate* issuer)
    : key_(make_key(spec.has_weak_key), EVP_PKEY_free), certificate_(X509_new(), X509_free) {
  X509* const made = certificate_.get();
  X509* const signer = issuer != nullptr ? issuer->certificate_.get() : made;
  X509_set_version(made, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(made), next_serial());
  X509_gmtime_adj(X509_getm_notBefore(made), spec.begins.count());
  // In days, since seconds would not do for centuries.
  constexpr long kDay = 24 * 3600;
  X509_time_adj_ex(X509_getm_notAfter(made), static_cast<int>(spec.ends.count() / kDay),
                   spec.ends.count() % kDay, nullptr);
  X509_NAME_add_entry_by_txt(X509_get_subject_name(made), "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(spec.common_name.c_str()), -1,
                             -1, 0);
  X509_set_issuer_name(made, X509_get_subject_name(signer));
  X509_set_pubkey(made, key_.get());
  add_extension(made, signer, NID_basic_constraints,
                spec.is_authority ? "critical,CA:TRUE" : "critical,CA:FALSE");
  if (spec.is_authority) add_extension(made, signer, NID_key_usage, "critical,keyCertSign,cRLSign");
  if (!spec.purpose.empty()) add_extension(made, signer, NID_ext_key_usage, spec.purpose);
  const std::string names = alternative_names(spec);
  if (!names.empty()) add_extension(made, signer, NID_subject_alt_name, names);
  EVP_PKEY* const signing_key = issuer != nullptr ? issuer->key_.get() : key_.get();
  require(X509_sign(made, signing_key, EVP_sha256()) > 0, "signature");
}

std::string TestCertificate::certificate_pem() const {
  return pem([this](BIO* memory) { return PEM_write_bio_X509(memory, certificate_.get()); });
}

std::string TestCertificate::key_pem() const {
  return pem([this](BIO* memory) {
    return PEM_write_bio_PrivateKey(memory, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
  });
}

std::string TestCertificate::fingerprint() const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  require(X509_digest(certificate_.get(), EVP_sha256(), digest.data(), &size) == 1, "digest");
  return format_hex(std::span(digest).first(size));
}

std::string TestCertificate::revocation_list(
    const std::vector<const TestCertificate*>& revoked) const {
  const std::unique_ptr<X509_CRL, void (*)(X509_CRL*)> list(X509_CRL_new(), X509_CRL_free);
  const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> now(X509_gmtime_adj(nullptr, -60),
                                                             ASN1_TIME_free);
  const std::unique_ptr<ASN1_TIME, void (*)(ASN1_TIME*)> next(X509_gmtime_adj(nullptr, 3600),
                                                              ASN1_TIME_free);
  X509_CRL_set_version(list.get(), 1);
  X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(certificate_.get()));
  X509_CRL_set1_lastUpdate(list.get(), now.get());
  X509_CRL_set1_nextUpdate(list.get(), next.get());
  for (const TestCertificate* one : revoked) {
    X509_REVOKED* const entry = X509_REVOKED_new();
    X509_REVOKED_set_serialNumber(entry, X509_get_serialNumber(one->certificate_.get()));
    X509_REVOKED_set_revocationDate(entry, now.get());
    require(X509_CRL_add0_revoked(list.get(), entry) == 1, "revocation");
  }
  X509_CRL_sort(list.get());
  require(X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) > 0, "signature of the list");
  return pem([&list](BIO* memory) { return PEM_write_bio_X509_CRL(memory, list.get()); });
}

CertificateSpec authority(std::string common_name) {
  CertificateSpec spec;
  spec.common_name = std::move(common_name);
  spec.is_authority = true;
  return spec;
}

CertificateSpec server(std::string dns_name) {
  CertificateSpec spec;
  spec.common_name = "exporter";
  spec.dns = {std::move(dns_name)};
  spec.purpose = "serverAuth";
  return spec;
}

CertificateSpec client(std::string endpoint) {
  CertificateSpec spec;
  spec.common_name = endpoint;
  spec.dns = {std::move(endpoint)};
  spec.purpose = "clientAuth";
  return spec;
}

}  // namespace cpu_monitor::tests
