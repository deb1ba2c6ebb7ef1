// The exporter's command line, a word on each line: what is accepted is valid as a whole.

#include "exporter/options.hpp"
#include "tests/fuzz/command_words.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor;
  using namespace cpu_monitor::fuzz;
  const CommandWords words(text_of(data, size));
  const auto command = exporter::parse_command_line(words.argc(), words.argv());
  require_whole(command);
  if (!command.run) return 0;
  const exporter::ExporterOptions& options = *command.run;
  require(!options.ingest_addresses.empty() && !options.web_addresses.empty(), "it listens");
  require(!options.collect.empty(), "it collects something");
  require(options.forget_after >= options.stale_after, "values leave before their machine does");
  const bool is_open = !options.allow_anonymous && options.tokens_file.empty() &&
                       options.state_directory.empty() &&
                       (!options.ingest_tls || options.ingest_tls->client_ca_file.empty());
  for (const HostPort& address : options.ingest_addresses) {
    require(!is_open || is_loopback(address.host), "no door is open by mistake");
  }
  return 0;
}
