#include "bench/micro/page_access.hpp"

#include <string_view>
#include <utility>

#include "exporter/compression.hpp"
#include "exporter/exposition.hpp"
#include "exporter/page_writer.hpp"

namespace cpu_monitor::bench {

namespace {

void render(const exporter::FleetSnapshot& fleet, const MetricGroups& groups,
            exporter::PageWriter::Sink sink) {
  exporter::PageWriter page(std::move(sink));
  exporter::PageSettings settings;
  settings.groups = groups;
  exporter::render_agents(fleet, settings, page);
  page.flush();
}

}  // namespace

std::size_t render_page(const exporter::FleetSnapshot& fleet, const MetricGroups& groups) {
  std::size_t bytes = 0;
  render(fleet, groups, [&bytes](std::string_view block) { bytes += block.size(); });
  return bytes;
}

std::size_t compress_page(const exporter::FleetSnapshot& fleet, const MetricGroups& groups) {
  exporter::GzipStream gzip;
  render(fleet, groups, [&gzip](std::string_view block) { gzip.add(block); });
  return gzip.finish().size();
}

}  // namespace cpu_monitor::bench
