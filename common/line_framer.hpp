#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace cpu_monitor {

/// Bytes in, whole lines out, with a hard cap: what a stream says does not depend on how it was cut
/// into reads.
///
/// Ownership: keeps at most one unfinished line.  Threads: one at a time.
class LineFramer {
 public:
  enum class Status : unsigned char {
    ok,             ///< all bytes taken
    stopped,        ///< `on_line` said to stop; the bytes behind that line are dropped
    line_too_long,  ///< a line passed the cap; nothing more can be framed
  };

  /// `max_line_bytes` counts a line without its '\n'.
  explicit LineFramer(std::size_t max_line_bytes) : max_line_bytes_(max_line_bytes) {}

  /// May be called from within `on_line`: it holds from the next line on.
  void set_max_line_bytes(std::size_t bytes) { max_line_bytes_ = bytes; }

  [[nodiscard]] std::size_t max_line_bytes() const { return max_line_bytes_; }

  /// True while part of a line waits for its end.
  [[nodiscard]] bool has_partial_line() const { return !partial_.empty(); }

  /// Calls `bool on_line(std::string_view line)` for each finished line, without its '\n', in
  /// order.  The view is valid during the call only.  `on_line` returns false to stop.
  template <class OnLine>
  [[nodiscard]] Status push(std::string_view bytes, OnLine&& on_line) {
    while (!bytes.empty()) {
      const std::size_t end = bytes.find('\n');
      const std::string_view piece = bytes.substr(0, end);
      if (partial_.size() + piece.size() > max_line_bytes_) return Status::line_too_long;
      if (end == std::string_view::npos) {
        partial_.append(piece);
        return Status::ok;
      }
      bytes.remove_prefix(end + 1);
      if (!deliver(piece, on_line)) return Status::stopped;
    }
    return Status::ok;
  }

 private:
  template <class OnLine>
  bool deliver(std::string_view piece, OnLine& on_line) {
    if (partial_.empty()) return on_line(piece);
    partial_.append(piece);
    const std::string line = std::exchange(partial_, {});
    return on_line(std::string_view(line));
  }

  std::size_t max_line_bytes_;
  std::string partial_;
};

}  // namespace cpu_monitor
