#include "agent/agent.hpp"

#include <unistd.h>

#include <cstdio>
#include <exception>
#include <fstream>
#include <string>
#include <utility>

#include "common/build_info.hpp"
#include "common/log.hpp"
#include "common/net/stop_signal.hpp"
#include "common/output.hpp"

namespace cpu_monitor::agent {
namespace {

/// Above this, per-core series are asked for, not given: 1,024 CPUs are 8,192 series.
constexpr std::size_t kPerCoreByDefaultUpTo = 64;

std::uint32_t ticks_per_second() { return static_cast<std::uint32_t>(::sysconf(_SC_CLK_TCK)); }

std::optional<std::string> read_boot_id(const std::string& procfs) {
  std::ifstream file(procfs + "/sys/kernel/random/boot_id");
  std::string boot_id;
  if (!std::getline(file, boot_id) || !is_showable_text(boot_id)) return std::nullopt;
  return boot_id;
}

/// Tells this process from any other one with the same name.
std::string random_session() {
  std::random_device random;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x%08x%08x", random(), random(), random(),
                random());
  return text.data();
}

ExporterLink::Settings link_settings(const AgentOptions& options) {
  ExporterLink::Settings settings;
  settings.exporter = options.exporter;
  settings.hello.endpoint = options.endpoint;
  settings.hello.boot_id = read_boot_id(options.procfs);
  settings.hello.session = random_session();
  settings.hello.agent_version = std::string(version());
  settings.hello.ticks_per_second = ticks_per_second();
  settings.hello.push_interval = options.push_interval;
  settings.hello.sample_interval = options.sample_interval;
  settings.hello.labels = options.labels;
  return settings;
}

/// One line for a person; a closed or stalled stdout is nobody's loss.
void print_line(const std::string& line) { write_unless_blocked(STDOUT_FILENO, line); }

}  // namespace

Agent::Agent(asio::io_context& io, AgentOptions options)
    : io_(io),
      options_(std::move(options)),
      reader_(options_.procfs),
      sampler_(reader_, ticks_per_second()),
      link_(io, link_settings(options_),
            {[this](const Welcome& welcome) { on_welcome(welcome); },
             [this](const CpuSample& sample) { on_acknowledged(sample); },
             [this] {
               if (options_.print) print_line("disconnected; trying again\n");
             }}),
      clock_(io) {}

void Agent::start() {
  sampler_.tick(uptime_now());
  if (!options_.per_core && sampler_.cpu_count() > kPerCoreByDefaultUpTo) {
    log::info("many CPUs: only the machine's total is sent; --cpu.per-core sends each",
              {{"cpus", std::to_string(sampler_.cpu_count())}});
  }
  auto on_end = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);  // out of io_context::run, to main
  };
  asio::co_spawn(io_, tick_for_ever(), std::move(on_end));
  link_.start();
}

void Agent::stop() {
  stopping_ = true;
  clock_.cancel();
  link_.stop();
}

asio::awaitable<void> Agent::tick_for_ever() {
  using Clock = std::chrono::steady_clock;
  // A random phase, so that a fleet started in one moment does not read and push in step.
  std::mt19937_64 random(std::random_device{}());
  std::uniform_int_distribution<Clock::rep> phase(
      0, Clock::duration(options_.sample_interval).count());
  auto next_tick = Clock::now() + Clock::duration(phase(random));
  auto next_push = next_tick + options_.push_interval;
  while (!stopping_) {
    clock_.expires_at(next_tick);
    co_await clock_.async_wait(net::use_nothrow);
    if (stopping_) co_return;
    sampler_.tick(uptime_now());
    if (next_tick >= next_push) {
      sampler_.end_window();
      push();
      next_push += options_.push_interval;
    }
    // Ticks that were slept through (a stopped process, a busy machine) are not made up for.
    const auto now = Clock::now();
    while (next_tick <= now) next_tick += options_.sample_interval;
    while (next_push < next_tick - options_.push_interval) next_push += options_.push_interval;
  }
}

/// The exporter says which groups it collects.  The machine's total goes with every sample: it is
/// where a restarted agent goes on from.
void Agent::push() {
  CpuSample sample = sampler_.sample(uptime_now(), sends_cores());
  if (!groups_.has(MetricGroup::agent)) sample.slow.self.reset();
  link_.offer(std::move(sample));
}

void Agent::on_welcome(const Welcome& welcome) {
  groups_ = welcome.groups;
  if (welcome.resume && !was_welcomed_) {
    sampler_.resume(welcome.resume->cpu, welcome.resume->uptime);
  }
  was_welcomed_ = true;
  // The counters as they are now stand on the page at once, not a push interval later.
  sampler_.tick(uptime_now());
  push();
  if (options_.print) {
    print_line("connected to " + format_host_port(options_.exporter) + " as " + options_.endpoint +
               "\n");
  }
}

void Agent::on_acknowledged(const CpuSample& sample) {
  if (!options_.print || !sample.percent) return;
  std::array<char, 64> line{};
  std::snprintf(line.data(), line.size(), "my_cpu_percents %6.2f\n", *sample.percent);
  print_line(line.data());
}

bool Agent::sends_cores() const {
  const bool is_wanted = options_.per_core.value_or(sampler_.cpu_count() <= kPerCoreByDefaultUpTo);
  return is_wanted && groups_.has(MetricGroup::cpu);
}

void run_agent(AgentOptions options) {
  asio::io_context io{1};
  Agent agent(io, std::move(options));
  net::StopSignal stop_signal(io, [&agent] { agent.stop(); });
  agent.start();
  io.run();
}

}  // namespace cpu_monitor::agent
