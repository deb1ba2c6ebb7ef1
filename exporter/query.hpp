#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/result.hpp"

namespace cpu_monitor::exporter {

enum class QueryFault : std::uint8_t {
  bad_encoding,
  unknown_group,
  group_not_collected,
  bad_parameter
};

/// `name=value` of a query, decoded.
struct Parameter {
  std::string name;
  std::string value;
};

/// Reads a query: `a=1&b=2`, percent-encoded as HTML forms do (`+` is a space).  Threads: pure.
[[nodiscard]] Result<std::vector<Parameter>, QueryFault> parse_query(std::string_view query);

}  // namespace cpu_monitor::exporter
