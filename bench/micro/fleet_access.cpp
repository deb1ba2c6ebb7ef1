#include "bench/micro/fleet_access.hpp"

#include <algorithm>
#include <random>
#include <stdexcept>
#include <utility>

namespace cpu_monitor::bench {
namespace {

using exporter::Fleet;
using exporter::Moment;

Fleet::Limits limits_for(std::size_t agents) {
  Fleet::Limits limits;
  limits.max_agents = agents;
  return limits;
}

}  // namespace

FilledFleet::FilledFleet(std::size_t agents, const SampleShape& shape)
    : shape_(shape), fleet_(limits_for(agents)) {
  const Moment now = Moment::now();
  for (std::size_t index = 0; index < agents; ++index) {
    const std::string endpoint = endpoint_name("sim-", index);
    const Fleet::ConnectionId connection = index + 1;
    const Hello hello =
        simulated_hello(endpoint, std::to_string(index), std::chrono::milliseconds(1000));
    if (!fleet_.claim(hello, {}, connection, now)) throw std::logic_error("a name is refused");
    if (shape.with_detail && !fleet_.learn(endpoint, connection, simulated_facts(shape.cores))) {
      throw std::logic_error("facts are refused");
    }
    agents_.push_back({endpoint, connection});
  }
  std::ranges::shuffle(agents_, std::mt19937(1));
  Samples first = next_samples();
  for (CpuSample& sample : first) sample.slow = simulated_slow_readings(shape);
  apply(first);
}

FilledFleet::Samples FilledFleet::next_samples() {
  CpuSample sample = simulated_sample(shape_);
  sample.sequence = ++sequence_;
  return Samples(agents_.size(), sample);
}

void FilledFleet::apply(const Samples& samples) {
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Agent& agent = agents_[i];
    const auto applied = fleet_.apply(agent.endpoint, agent.connection, samples[i], Moment::now());
    if (applied != Fleet::Applied::applied) throw std::logic_error("a sample is not applied");
  }
}

exporter::FleetSnapshot FilledFleet::snapshot() const { return fleet_.snapshot(Moment::now()); }

}  // namespace cpu_monitor::bench
