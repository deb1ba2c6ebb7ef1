#include <malloc.h>
#include <signal.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>

#include "agent/agent.hpp"
#include "agent/joining.hpp"
#include "agent/options.hpp"
#include "common/log.hpp"

namespace {

std::string host_name() {
  std::array<char, 256> name{};
  return ::gethostname(name.data(), name.size() - 1) == 0 ? name.data() : "";
}

cpu_monitor::agent::JoinSources join_sources() {
  using namespace cpu_monitor::agent;
  const auto now = std::chrono::system_clock::now();
  return {read_pasted_line, recall_join_line, std::chrono::floor<std::chrono::days>(now)};
}

void join(const cpu_monitor::agent::AgentOptions& options) {
  using namespace cpu_monitor;
  ::signal(SIGHUP, SIG_IGN);  // until there is somebody to hear it: its default is the end
  if (agent::keep_first_join_line(options.state_directory, options.join_line)) {
    log::info("joined; from now on no flag is needed", {{"kept_in", options.state_directory}});
  } else {
    log::info(
        "joining anew; until the exporter has welcomed this machine, what it joined before is kept",
        {{"kept_in", options.state_directory}});
  }
  if (options.is_join_line_public) {
    log::warn(
        "all users of this machine can read the line of --join in the list of processes; "
        "start again without --join, and use --join - another time");
  }
}

}  // namespace

int main(int argc, char** argv) {
  using namespace cpu_monitor;
  // The thread that looks names up would get a heap of its own.
  ::mallopt(M_ARENA_MAX, 1);
  try {
    auto command = agent::parse_command_line(argc, argv, host_name(), ::isatty(STDOUT_FILENO) == 1,
                                             join_sources());
    if (!command.run) {
      std::fputs(command.text.c_str(), command.exit_code == 0 ? stdout : stderr);
      return command.exit_code;
    }
    log::configure(command.run->log_level, command.run->log_format);
    if (!command.run->join_line.empty()) join(*command.run);
    ::malloc_trim(0);  // what reading the command line took
    agent::run_agent(std::move(*command.run));
    return 0;
  } catch (const std::exception& failure) {
    log::error("cannot go on", {{"reason", failure.what()}});
    return 1;
  }
}
