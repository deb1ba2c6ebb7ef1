// Seconds of CPU time by mode: of each CPU, of the machine, and of guests.

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "exporter/exposition_parts.hpp"

namespace cpu_monitor::exporter {
namespace {

const CpuCounters* counters_of(const Row& row) {
  return row.sample != nullptr && row.sample->cpu ? &*row.sample->cpu : nullptr;
}

/// The known exclusive modes of one CPU.  `stem` is a series up to the value of its label `mode`.
void add_modes(PageWriter& page, std::string_view stem, const CpuTimes& times,
               const SecondsFormat& seconds) {
  const std::size_t modes = std::min<std::size_t>(times.fields, kExclusiveModeCount);
  for (std::size_t mode = 0; mode < modes; ++mode) {
    page.append(stem, kCpuModeNames.names[mode], "\"} ");
    seconds.append(page, times.ticks[mode]);
    page.append('\n');
  }
}

/// As node_exporter labels them.
struct GuestMode {
  CpuMode mode;
  std::string_view label;
};
constexpr std::array kGuestModes{GuestMode{CpuMode::guest, "user"},
                                 GuestMode{CpuMode::guest_nice, "nice"}};

}  // namespace

void render_core_times(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_seconds_total", "counter", "Seconds the CPUs spent in each mode.", page);
  std::string stem;
  for (const Row& row : rows) {
    const CpuCounters* const counters = counters_of(row);
    if (counters == nullptr) continue;
    const SecondsFormat seconds(row.agent->identity->ticks_per_second);
    stem.assign(family.name()).append(row.labels).append(row.before_label()).append("cpu=\"");
    const std::size_t shared = stem.size();
    for (const CoreTimes& core : counters->cores) {
      stem.resize(shared);
      stem.append(std::to_string(core.id)).append("\",mode=\"");
      add_modes(family.page(), stem, core.times, seconds);
    }
  }
}

void render_machine_times(const Rows& rows, PageWriter& page) {
  Family family("cpu_monitor_host_cpu_seconds_total", "counter",
                "Seconds all CPUs of the machine together spent in each mode.", page);
  std::string stem;
  for (const Row& row : rows) {
    const CpuCounters* const counters = counters_of(row);
    if (counters == nullptr) continue;
    stem.assign(family.name()).append(row.labels).append(row.before_label()).append("mode=\"");
    add_modes(family.page(), stem, counters->total,
              SecondsFormat(row.agent->identity->ticks_per_second));
  }
}

void render_guest_times(const Rows& rows, PageWriter& page) {
  Family family("node_cpu_guest_seconds_total", "counter",
                "Seconds the CPUs spent in guests (VMs) for each mode.", page);
  for (const Row& row : rows) {
    const CpuCounters* const counters = counters_of(row);
    if (counters == nullptr) continue;
    for (const CoreTimes& core : counters->cores) {
      for (const GuestMode& guest : kGuestModes) {
        if (!core.times.has(guest.mode)) continue;
        family.series(row)
            .label("cpu", core.id)
            .label("mode", guest.label)
            .value(CountedSeconds{core.times[guest.mode], row.agent->identity->ticks_per_second});
      }
    }
  }
}

}  // namespace cpu_monitor::exporter
