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

/// Why a web client did not get its page, or not all of it.
enum class WebRefusal : std::uint8_t {
  capacity,            ///< too many connections, in all or from its address
  head_timeout,        ///< the request, or the TLS handshake before it, did not come in time
  head_too_large,      ///< the request is longer than kMaxRequestHeadBytes
  bad_request,         ///< asks for no path of this server
  tls_required,        ///< plain HTTP on a port that speaks HTTPS
  tls_unexpected,      ///< TLS on a port that speaks plain HTTP
  tls_handshake,       ///< the handshake failed
  client_certificate,  ///< none, or not one that is allowed
  unauthorized,        ///< no password, or a wrong one
  busy,                ///< too much is asked for at once: passwords to be judged, or pages
  slow_reader,         ///< takes its page too slowly, or not at all
  page_failed,         ///< the page could not be made, or not to its end
  stopping,            ///< the exporter stopped meanwhile
};
inline constexpr NameTable<WebRefusal, 13> kWebRefusalNames{
    {"capacity", "head_timeout", "head_too_large", "bad_request", "tls_required", "tls_unexpected",
     "tls_handshake", "client_certificate", "unauthorized", "busy", "slow_reader", "page_failed",
     "stopping"}};

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
  void web_request_refused(WebRefusal reason);
  void sample_received();
  void sample_rejected(RejectReason reason);
  void bytes_received(std::size_t bytes);
  void legacy_connections(std::size_t count);
  /// Of all agents together, and how many there may be.
  void series(std::size_t count, std::size_t limit);
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
