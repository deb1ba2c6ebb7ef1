#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/discard_reason.hpp"
#include "common/result.hpp"

namespace cpu_monitor::agent {

/// One file of the kernel, kept open and read again and again.
///
/// A pread at offset 0 of a kept descriptor is what makes procfs print a file anew.  Opened
/// O_NONBLOCK and regular files only, so that a FIFO put in the way cannot stop the agent.  After
/// any failure, or when the open file was unlinked, the next reading opens it again.  The kernel's
/// own files are never unlinked while they can be read, so a reading of these is one pread.
///
/// Ownership: owns the descriptor; not copyable.  Threads: one at a time.
class KeptFile {
 public:
  /// How the kernel hands the file out.  `whole`: in one piece, if the buffer is large enough, and
  /// asking for more would print it all again (single_open in fs/seq_file.c: stat, loadavg).
  /// `in_pieces`: a page at a time, however large the buffer (a record for each CPU: schedstat).
  enum class Form : unsigned char { whole, in_pieces };

  explicit KeptFile(std::string path, Form form = Form::whole)
      : path_(std::move(path)), form_(form) {}
  ~KeptFile() { close(); }
  KeptFile(const KeptFile&) = delete;
  KeptFile& operator=(const KeptFile&) = delete;

  /// The whole text, in `buffer`, which grows as needed; the view is valid until that is used
  /// again. Errors: Error{missing | unreadable | not_a_file | empty, path and errno in words}.
  [[nodiscard]] Result<std::string_view, DiscardReason> read(std::vector<char>& buffer);

  [[nodiscard]] const std::string& path() const { return path_; }

  static constexpr std::size_t kFirstBufferBytes = std::size_t{8} * 1024;
  /// A longer file is cut here: what we want stands at its head.
  static constexpr std::size_t kMaxBufferBytes = std::size_t{4} * 1024 * 1024;

 private:
  using Fault = Error<DiscardReason>;

  [[nodiscard]] std::optional<Fault> open();
  [[nodiscard]] std::optional<Fault> check() const;
  [[nodiscard]] Result<std::size_t, DiscardReason> fill(std::vector<char>& buffer) const;
  [[nodiscard]] bool is_unlinked() const;
  void close();

  std::string path_;
  Form form_;
  int fd_ = -1;
  bool may_be_unlinked_ = true;
};

}  // namespace cpu_monitor::agent
