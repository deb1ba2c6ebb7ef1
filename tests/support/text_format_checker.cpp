#include "tests/support/text_format_checker.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <limits>
#include <map>
#include <set>
#include <stdexcept>
#include <unordered_set>
#include <utility>
#include <vector>

#include "common/utf8.hpp"

namespace cpu_monitor::tests {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Thrown by everything below, caught by fault_of_page.
class Fault : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Takes a name off the front: a letter or '_', then digits too.  Metrics may have colons.
std::string take_name(std::string_view& text, bool may_have_colons) {
  std::size_t size = 0;
  const auto fits = [&](char c) {
    return is_letter(c) || (may_have_colons && c == ':') || (size > 0 && is_digit(c));
  };
  while (size < text.size() && fits(text[size])) ++size;
  if (size == 0) throw Fault("a name is missing");
  std::string name(text.substr(0, size));
  text.remove_prefix(size);
  return name;
}

void take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) throw Fault("there is no '" + std::string(expected) + "'");
  text.remove_prefix(expected.size());
}

bool take_if(std::string_view& text, char expected) {
  if (text.empty() || text.front() != expected) return false;
  text.remove_prefix(1);
  return true;
}

/// Takes what stands between quotes.
std::string take_value(std::string_view& text) {
  take(text, "\"");
  std::string value;
  while (!take_if(text, '"')) {
    if (text.empty()) throw Fault("a label value has no end");
    char c = text.front();
    text.remove_prefix(1);
    if (c == '\\') {
      const char code = text.empty() ? '\0' : text.front();
      if (code != '\\' && code != '"' && code != 'n') throw Fault("an escape that is none");
      text.remove_prefix(1);
      c = code == 'n' ? '\n' : code;
    }
    value += c;
  }
  return value;
}

std::size_t skip_digits(std::string_view& text) {
  std::size_t count = 0;
  while (!text.empty() && is_digit(text.front())) {
    text.remove_prefix(1);
    ++count;
  }
  return count;
}

/// A decimal number, finite.
double number_of(std::string_view text) {
  std::string_view rest = text;
  take_if(rest, '-');
  bool is_number = skip_digits(rest) > 0;
  if (take_if(rest, '.')) is_number = is_number && skip_digits(rest) > 0;
  if (take_if(rest, 'e')) {
    if (!take_if(rest, '+')) take_if(rest, '-');
    is_number = is_number && skip_digits(rest) > 0;
  }
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (!is_number || !rest.empty() || error != std::errc{} || end != text.data() + text.size()) {
    throw Fault("a value is not a finite decimal number");
  }
  return value;
}

/// Sorted by name.
using Labels = std::vector<std::pair<std::string, std::string>>;

struct Series {
  std::string name;
  Labels labels;
  double value = 0;
};

void sort_by_name(Labels& labels) {
  std::ranges::sort(labels);
  const auto is_same = [](const auto& a, const auto& b) { return a.first == b.first; };
  if (std::ranges::adjacent_find(labels, is_same) != labels.end()) {
    throw Fault("a label comes twice");
  }
}

/// One text for each series, however its labels are ordered.
std::string key_of(const Series& series) {
  std::string key = series.name;
  for (const auto& [name, value] : series.labels) {
    key.append(1, '\0').append(name).append(1, '\0').append(value);
  }
  return key;
}

Series parse_series(std::string_view line) {
  Series series;
  series.name = take_name(line, true);
  if (take_if(line, '{')) {
    do {
      const std::string name = take_name(line, false);
      if (name.starts_with("__")) throw Fault("a label name is Prometheus's own");
      take(line, "=");
      series.labels.emplace_back(name, take_value(line));
    } while (take_if(line, ','));
    take(line, "}");
    sort_by_name(series.labels);
  }
  take(line, " ");
  series.value = number_of(line);
  return series;
}

/// What one histogram says: the series that have all labels but `le` in common.
struct Histogram {
  std::vector<std::pair<double, double>> buckets;  ///< bound, running count
  std::optional<double> sum;
  std::optional<double> count;
};

double bound_of(Labels& labels) {
  const auto le = std::ranges::find(labels, "le", &Labels::value_type::first);
  if (le == labels.end()) throw Fault("a bucket has no bound");
  const std::string text = le->second;
  labels.erase(le);
  return text == "+Inf" ? kInfinity : number_of(text);
}

