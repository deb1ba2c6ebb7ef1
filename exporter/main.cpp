#include <signal.h>

#include <cstdio>
#include <exception>
#include <string>
#include <vector>

#include "common/log.hpp"
#include "exporter/enroll_command.hpp"
#include "exporter/exporter.hpp"
#include "exporter/options.hpp"

int main(int argc, char** argv) {
  using namespace cpu_monitor;
  ::signal(SIGHUP, SIG_IGN);  // until there is somebody to hear it: its default is the end
  try {
    std::vector<std::string> words(argv, argv + argc);
    if (const auto exit_code = exporter::run_subcommand(words)) return *exit_code;
    std::vector<const char*> texts;
    texts.reserve(words.size());
    for (const std::string& word : words) texts.push_back(word.c_str());
    const auto command = exporter::parse_command_line(static_cast<int>(texts.size()), texts.data(),
                                                      exporter::probe_file);
    if (!command.run) {
      std::fputs(command.text.c_str(), command.exit_code == 0 ? stdout : stderr);
      return command.exit_code;
    }
    log::configure(command.run->log_level, command.run->log_format);
    if (const std::string& directory = command.run->state_directory; !directory.empty()) {
      log::info("agents speak TLS and show the token they were enrolled with",
                {{"state_directory", directory}});
    }
    exporter::run_exporter(*command.run);
    return 0;
  } catch (const std::exception& failure) {
    log::error("cannot go on", {{"reason", failure.what()}});
    return 1;
  }
}
