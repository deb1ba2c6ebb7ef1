#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>

#include "common/name_table.hpp"

namespace cpu_monitor {

/// Families of metrics that are collected and shown together (`--web.collect`, `?collect[]=`,
/// `groups` of a welcome).
enum class MetricGroup : std::uint8_t { percent, cpu, load, burst, detail, agent, exporter };

inline constexpr NameTable<MetricGroup, 7> kMetricGroupNames{
    {"percent", "cpu", "load", "burst", "detail", "agent", "exporter"}};

/// A set of groups.  Plain value.
class MetricGroups {
 public:
  static MetricGroups all() {
    MetricGroups groups;
    groups.bits_.set();
    return groups;
  }

  /// What is collected unless somebody asks for something else: all but `detail`.
  static MetricGroups usual() {
    MetricGroups groups = all();
    groups.bits_.reset(static_cast<std::size_t>(MetricGroup::detail));
    return groups;
  }

  void add(MetricGroup group) { bits_.set(static_cast<std::size_t>(group)); }
  [[nodiscard]] bool has(MetricGroup group) const {
    return bits_.test(static_cast<std::size_t>(group));
  }
  [[nodiscard]] bool empty() const { return bits_.none(); }
  [[nodiscard]] unsigned long bits() const { return bits_.to_ulong(); }  ///< one for each group
  bool operator==(const MetricGroups&) const = default;

 private:
  std::bitset<kMetricGroupNames.size()> bits_;
};

}  // namespace cpu_monitor
