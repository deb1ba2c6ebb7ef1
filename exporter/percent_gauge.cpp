#include "exporter/percent_gauge.hpp"

#include <map>
#include <mutex>
#include <string_view>
#include <utility>

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include "exporter/registry_text.hpp"

namespace cpu_monitor::exporter {

struct PercentGauge::Impl {
  using Key = std::pair<std::string, std::string>;  // endpoint, method
  using Gauges = std::map<Key, prometheus::Gauge*>;

  void set_all(const FleetSnapshot& fleet);
  void set(Gauges& shown, const std::string& endpoint, std::string_view method, double percent);

  std::mutex mutex;
  prometheus::Registry registry;
  prometheus::Family<prometheus::Gauge>& family = prometheus::BuildGauge()
                                                      .Name("my_cpu_percents")
                                                      .Help("Percentage of CPU usage in gauge")
                                                      .Register(registry);
  Gauges gauges;
};

void PercentGauge::Impl::set_all(const FleetSnapshot& fleet) {
  Gauges shown;
  for (const AgentView& agent : fleet.agents) {
    if (!agent.sample || !agent.sample->percent) continue;
    const std::string_view method = agent.sample->cpu ? "proc_stat" : "reported";
    set(shown, agent.identity->endpoint, method, *agent.sample->percent);
  }
  for (const ReportedPercent& reported : fleet.reported) {
    set(shown, reported.endpoint, "reported", reported.percent);
  }
  for (const auto& [key, gauge] : gauges) family.Remove(gauge);
  gauges = std::move(shown);
}

/// Moves the gauge from those of the last page to those of this one, or makes it.
void PercentGauge::Impl::set(Gauges& shown, const std::string& endpoint, std::string_view method,
                             double percent) {
  const Key key(endpoint, method);
  if (auto known = gauges.extract(key)) {
    known.mapped()->Set(percent);
    shown.insert(std::move(known));
    return;
  }
  prometheus::Gauge& gauge = family.Add({{"endpoint", endpoint}, {"method", key.second}});
  gauge.Set(percent);
  shown.emplace(key, &gauge);
}

PercentGauge::PercentGauge() : impl_(std::make_unique<Impl>()) {}
PercentGauge::~PercentGauge() = default;

void PercentGauge::render(const FleetSnapshot& fleet, std::string& page) {
  const std::lock_guard lock(impl_->mutex);
  impl_->set_all(fleet);
  append_families(impl_->registry.Collect(), page);
}

}  // namespace cpu_monitor::exporter
