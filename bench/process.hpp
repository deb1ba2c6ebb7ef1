#pragma once

#include <cstddef>

/// This process, as the kernel sees it.
namespace cpu_monitor::bench {

/// The body of main(): runs the program, and says on stderr what it throws.  Returns the exit code.
[[nodiscard]] int run_program(const char* name, int argc, char** argv, int (*run)(int, char**));

/// Raises the soft limit of open files to the hard one.  Returns what may be open at once.
std::size_t raise_descriptor_limit();

/// User and system time of all threads, in seconds.
[[nodiscard]] double cpu_seconds();

/// The most memory it had, in bytes.
[[nodiscard]] std::size_t peak_resident_bytes();

/// A descriptor to read signalfd_siginfo from: SIGINT and SIGTERM end up there and nowhere else.
/// SIGPIPE and SIGUSR1 are ignored from then on.  To be called before the first thread.  Throws
/// std::system_error.
[[nodiscard]] int open_stop_signals();

}  // namespace cpu_monitor::bench
