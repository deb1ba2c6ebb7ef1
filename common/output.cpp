#include "common/output.hpp"

#include <poll.h>
#include <unistd.h>

namespace cpu_monitor {

void write_unless_blocked(int descriptor, std::string_view text) {
  pollfd state{descriptor, POLLOUT, 0};
  // Without a reader POLLERR stands beside POLLOUT, and a write would raise SIGPIPE.
  if (::poll(&state, 1, 0) != 1 || state.revents != POLLOUT) return;
  [[maybe_unused]] const auto written = ::write(descriptor, text.data(), text.size());
}

}  // namespace cpu_monitor
