#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tests/fuzz/fuzz_target.hpp"

namespace cpu_monitor::fuzz {

/// A command line: the program, and a word for each line of the input.
class CommandWords {
 public:
  explicit CommandWords(std::string_view text) : words_{"program"} {
    for (const std::string_view line : lines_of(text)) {
      words_.emplace_back(line.substr(0, line.find('\0')));
    }
    for (const std::string& word : words_) argv_.push_back(word.c_str());
  }

  [[nodiscard]] int argc() const { return static_cast<int>(argv_.size()); }
  [[nodiscard]] const char* const* argv() const { return argv_.data(); }

 private:
  std::vector<std::string> words_;
  std::vector<const char*> argv_;
};

/// A command runs, or says something and leaves.
template <class Command>
void require_whole(const Command& command) {
  require(command.exit_code == 0 || command.exit_code == 2, "an exit code is 0 or 2");
  require(command.run.has_value() == command.text.empty(), "it runs, or there are words");
  require(command.text.empty() || command.text.ends_with('\n'), "words end in a newline");
}

}  // namespace cpu_monitor::fuzz
