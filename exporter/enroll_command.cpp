#include "exporter/enroll_command.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <map>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "common/calendar_day.hpp"
#include "common/command_line.hpp"
#include "common/messages.hpp"
#include "common/state_directory.hpp"
#include "exporter/enrolment.hpp"
#include "exporter/enrolment_files.hpp"

namespace cpu_monitor::exporter {
namespace {

using std::chrono::sys_days;

constexpr const char* kProgram = "cpu-monitor-exporter";
constexpr std::uint16_t kDefaultIngestPort = 8080;
constexpr std::size_t kMaxNames = 100'000;  ///< in one go
constexpr std::size_t kMaxListBytes = std::size_t{32} * 1024 * 1024;

constexpr const char* kEnrollDescription =
    R"(Makes machines members of this exporter's fleet: each gets a token of its own, and one line that
holds all its agent has to know.  The line is printed; what it is made of is kept in
--state.directory, which the exporter uses when it is started without certificates of its own.

  cpu-monitor-exporter enroll web-1 --address monitor.example.org:8080
      prints the command to run on web-1

  cpu-monitor-exporter enroll web-1 --address 10.0.0.5:8080 --serve
      the same, and goes on as the exporter, on port 8080 of all addresses

  cpu-monitor-exporter enroll --from names.txt --expires 2031-12-31 > lines.tsv
      a line for each machine: its name, a tab, what 'cpu-monitor-agent --join -' reads

A name that has a token gets one more; the one before goes on until the next.  What stands behind
-- are flags of the exporter that --serve runs.
)";

constexpr const char* kRevokeDescription =
    R"(Takes machines out of this exporter's fleet: their tokens are worth nothing from then on.  An
exporter that runs cuts them off within a second or two.

  cpu-monitor-exporter revoke web-1
)";

// Values.

using Label = std::pair<std::string, std::string>;

std::string as_it_is(const std::string& text) { return text; }

std::optional<std::string> parse_text(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return std::string(text);
}

std::optional<std::string> parse_name(std::string_view text) {
  if (!is_valid_endpoint(text)) return std::nullopt;
  return std::string(text);
}

/// Where an agent can connect: not "every address".
std::optional<HostPort> parse_address(std::string_view text) {
  auto address = parse_host_port(text);
  if (!address || address->port == 0) return std::nullopt;
  if (address->host.empty() || address->host == "0.0.0.0" || address->host == "::") {
    return std::nullopt;
  }
  return address;
}

/// As the tokens file can hold it: in one word.
std::optional<Label> parse_label(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || text.find(' ') != std::string_view::npos) {
    return std::nullopt;
  }
  const std::string_view name = text.substr(0, equals);
  const std::string_view value = text.substr(equals + 1);
  if (!is_valid_label_name(name) || name == "expires" || !is_showable_text(value)) {
    return std::nullopt;
  }
  return Label(name, value);
}

ValueKind<std::string> name_kind() {
  return {"NAME",
          "1 to 128 letters, digits, '.', '_' or '-', beginning and ending with a letter or digit",
          parse_name, as_it_is};
}

// The command lines.

struct Request {
  std::vector<std::string> names;
  std::string from;  ///< empty: the names are in the command line
  bool again = false;
  std::optional<HostPort> address;
  std::optional<sys_days> last_day;
  std::map<std::string, std::string> labels;
  std::string state_directory = kDefaultStateDirectory;
  bool serve = false;
  std::vector<std::string> exporter_flags;  ///< for --serve
};

void add_state_flag(CommandLine& command_line, Request& request) {
  const ValueKind<std::string> directory{"DIRECTORY", "a folder, such as /var/lib/cpu-monitor",
                                         parse_text, as_it_is};
  command_line.add_value({"--state.directory", "Where keys and tokens are kept"}, directory,
                         request.state_directory);
}

/// One that may be absent, which no text says.
template <class T>
ValueKind<std::optional<T>> optional_kind(std::string name, std::string expected,
                                          std::optional<T> (*parse)(std::string_view)) {
  const auto parse_some = [parse](std::string_view text) -> std::optional<std::optional<T>> {
    auto value = parse(text);
    if (!value) return std::nullopt;
    return value;
  };
  return {std::move(name), std::move(expected), parse_some,
          [](const std::optional<T>&) { return std::string(); }};
}

