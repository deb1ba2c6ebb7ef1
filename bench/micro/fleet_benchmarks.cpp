// The state of the fleet: a sample goes in, a snapshot comes out.

#include <utility>

#include "bench/micro/fleet_access.hpp"

#include <benchmark/benchmark.h>

namespace cpu_monitor::bench {
namespace {

/// One iteration is one sample of every agent.
void apply_samples(benchmark::State& state) {
  FilledFleet fleet(static_cast<std::size_t>(state.range(0)), SampleShape{});
  while (state.KeepRunning()) {
    state.PauseTiming();
    FilledFleet::Samples samples = fleet.next_samples();
    state.ResumeTiming();
    fleet.apply(samples);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetComplexityN(state.range(0));
}

void take_snapshot(benchmark::State& state) {
  const FilledFleet fleet(static_cast<std::size_t>(state.range(0)), SampleShape{});
  while (state.KeepRunning()) {
    auto snapshot = fleet.snapshot();
    benchmark::DoNotOptimize(snapshot);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
  state.SetComplexityN(state.range(0));
}

constexpr int kSmallestFleet = 10;
constexpr int kLargestFleet = 10'000;

BENCHMARK(apply_samples)->RangeMultiplier(10)->Range(kSmallestFleet, kLargestFleet)->Complexity();
BENCHMARK(take_snapshot)->RangeMultiplier(10)->Range(kSmallestFleet, kLargestFleet)->Complexity();

}  // namespace
}  // namespace cpu_monitor::bench
