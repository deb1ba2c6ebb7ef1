#pragma once

#include <cstdint>
#include <string>
#include <string_view>

/// The pieces of the Prometheus text format 0.0.4.  Threads: pure.
namespace cpu_monitor::exporter {

void append_number(std::string& text, std::uint64_t value);

/// The shortest text that reads back as the same double, whole numbers without an exponent.
void append_number(std::string& text, double value);

/// Appends `name="value"`, escaped, behind a comma if `labels` holds one already.
void append_label(std::string& labels, std::string_view name, std::string_view value);

/// Appends the HELP and TYPE lines of a family.  `help` holds no newline and no backslash.
void append_head(std::string& text, std::string_view name, std::string_view type,
                 std::string_view help);

}  // namespace cpu_monitor::exporter
