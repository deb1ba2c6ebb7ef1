#pragma once

#include <string_view>

namespace cpu_monitor::exporter {

/// page/index.html, embedded at build time.
[[nodiscard]] std::string_view landing_page();

}  // namespace cpu_monitor::exporter
