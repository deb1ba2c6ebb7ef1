#include "exporter/paced_reader.hpp"

#include <utility>

namespace cpu_monitor::exporter {
namespace {

constexpr double kBurstMessages = 20;

}  // namespace

PacedReader::PacedReader(std::shared_ptr<net::Stream> stream, const SessionLimits& limits,
                         ReadBuffer& buffer)
    : stream_(std::move(stream)),
      max_unsent_bytes_(limits.max_unsent_bytes),
      bucket_(limits.max_sample_rate, kBurstMessages, Clock::now()),
      pause_timer_(stream_->get_executor()),
      buffer_(buffer) {}

asio::awaitable<std::string_view> PacedReader::read() {
  if (!is_hurried_ && stream_->unsent_bytes() > max_unsent_bytes_) co_await stream_->drained();
  const auto wait = pause();
  if (!is_hurried_ && wait > Clock::duration::zero()) {
    pause_timer_.expires_after(wait);
    co_await pause_timer_.async_wait(net::use_nothrow);
  }
  for (;;) {
    if (!stream_->has_pending()) {
      auto [failure] = co_await stream_->readable();
      if (failure) co_return std::string_view();
    }
    std::error_code ec;
    const std::size_t bytes = stream_->read_available(asio::buffer(buffer_), ec);
    if (ec == asio::error::would_block) continue;
    co_return ec ? std::string_view() : std::string_view(buffer_.data(), bytes);
  }
}

void PacedReader::hurry() {
  is_hurried_ = true;
  pause_timer_.cancel();
}

}  // namespace cpu_monitor::exporter
