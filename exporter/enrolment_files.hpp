#pragma once

#include <string>

#include "common/net/tls.hpp"

/// Where enrolment keeps what it made: the files of --state.directory.  docs/security.md says what
/// is in each.
namespace cpu_monitor::exporter {

inline constexpr const char* kAuthorityFile = "ca.pem";
inline constexpr const char* kAuthorityKeyFile = "ca-key.pem";  ///< may be kept elsewhere
/// Certificate, authority and key: one file, so that they always fit.
inline constexpr const char* kServerFile = "exporter.pem";
inline constexpr const char* kTokensFile = "tokens";
inline constexpr const char* kAddressFile = "address";  ///< that the last machines were told

[[nodiscard]] inline std::string path_in(const std::string& directory, const char* file) {
  return directory + "/" + file;
}

/// How an exporter shows who it is to those it enrolled.
[[nodiscard]] inline net::TlsServerSettings enrolled_tls(const std::string& directory) {
  net::TlsServerSettings settings;
  settings.cert_file = path_in(directory, kServerFile);
  settings.key_file = settings.cert_file;
  return settings;
}

}  // namespace cpu_monitor::exporter
