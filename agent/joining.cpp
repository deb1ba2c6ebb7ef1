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

std::string text_of(const std::string& line) { return line + "\n"; }

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

bool keep_first_join_line(const std::string& directory, const std::string& line) {
  StateDirectory files(directory);
  files.lock();
  const auto kept = files.read(kJoinFile, kMaxPastedBytes);
  if (!kept) files.write(kJoinFile, text_of(line));
  return kept.value_or(text_of(line)) == text_of(line);
}

void keep_join_line(const std::string& directory, const std::string& line) {
  StateDirectory files(directory);
  files.lock();
  if (files.read(kJoinFile, kMaxPastedBytes) != text_of(line)) {
    files.write(kJoinFile, text_of(line));
  }
}

}  // namespace cpu_monitor::agent
