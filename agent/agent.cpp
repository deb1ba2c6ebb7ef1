#include "agent/agent.hpp"

#include <malloc.h>
#include <signal.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include "agent/joining.hpp"
#include "agent/openssl.hpp"
#include "agent/proc_mounts.hpp"
#include "agent/process_cost.hpp"
#include "agent/small_file.hpp"
#include "common/build_info.hpp"
#include "common/log.hpp"
#include "common/net/stop_signal.hpp"
#include "common/output.hpp"
#include "common/plausible_resume.hpp"
#include "common/secret_file.hpp"

namespace cpu_monitor::agent {
namespace {

/// Above this, per-core series are asked for, not given: 1,024 CPUs are 8,192 series.
constexpr std::size_t kPerCoreByDefaultUpTo = 64;

/// Slow or static sources are read and sent at most so often.
constexpr std::chrono::seconds kSlowInterval{15};

/// The part of each sample interval that one step over the slow sources may take.
constexpr int kSlowShare = 20;

std::uint32_t ticks_per_second() { return static_cast<std::uint32_t>(::sysconf(_SC_CLK_TCK)); }

std::optional<std::string> read_boot_id(const std::string& procfs) {
  auto boot_id = read_small_file(procfs + "/sys/kernel/random/boot_id");
  if (!boot_id) return std::nullopt;
  boot_id->resize(std::min(boot_id->find('\n'), boot_id->size()));
  if (boot_id->empty() || !is_showable_text(*boot_id)) return std::nullopt;
  return boot_id;
}

std::optional<KernelName> kernel_name() {
  utsname name{};
  if (::uname(&name) != 0) return std::nullopt;
  const KernelName kernel{name.sysname, name.release,  name.version,
                          name.machine, name.nodename, name.domainname};
  for (const std::string& text : {kernel.sysname, kernel.release, kernel.version, kernel.machine,
                                  kernel.nodename, kernel.domainname}) {
    if (!is_showable_text(text)) return std::nullopt;
  }
  return kernel;
}

std::optional<std::string> file_system_of(const std::string& path) {
  constexpr std::size_t kMostMounts = std::size_t{1024} * 1024;
  const auto mounts = read_small_file("/proc/self/mountinfo", kMostMounts);
  const auto release = [](char* text) { std::free(text); };
  const std::unique_ptr<char, decltype(release)> place(::realpath(path.c_str(), nullptr));
  auto type = find_file_system(mounts.value_or(""), place ? place.get() : path);
  if (!type || !is_showable_text(*type)) return std::nullopt;
  return type;
}

/// Tells this process from any other one with the same name.
std::string random_session() {
  std::random_device random;
  std::array<char, 33> text{};
  std::snprintf(text.data(), text.size(), "%08x%08x%08x%08x", random(), random(), random(),
                random());
  return text.data();
}

constexpr std::size_t kMaxTokenFileBytes = 4096;

std::string read_token(const std::string& file) {
  std::string token = read_secret_file(file, kMaxTokenFileBytes);
  while (!token.empty() && (token.back() == '\n' || token.back() == '\r')) token.pop_back();
  if (token.empty() || !is_showable_text(token)) {
    throw std::runtime_error(file +
                             ": holds no token; put the one of this machine there, alone, of " +
                             "at most " + std::to_string(kMaxTextBytes) + " characters");
  }
  return token;
}

Proofs read_proofs(const std::optional<net::TlsClientSettings>& tls, const std::string& token_file,
                   const std::string& token) {
  Proofs proofs;
  if (tls) {
    load_openssl();
    proofs.tls = net::TlsContext::of_client(*tls);
  }
  if (!token.empty()) proofs.token = token;
  if (!token_file.empty()) proofs.token = read_token(token_file);
  return proofs;
}

ExporterLink::Settings link_settings(const AgentOptions& options) {
  ExporterLink::Settings settings;
  settings.proofs = [tls = options.tls, token_file = options.token_file, token = options.token] {
    return read_proofs(tls, token_file, token);
  };
  settings.exporter = options.exporter;
  settings.hello.endpoint = options.endpoint;
  settings.hello.boot_id = read_boot_id(options.procfs);
  settings.hello.session = random_session();
  settings.hello.agent_version = std::string(version());
  settings.hello.ticks_per_second = ticks_per_second();
  settings.hello.push_interval = options.push_interval;
  settings.hello.sample_interval = options.sample_interval;
  settings.hello.labels = options.labels;
  settings.hello.host = kernel_name();
  settings.hello.proc_filesystem = file_system_of(options.procfs + "/stat");
  constexpr std::size_t kRoomForToken = kMaxTextBytes + 16;
  if (encode(settings.hello).size() + kRoomForToken > kMaxLineBytesBeforeWelcome) {
    throw std::runtime_error("the labels are too long together; give fewer or shorter --label");
  }
  return settings;
}

/// One line for a person; a closed or stalled stdout is nobody's loss.
void print_line(const std::string& line) { write_unless_blocked(STDOUT_FILENO, line); }

}  // namespace

Agent::Agent(asio::io_context& io, AgentOptions options)
    : io_(io),
      options_(std::move(options)),
      reader_(options_.procfs, options_.sysfs),
      sampler_(reader_, ticks_per_second(), options_.sample_interval),
      slow_reader_(options_.procfs, options_.sysfs),
      link_(io, link_settings(options_),
            {[this](const Welcome& welcome) { on_welcome(welcome); },
             [this](const CpuSample& sample) { on_acknowledged(sample); },
             [this] {
               if (options_.print) print_line("disconnected; trying again\n");
             },
             [this](const RecordingRequest& request) { return play(request); }}),
      hangup_(io, SIGHUP),
      alarms_{asio::steady_timer(io), asio::steady_timer(io)} {}

void Agent::start() {
  sampler_.tick(uptime_now());
  if (!options_.per_core && sampler_.cpu_count() > kPerCoreByDefaultUpTo) {
    log::info("many CPUs: only the machine's total is sent; --cpu.per-core sends each",
              {{"cpus", std::to_string(sampler_.cpu_count())}});
  }
  begin_to_tick();
  hear_hangups();
  link_.start();
}

void Agent::stop() {
  stopping_ = true;
  std::error_code ignored;
  hangup_.cancel(ignored);
  for (asio::steady_timer& alarm : alarms_) alarm.cancel();
  link_.stop();
}

void Agent::hear_hangups() {
  hangup_.async_wait([this](std::error_code ec, int /*signal*/) {
    if (ec || stopping_) return;
    link_.reload();
    hear_hangups();
  });
}

void Agent::begin_to_tick() {
  // A random phase, so that a fleet started in one moment does not read and push in step.
  std::mt19937_64 random(std::random_device{}());
  std::uniform_int_distribution<Clock::rep> phase(
      0, Clock::duration(options_.sample_interval).count());
  next_tick_ = Clock::now() + Clock::duration(phase(random));
  next_push_ = next_tick_ + options_.push_interval;
  wait_for(alarms_[0], next_tick_);
  wait_for(alarms_[1], next_tick_ + options_.sample_interval);
}

void Agent::wait_for(asio::steady_timer& alarm, Clock::time_point time) {
  alarm.expires_at(time);
  alarm.async_wait([this, &alarm](std::error_code ec) {
    if (!ec && !stopping_) on_alarm(alarm);
  });
}

void Agent::on_alarm(asio::steady_timer& alarm) {
  // Of a tick that was slept through, a turn ago.
  if (alarm.expiry() < next_tick_) return wait_for(alarm, next_tick_);
  tick();
  if (next_tick_ >= next_push_) {
    sampler_.end_window(uptime_now());
    push();
    next_push_ += options_.push_interval;
  }
  // Ticks that were slept through (a stopped process, a busy machine) are not made up for.
  const auto now = Clock::now();
  while (next_tick_ <= now) next_tick_ += options_.sample_interval;
  while (next_push_ < next_tick_ - options_.push_interval) next_push_ += options_.push_interval;
  wait_for(alarm, next_tick_ + options_.sample_interval);
}

void Agent::tick() {
  const auto uptime = uptime_now();
  sampler_.tick(uptime);
  if (groups_.has(MetricGroup::detail)) read_slow_sources(uptime);
}

/// Some of these files take 20 ms each: a pass over all of them is spread over as many ticks as it
/// needs, so that no tick comes late.
void Agent::read_slow_sources(std::chrono::milliseconds uptime) {
  const bool is_due = !slow_pass_began_ || uptime - *slow_pass_began_ >= kSlowInterval;
  if (!is_slow_pass_running_ && !is_due) return;
  if (!is_slow_pass_running_) {
    slow_reader_.restart();
    slow_pass_began_ = uptime;
    is_slow_pass_running_ = true;
  }
  if (!slow_reader_.step(options_.sample_interval / kSlowShare)) return;
  is_slow_pass_running_ = false;
  is_slow_pass_unsent_ = true;
}

void Agent::push() {
  const auto uptime = uptime_now();
  CpuSample sample = sampler_.sample(uptime, {groups_, sends_cores()});
  sample.slow = slow_readings(uptime);
  link_.offer(std::move(sample));
}

/// What is due of the slow readings; the facts go ahead, if they changed.
SlowReadings Agent::slow_readings(std::chrono::milliseconds uptime) {
  SlowReadings slow;
  // Half a push early is nearer to the interval than half a push late.
  const auto due_after = kSlowInterval - options_.push_interval / 2;
  if (!slow_pushed_at_ || uptime - *slow_pushed_at_ >= due_after) {
    slow_pushed_at_ = uptime;
    if (groups_.has(MetricGroup::agent)) slow.self = process_cost();
    if (groups_.has(MetricGroup::load)) slow.boot_time_s = sampler_.boot_time_s();
  }
  if (groups_.has(MetricGroup::detail) && std::exchange(is_slow_pass_unsent_, false)) {
    if (slow_reader_.facts() != told_facts_) {
      told_facts_ = slow_reader_.facts();
      link_.tell(told_facts_);
    }
    slow.frequency = slow_reader_.frequencies();
    slow.throttles = slow_reader_.throttles();
    slow.temperature = slow_reader_.temperatures();
  }
  return slow;
}

/// As this machine counted before, if it can have.
void Agent::go_on_from(const Resume& resume) {
  if (resume.uptime > uptime_now() || !is_plausible(resume, ticks_per_second())) {
    return log::warn(
        "the exporter says that this machine counted what it cannot have; not believed");
  }
  sampler_.resume(resume.cpu, resume.uptime);
}

/// The exporter says which groups it collects.
void Agent::on_welcome(const Welcome& welcome) {
  release_openssl_code();
  ::malloc_trim(0);  // what the handshake took
  groups_ = welcome.groups;
  // A peak that left the window before it was pushed would be seen by nobody.
  sampler_.set_peak_window(std::max(welcome.peak_window, options_.push_interval));
  if (welcome.resume && !was_welcomed_) go_on_from(*welcome.resume);
  if (!was_welcomed_ && !options_.join_line.empty()) {
    keep_join_line(options_.state_directory, options_.join_line);
  }
  was_welcomed_ = true;
  // This exporter knows nothing yet of what is said rarely.
  slow_pushed_at_.reset();
  told_facts_ = {};
  // What was read before may be of before a suspend, or of when this group was still collected.
  slow_pass_began_.reset();
  is_slow_pass_running_ = false;
  is_slow_pass_unsent_ = false;
  // The counters as they are now stand on the page at once, not a push interval later.
  tick();
  push();
  if (options_.print) {
    print_line("connected to " + format_host_port(options_.exporter) + " as " + options_.endpoint +
               "\n");
  }
}

ExporterLink::NextPiece Agent::play(const RecordingRequest& request) const {
  return [playback = sampler_.recorder().play(request, uptime_now())]() mutable {
    return playback.next();
  };
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
