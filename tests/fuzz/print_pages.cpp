// Writes the pages of the corpora of `exposition` and `made_messages` into a folder, one file each,
// for check_pages.py:  fuzz_pages FOLDER EXPOSITION_CORPUS MADE_MESSAGES_CORPUS

#include <cstdio>
#include <fstream>

#include "tests/fuzz/corpus.hpp"
#include "tests/fuzz/fleet_page.hpp"

int main(int argc, char** argv) {
  using namespace cpu_monitor::fuzz;
  if (argc != 4) {
    std::fputs("usage: fuzz_pages FOLDER EXPOSITION_CORPUS MADE_MESSAGES_CORPUS\n", stderr);
    return 2;
  }
  std::size_t count = 0;
  const auto print = [&](const char* corpus, std::string (*page_of)(std::string_view)) {
    for (const std::string& input : read_corpus(corpus)) {
      std::ofstream(argv[1] + ("/" + std::to_string(count++)) + ".txt") << page_of(input);
    }
  };
  print(argv[2], &page_of_lines);
  print(argv[3], &page_of_made_messages);
  return 0;
}
