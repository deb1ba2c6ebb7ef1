#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "exporter/page_writer.hpp"
#include "exporter/rows.hpp"
#include "exporter/text_format.hpp"
#include "exporter/units.hpp"

namespace cpu_monitor::exporter {

/// One series on its way to the page: any labels, then the value, which ends it.
class Series {
 public:
  /// Behind what all series of the row begin with.
  Series(PageWriter& page, const Row& row)
      : page_(page), next_(row.before_label()), end_(row.end()) {}

  Series& label(std::string_view name, std::string_view value) {
    open(name);
    append_escaped(page_, value);
    page_.append('"');
    return *this;
  }

  Series& label(std::string_view name, std::uint32_t value) {
    open(name);
    append_number(page_, std::uint64_t{value});
    page_.append('"');
    return *this;
  }

  template <class Value>
  void value(Value value) {
    page_.append(end_);
    append_number(page_, value);
    page_.append('\n');
  }

 private:
  void open(std::string_view name) {
    page_.append(next_, name, "=\"");
    next_ = ",";
    end_ = "} ";
  }

  PageWriter& page_;
  std::string_view next_;
  std::string_view end_;
};

/// Writes one family: HELP and TYPE before its first series, and nothing when it has none.
///
/// Lifetime: the texts and the page must outlive it.
class Family {
 public:
  Family(std::string_view name, std::string_view type, std::string_view help, PageWriter& page)
      : name_(name), type_(type), help_(help), page_(page) {}

  [[nodiscard]] std::string_view name() const { return name_; }

  /// The page, to write series of this family to.
  PageWriter& page() {
    if (!has_head_) append_head(page_, name_, type_, help_);
    has_head_ = true;
    return page_;
  }

  /// A series of the agent in `row`.
  [[nodiscard]] Series series(const Row& row) {
    PageWriter& to = page();
    to.append(name_, row.labels);
    return {to, row};
  }

 private:
  std::string_view name_;
  std::string_view type_;
  std::string_view help_;
  PageWriter& page_;
  bool has_head_ = false;
};

/// A family with at most one series an agent: `value_of(row)` is an optional.
template <class ValueOf>
void add_one_each(Family family, const Rows& rows, ValueOf value_of) {
  for (const Row& row : rows) {
    if (const auto value = value_of(row)) family.series(row).value(*value);
  }
}

}  // namespace cpu_monitor::exporter
