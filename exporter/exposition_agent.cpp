// What is known of the agents themselves.

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "exporter/exposition_parts.hpp"

namespace cpu_monitor::exporter {
namespace {

using std::chrono::milliseconds;

void render_info(const Rows& rows, PageWriter& page) {
  Family family("cpu_monitor_agent_info", "gauge",
                "What an agent says of itself: its version, the file system of its procfs and its "
                "labels.",
                page);
  for (const Row& row : rows) {
    if (!row.agent->has_come) continue;
    const AgentIdentity& identity = *row.agent->identity;
    Series series = family.series(row);
    series.label("version", identity.version);
    if (!identity.proc_filesystem.empty()) series.label("procfs", identity.proc_filesystem);
    for (const auto& [name, value] : identity.labels) series.label("label_" + name, value);
    series.value(std::uint64_t{1});
  }
}

void render_discards(const Rows& rows, PageWriter& page) {
  Family family("cpu_monitor_agent_samples_discarded_total", "counter",
                "Readings an agent threw away instead of showing something untrue.", page);
  for (const Row& row : rows) {
    if (row.sample == nullptr || !row.sample->discarded) continue;
    for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
      const std::uint64_t count = (*row.sample->discarded)[static_cast<DiscardReason>(i)];
      if (count == 0) continue;
      family.series(row).label("reason", kDiscardReasonNames.names[i]).value(count);
    }
  }
}

std::optional<std::uint64_t> up(const Row& row) {
  return row.agent->state == AgentState::alive ? 1 : 0;
}

std::optional<std::uint64_t> expected(const Row& row) { return row.agent->is_expected ? 1 : 0; }

std::optional<milliseconds> last_sample(const Row& row) {
  if (!row.agent->last_sample) return std::nullopt;
  return std::chrono::floor<milliseconds>(row.agent->last_sample->time_since_epoch());
}

std::optional<milliseconds> clock_skew(const Row& row) { return row.agent->clock_skew; }

std::optional<std::uint64_t> connects(const Row& row) {
  if (!row.agent->has_come) return std::nullopt;
  return row.agent->connects;
}

std::optional<std::uint64_t> refused_claims(const Row& row) {
  if (!row.agent->has_come) return std::nullopt;
  return row.agent->refused_claims;
}

std::optional<double> process_cpu_seconds(const Row& row) {
  if (row.slow == nullptr || !row.slow->self) return std::nullopt;
  return row.slow->self->cpu_seconds;
}

std::optional<std::uint64_t> process_resident_bytes(const Row& row) {
  if (row.slow == nullptr || !row.slow->self) return std::nullopt;
  return row.slow->self->resident_bytes;
}

}  // namespace

void render_agent(const Rows& rows, PageWriter& page) {
  add_one_each(Family("cpu_monitor_agent_up", "gauge",
                      "Whether samples of the agent arrive: 1, or 0 when they stopped.", page),
               rows, up);
  add_one_each(
      Family("cpu_monitor_agent_expected", "gauge",
             "Whether the tokens file lists the machine: 1, or 0 when it may come and go.", page),
      rows, expected);
  add_one_each(Family("cpu_monitor_agent_last_sample_timestamp_seconds", "gauge",
                      "When the last sample arrived, by the exporter's clock.", page),
               rows, last_sample);
  render_info(rows, page);
  add_one_each(
      Family("cpu_monitor_agent_clock_skew_seconds", "gauge",
             "The agent's clock minus the exporter's, the way of the sample included.", page),
      rows, clock_skew);
  add_one_each(Family("cpu_monitor_agent_connects_total", "counter",
                      "Connections of the agent that were welcomed.", page),
               rows, connects);
  add_one_each(Family("cpu_monitor_agent_claims_refused_total", "counter",
                      "Connections that said this name while a live agent held it.", page),
               rows, refused_claims);
  render_discards(rows, page);
  add_one_each(Family("cpu_monitor_agent_process_cpu_seconds_total", "counter",
                      "CPU time the agent itself has used.", page),
               rows, process_cpu_seconds);
  add_one_each(Family("cpu_monitor_agent_process_resident_memory_bytes", "gauge",
                      "Resident memory of the agent itself.", page),
               rows, process_resident_bytes);
}

}  // namespace cpu_monitor::exporter
