#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <thread>

#include "exporter/exporter.hpp"
#include "tests/support/tcp_client.hpp"

namespace cpu_monitor::tests {

/// A whole exporter on free loopback ports, running on a thread of its own until the end of scope.
class RunningExporter {
 public:
  explicit RunningExporter(exporter::ExporterOptions options = {},
                           exporter::SessionLimits limits = {});
  ~RunningExporter();
  RunningExporter(const RunningExporter&) = delete;
  RunningExporter& operator=(const RunningExporter&) = delete;

  [[nodiscard]] std::uint16_t ingest_port() const { return exporter_.ingest().addresses()[0].port; }
  [[nodiscard]] std::uint16_t web_port() const { return exporter_.web().addresses()[0].port; }

  [[nodiscard]] TcpClient connect() const { return TcpClient(ingest_port()); }

  /// One scrape of /metrics.
  [[nodiscard]] std::string scrape(std::string_view query = "") const;

  /// The value of the series written exactly so, as text; empty when it is not on the page.
  [[nodiscard]] std::string value(std::string_view series) const;

  [[nodiscard]] exporter::Recordings& recordings() { return exporter_.recordings(); }

  /// As SIGTERM does.
  void stop();

 private:
  asio::io_context io_{1};
  exporter::Exporter exporter_;
  std::thread thread_;
};

/// `{"type":"hello","protocol":1,"endpoint":"<endpoint>"<more>}` and its newline.
[[nodiscard]] std::string hello_line(std::string_view endpoint, std::string_view more = "");

/// `{"type":"sample","sequence":<sequence>,"percent":<percent>}` and its newline.
[[nodiscard]] std::string sample_line(std::uint64_t sequence, std::string_view percent = "14.6");

}  // namespace cpu_monitor::tests
