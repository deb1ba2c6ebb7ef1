#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "common/command_line.hpp"
#include "common/host_port.hpp"
#include "common/log.hpp"
#include "common/messages.hpp"
#include "common/metric_group.hpp"
#include "common/net/tls.hpp"
#include "exporter/external_url.hpp"

namespace cpu_monitor::exporter {

/// Everything that can be set, validated as a whole.
struct ExporterOptions {
  std::vector<HostPort> ingest_addresses{{"127.0.0.1", 8080}};
  std::optional<net::TlsServerSettings> ingest_tls;  ///< none: plain
  std::string tokens_file;                           ///< empty: none
  std::string state_directory;  ///< whose files ingest_tls and tokens_file are; empty: they are not
  bool allow_anonymous = false;  ///< ingest off loopback without any proof of identity
  std::vector<std::string> legacy_allow{"127.0.0.0/8", "::1/128"};  ///< valid CIDR blocks
  std::size_t max_agents = 10000;
  double max_sample_rate = 10;         ///< a second, of one agent, sustained
  std::size_t max_series = 5'000'000;  ///< of all agents together
  std::chrono::milliseconds stale_after = std::chrono::seconds(15);
  std::chrono::milliseconds forget_after = std::chrono::hours(24);
  std::chrono::milliseconds peak_window = kDefaultPeakWindow;  ///< of the burst peaks
  std::vector<HostPort> web_addresses{{"127.0.0.1", 8000}};
  std::string web_config_file;  ///< empty: plain, open to all
  std::string telemetry_path = "/metrics";
  std::optional<ExternalUrl> external_url;  ///< where Prometheus finds the pages; none: as it asks
  std::chrono::milliseconds sd_hold = std::chrono::seconds(60);  ///< /sd is silent after a start
  bool has_admin_api = false;                                    ///< agents can be forgotten
  MetricGroups collect = MetricGroups::usual();
  log::Level log_level = log::Level::info;
  log::Format log_format = log::Format::logfmt;
};

using ExporterCommand = Command<ExporterOptions>;

enum class FileState : std::uint8_t { absent, there, out_of_reach };
using FileProbe = std::function<FileState(const std::string& path)>;

/// Asks the system.
[[nodiscard]] FileState probe_file(const std::string& path);

/// Reads the command line.  Every error names the flag, the value and what would be right.  `probe`
/// looks for the files of enrolment. Threads: pure, but for `probe`.
[[nodiscard]] ExporterCommand parse_command_line(
    int argc, const char* const* argv,
    const FileProbe& probe = [](const std::string&) { return FileState::absent; });

}  // namespace cpu_monitor::exporter
