#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "common/host_port.hpp"
#include "common/result.hpp"

/// The one line that makes a machine a member of a fleet: `enroll` of the exporter prints it,
/// `--join` of the agent reads it.  docs/security.md is its page.
///
///     cpu-monitor://HOST:PORT/NAME,token=TOKEN,ca=SHA256[,expires=YYYY-MM-DD],sum=CRC32
///
/// No character of it means anything to a shell, but for the brackets of an IPv6 address.  The sum
/// stands last, so that a line is known to be whole.  It is a secret: whoever has it is NAME.
///
/// Threads: everything here is pure, callable from anywhere.
namespace cpu_monitor {

inline constexpr std::size_t kMaxJoinLineBytes = 1024;
inline constexpr std::size_t kMinTokenBytes = 16;
inline constexpr std::size_t kMaxTokenBytes = 128;

/// The DNS name in the certificate of every exporter that enrols: its addresses may change.
inline constexpr std::string_view kEnrolledServerName = "cpu-monitor-exporter";

/// What it says.
struct JoinLine {
  HostPort exporter;     ///< with a host and a port
  std::string endpoint;  ///< a valid endpoint name
  std::string token;     ///< kMinTokenBytes to kMaxTokenBytes of A-Z, a-z, 0-9, '-' and '_'
  std::string ca_pin;    ///< SHA-256 of the authority's certificate (DER), 64 digits of 0-9, a-f
  std::optional<std::chrono::sys_days> last_day;  ///< on which the token is good, UTC

  bool operator==(const JoinLine&) const = default;
};

enum class JoinLineFault : std::uint8_t {
  not_a_line,  ///< something else
  cut_off,     ///< the beginning of one
  damaged,     ///< its sum is not right
  bad_field,   ///< whole, but it says what this build does not understand
};

/// Reads one line; white space around it does no harm.
///
/// Errors: words for the person who copied it, which quote nothing of it.
[[nodiscard]] Result<JoinLine, JoinLineFault> parse_join_line(std::string_view text);

/// Its inverse, without a line end.  REQUIRES: every field as it is said above.
[[nodiscard]] std::string encode_join_line(const JoinLine& line);

}  // namespace cpu_monitor
