#include "bench/gzip.hpp"

#include <algorithm>
#include <stdexcept>

#include <isa-l/igzip_lib.h>

namespace cpu_monitor::bench {

Gzip::Gzip() : work_(ISAL_DEF_LVL1_DEFAULT) {}

std::string_view Gzip::compress(std::string_view text) {
  // What cannot be compressed grows a little.
  compressed_.resize(std::max(compressed_.size(), text.size() + text.size() / 8 + 4096));
  isal_zstream stream;
  isal_deflate_init(&stream);
  stream.level = 1;
  stream.level_buf = work_.data();
  stream.level_buf_size = static_cast<std::uint32_t>(work_.size());
  stream.gzip_flag = IGZIP_GZIP;
  stream.end_of_stream = 1;
  // Read only, though the C interface does not say so.
  stream.next_in = static_cast<std::uint8_t*>(static_cast<void*>(const_cast<char*>(text.data())));
  stream.avail_in = static_cast<std::uint32_t>(text.size());
  stream.next_out = compressed_.data();
  stream.avail_out = static_cast<std::uint32_t>(compressed_.size());
  if (isal_deflate(&stream) != COMP_OK || stream.internal_state.state != ZSTATE_END) {
    throw std::runtime_error("isal_deflate did not finish");
  }
  const void* const bytes = compressed_.data();
  return {static_cast<const char*>(bytes), stream.total_out};
}

}  // namespace cpu_monitor::bench
