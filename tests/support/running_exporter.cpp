#include "tests/support/running_exporter.hpp"

#include <signal.h>

#include <utility>

#include <asio/post.hpp>

#include "exporter/batches.hpp"

namespace cpu_monitor::tests {
namespace {

exporter::ExporterOptions on_free_ports(exporter::ExporterOptions options) {
  options.ingest_addresses = {{"127.0.0.1", 0}};
  options.web_addresses = {{"127.0.0.1", 0}};
  return options;
}

}  // namespace

RunningExporter::RunningExporter(exporter::ExporterOptions options, exporter::SessionLimits limits)
    : exporter_(io_, on_free_ports(std::move(options)), limits) {
  ::signal(SIGPIPE, SIG_IGN);  // as the program does
  exporter_.start();
  thread_ = std::thread([this] { exporter::run_in_batches(io_); });
}

RunningExporter::~RunningExporter() {
  stop();
  thread_.join();
}

void RunningExporter::stop() {
  asio::post(io_, [this] { exporter_.stop(); });
}

std::string RunningExporter::scrape(std::string_view query) const {
  return http(web_port(), "/metrics" + std::string(query)).body;
}

std::string RunningExporter::value(std::string_view series) const {
  const std::string page = "\n" + scrape();
  const std::string start = "\n" + std::string(series) + " ";
  const auto found = page.find(start);
  if (found == std::string::npos) return {};
  const auto begin = found + start.size();
  return page.substr(begin, page.find('\n', begin) - begin);
}

std::string hello_line(std::string_view endpoint, std::string_view more) {
  return R"({"type":"hello","protocol":1,"endpoint":")" + std::string(endpoint) + "\"" +
         std::string(more) + "}\n";
}

std::string sample_line(std::uint64_t sequence, std::string_view percent) {
  return R"({"type":"sample","sequence":)" + std::to_string(sequence) + R"(,"percent":)" +
         std::string(percent) + "}\n";
}

}  // namespace cpu_monitor::tests
