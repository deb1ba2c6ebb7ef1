#include "tests/fuzz/message_maker.hpp"

#include <array>
#include <bit>
#include <cmath>
#include <limits>

namespace cpu_monitor::fuzz {
namespace {

constexpr std::uint64_t kMaxUint64 = std::numeric_limits<std::uint64_t>::max();
constexpr double kMaxReal = std::numeric_limits<double>::max();

// What a page, or JSON, has to escape or could take apart.
constexpr std::array<std::string_view, 16> kCharacters{"a",
                                                       "Z",
                                                       "9",
                                                       "_",
                                                       "\"",
                                                       "\\",
                                                       "{",
                                                       "}",
                                                       "'",
                                                       " ",
                                                       "\\",
                                                       "\xc2\xa0",
                                                       "\xc3\xa9",
                                                       "\xe6\xbc\xa2",
                                                       "\xf0\x9f\x98\x80",
                                                       "#"};

}  // namespace

std::uint8_t MessageMaker::byte() {
  if (bytes_.empty()) return 0;
  const auto value = static_cast<std::uint8_t>(bytes_.front());
  bytes_.remove_prefix(1);
  return value;
}

std::uint64_t MessageMaker::integer(std::uint64_t max) {
  const std::uint8_t kind = byte();
  if (kind == 255) return max;
  std::uint64_t value = 0;
  for (std::uint8_t i = 0; i < kind % 9; ++i) value = value << 8U | byte();
  return max == kMaxUint64 ? value : value % (max + 1);
}

std::uint32_t MessageMaker::small(std::uint32_t max) {
  return static_cast<std::uint32_t>(integer(max));
}

double MessageMaker::real(double max) {
  const std::uint8_t kind = byte();
  if (kind % 4 == 0) return 0;
  if (kind % 4 == 1) return max;
  if (kind % 4 == 2) return std::min(max, static_cast<double>(byte()) / 64);
  const double value = std::fabs(std::bit_cast<double>(integer(kMaxUint64)));
  return std::isfinite(value) ? std::min(value, max) : max;
}

std::string MessageMaker::text() {
  std::string made;
  for (std::uint8_t count = byte() % 40; count > 0; --count) {
    made += kCharacters[byte() % kCharacters.size()];
  }
  return made.size() <= kMaxTextBytes ? made : std::string(kMaxTextBytes, 'x');
}

std::vector<std::uint32_t> MessageMaker::numbers(std::uint32_t max) {
  std::vector<std::uint32_t> list;
  std::uint32_t next = flag() ? 0 : small(max);
  for (std::uint8_t count = byte() % 8; count > 0 && next <= max; --count) {
    list.push_back(next);
    next += 1U + byte() % 4U;
  }
  return list;
}

void MessageMaker::maybe_counter(std::optional<std::uint64_t>& value) {
  maybe(value, [this] { return integer(kMaxUint64); });
}

CpuTimes MessageMaker::times() {
  CpuTimes times;
  times.fields =
      static_cast<std::uint8_t>(kMinCpuFields + byte() % (kCpuModeCount - kMinCpuFields + 1));
  for (std::size_t i = 0; i < times.fields; ++i) times.ticks[i] = integer(kMaxTicks);
  return times;
}

BurstHistogram MessageMaker::histogram() {
  BurstHistogram histogram;
  for (auto& count : histogram.counts) count = integer(kMaxTicks);
  histogram.sum = real(kMaxReal);
  return histogram;
}

HostReadings MessageMaker::host() {
  HostReadings host;
  maybe(host.load, [this] { return LoadAverage{real(kMaxReal), real(kMaxReal), real(kMaxReal)}; });
  maybe_counter(host.context_switches);
  maybe_counter(host.interrupts);
  maybe_counter(host.forks);
  maybe_counter(host.running);
  maybe_counter(host.blocked);
  maybe_counter(host.cpu_waiting_us);
  maybe_counter(host.irq_stalled_us);
  return host;
}

CgroupCpu MessageMaker::cgroup() {
  CgroupCpu cgroup;
  maybe(cgroup.utilization, [this] { return real(1); });
  maybe(cgroup.quota_cores,
        [this] { return std::max(real(kMaxReal), std::numeric_limits<double>::denorm_min()); });
  cgroup.usage_us = integer(kMaxUint64);
  cgroup.user_us = integer(kMaxUint64);
  cgroup.system_us = integer(kMaxUint64);
  maybe_counter(cgroup.periods);
  maybe_counter(cgroup.throttled_periods);
  maybe_counter(cgroup.throttled_us);
  return cgroup;
}

std::vector<CoreFrequency> MessageMaker::frequencies() {
  std::vector<CoreFrequency> list;
  for (const std::uint32_t cpu : numbers(kMaxCpuId)) list.push_back({cpu, integer(kMaxUint64)});
  return list;
}

Throttles MessageMaker::throttles() {
  Throttles throttles;
  for (const std::uint32_t package : numbers(kMaxTopologyId)) {
    throttles.packages.push_back({package, integer(kMaxUint64)});
    for (const std::uint32_t core : numbers(kMaxTopologyId)) {
      throttles.cores.push_back({package, core, integer(kMaxUint64)});
    }
  }
  return throttles;
}

SlowReadings MessageMaker::slow() {
  SlowReadings slow;
  maybe(slow.boot_time_s, [this] { return integer(kMaxTicks); });
  maybe(slow.self, [this] { return ProcessCost{real(kMaxReal), integer(kMaxTicks)}; });
  maybe(slow.frequency, [this] {
    Frequencies made;
    made.scaling = frequencies();
    made.hardware = frequencies();
    return made;
  });
  maybe(slow.throttles, [this] { return throttles(); });
  maybe(slow.temperature, [this] {
    std::vector<ZoneTemperature> zones;
    for (const std::uint32_t zone : numbers(kMaxCpuId)) {
      const auto above = static_cast<std::int64_t>(integer(2 * kMaxMillicelsius));
      zones.push_back({zone, above - kMaxMillicelsius});
    }
    return zones;
  });
  return slow;
}

Hello MessageMaker::hello() {
  constexpr std::array kNames{"web-1", "web-2", "a", "x.y_z"};
  Hello hello;
  hello.endpoint = kNames[byte() % kNames.size()];
  maybe(hello.boot_id, [this] { return text(); });
  maybe(hello.session, [this] { return text(); });
  maybe(hello.token, [this] { return text(); });
  maybe(hello.agent_version, [this] { return text(); });
  hello.ticks_per_second = 1 + small(999'999);
  hello.push_interval = kMinPushInterval + std::chrono::milliseconds(integer(1'199'900));
  maybe(hello.sample_interval,
        [this] { return kMinSampleInterval + std::chrono::milliseconds(integer(9990)); });
  for (const std::uint32_t number : numbers(kMaxLabels)) {
    hello.labels["label_" + std::to_string(number)] = text();
  }
  maybe(hello.host, [this] { return KernelName{text(), text(), text(), text(), text(), text()}; });
  maybe(hello.proc_filesystem, [this] { return text(); });
  return hello;
}

CpuFacts MessageMaker::facts() {
  CpuFacts facts;
  for (std::uint8_t count = byte() % 4; count > 0; --count) {
    facts.models.push_back({text(), text(), text(), text(), text(), text(), text()});
  }
  if (!facts.models.empty()) {
    for (const std::uint32_t cpu : numbers(kMaxCpuId)) {
      const auto model = static_cast<std::uint32_t>(byte() % facts.models.size());
      facts.cpus.push_back({cpu, model, text(), text()});
    }
  }
  facts.online = numbers(kMaxCpuId / 2);
  for (const std::uint32_t cpu : numbers(kMaxCpuId / 4)) {
    facts.offline.push_back(kMaxCpuId / 2 + 64 + cpu);
  }
  facts.isolated = numbers(kMaxCpuId);
  for (const std::uint32_t cpu : numbers(kMaxCpuId)) {
    FrequencyLimits limits{cpu, {}, {}, {}, {}};
    maybe_counter(limits.min_khz);
    maybe_counter(limits.max_khz);
    maybe_counter(limits.scaling_min_khz);
    maybe_counter(limits.scaling_max_khz);
    facts.frequency_limits.push_back(limits);
  }
  for (const std::uint32_t cpu : numbers(kMaxCpuId)) {
    GovernorChoice choice{{cpu}, {}, text()};
    for (const std::uint32_t number : numbers(kMaxGovernors - 1)) {
      choice.available.push_back("g" + std::to_string(number));
    }
    facts.governors.push_back(std::move(choice));
  }
  for (const std::uint32_t zone : numbers(kMaxCpuId)) facts.thermal_zones.push_back({zone, text()});
  return facts;
}

CpuSample MessageMaker::sample() {
  CpuSample sample;
  sample.sequence = ++sequence_;
  maybe(sample.percent, [this] { return real(100); });
  maybe(sample.cpu, [this] {
    CpuCounters cpu;
    cpu.total = times();
    for (const std::uint32_t id : numbers(kMaxCpuId)) cpu.cores.push_back({id, times()});
    return cpu;
  });
  maybe(sample.time, [this] { return std::chrono::milliseconds(integer(kMaxTicks)); });
  maybe(sample.uptime, [this] { return std::chrono::milliseconds(integer(kMaxTicks)); });
  sample.host = host();
  maybe(sample.burst, [this] {
    BurstReadings burst{histogram(), histogram(), histogram(), {}, {}, {}};
    maybe(burst.peak, [this] { return real(1); });
    maybe(burst.busiest_core_peak, [this] { return real(1); });
    maybe(burst.steal_peak, [this] { return real(1); });
    return burst;
  });
  maybe(sample.cgroup, [this] { return cgroup(); });
  for (const std::uint32_t cpu : numbers(kMaxCpuId)) {
    sample.schedstat.push_back(
        {cpu, integer(kMaxUint64), integer(kMaxUint64), integer(kMaxUint64)});
  }
  sample.slow = slow();
  maybe(sample.discarded, [this] {
    DiscardCounts counts;
    for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
      counts.add(static_cast<DiscardReason>(i), integer(kMaxTicks));
    }
    return counts;
  });
  if (!sample.percent && !sample.cpu && !sample.discarded) sample.percent = 0;
  return sample;
}

}  // namespace cpu_monitor::fuzz
