#pragma once

#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>

#include "common/command_line.hpp"
#include "common/host_port.hpp"

/// Kinds of values that the flags of these programs take, and how a main begins.
namespace cpu_monitor::bench {

/// An IPv4 address in numbers and a port.
[[nodiscard]] ValueKind<HostPort> numeric_address();

template <class Integer>
[[nodiscard]] ValueKind<Integer> whole_number(Integer smallest, Integer largest) {
  const auto parse = [=](std::string_view text) -> std::optional<Integer> {
    Integer number{};
    const char* const end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, number);
    if (error != std::errc{} || stopped != end) return std::nullopt;
    if (number < smallest || number > largest) return std::nullopt;
    return number;
  };
  return {"N", "a whole number from " + std::to_string(smallest) + " to " + std::to_string(largest),
          parse, [](const Integer& number) { return std::to_string(number); }};
}

[[nodiscard]] ValueKind<std::string> any_text(std::string name);

/// Reads the command line into `options`.  Returns the exit code when the program is to leave: it
/// has been told then, on stdout or stderr, why.
template <class Options>
[[nodiscard]] std::optional<int> leave_after_reading(CommandLine& command_line, int argc,
                                                     char** argv, Options& options) {
  const auto command =
      command_line.parse(argc, argv, options, [] { return std::optional<std::string>(); });
  if (command.run) {
    options = *command.run;
    return std::nullopt;
  }
  std::fputs(command.text.c_str(), command.exit_code == 0 ? stdout : stderr);
  return command.exit_code;
}

}  // namespace cpu_monitor::bench
