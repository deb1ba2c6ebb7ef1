#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace cpu_monitor::bench {

/// gzip by ISA-L, level 1, with buffers that are kept.
///
/// Threads: one at a time.  Errors: std::runtime_error.
class Gzip {
 public:
  Gzip();

  /// The view lives until the next call.  REQUIRES: `text` is shorter than 4 GiB.
  [[nodiscard]] std::string_view compress(std::string_view text);

 private:
  std::vector<std::uint8_t> work_;
  std::vector<std::uint8_t> compressed_;
};

}  // namespace cpu_monitor::bench
