#pragma once

#include <optional>
#include <string>

#include "common/join_line.hpp"

/// Where the line of --join comes from, and where it is kept.
///
/// Errors: all functions throw std::runtime_error that says what to do.
namespace cpu_monitor::agent {

inline constexpr const char* kJoinFile = "join";

/// One line of stdin, without its end; asks for it if a person sits there.  Nothing behind the line
/// is read, and of one that is too long to be a line only what shows that.
[[nodiscard]] std::string read_pasted_line();

/// What the machine was told when it joined; none if it never did.
[[nodiscard]] std::optional<std::string> recall_join_line(const std::string& directory);

/// Keeps it for the starts to come, if none is kept yet.  Whether it is the one that is kept.
bool keep_first_join_line(const std::string& directory, const std::string& line);

/// Keeps it for the starts to come, in place of another; the same one is left untouched.  It is the
/// owner's alone.
void keep_join_line(const std::string& directory, const std::string& line);

}  // namespace cpu_monitor::agent
