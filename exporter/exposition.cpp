#include "exporter/exposition.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "exporter/text_format.hpp"

namespace cpu_monitor::exporter {

namespace {

using std::chrono::milliseconds;

/// Counts of a fixed fraction of a second, written as seconds.
///
/// Exact and without floating point where the fraction has at most kMaxDecimals decimals (100, 250,
/// 1000 a second); the shortest text of the nearest double elsewhere (1024).
class SecondsFormat {
 public:
  explicit SecondsFormat(std::uint32_t counts_per_second) : counts_per_second_(counts_per_second) {
    std::uint64_t power = 1;
    for (std::size_t decimals = 0; decimals <= kMaxDecimals; ++decimals, power *= 10) {
      if (power % counts_per_second_ != 0) continue;
      decimals_ = decimals;
      decimal_units_per_count_ = power / counts_per_second_;
      return;
    }
  }

  void append(std::string& out, std::uint64_t count) const {
    if (!decimals_) {
      append_number(out, static_cast<double>(count) / static_cast<double>(counts_per_second_));
      return;
    }
    append_number(out, count / counts_per_second_);
    const std::uint64_t fraction = count % counts_per_second_ * decimal_units_per_count_;
    if (fraction != 0) append_fraction(out, fraction, *decimals_);
  }

 private:
  static constexpr std::size_t kMaxDecimals = 6;

  static void append_fraction(std::string& out, std::uint64_t fraction, std::size_t decimals) {
    std::array<char, kMaxDecimals + 1> text{'.'};
    for (std::size_t i = decimals; i > 0; --i, fraction /= 10) {
      text[i] = static_cast<char>('0' + fraction % 10);
    }
    while (text[decimals] == '0') --decimals;
    out.append(text.data(), decimals + 1);
  }

  std::uint64_t counts_per_second_;
  std::optional<std::size_t> decimals_;
  std::uint64_t decimal_units_per_count_ = 0;
};

template <class Number>
void append_value(std::string& out, Number value) {
  append_number(out, value);
}

void append_value(std::string& out, milliseconds value) {
  const bool is_negative = value.count() < 0;
  const auto count = static_cast<std::uint64_t>(value.count());
  if (is_negative) out.push_back('-');
  SecondsFormat(1000).append(out, is_negative ? 0 - count : count);
}

// Families.

/// An agent, and the label that all its series share.
struct Row {
  const AgentView* agent;
  std::string endpoint;  ///< `endpoint="name"`
};

using Rows = std::vector<Row>;

/// Writes one family: HELP and TYPE before its first series, and nothing when it has none.
class Family {
 public:
  Family(std::string_view name, std::string_view type, std::string_view help, std::string& page)
      : name_(name), type_(type), help_(help), page_(page) {}

  [[nodiscard]] std::string_view name() const { return name_; }

  /// The page, to write series of this family to.
  std::string& page() {
    if (!has_head_) append_head();
    return page_;
  }

  template <class Value>
  void add(std::string_view labels, Value value) {
    page().append(name_).append("{").append(labels).append("} ");
    append_value(page_, value);
    page_.push_back('\n');
  }

 private:
  void append_head() {
    cpu_monitor::exporter::append_head(page_, name_, type_, help_);
    has_head_ = true;
  }

