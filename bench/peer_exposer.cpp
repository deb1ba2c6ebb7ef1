// A peer: the same series in a Registry of prometheus-cpp, served by its own Exposer.

#include <poll.h>

#include <cstdio>
#include <memory>
#include <string>

#include <prometheus/counter.h>
#include <prometheus/exposer.h>
#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include "bench/flags.hpp"
#include "bench/process.hpp"
#include "bench/simulated_agent.hpp"

namespace cpu_monitor::bench {
namespace {

struct Options {
  std::uint32_t agents = 1000;
  std::uint32_t cores = 8;
  HostPort listen{"127.0.0.1", 0};
};

/// Values that never change: what is measured is the page.
void fill(prometheus::Registry& registry, const Options& options) {
  auto& seconds = prometheus::BuildCounter()
                      .Name("node_cpu_seconds_total")
                      .Help("Seconds the CPUs spent in each mode.")
                      .Register(registry);
  auto& percents = prometheus::BuildGauge()
                       .Name("my_cpu_percents")
                       .Help("Percentage of CPU usage in gauge")
                       .Register(registry);
  SampleShape shape;
  shape.cores = options.cores;
  const CpuSample sample = simulated_sample(shape);
  for (std::uint32_t agent = 0; agent < options.agents; ++agent) {
    const std::string endpoint = endpoint_name("sim-", agent);
    percents.Add({{"endpoint", endpoint}, {"method", "proc_stat"}}, *sample.percent);
    for (const CoreTimes& core : sample.cpu->cores) {
      for (std::size_t mode = 0; mode < kExclusiveModeCount; ++mode) {
        const Ticks ticks =
            core.times.ticks[mode] == 0 ? 0 : core.times.ticks[mode] + Ticks{agent} * 997;
        seconds
            .Add({{"endpoint", endpoint},
                  {"cpu", std::to_string(core.id)},
                  {"mode", std::string(kCpuModeNames.names[mode])}})
            .Increment(static_cast<double>(ticks) / 100);
      }
    }
  }
}

int run(int argc, char** argv) {
  Options options;
  CommandLine command_line(
      "bench-peer-exposer",
      "Serves the CPU counters and percentages of a fleet as prometheus-cpp does.  Prints "
      "\"listening\" and the port in a second line; SIGTERM ends it.\n");
  command_line.add_value({"--agents", "How many machines"}, whole_number(1U, 100'000U),
                         options.agents);
  command_line.add_value({"--cores", "CPUs of each"}, whole_number(1U, kMaxCpus), options.cores);
  command_line.add_value({"--listen", "Where /metrics is; port 0: the system picks one"},
                         numeric_address(), options.listen);
  if (const auto code = leave_after_reading(command_line, argc, argv, options)) return *code;
  pollfd stop{open_stop_signals(), POLLIN, 0};
  const auto registry = std::make_shared<prometheus::Registry>();
  fill(*registry, options);
  prometheus::Exposer exposer(format_host_port(options.listen));
  exposer.RegisterCollectable(registry);
  std::printf("listening\nport %d\n", exposer.GetListeningPorts().at(0));
  std::fflush(stdout);
  while (::poll(&stop, 1, -1) < 1) {
  }
  return 0;
}

}  // namespace
}  // namespace cpu_monitor::bench

int main(int argc, char** argv) {
  return cpu_monitor::bench::run_program("bench-peer-exposer", argc, argv,
                                         &cpu_monitor::bench::run);
}
