#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/discard_reason.hpp"
#include "common/result.hpp"

namespace cpu_monitor::agent {

/// Keeps the machine's files open and reads them; nothing else.
///
/// One pread at offset 0 of a kept descriptor per reading: that is what makes procfs print a file
/// anew.  Opened O_NONBLOCK and regular files only, so that a FIFO put in the way cannot stop the
/// agent.  After any failure, or when the open file was unlinked, the next reading opens it again.
///
/// Ownership: owns the descriptor and the buffer; not copyable.  Threads: one at a time.
class HostReader {
 public:
  /// `procfs`: where the proc file system is mounted, usually /proc.
  explicit HostReader(const std::string& procfs);
  ~HostReader();
  HostReader(const HostReader&) = delete;
  HostReader& operator=(const HostReader&) = delete;

  /// The whole text of `stat`.  The view is valid until the next call.
  /// Errors: Error{missing | unreadable | not_a_file | empty, path and errno in words}.
  [[nodiscard]] Result<std::string_view, DiscardReason> read_stat();

  [[nodiscard]] const std::string& stat_path() const { return stat_path_; }

  static constexpr std::size_t kFirstBufferBytes = std::size_t{16} * 1024;
  /// A longer file is cut here: what we want stands at its head.
  static constexpr std::size_t kMaxBufferBytes = std::size_t{4} * 1024 * 1024;

 private:
  using Fault = Error<DiscardReason>;

  [[nodiscard]] std::optional<Fault> open_stat();
  [[nodiscard]] std::optional<Fault> check_stat() const;
  [[nodiscard]] Result<std::size_t, DiscardReason> fill_buffer();
  [[nodiscard]] bool is_unlinked() const;
  void close_stat();

  std::string stat_path_;
  int stat_fd_ = -1;
  std::vector<char> buffer_;
};

}  // namespace cpu_monitor::agent
