#include "exporter/paced_reader.hpp"

#include <utility>

namespace cpu_monitor::exporter {
namespace {

constexpr double kBurstMessages = 20;

}  // namespace

PacedReader::PacedReader(std::shared_ptr<net::Stream> stream, const SessionLimits& limits)
    : stream_(std::move(stream)),
      max_unsent_bytes_(limits.max_unsent_bytes),
      bucket_(limits.max_sample_rate, kBurstMessages, Clock::now()),
      pause_timer_(stream_->get_executor()) {}

asio::awaitable<std::string_view> PacedReader::read() {
  if (!is_hurried_ && stream_->unsent_bytes() > max_unsent_bytes_) co_await stream_->drained();
  const auto wait = pause();
  if (!is_hurried_ && wait > Clock::duration::zero()) {
    pause_timer_.expires_after(wait);
    co_await pause_timer_.async_wait(net::use_nothrow);
  }
  auto [ec, bytes] = co_await stream_->read_some(asio::buffer(chunk_));
  co_return ec ? std::string_view() : std::string_view(chunk_.data(), bytes);
}

void PacedReader::hurry() {
  is_hurried_ = true;
  pause_timer_.cancel();
}

}  // namespace cpu_monitor::exporter
