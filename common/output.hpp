#pragma once

#include <string_view>

namespace cpu_monitor {

/// Writes `text` to a descriptor that a person or a supervisor reads, if that needs no waiting;
/// else drops it: a terminal stopped with Ctrl-S, or a pipe nobody empties, must not stop the
/// program.
///
/// REQUIRES: SIGPIPE is ignored, or the reader is there.  Threads: callable from anywhere.
void write_unless_blocked(int descriptor, std::string_view text);

}  // namespace cpu_monitor