std::string format_label(const Label& label) { return label.first + "=" + label.second; }

std::optional<std::string> check_request(Request& request, const std::vector<Label>& labels,
                                         Time now) {
  if (request.names.empty() == request.from.empty()) {
    return "it takes either names or --from with a file of names, such as 'enroll web-1'";
  }
  if (request.again && request.from.empty()) {
    return "--again is for --from; a name in the command line always gets a token";
  }
  if (!request.serve && !request.exporter_flags.empty()) {
    return "what stands behind -- are flags of the exporter that --serve runs; add --serve";
  }
  if (request.last_day && *request.last_day < std::chrono::floor<std::chrono::days>(now)) {
    return "--expires: " + in_quotes(format_day(*request.last_day)) +
           " is over; give a day that is still to come";
  }
  for (const Label& label : labels) {
    const std::string fault = "--label: " + in_quotes(format_label(label));
    if (!request.labels.insert(label).second) return fault + " gives a label a second value";
    if (request.labels.size() > kMaxLabels) {
      return fault + " is one too many; it may be given " + std::to_string(kMaxLabels) + " times";
    }
  }
  return std::nullopt;
}

Command<Request> parse_enroll(const std::vector<const char*>& words,
                              std::vector<std::string> exporter_flags, Time now) {
  Request request;
  request.exporter_flags = std::move(exporter_flags);
  std::vector<Label> labels;
  CommandLine command_line(std::string(kProgram) + " enroll", kEnrollDescription);
  command_line.add_words(name_kind(), request.names);
  const ValueKind<std::string> file{"FILE", "a file name", parse_text, as_it_is};
  command_line.add_value({"--from", "A file of names, one a line; # begins a comment", "none"},
                         file, request.from);
  command_line.add_switch({"--again", "With --from: names that have a token get one more as well"},
                          request.again);
  command_line.add_value(
      {"--address", "Where the machines reach this exporter",
       "that of the last enrolment; at the first this machine's own, port 8080"},
      optional_kind("HOST:PORT",
                    "HOST:PORT that the machines can reach, such as monitor.example.org:8080",
                    parse_address),
      request.address);
  command_line.add_value(
      {"--expires", "The last day, UTC, on which the token is good", "never"},
      optional_kind("YYYY-MM-DD", "a day of the calendar, such as 2031-12-31", parse_day),
      request.last_day);
  const ValueKind<Label> label{
      "NAME=VALUE",
      "NAME=VALUE with a name of 1 to 32 of a-z, 0-9 and '_', not beginning with a digit nor "
      "'expires', and a value of at most 128 bytes of UTF-8 without spaces and control characters",
      parse_label, format_label};
  command_line.add_list({"--label", "A label shown with the machines, whatever they say themselves",
                         "those of the name's last token"},
                        label, labels);
  add_state_flag(command_line, request);
  command_line.add_switch({"--serve", "Go on as the exporter, on the port of all addresses"},
                          request.serve);
  return command_line.parse(static_cast<int>(words.size()), words.data(), request,
                            [&] { return check_request(request, labels, now); });
}

Command<Request> parse_revoke(const std::vector<const char*>& words) {
  Request request;
  CommandLine command_line(std::string(kProgram) + " revoke", kRevokeDescription);
  command_line.add_words(name_kind(), request.names);
  add_state_flag(command_line, request);
  return command_line.parse(static_cast<int>(words.size()), words.data(), request,
                            [&]() -> std::optional<std::string> {
                              if (!request.names.empty()) return std::nullopt;
                              return "it takes the names to revoke, such as 'revoke web-1'";
                            });
}

// Names.

std::vector<std::string> each_once(std::vector<std::string> names) {
  std::set<std::string> seen;
  std::erase_if(names, [&seen](const std::string& name) { return !seen.insert(name).second; });
  return names;
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

/// What the file holds, if that is no more than a list of names can be.
std::string read_list(const std::string& file) {
  std::ifstream input(file, std::ios::binary);
  std::string text(kMaxListBytes + 1, '\0');
  input.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<std::size_t>(input.gcount()));
  if (text.size() > kMaxListBytes) {
    throw std::runtime_error(file + ": larger than a list of names can be; nobody was enrolled");
  }
  if (!input.eof()) throw std::runtime_error(file + ": cannot be read; nobody was enrolled");
  return text;
}

