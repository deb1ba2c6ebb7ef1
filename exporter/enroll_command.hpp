#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/certificate_authority.hpp"

/// `cpu-monitor-exporter enroll NAME` and `cpu-monitor-exporter revoke NAME`.
///
/// Threads: one at a time.
namespace cpu_monitor::exporter {

/// What such a command came to.
struct SubcommandOutcome {
  std::string out;    ///< for stdout
  std::string notes;  ///< for stderr, behind it
  int exit_code = 0;
  std::vector<std::string> exporter;  ///< the words of the exporter that is to run now; or none
};

/// Does what `words`, a whole command line, ask for; none if they ask for an exporter.
[[nodiscard]] std::optional<SubcommandOutcome> do_subcommand(const std::vector<std::string>& words,
                                                             Time now);

/// The same, and prints what there is to say.  Returns the exit code; none if an exporter is to run
/// with `words` as they are now.
[[nodiscard]] std::optional<int> run_subcommand(std::vector<std::string>& words);

}  // namespace cpu_monitor::exporter
