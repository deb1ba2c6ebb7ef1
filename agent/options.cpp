#include "agent/options.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <stdexcept>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

#include "common/build_info.hpp"
#include "common/duration.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

using std::chrono::milliseconds;

constexpr const char* kProgram = "cpu-monitor-agent";
constexpr int kUsageExitCode = 2;

constexpr milliseconds kMinSampleInterval{10};
constexpr milliseconds kMaxSampleInterval{10'000};

constexpr const char* kDescription =
    "Reads the CPU counters of this machine from /proc/stat many times a second and pushes what "
    "it\n"
    "saw to a cpu-monitor-exporter once a second, over one connection that it opens itself.  It\n"
    "needs no privileges and listens on no port.\n"
    "\n"
    "Example:  cpu-monitor-agent --exporter monitor.example.org:8080 --endpoint web-1\n";

/// One line per flag, written as the Prometheus family writes them.
class Manual : public CLI::Formatter {
 public:
  Manual() { column_width(34); }

  std::string make_usage(const CLI::App* /*app*/, std::string /*name*/) const override {
    return std::string("Usage: ") + kProgram + " [flags]\n";
  }
  std::string make_option_name(const CLI::Option* option, bool /*is_positional*/) const override {
    if (option->get_fnames().empty()) return option->get_name(false, true);
    return "--[no-]" + option->get_lnames().front();
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    const bool takes_value = option->get_expected_max() > 0 && !option->get_type_name().empty();
    return takes_value ? " " + option->get_type_name() : "";
  }
};

/// The command line as it was typed.
struct RawOptions {
  std::string exporter;
  std::string endpoint;
  std::string sample_interval;
  std::string push_interval;
  bool per_core = false;
  std::vector<std::string> labels;
  std::string procfs;
  bool print = false;
  std::string log_level;
  std::string log_format;
};

/// Refuses a flag's value, in words that say what would be right.
class BadValue : public std::runtime_error {
 public:
  BadValue(std::string_view flag, std::string_view value, std::string_view what_is_right)
      : std::runtime_error(std::string(flag) + " \"" + std::string(value) +
                           "\": " + std::string(what_is_right)) {}
};

template <class Names>
std::string alternatives(const Names& table) {
  std::string text;
  for (const std::string_view name : table.names) text.append(text.empty() ? "" : "|").append(name);
  return text;
}

HostPort read_exporter(const std::string& text) {
  const auto address = parse_host_port(text);
  if (!address || address->host.empty() || address->port == 0) {
    throw BadValue("--exporter", text,
                   "must be HOST:PORT with a port from 1 to 65535, such as 127.0.0.1:8080");
  }
  return *address;
}

constexpr std::string_view kEndpointRule =
    "must be 1 to 128 letters, digits, '.', '_' or '-', beginning and ending with a letter or "
    "digit";

std::string read_endpoint(const std::string& text) {
  if (!is_valid_endpoint(text)) throw BadValue("--endpoint", text, kEndpointRule);
  return text;
}

/// The exporter tells machines apart by their endpoints, so a name that many machines have by
/// default is none.
std::string default_endpoint(const std::string& host_name) {
  const std::string advice = "; set --endpoint to a name of this machine";
  if (host_name == "localhost" || host_name.starts_with("localhost.")) {
    throw BadValue("the host name", host_name, "names every machine" + advice);
  }
  if (!is_valid_endpoint(host_name)) {
    throw BadValue("the host name", host_name, "is no endpoint name" + advice);
  }
  return host_name;
}

milliseconds read_interval(const char* flag, const std::string& text, milliseconds min,
                           milliseconds max, milliseconds example) {
  const auto interval = parse_duration(text);
  if (!interval || *interval < min || *interval > max) {
    throw BadValue(flag, text,
                   "must be a duration from " + format_duration(min) + " to " +
                       format_duration(max) + ", such as " + format_duration(example));
  }
  return *interval;
}

void check_multiple(const AgentOptions& options) {
  if (options.push_interval % options.sample_interval == milliseconds::zero()) return;
  throw BadValue("--push.interval", format_duration(options.push_interval),
                 "must be a multiple of --sample.interval, which is " +
                     format_duration(options.sample_interval));
}

std::map<std::string, std::string> read_labels(const std::vector<std::string>& texts) {
  std::map<std::string, std::string> labels;
  for (const std::string& text : texts) {
    const std::size_t equals = text.find('=');
    const std::string name = text.substr(0, equals);
    if (equals == std::string::npos || !is_valid_label_name(name)) {
      throw BadValue("--label", text,
                     "must be NAME=VALUE with a name of 1 to 32 of a-z, 0-9 and '_', not beginning "
                     "with a digit");
    }
    std::string value = text.substr(equals + 1);
    if (!is_showable_text(value)) {
      throw BadValue("--label", text,
                     "must have a value of at most 128 bytes of UTF-8 without control characters");
    }
    if (!labels.emplace(name, std::move(value)).second) {
      throw BadValue("--label", text, "must not give a label a second value");
    }
  }
  if (labels.size() > kMaxLabels) {
    throw BadValue("--label", texts.back(),
                   "must not be given more than " + std::to_string(kMaxLabels) + " times");
  }
  return labels;
}

std::string read_procfs(const std::string& text) {
  if (text.empty()) throw BadValue("--path.procfs", text, "must be a directory, such as /proc");
  return text;
}

template <class Enum, std::size_t N>
Enum read_name(const char* flag, const NameTable<Enum, N>& table, const std::string& text) {
  const auto value = table.find(text);
  if (!value) throw BadValue(flag, text, "must be one of " + alternatives(table));
  return *value;
}

/// CLI11's parser of our flags.  Values are read into `raw` as they are, so that what is wrong with
/// one is said in our words.
class CommandLine {
 public:
  explicit CommandLine(bool is_terminal) : app_(kDescription, kProgram) {
    app_.formatter(std::make_shared<Manual>());
    app_.set_help_flag("--help", "Show this text and exit.");
    app_.set_version_flag("--version", version_line(), "Show the version and exit.");
    add_exporter_flags();
    add_reading_flags();
    add_output_flags(is_terminal);
  }

  [[nodiscard]] AgentCommand parse(int argc, const char* const* argv,
                                   const std::string& host_name) {
    try {
      app_.parse(std::max(argc, 1), argv);  // it counts argc - 1 words, even of 0
      return AgentCommand{validated(host_name), "", 0};
    } catch (const CLI::CallForHelp&) {
      return AgentCommand{std::nullopt, app_.help(), 0};
    } catch (const CLI::CallForVersion& version) {
      return AgentCommand{std::nullopt, std::string(version.what()) + "\n", 0};
    } catch (const CLI::ParseError& error) {  // its own exit codes are 100 and more
      return refusal(error.what());
    } catch (const BadValue& error) {
      return refusal(error.what());
    }
  }

 private:
  static std::string version_line() {
    std::string line = kProgram;
    return line.append(", version ")
        .append(version())
        .append(" (revision: ")
        .append(revision())
        .append(")");
  }

  static AgentCommand refusal(std::string_view words) {
    std::string text = kProgram;
    text.append(": ").append(words).append("; see ").append(kProgram).append(" --help\n");
    return AgentCommand{std::nullopt, std::move(text), kUsageExitCode};
  }

  void add_text(const char* flag, const char* value_name, std::string& value,
                std::string_view default_value, std::string description) {
    value = default_value;
    description.append(" (default: ").append(default_value).append(")");
    app_.add_option(flag, value, description)->type_name(value_name);
  }

  void add_exporter_flags() {
    add_text("--exporter", "HOST:PORT", raw_.exporter, format_host_port(defaults_.exporter),
             "Where the exporter listens for agents");
    endpoint_ = app_.add_option("--endpoint", raw_.endpoint,
                                "The name this machine is shown under (default: its host name)")
                    ->type_name("NAME");
    app_.add_option("--label", raw_.labels,
                    "A label shown with this agent; up to " + std::to_string(kMaxLabels) +
                        " of them, each its own --label")
        ->type_name("NAME=VALUE")
        ->allow_extra_args(false);  // else it swallows every word behind its value
  }

  void add_reading_flags() {
    add_text("--sample.interval", "DURATION", raw_.sample_interval,
             format_duration(defaults_.sample_interval),
             "How often the counters are read, 10ms to 10s");
    add_text("--push.interval", "DURATION", raw_.push_interval,
             format_duration(defaults_.push_interval),
             "How often a sample is pushed, 100ms to 20m, a multiple of --sample.interval");
    per_core_ = app_.add_flag("--cpu.per-core,!--no-cpu.per-core", raw_.per_core,
                              "Push the counters of each CPU (default: up to 64 CPUs)");
    add_text("--path.procfs", "DIRECTORY", raw_.procfs, defaults_.procfs,
             "Where the proc file system is mounted");
  }

  void add_output_flags(bool is_terminal) {
    raw_.print = is_terminal;
    app_.add_flag("--print,!--no-print", raw_.print,
                  "Print one line per push on stdout (default: when that is a terminal)");
    add_text("--log.level", "LEVEL", raw_.log_level, log::kLevelNames[defaults_.log_level],
             "What is logged, on stderr: " + alternatives(log::kLevelNames));
    add_text("--log.format", "FORMAT", raw_.log_format, log::kFormatNames[defaults_.log_format],
             "How it is written: " + alternatives(log::kFormatNames));
  }

  [[nodiscard]] AgentOptions validated(const std::string& host_name) const {
    AgentOptions options;
    options.exporter = read_exporter(raw_.exporter);
    options.endpoint =
        endpoint_->count() > 0 ? read_endpoint(raw_.endpoint) : default_endpoint(host_name);
    options.sample_interval =
        read_interval("--sample.interval", raw_.sample_interval, kMinSampleInterval,
                      kMaxSampleInterval, defaults_.sample_interval);
    options.push_interval = read_interval("--push.interval", raw_.push_interval, kMinPushInterval,
                                          kMaxPushInterval, defaults_.push_interval);
    check_multiple(options);
    if (per_core_->count() > 0) options.per_core = raw_.per_core;
    options.labels = read_labels(raw_.labels);
    options.procfs = read_procfs(raw_.procfs);
    options.print = raw_.print;
    options.log_level = read_name("--log.level", log::kLevelNames, raw_.log_level);
    options.log_format = read_name("--log.format", log::kFormatNames, raw_.log_format);
    return options;
  }

  const AgentOptions defaults_;
  RawOptions raw_;
  CLI::App app_;
  CLI::Option* endpoint_ = nullptr;
  CLI::Option* per_core_ = nullptr;
};

}  // namespace

AgentCommand parse_command_line(int argc, const char* const* argv, const std::string& host_name,
                                bool is_terminal) {
  return CommandLine(is_terminal).parse(argc, argv, host_name);
}

}  // namespace cpu_monitor::agent
