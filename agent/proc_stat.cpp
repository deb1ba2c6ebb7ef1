#include "agent/proc_stat.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>
#include <system_error>
#include <utility>

#include "agent/text_scan.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

using Fault = Error<DiscardReason>;

constexpr std::string_view kCpuWord = "cpu";

Fault malformed(std::string words) { return {DiscardReason::malformed, std::move(words)}; }

/// True while more bytes could still make this a CPU line: `c`, `cp`, `cpu...`, or nothing at all.
bool may_be_cpu_line(std::string_view rest) {
  return rest.starts_with(kCpuWord) || kCpuWord.starts_with(rest);
}

/// The columns behind `cpu` or `cpuN`.
Result<CpuTimes, DiscardReason> parse_columns(std::string_view columns) {
  CpuTimes times;
  const char* at = columns.data();
  const char* const end = at + columns.size();
  for (Ticks& ticks : times.ticks) {
    while (at != end && *at == ' ') ++at;
    if (at == end) break;
    const auto [behind, fault] = std::from_chars(at, end, ticks);
    if (fault == std::errc::result_out_of_range) return malformed("a column is above 2^64-1");
    if (fault != std::errc{} || (behind != end && *behind != ' ')) {
      return malformed("a column is not a whole number");
    }
    at = behind;
    ++times.fields;
  }
  if (times.fields < kMinCpuFields) return malformed("a CPU line has fewer than four columns");
  return times;
}

bool is_all_zero(const CpuTimes& times) {
  return std::all_of(times.ticks.begin(), times.ticks.end(), [](Ticks t) { return t == 0; });
}

/// Gathers the CPU lines of one reading.
class CpuLines {
 public:
  explicit CpuLines(ProcStat recycled) : stat_(std::move(recycled)) {
    stat_.total = {};
    stat_.cores.clear();
  }

  /// `line` is without its word `cpu`.
  [[nodiscard]] std::optional<Fault> take(std::string_view line) {
    if (line.starts_with(' ')) return take_total(line);
    return take_core(line);
  }

  [[nodiscard]] Result<ProcStat, DiscardReason> finish() && {
    if (stat_.total.fields == 0) return malformed("the line of the whole machine is missing");
    const auto by_id = [](const CoreTimes& a, const CoreTimes& b) { return a.id < b.id; };
    const auto same_id = [](const CoreTimes& a, const CoreTimes& b) { return a.id == b.id; };
    auto& cores = stat_.cores;
    if (!std::is_sorted(cores.begin(), cores.end(), by_id)) {
      std::sort(cores.begin(), cores.end(), by_id);
    }
    const auto twin = std::adjacent_find(cores.begin(), cores.end(), same_id);
    if (twin != cores.end()) return malformed("CPU " + std::to_string(twin->id) + " comes twice");
    return std::move(stat_);
  }

 private:
  std::optional<Fault> take_total(std::string_view columns) {
    auto times = parse_columns(columns);
    if (!times) return times.error();
    // lxcfs 4.0.3 prints a line of zeros before the true one (lxc/lxcfs#406).
    if (!is_all_zero(stat_.total)) return malformed("the line of the whole machine comes twice");
    stat_.total = *times;
    return std::nullopt;
  }

  std::optional<Fault> take_core(std::string_view line) {
    CoreTimes core;
    const char* const end = line.data() + line.size();
    const auto [behind, fault] = std::from_chars(line.data(), end, core.id);
    if (fault == std::errc::result_out_of_range || (fault == std::errc{} && core.id > kMaxCpuId)) {
      return malformed("a CPU number is above " + std::to_string(kMaxCpuId));
    }
    if (fault != std::errc{} || behind == end || *behind != ' ') {
      return malformed("a CPU line has no CPU number");
    }
    if (stat_.cores.size() == kMaxCpus) {
      return malformed("there are more than " + std::to_string(kMaxCpus) + " CPUs");
    }
    auto times = parse_columns(line.substr(static_cast<std::size_t>(behind - line.data())));
    if (!times) return times.error();
    core.times = *times;
    stat_.cores.push_back(core);
    return std::nullopt;
  }

  ProcStat stat_;
};

struct CounterLine {
  std::string_view word;
  std::optional<std::uint64_t> StatCounters::*counter;
};

constexpr std::array kCounterLines{
    CounterLine{"intr", &StatCounters::interrupts},
    CounterLine{"ctxt", &StatCounters::context_switches},
    CounterLine{"btime", &StatCounters::boot_time_s},
    CounterLine{"processes", &StatCounters::forks},
    CounterLine{"procs_running", &StatCounters::running},
    CounterLine{"procs_blocked", &StatCounters::blocked},
};

}  // namespace

Result<ProcStat, DiscardReason> parse_proc_stat(std::string_view text, ProcStat recycled) {
  if (text.empty()) return Fault(DiscardReason::empty, "there are no bytes");
  if (!may_be_cpu_line(text)) return malformed("the text does not begin with a CPU line");
  CpuLines lines(std::move(recycled));
  while (may_be_cpu_line(text)) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) {
      return Fault(DiscardReason::torn, "the text ends within the CPU lines");
    }
    if (auto fault = lines.take(text.substr(kCpuWord.size(), end - kCpuWord.size()))) {
      return *std::move(fault);
    }
    text.remove_prefix(end + 1);
  }
  return std::move(lines).finish();
}

StatCounters parse_stat_counters(std::string_view text) {
  StatCounters counters;
  while (auto line = take_whole_line(text)) {
    const std::string_view word = take_until(*line, ' ');
    for (const CounterLine& known : kCounterLines) {
      if (word != known.word) continue;
      counters.*known.counter = parse_number<std::uint64_t>(take_until(*line, ' '));
    }
  }
  return counters;
}

}  // namespace cpu_monitor::agent
