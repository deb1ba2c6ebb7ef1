#include "bench/fleet/statistics.hpp"

#include <algorithm>

#include "bench/json_object.hpp"

namespace cpu_monitor::bench {
namespace {

double to_milliseconds(FleetStatistics::Duration duration) {
  return std::chrono::duration<double, std::milli>(duration).count();
}

JsonObject percentiles(const LatencyHistogram& histogram) {
  JsonObject object;
  object.add("p50", to_milliseconds(histogram.quantile(0.5)), 4);
  object.add("p90", to_milliseconds(histogram.quantile(0.9)), 4);
  object.add("p99", to_milliseconds(histogram.quantile(0.99)), 4);
  object.add("p999", to_milliseconds(histogram.quantile(0.999)), 4);
  object.add("max", to_milliseconds(histogram.max()), 4);
  return object;
}

/// One number for each second up to the last that has any.
std::string by_second(const std::map<std::uint64_t, std::uint64_t>& counts) {
  std::string list;
  const std::uint64_t end = counts.empty() ? 0 : counts.rbegin()->first + 1;
  for (std::uint64_t second = 0; second < end; ++second) {
    const auto known = counts.find(second);
    list.append(list.empty() ? "" : ",");
    list.append(std::to_string(known == counts.end() ? 0 : known->second));
  }
  return "[" + list + "]";
}

}  // namespace

void FleetStatistics::add_reconnect(Duration took) {
  ++reconnects;
  ++reconnects_by_second[static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::seconds>(took).count())];
  slowest_reconnect = std::max(slowest_reconnect, took);
}

std::string FleetStatistics::report(const FleetOptions& options, std::size_t sample_bytes,
                                    std::size_t connected) const {
  JsonObject refused;
  for (const auto& [code, count] : refusals) refused.add(code, count);
  JsonObject again;
  again.add("count", reconnects)
      .add("bucket_s", 1)
      .add_text("histogram", by_second(reconnects_by_second))
      .add("last_s", to_milliseconds(slowest_reconnect) / 1000, 3);
  return JsonObject()
      .add("agents", options.agents)
      .add("cores", options.shape.cores)
      .add("sample_bytes", sample_bytes)
      .add("seconds", window.seconds, 3)
      .add("connected", connected)
      .add("samples_sent", window.sent)
      .add("samples_acked", window.acked)
      .add("samples_lost", window.sent - window.acked)
      .add("samples_merged", window.merged)
      .add("disconnects", disconnects)
      .add("refusals", refused)
      .add("ack_ms", percentiles(window.ack))
      .add("connect_ms", percentiles(connect))
      .add("reconnects", again)
      .add("cpu_seconds", window.cpu_seconds, 6)
      .add("bytes_sent", window.bytes_sent)
      .add("bytes_received", window.bytes_received)
      .text();
}

}  // namespace cpu_monitor::bench
