#pragma once

#include <string>
#include <string_view>

#include "common/cpu_facts.hpp"
#include "common/messages.hpp"

/// The JSON of facts, a line that comes once in a while.  messages.hpp is what others use.
///
/// Threads: everything here is pure, callable from anywhere.
namespace cpu_monitor {

/// Appends the facts as a JSON object.  Invalid UTF-8 is replaced.
/// REQUIRES: every value within its range (docs/protocol.md).
void append_facts(std::string& line, const CpuFacts& facts);

/// Reads a line of type "facts"; every list comes back sorted by its number.
/// REQUIRES: scan_line found nothing wrong with the line as a whole.
[[nodiscard]] Decoded<CpuFacts> parse_facts(std::string_view line);

}  // namespace cpu_monitor
