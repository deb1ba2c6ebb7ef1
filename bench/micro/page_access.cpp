#include "bench/micro/page_access.hpp"

#include <string>

#include "exporter/exposition.hpp"

namespace cpu_monitor::bench {

std::size_t render_page(const exporter::FleetSnapshot& fleet, const MetricGroups& groups) {
  std::string page;
  exporter::PageSettings settings;
  settings.groups = groups;
  exporter::render_agents(fleet, settings, page);
  return page.size();
}

}  // namespace cpu_monitor::bench
