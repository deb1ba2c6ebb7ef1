// Runs every input of the given corpora through the target: fuzzing without a fuzzer, for every
// build.

#include <cstdio>

#include "tests/fuzz/corpus.hpp"
#include "tests/fuzz/fuzz_target.hpp"

int main(int argc, char** argv) {
  std::size_t inputs = 0;
  for (int i = 1; i < argc; ++i) {
    for (const std::string& input : cpu_monitor::fuzz::read_corpus(argv[i])) {
      // A copy of its very size, so that a sanitizer sees a read behind it.
      const std::vector<std::uint8_t> bytes(input.begin(), input.end());
      LLVMFuzzerTestOneInput(bytes.data(), bytes.size());
      ++inputs;
    }
  }
  std::printf("%zu inputs\n", inputs);
  return inputs > 0 ? 0 : 1;
}
