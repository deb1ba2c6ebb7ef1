#pragma once

#include <string>
#include <utility>
#include <variant>

namespace cpu_monitor {

/// Why something expected to fail now and then did: a code for the program (behaviour, metric
/// label) and a detail for people (logs, refusals).  Not an aggregate on purpose: GCC 12 destroys a
/// brace-built aggregate twice when it stands in a statement with `co_await`.
template <class Code>
class Error {
 public:
  Error(Code code_in, std::string detail_in) : code(code_in), detail(std::move(detail_in)) {}

  Code code;
  std::string detail;
};

/// A value, or the Error that kept it from being made.  Reading the side that isn't there throws
/// std::bad_variant_access.
template <class T, class Code>
class [[nodiscard]] Result {
 public:
  Result(T value)
      : state_(std::in_place_index<0>, std::move(value)) {}  // NOLINT(google-explicit-constructor)
  Result(Error<Code> error)
      : state_(std::in_place_index<1>, std::move(error)) {}  // NOLINT(google-explicit-constructor)

  [[nodiscard]] bool has_value() const noexcept { return state_.index() == 0; }
  explicit operator bool() const noexcept { return has_value(); }

  [[nodiscard]] T& value() & { return std::get<0>(state_); }
  [[nodiscard]] const T& value() const& { return std::get<0>(state_); }
  [[nodiscard]] T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error<Code>& error() const { return std::get<1>(state_); }

 private:
  std::variant<T, Error<Code>> state_;
};

}  // namespace cpu_monitor
