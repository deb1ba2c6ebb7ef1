#include "agent/joining.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <stdexcept>
#include <system_error>

#include "common/state_directory.hpp"

namespace cpu_monitor::agent {
namespace {

constexpr std::size_t kMaxPastedBytes = 2 * kMaxJoinLineBytes;  ///< with white space around it

}  // namespace

std::string read_pasted_line() {
  if (::isatty(STDIN_FILENO) == 1) std::fputs("Paste the line, then press Enter: ", stderr);
  std::string line;
  while (line.size() < kMaxPastedBytes) {
    char byte = 0;
    const ssize_t bytes = ::read(STDIN_FILENO, &byte, 1);
    if (bytes < 0 && errno == EINTR) continue;
    if (bytes < 0) {
      throw std::runtime_error("--join: stdin cannot be read: " +
                               std::generic_category().message(errno));
    }
    if (bytes == 0 || byte == '\n') break;
    line += byte;
  }
  return line;
}

std::optional<std::string> recall_join_line(const std::string& directory) {
  return read_state_file(directory, kJoinFile, kMaxPastedBytes);
}

void keep_join_line(const std::string& directory, const std::string& line) {
  const std::string text = line + "\n";
  StateDirectory files(directory);
  files.lock();
  if (files.read(kJoinFile, kMaxPastedBytes) != text) files.write(kJoinFile, text);
}

}  // namespace cpu_monitor::agent
