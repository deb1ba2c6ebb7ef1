#include "common/command_line.hpp"

#include <algorithm>
#include <iterator>
#include <sstream>

#include <CLI/CLI.hpp>

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

/// The words last first, as CLI11 takes them.
std::vector<std::string> reversed_words(int argc, const char* const* argv) {
  std::vector<std::string> words;
  for (int i = argc - 1; i > 0; --i) {
    const std::string word = argv[i];
    // CLI11 2.1.2 gives `--flag=` the next word as its value; an empty word it takes as it is.
    const bool is_empty_value = word.starts_with("--") && word.find('=') == word.size() - 1;
    if (is_empty_value) words.emplace_back();
    words.push_back(is_empty_value ? word.substr(0, word.size() - 1) : word);
  }
  return words;
}

std::vector<std::string> split_words(const std::string& text) {
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), std::istream_iterator<std::string>()};
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

/// CLI11's part: which words belong to which flag.  What they say is not its business, so that all
/// that is wrong with a value is told in our words, and after --help.
class CommandLine::Parser {
 public:
  explicit Parser(const std::vector<Entry>& entries) {
    app_.set_help_flag();  // ours does not throw
    app_.allow_extras();   // they are told after --help and bad values
    help_ = app_.add_flag("--help");
    version_ = app_.add_flag("--version");
    for (const Entry& entry : entries) options_.push_back(add(entry));
  }

  /// Returns what is wrong.
  [[nodiscard]] std::optional<std::string> parse(int argc, const char* const* argv) {
    try {
      app_.parse(reversed_words(argc, argv));
      return std::nullopt;
    } catch (const CLI::ParseError& error) {
      return error.what();
    }
  }

  [[nodiscard]] bool asks_for_help() const { return help_->count() > 0; }
  [[nodiscard]] bool asks_for_version() const { return version_->count() > 0; }

  /// Not converted: CLI11 would take `{}` for an empty list.
  [[nodiscard]] const Texts& texts(std::size_t entry) const { return options_[entry]->results(); }

  [[nodiscard]] std::optional<std::string> stray_word() const {
    for (const std::string& word : app_.remaining()) {
      if (word != "--") return word;
    }
    return std::nullopt;
  }

 private:
  CLI::Option* add(const Entry& entry) {
    const std::string& name = entry.flag.name;
    if (entry.use == Use::on) return app_.add_flag(name);
    if (entry.use == Use::on_or_off) return app_.add_flag(name + ",!--no-" + name.substr(2));
    return app_.add_option(name)
        ->type_name(entry.value_name)
        ->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);  // a second value is ours to judge
  }

  CLI::App app_;
  CLI::Option* help_ = nullptr;
  CLI::Option* version_ = nullptr;
  std::vector<CLI::Option*> options_;  ///< in the order of the entries
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
  if (const auto word = parser.stray_word()) {
    return bad_usage(in_quotes(*word) +
                     (word->starts_with('-') ? " is not a flag" : " is not expected"));
  }
  return std::nullopt;
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

  std::string text = description_ + "\nUsage: " + program_ + " [flags]\n\nFlags:\n";
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
