#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/net/tls.hpp"

namespace cpu_monitor::exporter {

inline constexpr std::size_t kMaxWebConfigBytes = std::size_t{1} << 20;

/// A bcrypt of this cost takes about 0.65 s; each step doubles it.  One runs at a time, so that a
/// dearer one would let a few wrong passwords hold up everybody's first login.
inline constexpr int kMaxBcryptCost = 14;

/// The file of --web.config.file, in the format of Prometheus' exporter-toolkit
/// (docs/web-config.md).
struct WebConfig {
  /// None: plain HTTP.  File names are as they can be opened; nothing has looked at the files.
  std::optional<net::TlsServerSettings> tls;
  /// Not empty: a client's certificate must hold one of these as DNS name or URI, exactly.
  std::vector<std::string> client_allowed_sans;
  /// User -> bcrypt hash of the password.  Empty: nobody is asked for one.
  std::map<std::string, std::string, std::less<>> users;
  /// Name and value, to be sent with every answer; printable ASCII.
  std::vector<std::pair<std::string, std::string>> headers;

  bool operator==(const WebConfig&) const = default;
};

/// `directory` is where relative file names of the text begin: empty for the working directory.
///
/// Threads: pure.
/// Errors: throws std::runtime_error that begins with `line N: ` where there is one, names the key
/// and never holds a hash.  Whatever the bytes, it comes back in time linear in their number.
[[nodiscard]] WebConfig parse_web_config(std::string_view text, const std::string& directory);

/// Reads a file of at most kMaxWebConfigBytes.  Errors: as above, after `PATH: `.
[[nodiscard]] WebConfig load_web_config(const std::string& path);

}  // namespace cpu_monitor::exporter
