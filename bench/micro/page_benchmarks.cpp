// The page of a fleet, without percentages and the exporter's own series.

#include <cstddef>

#include "bench/micro/fleet_access.hpp"
#include "bench/micro/page_access.hpp"

#include <benchmark/benchmark.h>

namespace cpu_monitor::bench {
namespace {

MetricGroups cpu_alone() {
  MetricGroups groups;
  groups.add(MetricGroup::cpu);
  return groups;
}

using MakePage = std::size_t (*)(const exporter::FleetSnapshot&, const MetricGroups&);

void make(benchmark::State& state, MakePage make_page, const MetricGroups& groups) {
  SampleShape shape;
  shape.with_detail = groups.has(MetricGroup::detail);
  const FilledFleet fleet(static_cast<std::size_t>(state.range(0)), shape);
  const auto snapshot = fleet.snapshot();
  std::size_t bytes = 0;
  while (state.KeepRunning()) benchmark::DoNotOptimize(bytes = make_page(snapshot, groups));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
  state.counters["page_bytes"] = static_cast<double>(bytes);
  state.SetComplexityN(state.range(0));
}

void render(benchmark::State& state, const MetricGroups& groups) {
  make(state, render_page, groups);
}
void compress(benchmark::State& state, const MetricGroups& groups) {
  make(state, compress_page, groups);
}

constexpr int kSmallestFleet = 10;
constexpr int kUsualFleet = 1'000;
constexpr int kLargestFleet = 10'000;

BENCHMARK_CAPTURE(render, cpu, cpu_alone())->Arg(kUsualFleet)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(render, usual, MetricGroups::usual())
    ->RangeMultiplier(10)
    ->Range(kSmallestFleet, kLargestFleet)
    ->Complexity()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(render, all, MetricGroups::all())
    ->Arg(kUsualFleet)
    ->Unit(benchmark::kMillisecond);

BENCHMARK_CAPTURE(compress, cpu, cpu_alone())->Arg(kUsualFleet)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compress, usual, MetricGroups::usual())
    ->RangeMultiplier(10)
    ->Range(kSmallestFleet, kLargestFleet)
    ->Complexity()
    ->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(compress, all, MetricGroups::all())
    ->Arg(kUsualFleet)
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cpu_monitor::bench
