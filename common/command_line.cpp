#include "common/command_line.hpp"

#include <algorithm>

#include "common/build_info.hpp"
#include "common/duration.hpp"

namespace cpu_monitor {
namespace {

using std::chrono::milliseconds;

constexpr int kUsageExitCode = 2;
constexpr std::size_t kHelpColumns = 100;

constexpr std::string_view kNotes =
    R"(A flag marked (repeat) may be given several times; what is given replaces the default.
Durations: 100ms, 15s, 1h30m, 7d.  Exit codes: 0 asked to stop, 2 bad usage, 1 anything else.
)";

std::optional<bool> parse_bool(std::string_view text) {
  if (text != "true" && text != "false") return std::nullopt;
  return text == "true";
}

std::vector<std::string> split_words(std::string_view text) {
  std::vector<std::string> words;
  while (true) {
    text.remove_prefix(std::min(text.find_first_not_of(" \n"), text.size()));
    if (text.empty()) return words;
    const std::string_view word = text.substr(0, text.find_first_of(" \n"));
    words.emplace_back(word);
    text.remove_prefix(word.size());
  }
}

/// `left`, then `words` in a column of their own, over as many lines as they need.
std::string help_row(const std::string& left, const std::vector<std::string>& words,
                     std::size_t column) {
  std::string text;
  std::string line = "  " + left;
  line.resize(column - 1, ' ');
  for (const std::string& word : words) {
    if (line.size() + 1 + word.size() > kHelpColumns) {
      text += line + "\n";
      line.assign(column - 1, ' ');
    }
    line += " " + word;
  }
  return text + line + "\n";
}

}  // namespace

std::string in_quotes(std::string_view text) { return "'" + std::string(text) + "'"; }

ValueKind<milliseconds> duration_between(milliseconds shortest, milliseconds longest) {
  const auto parse = [=](std::string_view text) -> std::optional<milliseconds> {
    const auto duration = parse_duration(text);
    if (!duration || *duration < shortest || *duration > longest) return std::nullopt;
    return duration;
  };
  return {"DURATION",
          "a duration from " + format_duration(shortest) + " to " + format_duration(longest), parse,
          format_duration};
}

/// Which words belong to which flag.  What they say is not its business, so that all that is wrong
/// with a value is told after --help.
///
/// Our own: CLI11 brings iostreams and locales along, which are larger than the rest of the agent.
class CommandLine::Parser {
 public:
  explicit Parser(const std::vector<Entry>& entries) : entries_(entries), texts_(entries.size()) {}

  /// Returns what is wrong, but for stray words.
  [[nodiscard]] std::optional<std::string> parse(int argc, const char* const* argv) {
    const std::vector<std::string_view> words(argv + std::min(argc, 1), argv + argc);
    for (auto word = words.begin(); word != words.end(); ++word) {
      if (*word == "--") {
        stray_words_.insert(stray_words_.end(), word + 1, words.end());
        break;
      }
      const auto [name, value] = split(*word);
      if (take_switch(name, value)) continue;
      const std::optional<std::size_t> entry = find(name);
      if (!entry) {
        stray_words_.emplace_back(*word);
      } else if (value) {
        texts_[*entry].emplace_back(*value);
      } else if (word + 1 != words.end()) {
        texts_[*entry].emplace_back(*++word);
      } else {
        return std::string(name) + ": 1 required " + entries_[*entry].value_name + " missing";
      }
    }
    return std::nullopt;
  }

  [[nodiscard]] bool asks_for_help() const { return asks_for_help_; }
  [[nodiscard]] bool asks_for_version() const { return asks_for_version_; }

  [[nodiscard]] const Texts& texts(std::size_t entry) const { return texts_[entry]; }

  [[nodiscard]] const Texts& stray_words() const { return stray_words_; }

 private:
  using Value = std::optional<std::string_view>;  ///< what stands behind the equals sign

  [[nodiscard]] static std::pair<std::string_view, Value> split(std::string_view word) {
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos) return {word, std::nullopt};
    return {word.substr(0, equals), word.substr(equals + 1)};
  }

  [[nodiscard]] static bool is_opposite(std::string_view name, const Entry& entry) {
    return entry.use == Use::on_or_off && name.starts_with("--no-") &&
           name.substr(5) == std::string_view(entry.flag.name).substr(2);
  }

  /// Returns whether `name` is a flag that needs no value.
  [[nodiscard]] bool take_switch(std::string_view name, Value value) {
    if (name != "--help" && name != "--version" && !takes_no_value(name)) return false;
    const std::string text(value.value_or("true"));
    asks_for_help_ |= name == "--help";
    asks_for_version_ |= name == "--version";
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (name == entries_[i].flag.name) texts_[i].push_back(text);
      if (is_opposite(name, entries_[i])) texts_[i].push_back(opposite_of(text));
    }
    return true;
  }

  [[nodiscard]] bool takes_no_value(std::string_view name) const {
    return std::any_of(entries_.begin(), entries_.end(), [name](const Entry& entry) {
      const bool is_bool = entry.use == Use::on || entry.use == Use::on_or_off;
      return (is_bool && name == entry.flag.name) || is_opposite(name, entry);
    });
  }

  /// The entry of that name, one with a value: take_switch took the others.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const {
    for (std::size_t i = 0; i < entries_.size(); ++i) {
      if (name == entries_[i].flag.name) return i;
    }
    return std::nullopt;
  }

  /// What is neither true nor false stays, to be refused.
  [[nodiscard]] static std::string opposite_of(const std::string& text) {
    const std::optional<bool> value = parse_bool(text);
    if (!value) return text;
    return *value ? "false" : "true";
  }

  const std::vector<Entry>& entries_;
  std::vector<Texts> texts_;  ///< in the order of the entries
  Texts stray_words_;
  bool asks_for_help_ = false;
  bool asks_for_version_ = false;
};

