#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "common/host_port.hpp"
#include "common/join_line.hpp"
#include "common/state_directory.hpp"
#include "exporter/certificate_authority.hpp"

namespace cpu_monitor::exporter {

/// What is said of the machines that are enrolled together.
struct EnrolmentTerms {
  HostPort address;  ///< of the exporter, as the machines reach it
  std::optional<std::chrono::sys_days> last_day;
  std::map<std::string, std::string> labels;  ///< none: those of the name's last token go on
};

/// A machine that was just enrolled.
struct Enrolled {
  JoinLine line;
  std::size_t dropped = 0;  ///< older tokens that gave way
  bool had_token = false;   ///< it was enrolled before
};

/// The tokens a name may have at once: a new one, and the one that it replaces.
inline constexpr std::size_t kTokensKept = 2;

/// Enrolment's files, for as long as the object lives its own.
///
/// Threads: one at a time; other processes wait.  Errors: all functions throw std::runtime_error
/// that says what to do; nothing has changed then, but for keys that were still missing.
class Enrolment {
 public:
  /// Makes the folder if it is not there, and waits for whoever enrols there just now.
  explicit Enrolment(const std::string& directory);

  /// Gives each of `names` (valid endpoint names, each once) a token.  Makes the authority at the
  /// first enrolment, and the exporter's own certificate when it is missing, due, or without the
  /// address.
  [[nodiscard]] std::vector<Enrolled> enroll(const std::vector<std::string>& names,
                                             const EnrolmentTerms& terms, Time now);

  /// Those of `names` that have no token yet, in their order.
  [[nodiscard]] std::vector<std::string> without_token(const std::vector<std::string>& names) const;

  /// The address that the last machines were told; none before the first.
  [[nodiscard]] std::optional<HostPort> last_address() const;

  /// Removes every line of these names.  Throws if one of them has none.
  void revoke(const std::vector<std::string>& names);

 private:
  StateDirectory files_;
};

/// Renews the exporter's certificate if that is due: for the exporter that runs, at its start and
/// every day.  False if there was nothing to do, or another process is at it.  Throws
/// std::runtime_error when it is due and cannot be done.
bool renew_if_due(const std::string& directory, Time now);

}  // namespace cpu_monitor::exporter
