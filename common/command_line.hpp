#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/log.hpp"
#include "common/name_table.hpp"

namespace cpu_monitor {

/// What a command line asks for: to run with these options, or to print a text and leave with a
/// code (help, version: 0, on stdout; bad usage: 2, on stderr).
template <class Options>
struct Command {
  std::optional<Options> run;
  std::string text;
  int exit_code = 0;
};

/// What the person at the keyboard reads about one flag.
struct Flag {
  std::string name;  ///< with its dashes: `--log.level`
  std::string help;
  std::string default_text = {};  ///< empty: the value that the target holds
};

/// A kind of value that flags take.
template <class T>
struct ValueKind {
  std::string name;      ///< how --help calls it: `DURATION`
  std::string expected;  ///< what a refused text is not: `a duration from 1s to 24h`
  std::function<std::optional<T>(std::string_view)> parse;  ///< the whole text or none
  std::function<std::string(const T&)> format;              ///< its inverse, for the default
};

[[nodiscard]] std::string in_quotes(std::string_view text);

template <class Enum, std::size_t N>
[[nodiscard]] std::string list_names(const NameTable<Enum, N>& table) {
  std::string text;
  for (const std::string_view name : table.names)
    text.append(text.empty() ? "" : ", ").append(name);
  return text;
}

template <class Enum, std::size_t N>
[[nodiscard]] ValueKind<Enum> one_of(std::string name, const NameTable<Enum, N>& table) {
  return {std::move(name), "one of " + list_names(table),
          [table](std::string_view text) { return table.find(text); },
          [table](const Enum& value) { return std::string(table[value]); }};
}

[[nodiscard]] ValueKind<std::chrono::milliseconds> duration_between(
    std::chrono::milliseconds shortest, std::chrono::milliseconds longest);

/// The flags of a program: each names its target, whose value is the default.  Beside them there
/// are always --help, which wins over whatever else is wrong, and --version.
///
/// A value stands behind its flag, `--flag value` or `--flag=value`.  What is bad is told as
/// `program: --flag: 'value' is not <what would be right>`.
///
/// Lifetime: targets outlive it.  Threads: one at a time.
class CommandLine {
 public:
  CommandLine(std::string program, std::string description);

  /// A flag of one value, given at most once.
  template <class T>
  void add_value(Flag flag, const ValueKind<T>& kind, T& target) {
    if (flag.default_text.empty()) flag.default_text = kind.format(target);
    entries_.push_back({std::move(flag), Use::once, kind.name, kind.expected,
                        reader<T>(kind.parse, [&target](std::vector<T> values) {
                          target = std::move(values.back());
                        })});
  }

  /// A flag that may be repeated; its values replace all that the target held.
  template <class T>
  void add_list(Flag flag, const ValueKind<T>& kind, std::vector<T>& target) {
    if (flag.default_text.empty()) flag.default_text = format_all(kind, target);
    entries_.push_back(
        {std::move(flag), Use::repeat, kind.name, kind.expected,
         reader<T>(kind.parse, [&target](std::vector<T> values) { target = std::move(values); })});
  }

  /// `--flag`, off unless given.
  void add_switch(Flag flag, bool& target);

  /// `--[no-]flag`, the last one wins.
  void add_toggle(Flag flag, bool& target);

  /// One that knows whether it was given; the flag says what its default means.
  void add_toggle(Flag flag, std::optional<bool>& target);

  /// The words that are no flags, which are not expected otherwise.  `kind.name` is how --help
  /// calls one of them.
  template <class T>
  void add_words(const ValueKind<T>& kind, std::vector<T>& target) {
    words_ = Entry{
        {kind.name, "", ""},
        Use::repeat,
        kind.name,
        kind.expected,
        reader<T>(kind.parse, [&target](std::vector<T> values) { target = std::move(values); })};
  }

  /// --log.level and --log.format.
  void add_log_flags(log::Level& level, log::Format& format);

  /// Reads the command line into the targets.  `check` then completes `options` and returns what is
  /// wrong with all of them together, or none.  Pure but for the targets.
  template <class Options, class Check>
  [[nodiscard]] Command<Options> parse(int argc, const char* const* argv, Options& options,
                                       const Check& check) {
    if (auto exit = read(argc, argv)) return {std::nullopt, std::move(exit->text), exit->code};
    if (const std::optional<std::string> fault = check()) {
      Exit exit = bad_usage(*fault);
      return {std::nullopt, std::move(exit.text), exit.code};
    }
    return {std::move(options), {}, 0};
  }

 private:
  using Texts = std::vector<std::string>;
  /// Stores what the texts say, or returns the first that says nothing.
  using Reader = std::function<std::optional<std::string>(const Texts&)>;

  enum class Use { once, repeat, on, on_or_off };

  struct Entry {
    Flag flag;
    Use use;
    std::string value_name;
    std::string expected;
    Reader read;
  };

  struct Exit {
    std::string text;
    int code;
  };

  class Parser;

  template <class T, class Parse, class Store>
  static Reader reader(Parse parse, Store store) {
    return [parse = std::move(parse), store](const Texts& texts) -> std::optional<std::string> {
      std::vector<T> values;
      for (const std::string& text : texts) {
        auto value = parse(text);
        if (!value) return text;
        values.push_back(*std::move(value));
      }
      store(std::move(values));
      return std::nullopt;
    };
  }

  template <class T>
  static std::string format_all(const ValueKind<T>& kind, const std::vector<T>& values) {
    std::string text;
    for (const T& value : values) text.append(text.empty() ? "" : ", ").append(kind.format(value));
    return text;
  }

  template <class Bool>
  void add_bool(Flag flag, Use use, Bool& target);

  [[nodiscard]] static std::string usage_of(const Entry& entry);
  /// What --help says of it, as pieces that a line break may part.
  [[nodiscard]] static std::vector<std::string> words_of(const Entry& entry);
  [[nodiscard]] static std::optional<std::string> read_entry(const Entry& entry,
                                                             const Texts& texts);
  [[nodiscard]] std::optional<Exit> read(int argc, const char* const* argv);
  [[nodiscard]] std::string help() const;
  [[nodiscard]] std::string version_line() const;
  [[nodiscard]] Exit bad_usage(const std::string& fault) const;

  std::string program_;
  std::string description_;
  std::vector<Entry> entries_;
  std::optional<Entry> words_;  ///< none: no word is expected
};

}  // namespace cpu_monitor
