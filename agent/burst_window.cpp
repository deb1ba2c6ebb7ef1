#include "agent/burst_window.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

namespace cpu_monitor::agent {
namespace {

using std::chrono::milliseconds;

constexpr double kStepsPerSecond = 1000;  // runs are kept in milliseconds

std::int64_t second_of(milliseconds uptime) {
  return std::chrono::floor<std::chrono::seconds>(uptime).count();
}

template <class T>
void raise_to(std::optional<T>& peak, const std::optional<T>& other) {
  if (other && (!peak || *peak < *other)) peak = other;
}

}  // namespace

BurstWindow::BurstWindow(milliseconds sample_interval, milliseconds peak_window)
    : sample_interval_(sample_interval) {
  set_peak_window(peak_window);
}

void BurstWindow::add(const Utilization& reading, Uptime now) {
  Peaks peaks;
  if (reading.machine) {
    peaks.machine = steps_of(reading.machine->busy);
    peaks.steal = steps_of(reading.machine->steal);
    observe(utilization_, kRatioBounds, *peaks.machine, kShareSteps);
    follow_run(*reading.machine, now);
  }
  if (reading.busiest_core) {
    peaks.busiest_core = steps_of(*reading.busiest_core);
    observe(busiest_core_, kRatioBounds, *peaks.busiest_core, kShareSteps);
  }
  note_peaks(peaks, now);
}

void BurstWindow::set_peak_window(milliseconds window) {
  // The second that is running, and those of the window.
  const auto size = static_cast<std::size_t>(second_of(window + milliseconds(999)) + 1);
  if (size == seconds_.size()) return;
  std::vector<Second> known = std::exchange(seconds_, std::vector<Second>(size));
  for (const Second& second : known) {
    if (second.number < 0) continue;
    Second& place = seconds_[static_cast<std::size_t>(second.number) % size];
    if (place.number < second.number) place = second;
  }
}

BurstReadings BurstWindow::readings(Uptime now) const {
  BurstReadings readings;
  readings.utilization = histogram_of(utilization_, kShareSteps);
  readings.busiest_core = histogram_of(busiest_core_, kShareSteps);
  readings.runs = histogram_of(runs_, kStepsPerSecond);

  const auto oldest = second_of(now) - static_cast<std::int64_t>(seconds_.size()) + 1;
  Peaks peaks;
  for (const Second& second : seconds_) {
    if (second.number >= std::max<std::int64_t>(oldest, 0)) peaks.raise(second.peaks);
  }
  const auto share_of = [](const std::optional<ShareSteps>& steps) -> std::optional<double> {
    if (!steps) return std::nullopt;
    return *steps / kShareSteps;
  };
  readings.peak = share_of(peaks.machine);
  readings.busiest_core_peak = share_of(peaks.busiest_core);
  readings.steal_peak = share_of(peaks.steal);
  return readings;
}

void BurstWindow::Peaks::raise(const Peaks& other) {
  raise_to(machine, other.machine);
  raise_to(busiest_core, other.busiest_core);
  raise_to(steal, other.steal);
}

BurstWindow::ShareSteps BurstWindow::steps_of(double share) {
  return static_cast<ShareSteps>(std::lround(share * kShareSteps));
}

BurstHistogram BurstWindow::histogram_of(const Steps& steps, double steps_per_unit) {
  BurstHistogram histogram;
  histogram.counts = steps.counts;
  histogram.sum = static_cast<double>(steps.sum) / steps_per_unit;
  return histogram;
}

void BurstWindow::observe(Steps& histogram, const std::array<double, 7>& bounds,
                          std::uint64_t steps, double steps_per_unit) {
  const double value = static_cast<double>(steps) / steps_per_unit;
  const auto bucket = std::lower_bound(bounds.begin(), bounds.end(), value) - bounds.begin();
  ++histogram.counts[static_cast<std::size_t>(bucket)];
  histogram.sum += steps;
}

void BurstWindow::follow_run(const Share& share, Uptime now) {
  const auto since_last_share = now - std::exchange(last_share_at_, now);
  if (since_last_share - share.covers > kRunGap) end_run();
  if (steps_of(share.busy) < steps_of(kRunRatio)) return end_run();
  const auto intervals = std::lround(static_cast<double>(share.covers.count()) /
                                     static_cast<double>(sample_interval_.count()));
  run_ += std::max(intervals, 1L) * sample_interval_;
}

void BurstWindow::end_run() {
  if (run_ == milliseconds::zero()) return;
  observe(runs_, kRunBounds, static_cast<std::uint64_t>(run_.count()), kStepsPerSecond);
  run_ = {};
}

void BurstWindow::note_peaks(const Peaks& peaks, Uptime now) {
  const std::int64_t number = second_of(now);
  Second& second = seconds_[static_cast<std::size_t>(number) % seconds_.size()];
  if (second.number != number) second = {number, {}};
  second.peaks.raise(peaks);
}

}  // namespace cpu_monitor::agent
