#pragma once

#include <string_view>

namespace cpu_monitor {

/// The version, from CMakeLists.txt, the one place that knows it.
[[nodiscard]] std::string_view version();

/// The git commit it was built from, "unknown" outside a checkout.
[[nodiscard]] std::string_view revision();

}  // namespace cpu_monitor
