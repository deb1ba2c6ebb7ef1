#pragma once

#include <string>
#include <string_view>

#include "exporter/page_writer.hpp"

namespace cpu_monitor::exporter {

/// All that `write(page)` writes.
template <class Write>
std::string text_written(Write write) {
  std::string text;
  PageWriter page([&text](std::string_view block) { text.append(block); });
  write(page);
  page.flush();
  return text;
}

}  // namespace cpu_monitor::exporter
