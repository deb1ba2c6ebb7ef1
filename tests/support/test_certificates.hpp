#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

struct evp_pkey_st;
struct x509_st;

namespace cpu_monitor::tests {

/// What a certificate for a test is like.  The defaults are a good one.
struct CertificateSpec {
  std::string common_name = "test";
  std::vector<std::string> dns;
  std::vector<std::string> uris;
  std::vector<std::string> addresses;
  std::string purpose;  ///< extended key usage, "serverAuth" or "clientAuth"; empty: any
  std::chrono::seconds begins{-3600};  ///< from now
  std::chrono::seconds ends{24 * 3600};
  bool is_authority = false;
  bool has_weak_key = false;  ///< RSA of 1024 bits
};

/// A key and its certificate, signed by `issuer` or by itself.  Throws std::runtime_error.
class TestCertificate {
 public:
  explicit TestCertificate(const CertificateSpec& spec, const TestCertificate* issuer = nullptr);

  [[nodiscard]] std::string certificate_pem() const;
  [[nodiscard]] std::string key_pem() const;
  /// SHA-256 of the certificate, in hexadecimal digits.
  [[nodiscard]] std::string fingerprint() const;
  /// A revocation list of this authority, in PEM form.
  [[nodiscard]] std::string revocation_list(
      const std::vector<const TestCertificate*>& revoked) const;

 private:
  std::unique_ptr<evp_pkey_st, void (*)(evp_pkey_st*)> key_;
  std::unique_ptr<x509_st, void (*)(x509_st*)> certificate_;
};

/// An authority, as most tests need one.
[[nodiscard]] CertificateSpec authority(std::string common_name);
/// What an exporter shows.
[[nodiscard]] CertificateSpec server(std::string dns_name = "localhost");
/// What the agent of `endpoint` shows.
[[nodiscard]] CertificateSpec client(std::string endpoint);

}  // namespace cpu_monitor::tests