std::vector<std::string> read_names(const std::string& file) {
  std::istringstream input(read_list(file));
  std::vector<std::string> names;
  std::string line;
  for (std::size_t number = 1; std::getline(input, line); ++number) {
    const std::string_view name = trimmed(std::string_view(line).substr(0, line.find('#')));
    if (name.empty()) continue;
    const std::string place = file + ": line " + std::to_string(number) + ": ";
    if (!is_valid_endpoint(name)) {
      throw std::runtime_error(place + "there is to be " + name_kind().expected +
                               "; nobody was enrolled");
    }
    if (names.size() == kMaxNames) {
      throw std::runtime_error(place + "more than " + std::to_string(kMaxNames) +
                               " names; nobody was enrolled. Part the file");
    }
    names.emplace_back(name);
  }
  return names;
}

// The exporter's address.

/// A descriptor of a datagram socket.
class DatagramSocket {
 public:
  explicit DatagramSocket(int family)
      : descriptor_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  ~DatagramSocket() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  DatagramSocket(const DatagramSocket&) = delete;
  DatagramSocket& operator=(const DatagramSocket&) = delete;

  [[nodiscard]] int get() const { return descriptor_; }

 private:
  int descriptor_;
};

/// The own address on the way to the internet; none without such a way.  No packet is sent.
std::optional<std::string> own_address() {
  const DatagramSocket probe(AF_INET);
  sockaddr_in there{};
  there.sin_family = AF_INET;
  there.sin_port = htons(kDefaultIngestPort);
  there.sin_addr.s_addr = htonl(0xC0000201);  // 192.0.2.1, which is nobody's (RFC 5737)
  sockaddr_in here{};
  socklen_t size = sizeof(here);
  std::array<char, INET_ADDRSTRLEN> text{};
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&there), sizeof(there)) != 0 ||
      ::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&here), &size) != 0 ||
      ::inet_ntop(AF_INET, &here.sin_addr, text.data(), text.size()) == nullptr) {
    return std::nullopt;
  }
  return text.data();
}

/// The address that the machines are told; says in `notes` what it took it from, if nobody said it.
HostPort choose_address(const Request& request, const Enrolment& enrolment, std::string& notes) {
  if (request.address) return *request.address;
  if (const auto last = enrolment.last_address()) {
    notes += "The exporter's address: " + format_host_port(*last) +
             ", as at the last enrolment; --address says another.\n";
    return *last;
  }
  const auto own = own_address();
  if (!own) {
    throw std::runtime_error(
        "this machine has no address on the way to the internet that could be the exporter's; say "
        "where the machines reach it: --address HOST:PORT");
  }
  HostPort address{*own, kDefaultIngestPort};
  notes += "The exporter's address: " + format_host_port(address) +
           ", this machine's on its way to the internet. If the machines reach it by another, or "
           "by a name, enrol again with --address HOST:PORT.\n";
  return address;
}

// What there is to say.

std::string agent_command(const Enrolled& one) {
  return "cpu-monitor-agent --join '" + encode_join_line(one.line) + "'\n";
}

std::string notes_on(const std::vector<Enrolled>& enrolled) {
  std::string notes;
  for (const Enrolled& one : enrolled) {
    if (!one.had_token) continue;
    notes += one.line.endpoint + " was enrolled before: its last token stays good" +
             (one.dropped > 0 ? ", any before it does not.\n" : ".\n");
  }
  return notes;
}

std::string notes_on_use(const Request& request, const HostPort& address) {
  std::string exporter =
      "cpu-monitor-exporter --ingest.listen-address :" + std::to_string(address.port);
  if (request.state_directory != kDefaultStateDirectory) {
    exporter += " --state.directory " + request.state_directory;
  }
  return "Run that on the machine. It is a secret: who has it can report under this name. To keep "
         "it out of the list of processes, run 'cpu-monitor-agent --join -' and paste what stands "
         "between the quotes.\nThe exporter that takes it: " +
         exporter + " (start one anew that runs since before the first enrolment)\n";
}

