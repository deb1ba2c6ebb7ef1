#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor::exporter {

struct UserPassword {
  std::string user;
  std::string password;

  bool operator==(const UserPassword&) const = default;
};

inline constexpr std::size_t kMaxAuthorizationBytes = 2048;

/// Reads the value of an Authorization header: `Basic`, and user:password in Base64.
///
/// Strict: padding and unused bits as they must be, no byte before or behind, no NUL, not longer
/// than kMaxAuthorizationBytes.  The user ends at the first colon.  Threads: pure.
[[nodiscard]] std::optional<UserPassword> parse_basic_authorization(std::string_view authorization);

}  // namespace cpu_monitor::exporter
