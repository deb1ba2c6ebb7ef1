#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// What stands before the body of an HTTP message, as far as the gate has to know.  Pure.
namespace cpu_monitor::exporter {

/// Of a request, with the empty line at its end.
inline constexpr std::size_t kMaxRequestHeadBytes = 8192;

/// What every answer says beside what is in it.
inline constexpr std::string_view kCommonHeaderLines =
    "Connection: close\r\n"
    "X-Content-Type-Options: nosniff\r\n"
    "Referrer-Policy: no-referrer\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'\r\n"
    "Cache-Control: no-store\r\n";

/// Where the head ends: behind the first empty line, as civetweb sees it (which takes a bare LF LF
/// for one too).  None when it is not there yet.  Looks at `text` from `from` on.
[[nodiscard]] std::optional<std::size_t> end_of_head(std::string_view text, std::size_t from = 0);

/// Whether it asks for a path of this server, in lines that every reader divides alike.  Only a
/// proxy is asked for whole addresses, and only OPTIONS for `*`.
[[nodiscard]] bool asks_for_path(std::string_view head);

/// The head without the lines of that name, which is given in lower case.
[[nodiscard]] std::string without_header(std::string_view head, std::string_view name);

/// The value of the only header with that name; none when there is none, or more than one.  `name`
/// in lower case.  The view is one of `head`.
[[nodiscard]] std::optional<std::string_view> only_header(std::string_view head,
                                                          std::string_view name);

using HeaderLines = std::vector<std::pair<std::string, std::string>>;

/// The head of an answer with these headers, in place of those that have the same names.
[[nodiscard]] std::string with_headers(std::string_view head, const HeaderLines& headers);

}  // namespace cpu_monitor::exporter
