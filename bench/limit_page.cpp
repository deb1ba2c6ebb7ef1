#include "bench/limit_page.hpp"

#include <array>
#include <cstring>

#include "bench/simulated_agent.hpp"

namespace cpu_monitor::bench {
namespace {

constexpr std::string_view kHead =
    "# HELP node_cpu_seconds_total Seconds the CPUs spent in each mode.\n"
    "# TYPE node_cpu_seconds_total counter\n";
constexpr std::string_view kName = R"(node_cpu_seconds_total{endpoint=")";
constexpr std::string_view kCpu = R"(",cpu=")";
constexpr std::string_view kMode = R"(",mode=")";

/// A text that is copied in one go of fixed size, whatever its length is; what is too much is
/// written over by what comes next.
struct Piece {
  static constexpr std::size_t kBytes = 96;

  std::array<char, kBytes> bytes{};
  std::size_t size = 0;

  void append(std::string_view text) {
    std::memcpy(bytes.data() + size, text.data(), text.size());
    size += text.size();
  }
  char* copy_to(char* to) const {
    std::memcpy(to, bytes.data(), kBytes);
    return to + size;
  }
};

constexpr std::size_t kMostDigits = 20;
constexpr std::size_t kMostModeBytes = 16;

/// A mode, the end of the labels and the space behind them, for one copy of 16 bytes.
struct ModeEnd {
  std::array<char, kMostModeBytes> bytes{};
  std::size_t size = 0;
};

std::array<ModeEnd, kExclusiveModeCount> mode_ends() {
  std::array<ModeEnd, kExclusiveModeCount> ends;
  for (std::size_t mode = 0; mode < kExclusiveModeCount; ++mode) {
    const std::string text = std::string(kCpuModeNames.names[mode]) + "\"} ";
    std::memcpy(ends[mode].bytes.data(), text.data(), text.size());
    ends[mode].size = text.size();
  }
  return ends;
}

/// "00" to "99", one behind the other.
constexpr std::array<char, 200> two_digits() {
  std::array<char, 200> digits{};
  for (std::size_t i = 0; i < 100; ++i) {
    digits[2 * i] = static_cast<char>('0' + i / 10);
    digits[2 * i + 1] = static_cast<char>('0' + i % 10);
  }
  return digits;
}
constexpr auto kTwoDigits = two_digits();

char* write_number(char* to, std::uint64_t value) {
  std::array<char, kMostDigits> digits;
  char* const end = digits.data() + digits.size();
  char* first = end;
  for (; value >= 100; value /= 100) {
    first -= 2;
    std::memcpy(first, kTwoDigits.data() + 2 * (value % 100), 2);
  }
  if (value >= 10) {
    first -= 2;
    std::memcpy(first, kTwoDigits.data() + 2 * value, 2);
  } else {
    *--first = static_cast<char>('0' + value);
  }
  const auto size = static_cast<std::size_t>(end - first);
  std::memcpy(to, first, size);
  return to + size;
}

/// Hundredths of a second as seconds, with as many decimals as it takes.
char* write_seconds(char* to, std::uint64_t ticks) {
  to = write_number(to, ticks / 100);
  const std::uint64_t fraction = ticks % 100;
  if (fraction == 0) return to;
  *to++ = '.';
  std::memcpy(to, kTwoDigits.data() + 2 * fraction, 2);
  return to + (fraction % 10 == 0 ? 1 : 2);
}

}  // namespace

LimitPage::LimitPage(std::size_t agents, std::uint32_t cores) : cores_(cores) {
  SampleShape shape;
  shape.cores = cores;
  const CpuSample sample = simulated_sample(shape);
  for (std::size_t agent = 0; agent < agents; ++agent) {
    endpoints_.push_back(endpoint_name("sim-", agent));
    for (const CoreTimes& core : sample.cpu->cores) {
      for (std::size_t mode = 0; mode < kExclusiveModeCount; ++mode) {
        const std::uint64_t ticks = core.times.ticks[mode];
        ticks_.push_back(ticks == 0 ? 0 : ticks + agent * 997);
      }
    }
  }
  page_.resize(kHead.size() + ticks_.size() * (Piece::kBytes + kMostModeBytes + kMostDigits + 4));
}

std::string_view LimitPage::render() {
  const auto ends = mode_ends();
  char* to = page_.data();
  std::memcpy(to, kHead.data(), kHead.size());
  to += kHead.size();
  const std::uint64_t* ticks = ticks_.data();
  for (const std::string& endpoint : endpoints_) {
    Piece machine;
    machine.append(kName);
    machine.append(endpoint);
    machine.append(kCpu);
    for (std::uint32_t core = 0; core < cores_; ++core) {
      Piece stem = machine;
      stem.size = static_cast<std::size_t>(write_number(stem.bytes.data() + stem.size, core) -
                                           stem.bytes.data());
      stem.append(kMode);
      for (const ModeEnd& mode : ends) {
        to = stem.copy_to(to);
        std::memcpy(to, mode.bytes.data(), kMostModeBytes);
        to = write_seconds(to + mode.size, *ticks++);
        *to++ = '\n';
      }
    }
  }
  return {page_.data(), static_cast<std::size_t>(to - page_.data())};
}

}  // namespace cpu_monitor::bench
