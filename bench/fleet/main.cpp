#include <cstdio>
#include <exception>

#include "bench/fleet/options.hpp"
#include "bench/fleet/simulator.hpp"

int main(int argc, char** argv) {
  using namespace cpu_monitor::bench;
  try {
    FleetOptions options;
    if (const auto code = read_fleet_options(argc, argv, options)) return *code;
    FleetSimulator fleet(options);
    fleet.run();
    std::puts(fleet.report().c_str());
    std::fputs(fleet.complaint().c_str(), stderr);
    return fleet.has_succeeded() ? 0 : 1;
  } catch (const std::exception& failure) {
    std::fprintf(stderr, "bench-fleet: %s\n", failure.what());
    return 1;
  }
}
