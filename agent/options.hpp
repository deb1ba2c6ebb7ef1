#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "common/command_line.hpp"
#include "common/host_port.hpp"
#include "common/log.hpp"
#include "common/net/tls.hpp"

namespace cpu_monitor::agent {

/// Everything that can be set, validated as a whole.
struct AgentOptions {
  HostPort exporter{"127.0.0.1", 8080};
  std::optional<net::TlsClientSettings> tls;  ///< none: plain
  std::string token_file;                     ///< empty: none
  std::string token;                          ///< of a joined machine; instead of token_file
  std::string endpoint;                       ///< a valid endpoint name
  std::string state_directory;                ///< of a joined machine
  std::string join_line;             ///< just told, and to be kept in state_directory; empty: none
  bool is_join_line_public = false;  ///< it stands in the command line
  std::chrono::milliseconds sample_interval{100};
  std::chrono::milliseconds push_interval{1000};  ///< a multiple of sample_interval
  std::optional<bool> per_core;                   ///< none: up to 64 CPUs
  std::map<std::string, std::string> labels;
  std::string procfs = "/proc";
  std::string sysfs = "/sys";
  bool print = false;
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::logfmt;
};

using AgentCommand = Command<AgentOptions>;

/// Where the line that a machine joins with comes from; each may throw std::runtime_error.
struct JoinSources {
  std::function<std::string()> pasted;  ///< of `--join -`
  /// What was kept in a state directory; none: the machine never joined.
  std::function<std::optional<std::string>(const std::string& directory)> kept;
  std::chrono::sys_days today;
};

/// Reads the command line.  `host_name` is the default endpoint; `is_terminal` (stdout is one) the
/// default of --print. Every error names the flag, the value and what would be right; none quotes
/// a line of --join.  Throws what `sources` throw.  Threads: pure, but for `sources`.
[[nodiscard]] AgentCommand parse_command_line(int argc, const char* const* argv,
                                              const std::string& host_name, bool is_terminal,
                                              const JoinSources& sources = {});

}  // namespace cpu_monitor::agent
