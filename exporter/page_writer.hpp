#pragma once

#include <cstddef>
#include <functional>
#include <string_view>
#include <utility>
#include <vector>

namespace cpu_monitor::exporter {

/// The text of a page on its way out.  It leaves in blocks, so that a page of any size takes the
/// memory of one; a block ends anywhere, within a line too.
///
/// Threads: one at a time.  Errors: what the sink throws passes through.
class PageWriter {
 public:
  static constexpr std::size_t kBlockBytes = std::size_t{64} * 1024;
  static constexpr std::size_t kMaxRoom = 64;

  /// Takes the blocks in order.  The view is valid during the call only.
  using Sink = std::function<void(std::string_view block)>;

  explicit PageWriter(Sink sink) : sink_(std::move(sink)), block_(kBlockBytes) {}
  PageWriter(const PageWriter&) = delete;
  PageWriter& operator=(const PageWriter&) = delete;

  void append(std::string_view text) {
    if (text.size() > block_.size() - used_) return append_across_blocks(text);
    used_ += text.copy(block_.data() + used_, text.size());
  }

  void append(char c) {
    if (used_ == block_.size()) flush();
    block_[used_++] = c;
  }

  /// Several pieces, one behind the other.
  template <class... More>
  void append(std::string_view text, std::string_view next, const More&... more) {
    append(text);
    append(next, std::string_view(more)...);
  }

  /// Where the caller may write up to kMaxRoom bytes itself; commit() says where they end.
  [[nodiscard]] char* room() {
    if (block_.size() - used_ < kMaxRoom) flush();
    return block_.data() + used_;
  }
  void commit(const char* end) { used_ = static_cast<std::size_t>(end - block_.data()); }

  /// Hands on what is left: to be called at the end of the page.
  void flush() {
    if (used_ > 0) sink_({block_.data(), std::exchange(used_, 0)});
  }

 private:
  void append_across_blocks(std::string_view text) {
    while (!text.empty()) {
      if (used_ == block_.size()) flush();
      const std::size_t copied = text.copy(block_.data() + used_, block_.size() - used_);
      used_ += copied;
      text.remove_prefix(copied);
    }
  }

  Sink sink_;
  std::vector<char> block_;
  std::size_t used_ = 0;
};

}  // namespace cpu_monitor::exporter
