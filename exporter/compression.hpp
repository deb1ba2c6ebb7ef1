#pragma once

#include <memory>
#include <string>
#include <string_view>

namespace cpu_monitor::exporter {

/// Whether a client takes gzip, by its Accept-Encoding header: `gzip`, `x-gzip` or `*` with a
/// quality other than 0 (RFC 9110, 12.5.3).  A header that makes no sense takes nothing.
[[nodiscard]] bool accepts_gzip(std::string_view accept_encoding);

/// Text in, one gzip member out, compressed as it comes: only the result grows.
///
/// Level 1 of ISA-L: a page of metrics becomes a tenth to a fifteenth of its size at several
/// hundred megabytes a second.
/// Cost: about 400 KiB while it lives.  Threads: one at a time.  Errors: std::runtime_error, if the
/// library fails.
class GzipStream {
 public:
  GzipStream();
  ~GzipStream();
  GzipStream(const GzipStream&) = delete;
  GzipStream& operator=(const GzipStream&) = delete;

  void add(std::string_view text);

  /// The whole member; nothing can be added then.
  [[nodiscard]] std::string finish();

 private:
  struct Impl;  // keeps ISA-L's headers out of this one
  std::unique_ptr<Impl> impl_;
};

}  // namespace cpu_monitor::exporter