/// The flags behind -- may name other addresses to listen on.
void serve(SubcommandOutcome& outcome, const Request& request, const HostPort& address) {
  const auto& flags = request.exporter_flags;
  outcome.exporter = {kProgram, "--state.directory", request.state_directory};
  if (std::ranges::none_of(flags, [](const std::string& flag) {
        return flag.starts_with("--ingest.listen-address");
      })) {
    outcome.exporter.push_back("--ingest.listen-address");
    outcome.exporter.push_back(":" + std::to_string(address.port));
  }
  outcome.exporter.insert(outcome.exporter.end(), flags.begin(), flags.end());
}

SubcommandOutcome enroll(const Request& request, Time now) {
  SubcommandOutcome outcome;
  const bool is_list = !request.from.empty();
  auto names = each_once(is_list ? read_names(request.from) : request.names);
  Enrolment enrolment(request.state_directory);
  EnrolmentTerms terms;
  terms.address = choose_address(request, enrolment, outcome.notes);
  terms.last_day = request.last_day;
  terms.labels = request.labels;
  const std::size_t asked_for = names.size();
  if (is_list && !request.again) names = enrolment.without_token(names);
  const auto enrolled = enrolment.enroll(names, terms, now);
  for (const Enrolled& one : enrolled) {
    outcome.out +=
        is_list ? one.line.endpoint + "\t" + encode_join_line(one.line) + "\n" : agent_command(one);
  }
  if (is_list) {
    outcome.notes += std::to_string(enrolled.size()) + " enrolled, " +
                     std::to_string(asked_for - enrolled.size()) +
                     " have a token already (--again gives them one more).\n";
  } else {
    outcome.notes += notes_on(enrolled);
  }
  if (request.serve) {
    serve(outcome, request, terms.address);
  } else if (!is_list) {
    outcome.notes += notes_on_use(request, terms.address);
  }
  return outcome;
}

SubcommandOutcome revoke(const Request& request) {
  SubcommandOutcome outcome;
  const auto names = each_once(request.names);
  Enrolment(request.state_directory).revoke(names);
  for (const std::string& name : names) outcome.notes += name + " is revoked.\n";
  return outcome;
}

/// Parses with `parse` and does with `run` what that asked for.
template <class Run>
SubcommandOutcome perform(const char* name, const Command<Request>& command, const Run& run) {
  SubcommandOutcome outcome;
  if (!command.run) {
    (command.exit_code == 0 ? outcome.out : outcome.notes) = command.text;
    outcome.exit_code = command.exit_code;
    return outcome;
  }
  try {
    return run(*command.run);
  } catch (const std::runtime_error& failure) {
    outcome.notes = std::string(kProgram) + " " + name + ": " + failure.what() + "\n";
    outcome.exit_code = 1;
    return outcome;
  }
}

}  // namespace

std::optional<SubcommandOutcome> do_subcommand(const std::vector<std::string>& words, Time now) {
  if (words.size() < 2) return std::nullopt;
  const std::string& name = words[1];
  const auto separator = std::find(words.begin() + 1, words.end(), "--");
  std::vector<const char*> own;
  std::transform(words.begin() + 1, separator, std::back_inserter(own),
                 [](const std::string& word) { return word.c_str(); });
  const std::vector<std::string> more(separator == words.end() ? separator : separator + 1,
                                      words.end());
  if (name == "enroll") {
    return perform("enroll", parse_enroll(own, more, now),
                   [&](const Request& request) { return enroll(request, now); });
  }
  if (name == "revoke") return perform("revoke", parse_revoke(own), revoke);
  return std::nullopt;
}

std::optional<int> run_subcommand(std::vector<std::string>& words) {
  auto outcome = do_subcommand(words, std::chrono::system_clock::now());
  if (!outcome) return std::nullopt;
  const bool is_written = std::fputs(outcome->out.c_str(), stdout) >= 0 && std::fflush(stdout) == 0;
  std::fputs(outcome->notes.c_str(), stderr);
  if (!is_written) {
    std::fputs("stdout takes no more: some lines are lost; enrol these machines again\n", stderr);
    return 1;
  }
  if (outcome->exporter.empty()) return outcome->exit_code;
  words = std::move(outcome->exporter);
  return std::nullopt;
}

}  // namespace cpu_monitor::exporter
