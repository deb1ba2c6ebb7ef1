#include "bench/simulated_agent.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include "common/build_info.hpp"

namespace cpu_monitor::bench {
namespace {

/// In the order of the modes; idle above all, the last two as on every machine without guests.
constexpr std::array<Ticks, kCpuModeCount> kCoreTicks{
    51'234'567, 31'234, 21'234'567, 512'345'678, 612'345, 0, 412'345, 51'234, 0, 0};

CpuTimes core_times(std::uint32_t core) {
  CpuTimes times;
  times.fields = kCpuModeCount;
  for (std::size_t mode = 0; mode < kCpuModeCount; ++mode) {
    const Ticks ticks = kCoreTicks[mode];
    times.ticks[mode] = ticks + (ticks >> 10) * core % (ticks / 4 + 1);
  }
  return times;
}

CpuCounters cpu_counters(std::uint32_t cores) {
  CpuCounters cpu;
  cpu.total.fields = kCpuModeCount;
  for (std::uint32_t core = 0; core < cores; ++core) {
    cpu.cores.push_back({core, core_times(core)});
    for (std::size_t mode = 0; mode < kCpuModeCount; ++mode) {
      cpu.total.ticks[mode] += cpu.cores.back().times.ticks[mode];
    }
  }
  return cpu;
}

HostReadings host_readings() {
  HostReadings host;
  host.load = LoadAverage{1.25, 0.84, 0.67};
  host.context_switches = 5'123'456'789;
  host.interrupts = 4'123'456'789;
  host.forks = 2'123'456;
  host.running = 3;
  host.blocked = 0;
  host.cpu_waiting_us = 51'234'567'890;
  host.irq_stalled_us = 312'345'678;
  return host;
}

BurstReadings burst_readings() {
  BurstReadings burst;
  burst.utilization = {{2'123'456, 1'123'456, 512'345, 212'345, 51'234, 11'234, 5'123, 2'123},
                       312'345.6789};
  burst.busiest_core = {{1'123'456, 1'123'456, 912'345, 512'345, 251'234, 81'234, 25'123, 12'123},
                        812'345.6789};
  burst.runs = {{3'123, 2'123, 1'123, 312, 112, 31, 11, 1}, 4'123.5};
  burst.peak = 0.8734;
  burst.busiest_core_peak = 1;
  burst.steal_peak = 0.0123;
  return burst;
}

Frequencies frequencies(std::uint32_t cores) {
  Frequencies all;
  for (std::uint32_t core = 0; core < cores; ++core) {
    all.scaling.push_back({core, 2'400'000 + core});
    all.hardware.push_back({core, 2'401'000 + core});
  }
  return all;
}

Throttles throttles(std::uint32_t cores) {
  Throttles all;
  for (std::uint32_t core = 0; core < cores; ++core) all.cores.push_back({0, core, 12});
  all.packages.push_back({0, 34});
  return all;
}

}  // namespace

CpuSample simulated_sample(const SampleShape& shape) {
  CpuSample sample;
  sample.sequence = kFirstSequence;
  sample.percent = 51.25;
  sample.cpu = cpu_counters(shape.cores);
  sample.time = kFirstTime;
  sample.uptime = kFirstUptime;
  if (shape.kind == SampleKind::ticks) return sample;
  sample.host = host_readings();
  sample.burst = burst_readings();
  for (std::uint32_t core = 0; shape.with_detail && core < shape.cores; ++core) {
    sample.schedstat.push_back(
        {core, std::uint64_t{512'345'678'901'234} + core, 21'234'567'890'123, 612'345'678});
  }
  return sample;
}

SlowReadings simulated_slow_readings(const SampleShape& shape) {
  SlowReadings slow;
  if (shape.kind == SampleKind::ticks) return slow;
  slow.boot_time_s = 1'698'000'000;
  slow.self = ProcessCost{12.34, 5'505'024};
  if (!shape.with_detail) return slow;
  slow.frequency = frequencies(shape.cores);
  slow.throttles = throttles(shape.cores);
  slow.temperature = {{0, 45'000}, {1, 52'000}};
  return slow;
}

CpuFacts simulated_facts(std::uint32_t cores) {
  CpuFacts facts;
  facts.models.push_back(
      {"GenuineIntel", "6", "85", "Intel(R) Xeon(R) Processor @ 2.50GHz", "0x1", "7", "33792 KB"});
  GovernorChoice governor;
  governor.available = {"performance", "powersave"};
  governor.current = "powersave";
  for (std::uint32_t core = 0; core < cores; ++core) {
    facts.cpus.push_back({core, 0, "0", std::to_string(core)});
    facts.online.push_back(core);
    facts.frequency_limits.push_back({core, 800'000, 3'500'000, 800'000, 3'500'000});
    governor.cpus.push_back(core);
  }
  facts.governors.push_back(std::move(governor));
  facts.thermal_zones = {{0, "x86_pkg_temp"}, {1, "acpitz"}};
  return facts;
}

Hello simulated_hello(std::string endpoint, std::string session,
                      std::chrono::milliseconds push_interval) {
  Hello hello;
  hello.endpoint = std::move(endpoint);
  hello.boot_id = "27f046f8-947e-429f-9ba5-5e7beebd7f31";
  hello.session = std::move(session);
  hello.agent_version = std::string(version());
  hello.push_interval = std::clamp(push_interval, kMinPushInterval, kMaxPushInterval);
  hello.sample_interval = std::chrono::milliseconds(100);
  hello.host =
      KernelName{"Linux",  "6.1.0-18-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.76-1 (2024-02-01)",
                 "x86_64", hello.endpoint,   "(none)"};
  hello.proc_filesystem = "proc";
  return hello;
}

std::string endpoint_name(const std::string& prefix, std::size_t index) {
  const std::string number = std::to_string(index + 1);
  return prefix + std::string(5 - std::min<std::size_t>(5, number.size()), '0') + number;
}

}  // namespace cpu_monitor::bench
