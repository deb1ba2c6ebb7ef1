// One line <-> one sample.

#include <string>
#include <string_view>

#include "bench/simulated_agent.hpp"
#include "common/messages.hpp"

#include <benchmark/benchmark.h>

namespace cpu_monitor::bench {
namespace {

SampleShape shape_of(SampleKind kind, bool with_detail = false) {
  SampleShape shape;
  shape.kind = kind;
  shape.with_detail = with_detail;
  return shape;
}

void count_bytes(benchmark::State& state, std::size_t bytes_each) {
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes_each));
  state.counters["line_bytes"] = static_cast<double>(bytes_each);
}

void decode_sample(benchmark::State& state, const SampleShape& shape) {
  const std::string line = encode(simulated_sample(shape));
  const std::string_view without_end(line.data(), line.size() - 1);
  while (state.KeepRunning()) {
    auto message = decode_agent_message(without_end);
    if (!message) return state.SkipWithError("not decoded");
    benchmark::DoNotOptimize(message);
  }
  count_bytes(state, line.size());
}

void encode_sample(benchmark::State& state, const SampleShape& shape) {
  const CpuSample sample = simulated_sample(shape);
  std::string line;
  while (state.KeepRunning()) {
    line = encode(sample);
    benchmark::DoNotOptimize(line);
  }
  count_bytes(state, line.size());
}

BENCHMARK_CAPTURE(decode_sample, default, shape_of(SampleKind::usual));
BENCHMARK_CAPTURE(decode_sample, ticks, shape_of(SampleKind::ticks));
BENCHMARK_CAPTURE(decode_sample, full, shape_of(SampleKind::usual, true));
BENCHMARK_CAPTURE(encode_sample, default, shape_of(SampleKind::usual));
BENCHMARK_CAPTURE(encode_sample, ticks, shape_of(SampleKind::ticks));

}  // namespace
}  // namespace cpu_monitor::bench
