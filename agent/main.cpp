#include <malloc.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <exception>
#include <string>

#include "agent/agent.hpp"
#include "agent/options.hpp"
#include "common/log.hpp"

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cpu_monitor;
  // The thread that looks names up would get a heap of its own.
  ::mallopt(M_ARENA_MAX, 1);
  try {
    auto command = agent::parse_command_line(argc, argv, host_name(), ::isatty(STDOUT_FILENO) == 1);
    if (!command.run) {
      std::fputs(command.text.c_str(), command.exit_code == 0 ? stdout : stderr);
      return command.exit_code;
    }
    log::configure(command.run->log_level, command.run->log_format);
    ::malloc_trim(0);  // what reading the command line took
    agent::run_agent(std::move(*command.run));
    return 0;
  } catch (const std::exception& failure) {
    log::error("cannot go on", {{"reason", failure.what()}});
    return 1;
  }
}
