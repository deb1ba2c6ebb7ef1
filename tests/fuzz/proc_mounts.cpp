// /proc/self/mountinfo.  The first line of the input is the path asked for.

#include "agent/proc_mounts.hpp"

#include <algorithm>

#include "tests/fuzz/fuzz_target.hpp"

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace cpu_monitor::fuzz;
  using cpu_monitor::agent::find_file_system;
  std::string_view text = text_of(data, size);
  const std::string path = '/' + std::string(text.substr(0, text.find('\n')));
  text.remove_prefix(std::min(path.size(), text.size()));
  const auto type = find_file_system(text, path);
  if (type) require(text.find(*type) != std::string_view::npos, "a type stands in the text");
  const std::string covered = std::string(text) + "\n9 1 0:9 / / rw - cover none rw\n";
  require(find_file_system(covered, "/") == "cover", "the last mount hides others");
  return 0;
}
