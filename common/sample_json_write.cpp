#include <array>
#include <charconv>
#include <initializer_list>
#include <optional>
#include <vector>

#include "common/sample_json.hpp"

namespace cpu_monitor {
namespace {

template <class Integer>
void append_integer(std::string& line, Integer value) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  line.append(digits.data(), written.ptr);
}

/// The shortest text that reads back as the same double.
void append_number(std::string& line, double value) {
  std::array<char, 32> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  line.append(digits.data(), written.ptr);
}

/// Appends "," before all but the first of a row.
class Separator {
 public:
  void before_next(std::string& line) {
    if (!is_first_) line += ',';
    is_first_ = false;
  }

 private:
  bool is_first_ = true;
};

/// Appends an array; `append_element` appends one of its elements.
template <class Elements, class AppendElement>
void append_array(std::string& line, const Elements& elements, AppendElement append_element) {
  Separator separator;
  line += '[';
  for (const auto& element : elements) {
    separator.before_next(line);
    append_element(line, element);
  }
  line += ']';
}

void append_integers(std::string& line, std::initializer_list<std::uint64_t> values) {
  append_array(line, values, &append_integer<std::uint64_t>);
}

/// Appends an object, member by member: those that are known.
class ObjectWriter {
 public:
  explicit ObjectWriter(std::string& line) : line_(line) { line_ += '{'; }

  /// The line, to append the value of `key` to.
  std::string& member(std::string_view key) {
    separator_.before_next(line_);
    return line_.append("\"").append(key).append("\":");
  }

  void integer(std::string_view key, std::optional<std::uint64_t> value) {
    if (value) append_integer(member(key), *value);
  }
  void number(std::string_view key, std::optional<double> value) {
    if (value) append_number(member(key), *value);
  }
  void milliseconds(std::string_view key, std::optional<std::chrono::milliseconds> value) {
    if (value) append_integer(member(key), value->count());
  }

  void end() { line_ += '}'; }

 private:
  std::string& line_;
  Separator separator_;
};

void append_ticks(std::string& line, const CpuTimes& times, Separator separator) {
  for (std::size_t mode = 0; mode < times.fields; ++mode) {
    separator.before_next(line);
    append_integer(line, times.ticks[mode]);
  }
}

void append_core(std::string& line, const CoreTimes& core) {
  Separator separator;
  line += '[';
  separator.before_next(line);
  append_integer(line, core.id);
  append_ticks(line, core.times, separator);
  line += ']';
}

void append_host(ObjectWriter& sample, const HostReadings& host) {
  if (host.load) {
    append_array(sample.member("load"),
                 std::array{host.load->one, host.load->five, host.load->fifteen}, &append_number);
  }
  sample.integer("context_switches", host.context_switches);
  sample.integer("interrupts", host.interrupts);
  sample.integer("forks", host.forks);
  sample.integer("running", host.running);
  sample.integer("blocked", host.blocked);
  if (host.cpu_waiting_us || host.irq_stalled_us) {
    ObjectWriter pressure(sample.member("pressure"));
    pressure.integer("cpu_waiting_us", host.cpu_waiting_us);
    pressure.integer("irq_stalled_us", host.irq_stalled_us);
    pressure.end();
  }
}

void append_scheduler_times(std::string& line, const SchedulerTimes& times) {
  append_integers(line, {times.cpu, times.running_ns, times.waiting_ns, times.timeslices});
}

void append_histogram(std::string& line, const BurstHistogram& histogram) {
  ObjectWriter object(line);
  append_array(object.member("counts"), histogram.counts, &append_integer<std::uint64_t>);
  object.number("sum", histogram.sum);
  object.end();
}

void append_burst(std::string& line, const BurstReadings& burst) {
  ObjectWriter object(line);
  append_histogram(object.member("utilization"), burst.utilization);
  append_histogram(object.member("busiest_core"), burst.busiest_core);
  append_histogram(object.member("runs"), burst.runs);
  object.number("peak", burst.peak);
  object.number("busiest_core_peak", burst.busiest_core_peak);
  object.number("steal_peak", burst.steal_peak);
  object.end();
}

void append_cgroup(std::string& line, const CgroupCpu& cgroup) {
  ObjectWriter object(line);
  object.integer("usage_us", cgroup.usage_us);
  object.integer("user_us", cgroup.user_us);
  object.integer("system_us", cgroup.system_us);
  object.number("utilization", cgroup.utilization);
  object.number("quota_cores", cgroup.quota_cores);
  object.integer("periods", cgroup.periods);
  object.integer("throttled_periods", cgroup.throttled_periods);
  object.integer("throttled_us", cgroup.throttled_us);
  object.end();
}

void append_discards(std::string& line, const DiscardCounts& discards) {
  ObjectWriter object(line);
  for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
    const auto reason = static_cast<DiscardReason>(i);
    if (discards[reason] != 0) object.integer(kDiscardReasonNames[reason], discards[reason]);
  }
  object.end();
}

