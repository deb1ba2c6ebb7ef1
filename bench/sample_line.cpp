#include "bench/sample_line.hpp"

#include <algorithm>
#include <stdexcept>

#include "common/messages.hpp"

namespace cpu_monitor::bench {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{10};
constexpr std::uint64_t kTicksPerSecond = 100;

constexpr auto kUser = static_cast<std::size_t>(CpuMode::user);
constexpr auto kIdle = static_cast<std::size_t>(CpuMode::idle);

bool is_digit(char character) { return character >= '0' && character <= '9'; }

}  // namespace

/// Walks over an encoded line and notes where its numbers stand.
class SampleLine::Finder {
 public:
  explicit Finder(std::string_view text) : text_(text) {}

  [[nodiscard]] bool has(std::string_view key) const {
    return text_.find(key) != std::string_view::npos;
  }

  /// Goes behind the first `key` of the line.
  void go_behind(std::string_view key) {
    at_ = text_.find(key);
    if (at_ == std::string_view::npos) {
      throw std::logic_error("a sample without " + std::string(key));
    }
    at_ += key.size();
  }

  /// The next number, with all its digits.
  Digits number() {
    while (!is_digit(text_.at(at_))) ++at_;
    const std::size_t first = at_;
    while (is_digit(text_.at(at_))) ++at_;
    return {static_cast<std::uint32_t>(first), static_cast<std::uint32_t>(at_ - first)};
  }

  Digits number_behind(std::string_view key) {
    go_behind(key);
    return number();
  }

  /// A row of ticks; the next number is its first.
  Cpu ticks() {
    Cpu cpu;
    for (Digits& mode : cpu) mode = number();
    return cpu;
  }

 private:
  std::string_view text_;
  std::size_t at_ = 0;
};

SampleLine::SampleLine(const CpuSample& sample)
    : text_(encode(sample)),
      sequence_(sample.sequence),
      ticked_until_(sample.uptime.value_or(milliseconds(0))) {
  Finder finder(text_);
  auto layout = std::make_shared<Layout>();
  layout->sequence = finder.number_behind(R"("sequence":)");
  layout->whole_percent = finder.number_behind(R"("percent":)");
  layout->time = finder.number_behind(R"("time_ms":)");
  layout->uptime = finder.number_behind(R"("uptime_ms":)");
  finder.go_behind(R"("total":[)");
  layout->total = finder.ticks();
  if (!sample.cpu->cores.empty()) finder.go_behind(R"("cores":[)");
  for (std::size_t core = 0; core < sample.cpu->cores.size(); ++core) {
    static_cast<void>(finder.number());
    layout->cores.push_back(finder.ticks());
  }
  const auto count = [&](std::string_view key, std::uint64_t per_second) {
    if (finder.has(key)) layout->counters.push_back({finder.number_behind(key), per_second});
  };
  count(R"("context_switches":)", 12'000);
  count(R"("interrupts":)", 8'000);
  count(R"("cpu_waiting_us":)", 30'000);
  count(R"("irq_stalled_us":)", 100);
  count(R"("utilization":{"counts":[)", 10);
  count(R"("busiest_core":{"counts":[)", 10);
  for (std::size_t core = 0; core < sample.schedstat.size(); ++core) {
    if (core == 0) finder.go_behind(R"("schedstat":[)");
    static_cast<void>(finder.number());
    layout->counters.push_back({finder.number(), 500'000'000});
    layout->counters.push_back({finder.number(), 20'000'000});
    layout->counters.push_back({finder.number(), 500});
  }
  layout_ = std::move(layout);
}

std::string_view SampleLine::next(milliseconds time, milliseconds uptime) {
  put(layout_->sequence, ++sequence_);
  put(layout_->time, static_cast<std::uint64_t>(time.count()));
  put(layout_->uptime, static_cast<std::uint64_t>(uptime.count()));
  put(layout_->whole_percent, 10 + sequence_ % 90);
  const auto ticks = std::max<milliseconds::rep>(0, (uptime - ticked_until_) / kTick);
  ticked_until_ += ticks * kTick;
  add_ticks(static_cast<std::uint64_t>(ticks));
  return text_;
}

void SampleLine::add_ticks(std::uint64_t ticks) {
  std::uint64_t all_user = 0;
  std::uint64_t all_idle = 0;
  for (std::size_t core = 0; core < layout_->cores.size(); ++core) {
    std::uint64_t user = ticks * (core % 8 + 1) / 10;
    const std::uint64_t idle = ticks - user;
    if (core == 0) user = std::max<std::uint64_t>(user, 1);
    add(layout_->cores[core][kUser], user);
    add(layout_->cores[core][kIdle], idle);
    all_user += user;
    all_idle += idle;
  }
  add(layout_->total[kUser], all_user);
  add(layout_->total[kIdle], all_idle);
  for (const Counter& counter : layout_->counters) {
    add(counter.digits, ticks * counter.per_second / kTicksPerSecond);
  }
}

void SampleLine::move_ticks_on(std::uint64_t ticks) {
  move_on(layout_->total, ticks * layout_->cores.size());
  for (const Cpu& core : layout_->cores) move_on(core, ticks);
}

/// Guests are inside user and nice.
void SampleLine::move_on(const Cpu& cpu, std::uint64_t ticks) {
  for (std::size_t mode = 0; mode < kExclusiveModeCount; ++mode) {
    if (!is_zero(cpu[mode])) add(cpu[mode], ticks);
  }
}

bool SampleLine::is_zero(Digits digits) const {
  return std::string_view(text_).substr(digits.offset, digits.width) == "0";
}

void SampleLine::put(Digits digits, std::uint64_t value) {
  char* const first = text_.data() + digits.offset;
  for (char* digit = first + digits.width; digit != first; value /= 10) {
    *--digit = static_cast<char>('0' + value % 10);
  }
  if (value != 0) std::fill_n(first, digits.width, '9');
}

void SampleLine::add(Digits digits, std::uint64_t amount) {
  char* const first = text_.data() + digits.offset;
  for (char* digit = first + digits.width; amount != 0; amount /= 10) {
    if (digit == first) {
      std::fill_n(first, digits.width, '9');
      return;
    }
    --digit;
    amount += static_cast<std::uint64_t>(*digit - '0');
    *digit = static_cast<char>('0' + amount % 10);
  }
}

std::string slow_tail(const CpuSample& sample, const SlowReadings& slow) {
  if (slow == SlowReadings{}) return {};
  CpuSample whole = sample;
  whole.slow = slow;
  return encode(whole).substr(encode(sample).size() - 2);
}

}  // namespace cpu_monitor::bench
