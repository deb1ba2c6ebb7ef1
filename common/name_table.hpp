#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

namespace cpu_monitor {

/// The names of an enum whose values count up from 0, in the enum's order.  Each enum of the
/// project that is ever shown or read as text has exactly one such table beside it.
template <class Enum, std::size_t N>
struct NameTable {
  std::array<std::string_view, N> names;

  [[nodiscard]] constexpr std::string_view operator[](Enum value) const {
    return names[static_cast<std::size_t>(value)];
  }

  [[nodiscard]] constexpr std::optional<Enum> find(std::string_view name) const {
    for (std::size_t i = 0; i < N; ++i) {
      if (names[i] == name) return static_cast<Enum>(i);
    }
    return std::nullopt;
  }

  [[nodiscard]] static constexpr std::size_t size() { return N; }
};

}  // namespace cpu_monitor
