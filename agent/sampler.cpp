#include "agent/sampler.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <cmath>
#include <string_view>
#include <system_error>
#include <utility>

namespace cpu_monitor::agent {
namespace {

double seconds(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
}

/// The second number of /proc/self/statm (proc(5)), which is in pages.  The kernel's own /proc, not
/// that of --path.procfs: there, `self` may be nobody.
std::optional<std::uint64_t> resident_bytes() {
  const int fd = ::open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  std::array<char, 128> text;
  const ssize_t bytes = ::read(fd, text.data(), text.size());
  ::close(fd);
  if (bytes <= 0) return std::nullopt;
  const std::string_view line(text.data(), static_cast<std::size_t>(bytes));
  const std::size_t space = line.find(' ');
  if (space == std::string_view::npos) return std::nullopt;
  std::uint64_t pages = 0;
  const auto parsed = std::from_chars(line.data() + space + 1, line.data() + line.size(), pages);
  if (parsed.ec != std::errc{}) return std::nullopt;
  return pages * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::optional<ProcessCost> process_cost() {
  rusage usage{};
  const auto resident = resident_bytes();
  if (::getrusage(RUSAGE_SELF, &usage) != 0 || !resident) return std::nullopt;
  return ProcessCost{seconds(usage.ru_utime) + seconds(usage.ru_stime), *resident};
}

std::chrono::milliseconds unix_time_now() {
  return std::chrono::floor<std::chrono::milliseconds>(
      std::chrono::system_clock::now().time_since_epoch());
}

double to_percent(double ratio) { return std::round(ratio * 10000) / 100; }

}  // namespace

std::chrono::milliseconds uptime_now() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::floor<std::chrono::milliseconds>(std::chrono::seconds(now.tv_sec) +
                                                       std::chrono::nanoseconds(now.tv_nsec));
}

Sampler::Sampler(HostReader& reader, Ticks ticks_per_second)
    : reader_(reader), keeper_(ticks_per_second) {}

void Sampler::tick(std::chrono::milliseconds uptime) {
  const auto fault = read();
  is_reading_good_ = !fault;
  if (fault) return note_failure(*fault, uptime);
  note_success();
  if (const auto delta = keeper_.update(reading_, uptime)) {
    window_.delta += *delta;
    window_.has_delta = true;
  }
}

void Sampler::end_window() {
  percent_ = window_percent();
  window_ = {};
}

CpuSample Sampler::sample(std::chrono::milliseconds uptime, bool with_cores) const {
  CpuSample sample;
  if (is_reading_good_) {
    sample.percent = percent_;
    sample.cpu = keeper_.counters(with_cores);
  }
  sample.time = unix_time_now();
  sample.uptime = uptime;
  sample.slow.self = process_cost();
  const DiscardCounts discarded = discards();
  if (discarded.any() || !is_reading_good_) sample.discarded = discarded;
  return sample;
}

std::optional<Sampler::Fault> Sampler::read() {
  const auto text = reader_.read_stat();
  if (!text) return text.error();
  auto parsed = parse_proc_stat(*text, std::move(spare_));
  if (!parsed) {
    return Fault(parsed.error().code, reader_.stat_path() + ": " + parsed.error().detail);
  }
  spare_ = std::exchange(reading_, *std::move(parsed));
  return std::nullopt;
}

void Sampler::note_success() {
  if (!standing_failure_) return;
  standing_failure_.reset();
  log::info("the CPU counters can be read again", {{"path", reader_.stat_path()}});
}

void Sampler::note_failure(const Fault& fault, std::chrono::milliseconds uptime) {
  own_discards_.add(fault.code);
  if (standing_failure_ == fault.code) return;
  if (!failure_log_.admit(log::Throttle::Clock::time_point(uptime))) return;
  standing_failure_ = fault.code;
  log::warn("the CPU counters cannot be read; nothing is reported until they can",
            {{"reason", kDiscardReasonNames[fault.code]}, {"detail", fault.detail}});
}

std::optional<double> Sampler::window_percent() const {
  if (!window_.has_delta) return std::nullopt;
  // A tickless machine that sleeps through the window books nothing at all: it was idle.
  return to_percent(busy_ratio(window_.delta).value_or(0));
}

DiscardCounts Sampler::discards() const {
  DiscardCounts all = own_discards_;
  for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
    const auto reason = static_cast<DiscardReason>(i);
    all.add(reason, keeper_.discards()[reason]);
  }
  return all;
}

}  // namespace cpu_monitor::agent
