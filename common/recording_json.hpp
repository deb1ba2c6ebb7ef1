#pragma once

#include <string>
#include <string_view>

#include "common/messages.hpp"
#include "common/recording.hpp"

/// The JSON of recordings: parallel arrays, since thousands of readings are in one.  messages.hpp
/// is what others use.
///
/// Threads: everything here is pure, callable from anywhere.
namespace cpu_monitor {

/// Appends the piece as a JSON object.  REQUIRES: every value within its range (docs/protocol.md).
void append_recording(std::string& line, const Recording& recording);

/// Reads a line of type "recording".  Errors: words for what is wrong, and always bad_field.
/// REQUIRES: scan_line found nothing wrong with the line as a whole.
[[nodiscard]] Decoded<Recording> parse_recording(std::string_view line);

}  // namespace cpu_monitor
