#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

/// A certificate authority of one exporter, which certifies nobody but this exporter.
///
/// EC keys on P-256, signed with SHA-256.  Threads: pure but for random numbers.  Errors: all
/// functions throw std::runtime_error, without a file's name.
namespace cpu_monitor::exporter {

using Time = std::chrono::system_clock::time_point;

/// Both in PEM form; the key without a passphrase.
struct CertifiedKey {
  std::string certificate;
  std::string key;
};

/// What an exporter must know of a certificate.
struct CertificateFacts {
  Time not_before;
  Time not_after;
  std::vector<std::string> names;  ///< DNS names and addresses among its alternative names
  std::string fingerprint;         ///< SHA-256 (DER), 64 digits of 0-9, a-f
};

/// A new authority, good for 20 years: with it ends what the machines were told at enrolment.
[[nodiscard]] CertifiedKey make_authority(Time now);

/// A new key, certified for a year as a server of these names; addresses in numbers may be among
/// them.  The certificate is followed by the authority's, which agents that pin it must be sent.
[[nodiscard]] CertifiedKey make_server(const CertifiedKey& authority,
                                       const std::vector<std::string>& names, Time now);

/// Of the first certificate in a PEM text.
[[nodiscard]] CertificateFacts inspect_certificate(std::string_view pem);

/// Whether it names this host: a DNS name, or an address in numbers.
[[nodiscard]] bool is_certified(std::string_view pem, const std::string& host);

/// Whether less than a third of its life is left.
[[nodiscard]] bool is_due_for_renewal(const CertificateFacts& certificate, Time now);

}  // namespace cpu_monitor::exporter
