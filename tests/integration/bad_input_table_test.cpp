// tests/data/bad_inputs: what the real parsers, and a real exporter, make of each input, word for
// word.

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "agent/cgroup.hpp"
#include "agent/options.hpp"
#include "agent/proc_cpuinfo.hpp"
#include "agent/proc_loadavg.hpp"
#include "agent/proc_mounts.hpp"
#include "agent/proc_pressure.hpp"
#include "agent/proc_schedstat.hpp"
#include "agent/proc_stat.hpp"
#include "agent/sys_cpu.hpp"
#include "exporter/legacy_message.hpp"
#include "exporter/options.hpp"
#include "exporter/page_query.hpp"
#include "exporter/self_metrics.hpp"
#include "tests/support/bad_inputs.hpp"
#include "tests/support/running_exporter.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::string_literals;

std::string words_of(const Refusal& refusal) { return refusal.code + ": " + refusal.message; }

// ---- over the wire

std::string refused(const RunningExporter& exporter, std::string_view code) {
  return exporter.value("cpu_monitor_exporter_connections_refused_total{reason=\"" +
                        std::string(code) + "\"}");
}

void expect_bad_machine_is_not_shown(const RunningExporter& exporter) {
  EXPECT_EQ(exporter.scrape().find("endpoint=\"bad-2\""), std::string::npos);
}

std::string said_before_welcome(const std::string& input) {
  RunningExporter exporter;
  TcpClient bad = exporter.connect();
  bad.send(input + "\n");
  const std::string answer = bad.read_line().value_or("nothing");
  const auto message = decode_exporter_message(answer);
  if (!message || !std::holds_alternative<Refusal>(*message)) return answer;
  const auto& refusal = std::get<Refusal>(*message);
  EXPECT_TRUE(bad.is_closed_by_peer());
  EXPECT_EQ(refused(exporter, refusal.code), "1");
  expect_bad_machine_is_not_shown(exporter);
  return words_of(refusal);
}

/// What lines that ended no connection were counted as.
std::string counted(const RunningExporter& exporter) {
  for (const std::string_view reason : exporter::kRejectReasonNames.names) {
    const std::string series =
        "cpu_monitor_exporter_samples_rejected_total{reason=\"" + std::string(reason) + "\"}";
    if (exporter.value(series) != "0") return "counted: " + std::string(reason);
  }
  return "taken";
}

std::string said_after_welcome(const std::string& input) {
  constexpr const char* kLastAck = R"({"type":"ack","sequence":1000000})";
  RunningExporter exporter;
  TcpClient bad = exporter.connect();
  bad.send(hello_line("bad-2"));
  EXPECT_TRUE(bad.read_line().value_or("").starts_with(R"({"type":"welcome")"));
  bad.send(input + "\n" + sample_line(1'000'000));
  while (const auto line = bad.read_line()) {
    if (*line == kLastAck) return counted(exporter);
    const auto message = decode_exporter_message(*line);
    if (!message || !std::holds_alternative<Refusal>(*message)) continue;
    const auto& refusal = std::get<Refusal>(*message);
    EXPECT_TRUE(bad.is_closed_by_peer());
    EXPECT_EQ(refused(exporter, refusal.code), "1");
    EXPECT_EQ(counted(exporter), "counted: " + refusal.code);
    expect_bad_machine_is_not_shown(exporter);
    return words_of(refusal);
  }
  return "closed";
}

std::string said_to_legacy_client(const std::string& input) {
  RunningExporter exporter;
  TcpClient client = exporter.connect();
  client.send(std::string(exporter::kLegacyPrefix) + input);
  const std::string answer = client.read_all();
  if (!answer.empty()) return answer;
  for (const std::string_view code : kRefusalCodeNames.names) {
    if (refused(exporter, code) == "1") return "closed: " + std::string(code);
  }
  return "closed";
}

std::string refused_by_agent(const std::string& input) {
  const auto message = decode_exporter_message(input);
  if (message) return "taken";
  return std::string(kRefusalCodeNames[message.error().code]) + ": " + message.error().detail;
}

// ---- texts of the kernel

std::string made_of_proc_stat(const std::string& input) {
  const auto stat = agent::parse_proc_stat(input);
  if (stat) return "taken";
  return std::string(kDiscardReasonNames[stat.error().code]) + ": " + stat.error().detail;
}

template <class T>
std::string is_there(const std::optional<T>& value) {
  return value ? "taken" : "none";
}

std::string made_of_schedstat(std::string_view text) {
  std::string made;
  for (const SchedulerTimes& times : agent::parse_schedstat(text)) {
    made += (made.empty() ? "cpu" : ", cpu") + std::to_string(times.cpu) + " " +
            std::to_string(times.running_ns) + " " + std::to_string(times.waiting_ns) + " " +
            std::to_string(times.timeslices);
  }
  return made.empty() ? "none" : made;
}

std::string made_of_cpuinfo(std::string_view text) {
  const agent::CpuInfo info = agent::parse_cpuinfo(text);
  std::string made;
  for (const CpuPlace& place : info.cpus) {
    const CpuModel& model = info.models[place.model];
    made += (made.empty() ? "cpu" : ", cpu") + std::to_string(place.cpu) + " model '" +
            model.model + "' name '" + model.model_name + "'";
  }
  return made.empty() ? "none" : made;
}

