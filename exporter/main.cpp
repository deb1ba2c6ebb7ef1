#include <cstdio>
#include <exception>

#include "common/log.hpp"
#include "exporter/exporter.hpp"
#include "exporter/options.hpp"

int main(int argc, char** argv) {
  using namespace cpu_monitor;
  try {
    const auto command = exporter::parse_command_line(argc, argv);
    if (!command.run) {
      std::fputs(command.text.c_str(), command.exit_code == 0 ? stdout : stderr);
      return command.exit_code;
    }
    log::configure(command.run->log_level, command.run->log_format);
    exporter::run_exporter(*command.run);
    return 0;
  } catch (const std::exception& failure) {
    log::error("cannot go on", {{"reason", failure.what()}});
    return 1;
  }
}
