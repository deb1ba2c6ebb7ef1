#include "exporter/page.hpp"

#include <cstddef>
#include <utility>

#include <nlohmann/json.hpp>

#include "exporter/compression.hpp"

namespace cpu_monitor::exporter {
namespace {

constexpr std::string_view kJson = "application/json";

/// A packet holds it anyway.
constexpr std::size_t kNotWorthCompressing = 1024;

}  // namespace

Response plain(int status, std::string_view line) {
  Response response;
  response.status = status;
  response.body.append(line).append("\n");
  return response;
}

Response text(const Request& request, std::string_view content_type, std::string body) {
  Response response;
  response.content_type = content_type;
  response.varies = true;
  if (request.takes_gzip && body.size() > kNotWorthCompressing) {
    GzipStream gzip;
    gzip.add(body);
    response.gzipped = std::make_shared<const std::string>(gzip.finish());
  } else {
    response.body = std::move(body);
  }
  return response;
}

Response json(const Request& request, std::string body) {
  return text(request, kJson, std::move(body));
}

Response json_error(int status, std::string_view words) {
  Response response;
  response.status = status;
  response.content_type = kJson;
  response.body = nlohmann::json{{"error", words}}.dump() + "\n";
  return response;
}

Response method_not_served() {
  Response response = plain(405, "Only GET and HEAD are served.");
  response.more_lines = "Allow: GET, HEAD\r\n";
  return response;
}

Response Page::remove(const Request& /*request*/) { return method_not_served(); }

}  // namespace cpu_monitor::exporter
