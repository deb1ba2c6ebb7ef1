#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor::tests {

/// What is wrong with a page in the Prometheus text format 0.0.4, with the number of the line; none
/// when nothing is.
///
/// Stricter than Prometheus, since a program that writes pages has no excuse: each family once, its
/// HELP and TYPE before its series and at least one of them; no series and no label twice; escapes
/// and UTF-8 whole; no blank lines, comments or time stamps; values decimal and finite, those of
/// counters not below 0; histograms with rising bounds up to +Inf, counts that do not fall, and
/// their sum and count.
[[nodiscard]] std::optional<std::string> fault_of_page(std::string_view page);

}  // namespace cpu_monitor::tests
