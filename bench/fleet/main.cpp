#include <cstdio>

#include "bench/fleet/options.hpp"
#include "bench/fleet/simulator.hpp"
#include "bench/process.hpp"

namespace {

int run(int argc, char** argv) {
  using namespace cpu_monitor::bench;
  FleetOptions options;
  if (const auto code = read_fleet_options(argc, argv, options)) return *code;
  FleetSimulator fleet(options);
  fleet.run();
  std::puts(fleet.report().c_str());
  std::fputs(fleet.complaint().c_str(), stderr);
  return fleet.has_succeeded() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  return cpu_monitor::bench::run_program("bench-fleet", argc, argv, &run);
}
