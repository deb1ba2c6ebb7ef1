#pragma once

#include <span>
#include <string_view>

namespace cpu_monitor::exporter {

/// A file of the status page, embedded at build time.
struct PageFile {
  std::string_view path;  ///< where it is served
  std::string_view content_type;
  std::string_view text;
};

/// All of them: index.html at /, the others at /page/NAME.
[[nodiscard]] std::span<const PageFile> page_files();

}  // namespace cpu_monitor::exporter