void require_whole(const Histogram& histogram) {
  double last_bound = -kInfinity;
  double last_count = 0;
  for (const auto& [bound, count] : histogram.buckets) {
    if (bound <= last_bound) throw Fault("the bounds of a histogram do not rise");
    if (count < last_count) throw Fault("the counts of a histogram fall");
    last_bound = bound;
    last_count = count;
  }
  if (last_bound != kInfinity) throw Fault("a histogram has no bucket +Inf");
  if (!histogram.sum) throw Fault("a histogram has no sum");
  if (!histogram.count || *histogram.count != last_count) {
    throw Fault("the count of a histogram is not that of its bucket +Inf");
  }
}

class PageChecker {
 public:
  void take_line(std::string_view line) {
    if (line.starts_with("# HELP ")) return begin_family(line.substr(7));
    if (line.starts_with("# TYPE ")) return set_type(line.substr(7));
    if (line.starts_with('#')) throw Fault("a comment");
    take_series(parse_series(line));
  }

  void end_family() {
    if (family_.empty()) return;
    if (type_.empty()) throw Fault("a family has no TYPE: " + family_);
    if (!has_series_) throw Fault("a family has no series: " + family_);
    for (const auto& [labels, histogram] : histograms_) require_whole(histogram);
  }

 private:
  void begin_family(std::string_view rest) {
    end_family();
    family_ = take_name(rest, true);
    if (!families_.insert(family_).second) throw Fault("a family comes twice");
    take(rest, " ");
    while (!rest.empty()) {
      const char c = rest.front();
      rest.remove_prefix(1);
      if (c == '\\' && !take_if(rest, '\\') && !take_if(rest, 'n')) {
        throw Fault("an escape that is none");
      }
    }
    type_.clear();
    has_series_ = false;
    histograms_.clear();
  }

  void set_type(std::string_view rest) {
    if (take_name(rest, true) != family_) throw Fault("a TYPE without its HELP before it");
    if (!type_.empty()) throw Fault("a second TYPE");
    if (has_series_) throw Fault("a TYPE behind its series");
    take(rest, " ");
    if (rest != "counter" && rest != "gauge" && rest != "histogram") throw Fault("an unknown type");
    type_ = rest;
  }

  void take_series(Series series) {
    if (family_.empty() || type_.empty()) throw Fault("a series without HELP and TYPE before it");
    if (!seen_.insert(key_of(series)).second) throw Fault("a series comes twice");
    has_series_ = true;
    if (type_ == "counter" && series.value < 0) throw Fault("a counter is below 0");
    if (type_ == "histogram") return take_part(std::move(series));
    if (series.name != family_) throw Fault("a series of another family");
  }

  void take_part(Series series) {
    if (series.name == family_ + "_bucket") {
      const double bound = bound_of(series.labels);
      histograms_[series.labels].buckets.emplace_back(bound, series.value);
    } else if (series.name == family_ + "_sum") {
      histograms_[series.labels].sum = series.value;
    } else if (series.name == family_ + "_count") {
      histograms_[series.labels].count = series.value;
    } else {
      throw Fault("a series of another family");
    }
  }

  std::string family_;
  std::string type_;
  bool has_series_ = false;
  std::map<Labels, Histogram> histograms_;
  std::set<std::string> families_;
  std::unordered_set<std::string> seen_;
};

void require_characters(std::string_view line) {
  while (!line.empty()) {
    const auto character = first_code_point(line);
    if (!character) throw Fault("a byte that is not UTF-8");
    if (is_control(character->value)) throw Fault("a control character");
    line.remove_prefix(character->bytes);
  }
}

}  // namespace

std::optional<std::string> fault_of_page(std::string_view page) {
  PageChecker checker;
  std::size_t number = 0;
  try {
    while (!page.empty()) {
      ++number;
      const std::size_t end = page.find('\n');
      if (end == std::string_view::npos) throw Fault("the last line has no newline");
      require_characters(page.substr(0, end));
      checker.take_line(page.substr(0, end));
      page.remove_prefix(end + 1);
    }
    checker.end_family();
  } catch (const Fault& fault) {
    return "line " + std::to_string(number) + ": " + fault.what();
  }
  return std::nullopt;
}

}  // namespace cpu_monitor::tests
