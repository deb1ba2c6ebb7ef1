#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "exporter/page_writer.hpp"

namespace cpu_monitor::exporter {

/// What a client asks of a page.  The views are valid during the call.
struct Request {
  std::string_view name;   ///< what stands in place of the `*` of the page's path
  std::string_view query;  ///< as it was sent; see parse_query
  std::string_view host;   ///< where the client found this server; empty: it did not say
  bool takes_gzip = false;
};

struct Response {
  int status = 200;
  std::string_view content_type = "text/plain; charset=utf-8";
  std::string body;
  /// One of these instead of `body`: compressed, and shared with other responses, or written while
  /// it is sent.
  std::shared_ptr<const std::string> gzipped;
  std::function<void(PageWriter&)> write;
  bool varies = false;     ///< with what the client accepts
  std::string more_lines;  ///< of the head, each with its end
};

/// One line for a person.
[[nodiscard]] Response plain(int status, std::string_view line);

/// 405.
[[nodiscard]] Response method_not_served();

/// Compressed for who takes it.
[[nodiscard]] Response text(const Request& request, std::string_view content_type,
                            std::string body);

/// The same.
[[nodiscard]] Response json(const Request& request, std::string body);
/// `{"error": words}`.
[[nodiscard]] Response json_error(int status, std::string_view words);

/// What stands at one path.
///
/// Threads: called from several at once.  Errors: what they throw becomes a 500.
class Page {
 public:
  Page() = default;
  virtual ~Page() = default;
  Page(const Page&) = delete;
  Page& operator=(const Page&) = delete;

  /// GET and HEAD.
  [[nodiscard]] virtual Response get(const Request& request) = 0;
  /// DELETE; unless a page says otherwise there is nothing to delete.
  [[nodiscard]] virtual Response remove(const Request& request);
};

}  // namespace cpu_monitor::exporter
