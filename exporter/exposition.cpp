#include "exporter/exposition.hpp"

#include "exporter/exposition_parts.hpp"

namespace cpu_monitor::exporter {
namespace {

void render_load_group(const Rows& rows, PageWriter& page) {
  render_host(rows, page);
  render_machine_times(rows, page);
  render_cgroup(rows, page);
}

void render_detail_group(const Rows& rows, PageWriter& page) {
  render_guest_times(rows, page);
  render_scheduler(rows, page);
  render_frequencies(rows, page);
  render_heat(rows, page);
  render_topology(rows, page);
}

}  // namespace

void render_agents(const FleetSnapshot& fleet, const PageSettings& settings, PageWriter& page) {
  const Rows rows(fleet, settings.endpoint_label);
  const MetricGroups& groups = settings.groups;
  if (groups.has(MetricGroup::cpu)) render_core_times(rows, page);
  if (groups.has(MetricGroup::load)) render_load_group(rows, page);
  if (groups.has(MetricGroup::burst)) render_bursts(rows, settings.peak_window, page);
  if (groups.has(MetricGroup::detail)) render_detail_group(rows, page);
  if (groups.has(MetricGroup::agent)) render_agent(rows, page);
}

}  // namespace cpu_monitor::exporter
