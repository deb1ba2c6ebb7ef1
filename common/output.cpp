#include "common/output.hpp"

#include <limits.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cstddef>

namespace cpu_monitor {

void write_unless_blocked(int descriptor, std::string_view text) {
  while (!text.empty()) {
    pollfd state{descriptor, POLLOUT, 0};
    // Without a reader POLLERR stands beside POLLOUT, and a write would raise SIGPIPE.
    if (::poll(&state, 1, 0) != 1 || state.revents != POLLOUT) return;
    // POLLOUT promises room for PIPE_BUF bytes in a pipe, and a longer write would wait.
    const auto written =
        ::write(descriptor, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
    if (written <= 0) return;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace cpu_monitor
