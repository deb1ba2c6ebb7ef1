#include "exporter/percent_gauge.hpp"

#include <algorithm>
#include <cstddef>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <prometheus/gauge.h>
#include <prometheus/registry.h>

#include "exporter/text_format.hpp"

namespace cpu_monitor::exporter {
namespace {

using Gauge = prometheus::Gauge;

constexpr std::string_view kName = "my_cpu_percents";
constexpr std::string_view kHelp = "Percentage of CPU usage in gauge";

/// The library looks at all gauges to remove one: more than so many at a time cost less in a new
/// registry.
constexpr std::size_t kFew = 16;

/// What the page shall say: a list of them is sorted by labels, and no two have the same.
struct Percent {
  std::string_view endpoint;
  std::string_view method;
  double value;
};

/// What the page said last.
struct Shown {
  std::string endpoint;
  std::string_view method;  ///< one of two constants
  Gauge* gauge;             ///< the registry's
};

/// Their order: that of the labels.
template <class Series>
auto labels_of(const Series& series) {
  return std::tuple(std::string_view(series.endpoint), series.method);
}

/// None when it said none.
std::optional<Percent> percent_of(const AgentView& agent) {
  if (!agent.sample || !agent.sample->percent) return std::nullopt;
  return Percent{agent.identity->endpoint, agent.sample->cpu ? "proc_stat" : "reported",
                 *agent.sample->percent};
}

void append_series(PageWriter& page, std::string_view endpoint, std::string_view method,
                   double value) {
  page.append(kName, "{endpoint=\"");
  append_escaped(page, endpoint);
  page.append("\",method=\"", method, "\"} ");
  append_number(page, value);
  page.append('\n');
}

std::vector<Percent> percents_of(const FleetSnapshot& fleet) {
  std::vector<Percent> percents;
  percents.reserve(fleet.agents.size() + fleet.reported.size());
  for (const AgentView& agent : fleet.agents) {
    if (const auto percent = percent_of(agent)) percents.push_back(*percent);
  }
  const auto agents = static_cast<std::ptrdiff_t>(percents.size());
  for (const ReportedPercent& reported : fleet.reported) {
    percents.push_back({reported.endpoint, "reported", reported.percent});
  }
  // Each of the two lists is sorted.
  std::inplace_merge(
      percents.begin(), percents.begin() + agents, percents.end(),
      [](const Percent& a, const Percent& b) { return labels_of(a) < labels_of(b); });
  // Two connections may come from one address and port: to two ports of ours, or one of them is not
  // yet known to be over.
  const auto last =
      std::unique(percents.begin(), percents.end(),
                  [](const Percent& a, const Percent& b) { return labels_of(a) == labels_of(b); });
  percents.erase(last, percents.end());
  return percents;
}

/// The registry, with its one family.
struct Gauges {
  Gauge& add(const Percent& percent) {
    return family->Add(
        {{"endpoint", std::string(percent.endpoint)}, {"method", std::string(percent.method)}});
  }

  std::unique_ptr<prometheus::Registry> registry = std::make_unique<prometheus::Registry>();
  prometheus::Family<Gauge>* family = &prometheus::BuildGauge()
                                           .Name(std::string(kName))
                                           .Help(std::string(kHelp))
                                           .Register(*registry);
};

}  // namespace

struct PercentGauge::Impl {
  void set_all(const std::vector<Percent>& percents);
  void begin_anew(std::vector<Shown> next);
  void render(PageWriter& page) const;

  std::mutex mutex;
  Gauges gauges;
  std::vector<Shown> shown;  ///< sorted
};

void PercentGauge::Impl::set_all(const std::vector<Percent>& percents) {
  std::vector<Shown> next;
  next.reserve(percents.size());
  std::vector<Gauge*> gone;
  auto known = shown.begin();
  for (const Percent& percent : percents) {
    for (; known != shown.end() && labels_of(*known) < labels_of(percent); ++known) {
      gone.push_back(known->gauge);
    }
    if (known != shown.end() && labels_of(*known) == labels_of(percent)) {
      next.push_back(*known++);
    } else {
      next.push_back({std::string(percent.endpoint), percent.method, &gauges.add(percent)});
    }
    next.back().gauge->Set(percent.value);
  }
  for (; known != shown.end(); ++known) gone.push_back(known->gauge);
  if (gone.size() > kFew) return begin_anew(std::move(next));
  shown = std::move(next);
  for (Gauge* const gauge : gone) gauges.family->Remove(gauge);
}

void PercentGauge::Impl::begin_anew(std::vector<Shown> next) {
  Gauges fresh;
  for (Shown& series : next) {
    const double value = series.gauge->Value();
    series.gauge = &fresh.add({series.endpoint, series.method, value});
    series.gauge->Set(value);
  }
  shown = std::move(next);
  gauges = std::move(fresh);
}

/// From the gauges themselves: what a registry collects is a copy of every label.
void PercentGauge::Impl::render(PageWriter& page) const {
  if (shown.empty()) return;
  append_head(page, kName, "gauge", kHelp);
  for (const Shown& series : shown) {
    append_series(page, series.endpoint, series.method, series.gauge->Value());
  }
}

void render_percent(const AgentView& agent, PageWriter& page) {
  const auto percent = percent_of(agent);
  if (!percent) return;
  append_head(page, kName, "gauge", kHelp);
  append_series(page, percent->endpoint, percent->method, percent->value);
}

PercentGauge::PercentGauge() : impl_(std::make_unique<Impl>()) {}
PercentGauge::~PercentGauge() = default;

void PercentGauge::render(const FleetSnapshot& fleet, PageWriter& page) {
  const std::vector<Percent> percents = percents_of(fleet);
  std::string text;  // a page may go to a slow reader: nothing is written to it under the mutex
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->set_all(percents);
    PageWriter writer([&text](std::string_view block) { text.append(block); });
    impl_->render(writer);
    writer.flush();
  }
  page.append(text);
}

}  // namespace cpu_monitor::exporter
