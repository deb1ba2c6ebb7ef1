#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor::exporter {

/// Where Prometheus finds this exporter.
struct ExternalUrl {
  std::string scheme = "http";  ///< or https
  std::string target;           ///< host:port
  std::string path;             ///< what stands before every path; empty, or begins with a slash
};

/// `https://monitoring.example.org/cpu`, without a query.  None if it is no such thing.
[[nodiscard]] std::optional<ExternalUrl> parse_external_url(std::string_view text);

/// Whether a Host header can be repeated to others.
[[nodiscard]] bool is_host(std::string_view host);

[[nodiscard]] std::string format_external_url(const ExternalUrl& url);

}  // namespace cpu_monitor::exporter