void append_process_cost(std::string& line, const ProcessCost& cost) {
  ObjectWriter object(line);
  object.number("cpu_seconds", cost.cpu_seconds);
  object.integer("resident_bytes", cost.resident_bytes);
  object.end();
}

void append_frequencies(std::string& line, const Frequencies& frequencies) {
  const auto append = [](std::string& to, const CoreFrequency& frequency) {
    append_integers(to, {frequency.cpu, frequency.khz});
  };
  ObjectWriter object(line);
  if (!frequencies.scaling.empty()) {
    append_array(object.member("scaling"), frequencies.scaling, append);
  }
  if (!frequencies.hardware.empty()) {
    append_array(object.member("hardware"), frequencies.hardware, append);
  }
  object.end();
}

void append_throttles(std::string& line, const Throttles& throttles) {
  ObjectWriter object(line);
  if (!throttles.cores.empty()) {
    append_array(object.member("cores"), throttles.cores,
                 [](std::string& to, const CoreThrottles& core) {
                   append_integers(to, {core.package, core.core, core.count});
                 });
  }
  if (!throttles.packages.empty()) {
    append_array(object.member("packages"), throttles.packages,
                 [](std::string& to, const PackageThrottles& package) {
                   append_integers(to, {package.package, package.count});
                 });
  }
  object.end();
}

void append_temperature(std::string& line, const ZoneTemperature& temperature) {
  line += '[';
  append_integer(line, temperature.zone);
  line += ',';
  append_integer(line, temperature.millicelsius);
  line += ']';
}

void append_slow(ObjectWriter& sample, const SlowReadings& slow) {
  sample.integer("boot_time_s", slow.boot_time_s);
  if (slow.self) append_process_cost(sample.member("self"), *slow.self);
  if (slow.frequency) append_frequencies(sample.member("frequency"), *slow.frequency);
  if (slow.throttles) append_throttles(sample.member("throttles"), *slow.throttles);
  if (slow.temperature) {
    append_array(sample.member("temperature"), *slow.temperature, &append_temperature);
  }
}

constexpr std::size_t kUsualBytesOfTicks = 96;
constexpr std::size_t kUsualBytesOfSchedulerTimes = 56;
constexpr std::size_t kUsualBytesOfFrequency = 16;
constexpr std::size_t kUsualBytesOfThrottles = 16;
constexpr std::size_t kUsualBytesOfTheRest = 1024;

/// Room for a usual sample, so that the line grows once.
std::size_t expected_bytes(const CpuSample& sample) {
  std::size_t bytes = kUsualBytesOfTheRest + sample.schedstat.size() * kUsualBytesOfSchedulerTimes;
  if (sample.cpu) bytes += (sample.cpu->cores.size() + 1) * kUsualBytesOfTicks;
  if (const auto& frequency = sample.slow.frequency) {
    bytes += (frequency->scaling.size() + frequency->hardware.size()) * kUsualBytesOfFrequency;
  }
  if (const auto& throttles = sample.slow.throttles) {
    bytes += (throttles->cores.size() + throttles->packages.size()) * kUsualBytesOfThrottles;
  }
  return bytes;
}

}  // namespace

void append_cpu(std::string& line, const CpuCounters& cpu) {
  ObjectWriter object(line);
  object.member("total") += '[';
  append_ticks(line, cpu.total, Separator());
  line += ']';
  if (!cpu.cores.empty()) append_array(object.member("cores"), cpu.cores, &append_core);
  object.end();
}

void append_sample(std::string& line, const CpuSample& sample) {
  line.reserve(line.size() + expected_bytes(sample));
  ObjectWriter object(line);
  object.member("type") += R"("sample")";
  object.integer("sequence", sample.sequence);
  object.number("percent", sample.percent);
  object.milliseconds("time_ms", sample.time);
  object.milliseconds("uptime_ms", sample.uptime);
  if (sample.cpu) append_cpu(object.member("cpu"), *sample.cpu);
  append_host(object, sample.host);
  if (!sample.schedstat.empty()) {
    append_array(object.member("schedstat"), sample.schedstat, &append_scheduler_times);
  }
  if (sample.burst) append_burst(object.member("burst"), *sample.burst);
  if (sample.cgroup) append_cgroup(object.member("cgroup"), *sample.cgroup);
  if (sample.discarded) append_discards(object.member("discarded"), *sample.discarded);
  append_slow(object, sample.slow);
  object.end();
}

}  // namespace cpu_monitor