CommandLine::CommandLine(std::string program, std::string description)
    : program_(std::move(program)), description_(std::move(description)) {}

template <class Bool>
void CommandLine::add_bool(Flag flag, Use use, Bool& target) {
  const auto store = [&target](const std::vector<bool>& values) { target = bool{values.back()}; };
  entries_.push_back({std::move(flag), use, "", "true or false", reader<bool>(parse_bool, store)});
}

void CommandLine::add_switch(Flag flag, bool& target) {
  if (flag.default_text.empty()) flag.default_text = target ? "on" : "off";
  add_bool(std::move(flag), Use::on, target);
}

void CommandLine::add_toggle(Flag flag, bool& target) {
  if (flag.default_text.empty()) flag.default_text = target ? "on" : "off";
  add_bool(std::move(flag), Use::on_or_off, target);
}

void CommandLine::add_toggle(Flag flag, std::optional<bool>& target) {
  add_bool(std::move(flag), Use::on_or_off, target);
}

void CommandLine::add_log_flags(log::Level& level, log::Format& format) {
  add_value({"--log.level", "The least that is logged: " + list_names(log::kLevelNames)},
            one_of("LEVEL", log::kLevelNames), level);
  add_value({"--log.format", "How stderr is written: " + list_names(log::kFormatNames)},
            one_of("FORMAT", log::kFormatNames), format);
}

std::optional<std::string> CommandLine::read_entry(const Entry& entry, const Texts& texts) {
  if (texts.empty()) return std::nullopt;
  if (entry.use == Use::once && texts.size() > 1) {
    return entry.flag.name + ": " + in_quotes(texts[1]) + " is a second value; it takes one";
  }
  const auto refused = entry.read(texts);
  if (!refused) return std::nullopt;
  return entry.flag.name + ": " + in_quotes(*refused) + " is not " + entry.expected;
}

std::optional<CommandLine::Exit> CommandLine::read(int argc, const char* const* argv) {
  Parser parser(entries_);
  const auto fault = parser.parse(argc, argv);
  if (parser.asks_for_help()) return Exit{help(), 0};
  if (parser.asks_for_version()) return Exit{version_line(), 0};
  if (fault) return bad_usage(*fault);
  for (std::size_t i = 0; i < entries_.size(); ++i) {
    if (const auto refused = read_entry(entries_[i], parser.texts(i))) return bad_usage(*refused);
  }
  for (const std::string& word : parser.stray_words()) {
    if (word.starts_with('-')) return bad_usage(in_quotes(word) + " is not a flag");
    if (!words_) return bad_usage(in_quotes(word) + " is not expected");
  }
  const auto refused = words_ ? read_entry(*words_, parser.stray_words()) : std::nullopt;
  return refused ? std::optional(bad_usage(*refused)) : std::nullopt;
}

std::string CommandLine::usage_of(const Entry& entry) {
  const std::string& name = entry.flag.name;
  switch (entry.use) {
    case Use::on:
      return name;
    case Use::on_or_off:
      return "--[no-]" + name.substr(2);
    case Use::once:
    case Use::repeat:
      break;
  }
  return name + " " + entry.value_name;
}

std::vector<std::string> CommandLine::words_of(const Entry& entry) {
  std::vector<std::string> words = split_words(entry.flag.help);
  const std::string& default_text = entry.flag.default_text;
  if (entry.use == Use::repeat) words.emplace_back("(repeat)");
  if (!default_text.empty()) words.push_back("(default: " + default_text + ")");
  return words;
}

std::string CommandLine::help() const {
  std::vector<std::pair<std::string, std::vector<std::string>>> rows;
  for (const Entry& entry : entries_) rows.emplace_back(usage_of(entry), words_of(entry));
  rows.emplace_back("--help", split_words("Print this text and exit"));
  rows.emplace_back("--version", split_words("Print the version and exit"));

  std::size_t widest = 0;
  for (const auto& row : rows) widest = std::max(widest, row.first.size());
  const std::size_t column = 2 + widest + 2;

  const std::string wanted = words_ ? " " + words_->value_name + " ..." : "";
  std::string text = description_ + "\nUsage: " + program_ + " [flags]" + wanted + "\n\nFlags:\n";
  for (const auto& [usage, words] : rows) text += help_row(usage, words, column);
  return text.append("\n").append(kNotes);
}

std::string CommandLine::version_line() const {
  std::string line = program_;
  line.append(", version ").append(version());
  return line.append(" (revision: ").append(revision()).append(")\n");
}

CommandLine::Exit CommandLine::bad_usage(const std::string& fault) const {
  return {program_ + ": " + fault + "\nTry '" + program_ + " --help'.\n", kUsageExitCode};
}

}  // namespace cpu_monitor