std::string made_of_kernel_file(const std::string& input) {
  using Parser = std::function<std::string(std::string_view)>;
  const std::map<std::string, Parser> parsers{
      {"loadavg", [](auto text) { return is_there(agent::parse_loadavg(text)); }},
      {"pressure", [](auto text) { return is_there(agent::parse_pressure_total(text, "some")); }},
      {"cpu_list", [](auto text) { return is_there(agent::parse_cpu_list(text)); }},
      {"unsigned", [](auto text) { return is_there(agent::parse_unsigned(text)); }},
      {"signed", [](auto text) { return is_there(agent::parse_signed(text)); }},
      {"cgroup_path", [](auto text) { return is_there(agent::parse_cgroup_path(text)); }},
      {"cgroup_stat", [](auto text) { return is_there(agent::parse_cgroup_cpu_stat(text)); }},
      {"cpu_max", [](auto text) { return is_there(agent::parse_cpu_max(text)); }},
      {"mounts", [](auto text) { return is_there(agent::find_file_system(text, "/proc/stat")); }},
      {"schedstat", made_of_schedstat},
      {"cpuinfo", made_of_cpuinfo},
  };
  const std::size_t colon = input.find(':');
  return parsers.at(input.substr(0, colon))(std::string_view(input).substr(colon + 1));
}

// ---- command lines and queries

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> lines;
  while (true) {
    const std::size_t end = text.find('\n');
    lines.emplace_back(text.substr(0, end));
    if (end == std::string_view::npos) return lines;
    text.remove_prefix(end + 1);
  }
}

/// The exit code and the words, without the program's name before and its hint behind them.
template <class Command>
std::string said_of(const Command& command, const std::string& program) {
  if (command.run) return "runs";
  const std::string start = program + ": ";
  const std::string hint = "\nTry '" + program + " --help'.\n";
  std::string text = command.text;
  EXPECT_TRUE(text.starts_with(start) && text.ends_with(hint)) << text;
  text = text.substr(start.size(), text.size() - start.size() - hint.size());
  return std::to_string(command.exit_code) + ": " + text;
}

template <class Parse>
std::string said_of_words(const std::string& input, const std::string& program, Parse parse) {
  const std::vector<std::string> words = split_lines(input);
  std::vector<const char*> argv{program.c_str()};
  for (const std::string& word : words) argv.push_back(word.c_str());
  return said_of(parse(static_cast<int>(argv.size()), argv.data()), program);
}

std::string said_by_agent(const std::string& input) {
  return said_of_words(input, "cpu-monitor-agent", [](int argc, const char* const* argv) {
    return agent::parse_command_line(argc, argv, "web-1", false);
  });
}

std::string said_by_exporter(const std::string& input) {
  return said_of_words(input, "cpu-monitor-exporter", [](int argc, const char* const* argv) {
    return exporter::parse_command_line(argc, argv);
  });
}

std::string said_of_query(const std::string& input) {
  const auto groups = exporter::parse_page_query(input, MetricGroups::usual());
  if (groups) return "shown";
  switch (groups.error().code) {
    case exporter::QueryFault::unknown_group:
      return "unknown_group: " + groups.error().detail;
    case exporter::QueryFault::group_not_collected:
      return "group_not_collected: " + groups.error().detail;
    case exporter::QueryFault::bad_encoding:
      return "bad_encoding: " + groups.error().detail;
    case exporter::QueryFault::bad_parameter:
      return "bad_parameter: " + groups.error().detail;
  }
  return "";
}

// ---- the table

struct Kind {
  const char* file;
  std::string (*outcome_of)(const std::string& input);
};

constexpr Kind kKinds[] = {
    {"before_welcome", said_before_welcome},
    {"after_welcome", said_after_welcome},
    {"legacy_client", said_to_legacy_client},
    {"from_exporter", refused_by_agent},
    {"proc_stat", made_of_proc_stat},
    {"kernel_files", made_of_kernel_file},
    {"agent_options", said_by_agent},
    {"exporter_options", said_by_exporter},
    {"page_query", said_of_query},
};

struct TableCase {
  Kind kind;
  BadInputCase bad;
};

std::ostream& operator<<(std::ostream& out, const TableCase& one) { return out << one.bad; }

std::vector<TableCase> all_cases() {
  std::vector<TableCase> cases;
  for (const Kind& kind : kKinds) {
    for (BadInputCase& bad : read_bad_inputs(kind.file)) cases.push_back({kind, std::move(bad)});
  }
  return cases;
}

class BadInputTable : public ::testing::TestWithParam<TableCase> {};

TEST_P(BadInputTable, HasItsExactOutcome) {
  const auto& [kind, bad] = GetParam();
  EXPECT_EQ(kind.outcome_of(bad.input), bad.outcome);
}

INSTANTIATE_TEST_SUITE_P(HandMade, BadInputTable, ::testing::ValuesIn(all_cases()),
                         [](const auto& one) {
                           return std::string(one.param.kind.file) + "_" + one.param.bad.name;
                         });

}  // namespace
}  // namespace cpu_monitor::tests
