#include "exporter/metrics_page.hpp"

#include <chrono>
#include <string_view>
#include <thread>

#include "exporter/compression.hpp"

namespace cpu_monitor::exporter {

void MetricsPage::write(const MetricGroups& groups, PageWriter& page) {
  let_ingest_catch_up();
  const FleetSnapshot snapshot = fleet_.snapshot(Moment::now());
  if (groups.has(MetricGroup::percent)) gauge_.render(snapshot, page);
  render_agents(snapshot, {groups, settings_.peak_window}, page);
  if (groups.has(MetricGroup::exporter)) metrics_.render(snapshot, page);
}

std::shared_ptr<const std::string> MetricsPage::compressed(const MetricGroups& groups) {
  return flights_.get(groups.bits(), [&] {
    GzipStream gzip;
    PageWriter page([&gzip](std::string_view block) { gzip.add(block); });
    write(groups, page);
    page.flush();
    return gzip.finish();
  });
}

/// After a pause of the whole process this thread may run before the one that reads the agents.
void MetricsPage::let_ingest_catch_up() const {
  constexpr auto kPatience = std::chrono::seconds(1);
  const auto start = Moment::now();
  while (fleet_.is_behind(start) && std::chrono::steady_clock::now() - start.steady < kPatience) {
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
}

}  // namespace cpu_monitor::exporter
