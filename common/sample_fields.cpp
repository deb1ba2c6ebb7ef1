#include "common/sample_fields.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>
#include <vector>

#include "common/sample_json.hpp"

namespace cpu_monitor {
namespace {

constexpr std::uint64_t kMaxUint64 = std::numeric_limits<std::uint64_t>::max();
constexpr double kMaxReal = std::numeric_limits<double>::max();

// ---- reading numbers: false when it isn't one of the kind

template <class Integer>
bool read_integer(const Number& number, std::uint64_t max, Integer& to) {
  const auto* value = std::get_if<std::uint64_t>(&number);
  if (value == nullptr || *value > max) return false;
  to = static_cast<Integer>(*value);
  return true;
}

bool read_counter(const Number& number, std::optional<std::uint64_t>& to) {
  return read_integer(number, kMaxUint64, to.emplace());
}

bool read_milliseconds(const Number& number, std::optional<std::chrono::milliseconds>& to) {
  std::int64_t count = 0;
  if (!read_integer(number, kMaxWireInteger, count)) return false;
  to = std::chrono::milliseconds(count);
  return true;
}

/// From 0, which has no minus sign.
bool read_real(const Number& number, double max, double& to) {
  if (const auto* integer = std::get_if<std::uint64_t>(&number)) {
    to = static_cast<double>(*integer);
  } else if (const auto* real = std::get_if<double>(&number)) {
    to = *real;
  } else {
    return false;
  }
  return !std::signbit(to) && to <= max;
}

bool read_ratio(const Number& number, std::optional<double>& to) {
  return read_real(number, 1, to.emplace());
}

bool read_millicelsius(const Number& number, std::int64_t& to) {
  if (const auto* negative = std::get_if<std::int64_t>(&number)) {
    to = *negative;
    return to >= -kMaxMillicelsius;
  }
  return read_integer(number, kMaxMillicelsius, to);
}

// ---- kinds of fields

using Store = bool (*)(Draft&, const Number&);
using Open = void (*)(Draft&);
using Close = bool (*)(Draft&);

constexpr Field number(std::string_view key, std::string_view requirement, Store store) {
  return {.kind = Field::Kind::number, .key = key, .requirement = requirement, .store = store};
}

/// A number that the words for what it stands in speak of.
constexpr Field number(std::string_view key, Store store) { return number(key, {}, store); }
constexpr Field number(Store store) { return number({}, store); }

/// `required` members must be there, the first ones.
template <std::size_t N>
constexpr Field object(std::string_view key, std::string_view requirement,
                       const std::array<Field, N>& members, std::size_t required,
                       Open open = nullptr, Close close = nullptr) {
  static_assert(N <= 64);
  return {.kind = Field::Kind::object,
          .key = key,
          .requirement = requirement,
          .parts = members.data(),
          .part_count = N,
          .min_size = required,
          .open = open,
          .close = close};
}

/// Numbers in a row, one for each of `numbers`.
template <std::size_t N>
constexpr Field row(std::string_view key, std::string_view requirement,
                    const std::array<Field, N>& numbers, Open open) {
  return {.kind = Field::Kind::row,
          .key = key,
          .requirement = requirement,
          .parts = numbers.data(),
          .part_count = N,
          .min_size = N,
          .max_size = N,
          .open = open};
}

/// As many numbers of the last kind as make the row `min_size` to `max_size` long.
constexpr Field of_size(Field row, std::size_t min_size, std::size_t max_size) {
  row.min_size = min_size;
  row.max_size = max_size;
  return row;
}

/// At most `max_size` rows.  `row` is two fields: the row, and what stands for one row too many.
constexpr Field list(std::string_view key, std::string_view requirement, std::size_t max_size,
                     const std::array<Field, 2>& row, Close close, Open open = nullptr) {
  return {.kind = Field::Kind::list,
          .key = key,
          .requirement = requirement,
          .parts = row.data(),
          .part_count = row.size(),
          .max_size = max_size,
          .open = open,
          .close = close};
}

constexpr Field kSurplus{.kind = Field::Kind::surplus};

// ---- rows that become an element of a vector each; `rows` is the function that finds the vector

template <auto rows>
void add_row(Draft& draft) {
  rows(draft).emplace_back();
}

/// A number of a row that goes to `member` of the newest element.
template <auto rows, auto member, std::uint64_t max = kMaxUint64>
constexpr Field number_of() {
  return number([](Draft& draft, const Number& number) {
    return read_integer(number, max, rows(draft).back().*member);
  });
}

template <auto rows, std::size_t N>
constexpr std::array<Field, 2> row_of(const std::array<Field, N>& numbers) {
  return {row({}, {}, numbers, &add_row<rows>), kSurplus};
}

std::uint64_t key_of(const CoreTimes& core) { return core.id; }
std::uint64_t key_of(const SchedulerTimes& times) { return times.cpu; }
std::uint64_t key_of(const CoreFrequency& frequency) { return frequency.cpu; }
std::uint64_t key_of(const PackageThrottles& throttles) { return throttles.package; }
std::uint64_t key_of(const ZoneTemperature& temperature) { return temperature.zone; }
std::uint64_t key_of(const CoreThrottles& throttles) {
  return (std::uint64_t{throttles.package} << 32) | throttles.core;
}

/// Sorts the rows by their key.  False if a key stands twice.
template <auto rows>
bool sort_rows(Draft& draft) {
  auto& sorted = rows(draft);
  const auto is_behind = [](const auto& a, const auto& b) { return key_of(a) >= key_of(b); };
  const auto is_before = [](const auto& a, const auto& b) { return key_of(a) < key_of(b); };
  const auto is_same = [](const auto& a, const auto& b) { return key_of(a) == key_of(b); };
  // Agents write them in order: one look is enough.
  if (std::adjacent_find(sorted.begin(), sorted.end(), is_behind) == sorted.end()) return true;
  std::sort(sorted.begin(), sorted.end(), is_before);
  return std::adjacent_find(sorted.begin(), sorted.end(), is_same) == sorted.end();
}

// ---- cpu

std::vector<CoreTimes>& cores(Draft& draft) { return draft.sample.cpu->cores; }

constexpr Field kTick =
    number({}, "ticks must be integers from 0 to 9007199254740991",
           [](Draft& draft, const Number& number) {
             return read_integer(number, kMaxTicks, draft.times->ticks[draft.times->fields++]);
           });

constexpr std::array kTotalNumbers{kTick};
constexpr std::array kCoreNumbers{number_of<&cores, &CoreTimes::id, kMaxCpuId>(), kTick};

constexpr std::array kCoreRow{
    of_size(row({}, {}, kCoreNumbers,
                [](Draft& draft) { draft.times = &cores(draft).emplace_back().times; }),
            1 + kMinCpuFields, 1 + kCpuModeCount),
    Field{.kind = Field::Kind::surplus,
          .requirement =
              "cpu.cores holds more than 1024 CPUs; start the agent with --no-cpu.per-core",
          .code = RefusalCode::capacity}};

constexpr std::array kCpuMembers{
    of_size(row("total",
                "cpu.total must be an array of at least 4 ticks, integers from 0 to "
                "9007199254740991",
                kTotalNumbers, [](Draft& draft) { draft.times = &draft.sample.cpu->total; }),
            kMinCpuFields, kCpuModeCount),
    list("cores",
         "cpu.cores must be at most 1024 arrays, each of an id from 0 to 65535 that comes once, "
         "then at least 4 ticks, integers from 0 to 9007199254740991",
         kMaxCpus, kCoreRow, &sort_rows<&cores>)};

constexpr Field kCpu =
    object("cpu", "cpu must be an object with total and, if there are any, cores", kCpuMembers, 1,
           [](Draft& draft) {
             draft.sample.cpu.emplace().cores = std::move(draft.spare_cores);
             draft.sample.cpu->cores.clear();
           });

constexpr Field kUptime =
    number("uptime_ms", "uptime_ms must be an integer from 0 to 9007199254740991",
           [](Draft& draft, const Number& number) {
             return read_milliseconds(number, draft.sample.uptime);
           });

// ---- load, pressure and schedstat

template <auto member>
constexpr Field load_number() {
  return number([](Draft& draft, const Number& number) {
    return read_real(number, kMaxReal, (*draft.sample.host.load).*member);
  });
}

constexpr std::array kLoadNumbers{load_number<&LoadAverage::one>(),
                                  load_number<&LoadAverage::five>(),
                                  load_number<&LoadAverage::fifteen>()};

/// A reading of the host that is any unsigned integer.
template <auto member>
constexpr Field host_counter(std::string_view key, std::string_view requirement) {
  return number(key, requirement, [](Draft& draft, const Number& number) {
    return read_counter(number, draft.sample.host.*member);
  });
}

constexpr std::array kPressureMembers{
    host_counter<&HostReadings::cpu_waiting_us>("cpu_waiting_us", {}),
    host_counter<&HostReadings::irq_stalled_us>("irq_stalled_us", {})};

std::vector<SchedulerTimes>& schedstat(Draft& draft) { return draft.sample.schedstat; }

constexpr std::array kSchedstatNumbers{number_of<&schedstat, &SchedulerTimes::cpu, kMaxCpuId>(),
                                       number_of<&schedstat, &SchedulerTimes::running_ns>(),
                                       number_of<&schedstat, &SchedulerTimes::waiting_ns>(),
                                       number_of<&schedstat, &SchedulerTimes::timeslices>()};
constexpr std::array kSchedstatRow = row_of<&schedstat>(kSchedstatNumbers);

// ---- burst

constexpr std::array kCountNumbers{number([](Draft& draft, const Number& number) {
  return read_integer(number, kMaxWireInteger, draft.histogram->counts[draft.bucket++]);
})};

constexpr std::array kHistogramMembers{
    of_size(row("counts", {}, kCountNumbers, [](Draft& draft) { draft.bucket = 0; }),
            BurstHistogram::kBuckets, BurstHistogram::kBuckets),
    number("sum", [](Draft& draft, const Number& number) {
      return read_real(number, kMaxReal, draft.histogram->sum);
    })};

template <auto member>
constexpr Field histogram(std::string_view key, std::string_view requirement) {
  return object(key, requirement, kHistogramMembers, 2,
                [](Draft& draft) { draft.histogram = &((*draft.sample.burst).*member); });
}

template <auto member>
constexpr Field peak(std::string_view key, std::string_view requirement) {
  return number(key, requirement, [](Draft& draft, const Number& number) {
    return read_ratio(number, (*draft.sample.burst).*member);
  });
}

constexpr std::array kBurstMembers{
    histogram<&BurstReadings::utilization>(
        "utilization",
        "burst.utilization must be an object with counts, 8 integers from 0 to 9007199254740991, "
        "and sum, a number from 0"),
    histogram<&BurstReadings::busiest_core>(
        "busiest_core",
        "burst.busiest_core must be an object with counts, 8 integers from 0 to 9007199254740991, "
        "and sum, a number from 0"),
    histogram<&BurstReadings::runs>(
        "runs",
        "burst.runs must be an object with counts, 8 integers from 0 to 9007199254740991, and "
        "sum, a number from 0"),
    peak<&BurstReadings::peak>("peak", "burst.peak must be a number from 0 to 1"),
    peak<&BurstReadings::busiest_core_peak>("busiest_core_peak",
                                            "burst.busiest_core_peak must be a number from 0 to 1"),
    peak<&BurstReadings::steal_peak>("steal_peak",
                                     "burst.steal_peak must be a number from 0 to 1")};

// ---- cgroup

template <auto member>
constexpr Field cgroup_counter(std::string_view key) {
  return number(key, [](Draft& draft, const Number& number) {
    return read_integer(number, kMaxUint64, (*draft.sample.cgroup).*member);
  });
}

template <auto member>
constexpr Field cgroup_optional_counter(std::string_view key) {
  return number(key, [](Draft& draft, const Number& number) {
    return read_counter(number, (*draft.sample.cgroup).*member);
  });
}

constexpr std::array kCgroupMembers{
    cgroup_counter<&CgroupCpu::usage_us>("usage_us"),
    cgroup_counter<&CgroupCpu::user_us>("user_us"),
    cgroup_counter<&CgroupCpu::system_us>("system_us"),
    number("utilization", "cgroup.utilization must be a number from 0 to 1",
           [](Draft& draft, const Number& number) {
             return read_ratio(number, draft.sample.cgroup->utilization);
           }),
    number("quota_cores", "cgroup.quota_cores must be a number above 0",
           [](Draft& draft, const Number& number) {
             double& quota = draft.sample.cgroup->quota_cores.emplace();
             return read_real(number, kMaxReal, quota) && quota > 0;
           }),
    cgroup_optional_counter<&CgroupCpu::periods>("periods"),
    cgroup_optional_counter<&CgroupCpu::throttled_periods>("throttled_periods"),
    cgroup_optional_counter<&CgroupCpu::throttled_us>("throttled_us")};

// ---- discarded

constexpr std::array kDiscardCounts{number([](Draft& draft, const Number& number) {
  DiscardCounts& counts = *draft.sample.discarded;
  std::uint64_t count = 0;
  if (!read_integer(number, kMaxWireInteger, count)) return false;
  // Any number of unknown reasons ends in one count: it stays in range.
  counts.add(draft.reason, std::min(count, kMaxWireInteger - counts[draft.reason]));
  return true;
})};

constexpr Field discarded() {
  Field field =
      object("discarded", "discarded must be an object of integers from 0 to 9007199254740991",
             kDiscardCounts, 0, [](Draft& draft) { draft.sample.discarded.emplace(); });
  field.take_key = [](Draft& draft, std::string_view reason) {
    draft.reason = kDiscardReasonNames.find(reason).value_or(DiscardReason::other);
  };
  return field;
}

// ---- the slow ones

constexpr std::array kSelfMembers{
    number("cpu_seconds", "self.cpu_seconds must be a number from 0",
           [](Draft& draft, const Number& number) {
             return read_real(number, kMaxReal, draft.sample.slow.self->cpu_seconds);
           }),
    number("resident_bytes", "self.resident_bytes must be an integer from 0 to 9007199254740991",
           [](Draft& draft, const Number& number) {
             return read_integer(number, kMaxWireInteger, draft.sample.slow.self->resident_bytes);
           })};

std::vector<CoreFrequency>& scaling(Draft& draft) { return draft.sample.slow.frequency->scaling; }
std::vector<CoreFrequency>& hardware(Draft& draft) { return draft.sample.slow.frequency->hardware; }

constexpr std::array kScalingNumbers{number_of<&scaling, &CoreFrequency::cpu, kMaxCpuId>(),
                                     number_of<&scaling, &CoreFrequency::khz>()};
constexpr std::array kHardwareNumbers{number_of<&hardware, &CoreFrequency::cpu, kMaxCpuId>(),
                                      number_of<&hardware, &CoreFrequency::khz>()};
constexpr std::array kScalingRow = row_of<&scaling>(kScalingNumbers);
constexpr std::array kHardwareRow = row_of<&hardware>(kHardwareNumbers);

constexpr std::array kFrequencyMembers{
    list("scaling", {}, kMaxCpus, kScalingRow, &sort_rows<&scaling>),
    list("hardware", {}, kMaxCpus, kHardwareRow, &sort_rows<&hardware>)};

std::vector<CoreThrottles>& throttled_cores(Draft& draft) {
  return draft.sample.slow.throttles->cores;
}
std::vector<PackageThrottles>& throttled_packages(Draft& draft) {
  return draft.sample.slow.throttles->packages;
}

constexpr std::array kCoreThrottlesNumbers{
    number_of<&throttled_cores, &CoreThrottles::package, kMaxTopologyId>(),
    number_of<&throttled_cores, &CoreThrottles::core, kMaxTopologyId>(),
    number_of<&throttled_cores, &CoreThrottles::count>()};
constexpr std::array kPackageThrottlesNumbers{
    number_of<&throttled_packages, &PackageThrottles::package, kMaxTopologyId>(),
    number_of<&throttled_packages, &PackageThrottles::count>()};
constexpr std::array kCoreThrottlesRow = row_of<&throttled_cores>(kCoreThrottlesNumbers);
constexpr std::array kPackageThrottlesRow = row_of<&throttled_packages>(kPackageThrottlesNumbers);

constexpr std::array kThrottlesMembers{
    list("cores",
         "throttles.cores must be at most 1024 arrays, each of a package and a core from 0 to "
         "2147483647, together once, and a count, an integer from 0 to 18446744073709551615",
         kMaxCpus, kCoreThrottlesRow, &sort_rows<&throttled_cores>),
    list("packages",
         "throttles.packages must be at most 1024 arrays, each of a package from 0 to 2147483647 "
         "that comes once and a count, an integer from 0 to 18446744073709551615",
         kMaxCpus, kPackageThrottlesRow, &sort_rows<&throttled_packages>)};

std::vector<ZoneTemperature>& temperature(Draft& draft) { return *draft.sample.slow.temperature; }

constexpr std::array kTemperatureNumbers{
    number_of<&temperature, &ZoneTemperature::zone, kMaxCpuId>(),
    number([](Draft& draft, const Number& number) {
      return read_millicelsius(number, temperature(draft).back().millicelsius);
    })};
constexpr std::array kTemperatureRow = row_of<&temperature>(kTemperatureNumbers);

// ---- whole lines

constexpr Field kType{.kind = Field::Kind::type, .key = "type"};

constexpr std::array kSampleMembers{
    kType,
    number("sequence", "sequence must be an integer from 1 to 9007199254740991",
           [](Draft& draft, const Number& number) {
             return read_integer(number, kMaxWireInteger, draft.sample.sequence) &&
                    draft.sample.sequence > 0;
           }),
    number("percent", "percent must be a number from 0 to 100",
           [](Draft& draft, const Number& number) {
             return read_real(number, 100, draft.sample.percent.emplace());
           }),
    number("time_ms", "time_ms must be an integer from 0 to 9007199254740991",
           [](Draft& draft, const Number& number) {
             return read_milliseconds(number, draft.sample.time);
           }),
    kUptime,
    kCpu,
    row("load", "load must be an array of 3 numbers from 0", kLoadNumbers,
        [](Draft& draft) { draft.sample.host.load.emplace(); }),
    host_counter<&HostReadings::context_switches>(
        "context_switches", "context_switches must be an integer from 0 to 18446744073709551615"),
    host_counter<&HostReadings::interrupts>(
        "interrupts", "interrupts must be an integer from 0 to 18446744073709551615"),
    host_counter<&HostReadings::forks>("forks",
                                       "forks must be an integer from 0 to 18446744073709551615"),
    host_counter<&HostReadings::running>(
        "running", "running must be an integer from 0 to 18446744073709551615"),
    host_counter<&HostReadings::blocked>(
        "blocked", "blocked must be an integer from 0 to 18446744073709551615"),
    object("pressure",
           "pressure must be an object of cpu_waiting_us and irq_stalled_us, integers from 0 to "
           "18446744073709551615",
           kPressureMembers, 0),
    list("schedstat",
         "schedstat must be at most 1024 arrays, each of a CPU from 0 to 65535 that comes once and "
         "running_ns, waiting_ns and timeslices, integers from 0 to 18446744073709551615",
         kMaxCpus, kSchedstatRow, &sort_rows<&schedstat>),
    object("burst", "burst must be an object with utilization, busiest_core and runs",
           kBurstMembers, 3, [](Draft& draft) { draft.sample.burst.emplace(); }),
    object("cgroup",
           "cgroup must be an object with usage_us, user_us and system_us; its microseconds and "
           "periods are integers from 0 to 18446744073709551615",
           kCgroupMembers, 3, [](Draft& draft) { draft.sample.cgroup.emplace(); }),
    discarded(),
    number("boot_time_s", "boot_time_s must be an integer from 0 to 9007199254740991",
           [](Draft& draft, const Number& number) {
             return read_integer(number, kMaxWireInteger, draft.sample.slow.boot_time_s.emplace());
           }),
    object("self", "self must be an object with cpu_seconds and resident_bytes", kSelfMembers, 2,
           [](Draft& draft) { draft.sample.slow.self.emplace(); }),
    object("frequency",
           "frequency must be an object of scaling and hardware, each at most 1024 arrays of a CPU "
           "from 0 to 65535 that comes once and kHz, an integer from 0 to 18446744073709551615",
           kFrequencyMembers, 0, [](Draft& draft) { draft.sample.slow.frequency.emplace(); }),
    object("throttles", "throttles must be an object of cores and packages", kThrottlesMembers, 0,
           [](Draft& draft) { draft.sample.slow.throttles.emplace(); }),
    list("temperature",
         "temperature must be at most 256 arrays, each of a zone from 0 to 65535 that comes once "
         "and thousandths of a degree Celsius, an integer from -1000000 to 1000000",
         kMaxThermalZones, kTemperatureRow, &sort_rows<&temperature>,
         [](Draft& draft) { draft.sample.slow.temperature.emplace(); })};

bool says_something(Draft& draft) {
  const CpuSample& sample = draft.sample;
  return sample.sequence > 0 && (sample.percent || sample.cpu || sample.discarded);
}

constexpr std::array kResumeMembers{kUptime, kCpu};

constexpr std::array kWelcomeMembers{
    kType, object("resume", "resume must be an object with uptime_ms and cpu", kResumeMembers, 2,
                  nullptr, [](Draft& draft) {
                    CpuSample& sample = draft.sample;
                    if (!sample.uptime || !sample.cpu) return false;
                    draft.resume = Resume{*sample.uptime, std::move(*sample.cpu)};
                    return true;
                  })};

}  // namespace

constexpr Field kAgentLine =
    object({}, "a sample needs a sequence and at least one of percent, cpu and discarded",
           kSampleMembers, 0, nullptr, &says_something);

constexpr Field kExporterLine = object({}, {}, kWelcomeMembers, 0);

}  // namespace cpu_monitor
