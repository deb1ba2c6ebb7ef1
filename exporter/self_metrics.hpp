#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "common/messages.hpp"
#include "common/name_table.hpp"
#include "exporter/fleet.hpp"
#include "exporter/page_writer.hpp"

namespace cpu_monitor::exporter {

/// Why a line of a welcomed agent did not become its newest sample.
enum class RejectReason : std::uint8_t {
  bad_json,
  bad_field,
  line_too_long,
  capacity,
  sequence_not_rising,
  unknown_type
};
inline constexpr NameTable<RejectReason, 6> kRejectReasonNames{
    {"bad_json", "bad_field", "line_too_long", "capacity", "sequence_not_rising", "unknown_type"}};

/// Whose end is shown in advance.
enum class WatchedCertificate : std::uint8_t { ingest, ingest_client_ca, web, web_client_ca };
inline constexpr NameTable<WatchedCertificate, 4> kWatchedCertificateNames{
    {"ingest", "ingest_client_ca", "web", "web_client_ca"}};

/// The exporter's own series: cpu_monitor_exporter_* and process_*, as prometheus-cpp counters and
/// gauges in a Registry. Every counter stands at 0 before its first event.
///
/// Threads: every function is safe from any thread.
class SelfMetrics {
 public:
  SelfMetrics();
  ~SelfMetrics();
  SelfMetrics(const SelfMetrics&) = delete;
  SelfMetrics& operator=(const SelfMetrics&) = delete;

  void connection_refused(RefusalCode reason);
  void sample_received();
  void sample_rejected(RejectReason reason);
  void bytes_received(std::size_t bytes);
  void legacy_connections(std::size_t count);
  /// Files were read anew, or could not be.
  void config_reloaded(bool is_successful, std::chrono::system_clock::time_point now);
  /// None: there is no such certificate.
  void certificate_ends(WatchedCertificate which,
                        std::optional<std::chrono::system_clock::time_point> when);

  /// Appends all of it to `page`, with the agents counted by state from `fleet` and process_* read
  /// now.
  void render(const FleetSnapshot& fleet, PageWriter& page);

 private:
  struct Impl;  // keeps prometheus-cpp's headers out of this one
  std::unique_ptr<Impl> impl_;
};

}  // namespace cpu_monitor::exporter