  std::string_view name_;
  std::string_view type_;
  std::string_view help_;
  std::string& page_;
  bool has_head_ = false;
};

/// A family with at most one series an agent: `value_of(view)` is an optional.
template <class ValueOf>
void add_one_each(Family family, const Rows& rows, ValueOf value_of) {
  for (const Row& row : rows) {
    if (const auto value = value_of(*row.agent)) family.add(row.endpoint, *value);
  }
}

/// The known exclusive modes of one CPU.  `stem` is a series up to the value of its label `mode`.
void add_modes(Family& family, std::string_view stem, const CpuTimes& times,
               const SecondsFormat& seconds) {
  std::string& page = family.page();
  const std::size_t modes = std::min<std::size_t>(times.fields, kExclusiveModeCount);
  for (std::size_t mode = 0; mode < modes; ++mode) {
    page.append(stem).append(kCpuModeNames.names[mode]).append("\"} ");
    seconds.append(page, times.ticks[mode]);
    page.push_back('\n');
  }
}

const CpuCounters* counters_of(const AgentView& agent) {
  return agent.sample && agent.sample->cpu ? &*agent.sample->cpu : nullptr;
}

void render_cores(const Rows& rows, std::string& page) {
  Family family("node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.", page);
  std::string stem;
  for (const Row& row : rows) {
    const CpuCounters* const counters = counters_of(*row.agent);
    if (counters == nullptr) continue;
    const SecondsFormat seconds(row.agent->identity->ticks_per_second);
    stem.assign(family.name()).append("{").append(row.endpoint).append(",cpu=\"");
    const std::size_t shared = stem.size();
    for (const CoreTimes& core : counters->cores) {
      stem.resize(shared);
      append_number(stem, std::uint64_t{core.id});
      stem.append("\",mode=\"");
      add_modes(family, stem, core.times, seconds);
    }
  }
}

void render_machines(const Rows& rows, std::string& page) {
  Family family("cpu_monitor_host_cpu_seconds_total", "counter",
                "Seconds all CPUs of the machine together spent in each mode.", page);
  std::string stem;
  for (const Row& row : rows) {
    const CpuCounters* const counters = counters_of(*row.agent);
    if (counters == nullptr) continue;
    stem.assign(family.name()).append("{").append(row.endpoint).append(",mode=\"");
    add_modes(family, stem, counters->total, SecondsFormat(row.agent->identity->ticks_per_second));
  }
}

void render_agent_info(const Rows& rows, std::string& page) {
  Family family("cpu_monitor_agent_info", "gauge",
                "What an agent says of itself: its version and its labels.", page);
  for (const Row& row : rows) {
    std::string labels = row.endpoint;
    append_label(labels, "version", row.agent->identity->version);
    for (const auto& [name, value] : row.agent->identity->labels) {
      append_label(labels, "label_" + name, value);
    }
    family.add(labels, std::uint64_t{1});
  }
}

void render_discards(const Rows& rows, std::string& page) {
  Family family("cpu_monitor_agent_samples_discarded_total", "counter",
                "Readings an agent threw away instead of showing something untrue.", page);
  for (const Row& row : rows) {
    const AgentView& agent = *row.agent;
    if (!agent.sample || !agent.sample->discarded) continue;
    for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
      const std::uint64_t count = (*agent.sample->discarded)[static_cast<DiscardReason>(i)];
      if (count == 0) continue;
      std::string labels = row.endpoint;
      append_label(labels, "reason", kDiscardReasonNames.names[i]);
      family.add(labels, count);
    }
  }
}

std::optional<std::uint64_t> up(const AgentView& agent) {
  return agent.state == AgentState::alive ? 1 : 0;
}

std::optional<milliseconds> last_sample(const AgentView& agent) {
  if (!agent.last_sample) return std::nullopt;
  return std::chrono::floor<milliseconds>(agent.last_sample->time_since_epoch());
}

std::optional<milliseconds> clock_skew(const AgentView& agent) { return agent.clock_skew; }

std::optional<std::uint64_t> connects(const AgentView& agent) { return agent.connects; }

std::optional<double> process_cpu_seconds(const AgentView& agent) {
  if (!agent.sample || !agent.sample->slow.self) return std::nullopt;
  return agent.sample->slow.self->cpu_seconds;
}

std::optional<std::uint64_t> process_resident_bytes(const AgentView& agent) {
  if (!agent.sample || !agent.sample->slow.self) return std::nullopt;
  return agent.sample->slow.self->resident_bytes;
}

void render_agent_group(const Rows& rows, std::string& page) {
  add_one_each(Family("cpu_monitor_agent_up", "gauge",
                      "Whether samples of the agent arrive: 1, or 0 when they stopped.", page),
               rows, up);
  add_one_each(Family("cpu_monitor_agent_last_sample_timestamp_seconds", "gauge",
                      "When the last sample arrived, by the exporter's clock.", page),
               rows, last_sample);
  render_agent_info(rows, page);
  add_one_each(
      Family("cpu_monitor_agent_clock_skew_seconds", "gauge",
             "The agent's clock minus the exporter's, the way of the sample included.", page),
      rows, clock_skew);
  add_one_each(Family("cpu_monitor_agent_connects_total", "counter",
                      "Connections of the agent that were welcomed.", page),
               rows, connects);
  render_discards(rows, page);
  add_one_each(Family("cpu_monitor_agent_process_cpu_seconds_total", "counter",
                      "CPU time the agent itself has used.", page),
               rows, process_cpu_seconds);
  add_one_each(Family("cpu_monitor_agent_process_resident_memory_bytes", "gauge",
                      "Resident memory of the agent itself.", page),
               rows, process_resident_bytes);
}

Rows rows_of(const FleetSnapshot& fleet) {
  Rows rows;
  rows.reserve(fleet.agents.size());
  for (const AgentView& agent : fleet.agents) {
    append_label(rows.emplace_back(Row{&agent, {}}).endpoint, "endpoint", agent.identity->endpoint);
  }
  return rows;
}

}  // namespace

void render_agents(const FleetSnapshot& fleet, const MetricGroups& groups, std::string& page) {
  const Rows rows = rows_of(fleet);
  if (groups.has(MetricGroup::cpu)) render_cores(rows, page);
  if (groups.has(MetricGroup::load)) render_machines(rows, page);
  if (groups.has(MetricGroup::agent)) render_agent_group(rows, page);
}

}  // namespace cpu_monitor::exporter
