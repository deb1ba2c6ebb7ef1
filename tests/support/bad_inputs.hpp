#pragma once

#include <fstream>
#include <ostream>
#include <stdexcept>
#include <string>
#include <vector>

#include "tests/support/escaped_text.hpp"

namespace cpu_monitor::tests {

/// A case of tests/data/bad_inputs.
struct BadInputCase {
  std::string name;
  std::string input;
  std::string outcome;
};

inline std::ostream& operator<<(std::ostream& out, const BadInputCase& one) {
  return out << one.name;
}

/// The cases of tests/data/bad_inputs/<kind>.txt: each three lines, its name, its input and its
/// outcome, the last two escaped; blank lines and comments between them.
/// Throws std::runtime_error when the file can't be read.
inline std::vector<BadInputCase> read_bad_inputs(const std::string& kind) {
  const std::string file_name = CPU_MONITOR_TEST_DATA "/bad_inputs/" + kind + ".txt";
  std::ifstream file(file_name);
  if (!file) throw std::runtime_error("cannot open " + file_name);
  std::vector<BadInputCase> cases;
  for (std::string name; std::getline(file, name);) {
    if (name.empty() || name.starts_with('#')) continue;
    std::string input;
    std::string outcome;
    std::getline(file, input);
    if (!std::getline(file, outcome)) throw std::runtime_error(name + " has no outcome");
    cases.push_back({name, unescaped(input), unescaped(outcome)});
  }
  return cases;
}

}  // namespace cpu_monitor::tests
