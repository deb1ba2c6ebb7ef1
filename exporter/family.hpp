#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/fleet.hpp"
#include "exporter/text_format.hpp"
#include "exporter/units.hpp"

namespace cpu_monitor::exporter {

/// An agent, and the label that all its series share.
struct Row {
  const AgentView* agent;
  std::string endpoint;  ///< `endpoint="name"`

  /// Null when there is none to show.
  [[nodiscard]] const CpuSample* sample() const { return agent->sample.get(); }
  [[nodiscard]] const CpuFacts* facts() const { return agent->facts.get(); }

  /// The labels of its series of one CPU.
  [[nodiscard]] std::string of_cpu(std::uint32_t cpu) const { return with("cpu", cpu); }

  /// Its labels and one whose value is a number.
  [[nodiscard]] std::string with(std::string_view label, std::uint32_t number) const {
    std::string labels = endpoint;
    append_label(labels, label, std::to_string(number));
    return labels;
  }
};

using Rows = std::vector<Row>;

/// Writes one family: HELP and TYPE before its first series, and nothing when it has none.
///
/// Lifetime: the texts and the page must outlive it.
class Family {
 public:
  Family(std::string_view name, std::string_view type, std::string_view help, std::string& page)
      : name_(name), type_(type), help_(help), page_(page) {}

  [[nodiscard]] std::string_view name() const { return name_; }

  /// The page, to write series of this family to.
  std::string& page() {
    if (!has_head_) append_head(page_, name_, type_, help_);
    has_head_ = true;
    return page_;
  }

  template <class Value>
  void add(std::string_view labels, Value value) {
    add("", labels, value);
  }

  /// A series of a histogram: its name is the family's and a suffix.
  template <class Value>
  void add(std::string_view suffix, std::string_view labels, Value value) {
    page().append(name_).append(suffix).append("{").append(labels).append("} ");
    append_number(page_, value);
    page_.push_back('\n');
  }

 private:
  std::string_view name_;
  std::string_view type_;
  std::string_view help_;
  std::string& page_;
  bool has_head_ = false;
};

/// A family with at most one series an agent: `value_of(view)` is an optional.
template <class ValueOf>
void add_one_each(Family family, const Rows& rows, ValueOf value_of) {
  for (const Row& row : rows) {
    if (const auto value = value_of(*row.agent)) family.add(row.endpoint, *value);
  }
}

}  // namespace cpu_monitor::exporter
