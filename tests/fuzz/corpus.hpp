#pragma once

#include <fstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/escaped_text.hpp"

namespace cpu_monitor::fuzz {

/// The inputs of a corpus: a file of one input a line, escaped.
/// Throws std::runtime_error when it can't be read.
inline std::vector<std::string> read_corpus(const std::string& file_name) {
  std::ifstream file(file_name);
  if (!file) throw std::runtime_error("cannot open " + file_name);
  std::vector<std::string> inputs;
  for (std::string line; std::getline(file, line);) inputs.push_back(tests::unescaped(line));
  return inputs;
}

}  // namespace cpu_monitor::fuzz
