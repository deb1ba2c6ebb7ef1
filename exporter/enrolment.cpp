#include "exporter/enrolment.hpp"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdint>
#include <functional>
#include <span>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <utility>

#include "common/calendar_day.hpp"
#include "common/hex.hpp"
#include "exporter/credentials.hpp"
#include "exporter/enrolment_files.hpp"

namespace cpu_monitor::exporter {
namespace {

constexpr std::size_t kMaxPemBytes = std::size_t{64} * 1024;
constexpr std::size_t kMaxAddressBytes = 512;
constexpr std::size_t kTokenBytes = 32;
constexpr std::size_t kMaxServerNames = 16;  ///< the exporter may move now and then

constexpr std::string_view kTokensFileHead =
    "# Who may report to this exporter: NAME SHA256-OF-TOKEN [expires=YYYY-MM-DD] [label=value "
    "...]\n# 'cpu-monitor-exporter enroll' adds lines, 'revoke' removes them; so may you.\n";

// Tokens.

std::string make_token() {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::array<unsigned char, kTokenBytes> random{};
  ssize_t filled = ::getrandom(random.data(), random.size(), 0);
  while (filled < 0 && errno == EINTR) filled = ::getrandom(random.data(), random.size(), 0);
  if (filled != static_cast<ssize_t>(random.size())) {
    throw std::runtime_error("the kernel gives no random numbers (" +
                             std::generic_category().message(errno) + ")");
  }
  std::string token;
  std::uint32_t bits = 0;
  int count = 0;
  for (const unsigned char byte : random) {
    bits = (bits << 8) | byte;
    for (count += 8; count >= 6; count -= 6) token += kDigits[(bits >> (count - 6)) & 0x3F];
  }
  if (count > 0) token += kDigits[(bits << (6 - count)) & 0x3F];
  return token;
}

/// A tokens file that is being changed: what is not changed stays as a person wrote it.
class TokensText {
 public:
  explicit TokensText(std::string_view text) {
    while (!text.empty()) add(std::string(take_line(text)));
  }

  /// Without the oldest tokens of the name, so that there is room for a new one beside the others.
  /// Returns how many went.
  std::size_t make_room(const std::string& name) {
    std::size_t dropped = 0;
    auto& lines = of_name_[name];
    for (auto line = lines.begin(); line != lines.end();) {
      if (token_count(name) < kTokensKept) break;
      if (!is_token_line(lines_[*line])) {
        ++line;
        continue;
      }
      is_gone_[*line] = true;
      line = lines.erase(line);
      ++dropped;
    }
    return dropped;
  }

  [[nodiscard]] std::size_t token_count(const std::string& name) const {
    const auto found = of_name_.find(name);
    if (found == of_name_.end()) return 0;
    return static_cast<std::size_t>(std::ranges::count_if(
        found->second, [this](std::size_t line) { return is_token_line(lines_[line]); }));
  }

  /// The labels on the last line with a token of this name, as they stand there.
  [[nodiscard]] std::string last_labels(const std::string& name) const {
    std::string labels;
    const auto found = of_name_.find(name);
    if (found == of_name_.end()) return labels;
    for (const std::size_t line : found->second) {
      if (is_token_line(lines_[line])) labels = labels_of(lines_[line]);
    }
    return labels;
  }

  void add(std::string line) {
    std::string_view rest = line;
    const std::string_view name = take_word(rest);
    if (!name.empty()) of_name_[std::string(name)].push_back(lines_.size());
    lines_.push_back(std::move(line));
    is_gone_.push_back(false);
  }

  /// Returns whether there were any lines of this name.
  bool remove(const std::string& name) {
    const auto found = of_name_.find(name);
    if (found == of_name_.end()) return false;
    for (const std::size_t line : found->second) is_gone_[line] = true;
    of_name_.erase(found);
    return true;
  }

  [[nodiscard]] std::string text() const {
    std::string text;
    for (std::size_t i = 0; i < lines_.size(); ++i) {
      if (!is_gone_[i]) text.append(lines_[i]).append("\n");
    }
    return text;
  }

 private:
  static bool is_token_line(std::string_view line) {
    take_word(line);
    return take_word(line) != "-";
  }

  static std::string labels_of(std::string_view line) {
    std::string labels;
    take_word(line);
    take_word(line);
    for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
      if (!word.starts_with("expires=")) labels.append(" ").append(word);
    }
    return labels;
  }

  std::vector<std::string> lines_;
  std::vector<bool> is_gone_;
  std::map<std::string, std::vector<std::size_t>> of_name_;  ///< lines, in the order of the file
};

std::string format_labels(const std::map<std::string, std::string>& labels) {
  std::string text;
  for (const auto& [name, value] : labels) {
    text.append(" ").append(name).append("=").append(value);
  }
  return text;
}

std::string read_tokens(const StateDirectory& files) {
  std::string text =
      files.read(kTokensFile, kMaxTokensFileBytes).value_or(std::string(kTokensFileHead));
  static_cast<void>(credentials_in(text, files.path_of(kTokensFile)));
  return text;
}

void write_tokens(const StateDirectory& files, const std::string& text) {
  static_cast<void>(credentials_in(text, files.path_of(kTokensFile)));
  files.write(kTokensFile, text);
}

// Certificates.

/// What `make` returns.  Its failures get the name of the file.
template <class Make>
auto about(const std::string& file, const Make& make) {
  try {
    return make();
  } catch (const std::runtime_error& failure) {
    throw std::runtime_error(file + ": " + failure.what());
  }
}

/// What there is of the authority.  Made anew when there was never one.
CertifiedKey read_or_make_authority(const StateDirectory& files, Time now) {
  const auto certificate = files.read(kAuthorityFile, kMaxPemBytes);
  if (certificate) return {*certificate, files.read(kAuthorityKeyFile, kMaxPemBytes).value_or("")};
  if (files.read(kServerFile, kMaxPemBytes)) {
    throw std::runtime_error(
        files.path_of(kAuthorityFile) +
        ": there is no such file, but machines were enrolled with it; put it back, or remove " +
        files.path_of(kServerFile) + " to begin anew and enrol every machine again");
  }
  CertifiedKey made = make_authority(now);
  files.write(kAuthorityKeyFile, made.key);  // first: without it the certificate is worth nothing
  files.write(kAuthorityFile, made.certificate);
  return made;
}

/// The names that the exporter's certificate has, and those that it is to have.
std::vector<std::string> server_names(const std::string& server, const std::string& host) {
  std::vector<std::string> names{std::string(kEnrolledServerName)};
  const auto is_new = [&names](const std::string& name) {
    return !name.empty() && std::ranges::find(names, name) == names.end();
  };
  if (is_new(host)) names.push_back(host);
  if (server.empty()) return names;
  for (std::string& name : inspect_certificate(server).names) {
    if (is_new(name) && names.size() < kMaxServerNames) names.push_back(std::move(name));
  }
  return names;
}

bool is_good(const std::string& server, const CertifiedKey& authority, const std::string& host,
             Time now) {
  return server.find(authority.certificate) != std::string::npos &&
         !is_due_for_renewal(inspect_certificate(server), now) &&
         (host.empty() || is_certified(server, host));
}

/// Sees to it that the exporter has a certificate, for `host` too unless that is empty.
void certify_server(const StateDirectory& files, const CertifiedKey& authority,
                    const std::string& host, Time now) {
  const std::string file = files.path_of(kServerFile);
  const std::string server = files.read(kServerFile, kMaxPemBytes).value_or("");
  const bool is_done =
      !server.empty() && about(file, [&] { return is_good(server, authority, host, now); });
  if (is_done) return;
  const std::string key_file = files.path_of(kAuthorityKeyFile);
  if (authority.key.empty()) {
    throw std::runtime_error(key_file +
                             ": there is no such file, but the exporter's certificate is to be "
                             "made anew with it; put it back, for as long as that takes");
  }
  const auto names = about(file, [&] { return server_names(server, host); });
  const CertifiedKey made = about(key_file, [&] { return make_server(authority, names, now); });
  files.write(kServerFile, made.certificate + made.key);
}

}  // namespace

Enrolment::Enrolment(const std::string& directory) : files_(directory) { files_.lock(); }

std::vector<Enrolled> Enrolment::enroll(const std::vector<std::string>& names,
                                        const EnrolmentTerms& terms, Time now) {
  TokensText tokens(read_tokens(files_));
  const CertifiedKey authority = read_or_make_authority(files_, now);
  const std::string pin = about(files_.path_of(kAuthorityFile), [&] {
    return inspect_certificate(authority.certificate).fingerprint;
  });
  certify_server(files_, authority, terms.address.host, now);
  std::vector<Enrolled> enrolled;
  enrolled.reserve(names.size());
  for (const std::string& name : names) {
    Enrolled one;
    one.line = {terms.address, name, make_token(), pin, terms.last_day};
    one.had_token = tokens.token_count(name) > 0;
    std::string line = name + " " + format_hex(digest_of_token(one.line.token));
    if (terms.last_day) line += " expires=" + format_day(*terms.last_day);
    line += terms.labels.empty() ? tokens.last_labels(name) : format_labels(terms.labels);
    one.dropped = tokens.make_room(name);
    tokens.add(std::move(line));
    enrolled.push_back(std::move(one));
  }
  if (last_address() != terms.address) {
    files_.write(kAddressFile, format_host_port(terms.address) + "\n");
  }
  write_tokens(files_, tokens.text());
  return enrolled;
}

std::optional<HostPort> Enrolment::last_address() const {
  std::string text = files_.read(kAddressFile, kMaxAddressBytes).value_or("");
  if (text.ends_with('\n')) text.pop_back();
  return parse_host_port(text);
}

std::vector<std::string> Enrolment::without_token(const std::vector<std::string>& names) const {
  const TokensText tokens(read_tokens(files_));
  std::vector<std::string> found;
  std::ranges::copy_if(names, std::back_inserter(found),
                       [&](const std::string& name) { return tokens.token_count(name) == 0; });
  return found;
}

void Enrolment::revoke(const std::vector<std::string>& names) {
  TokensText tokens(read_tokens(files_));
  for (const std::string& name : names) {
    if (tokens.remove(name)) continue;
    throw std::runtime_error("'" + name + "' is not in " + files_.path_of(kTokensFile) +
                             "; nothing was changed");
  }
  write_tokens(files_, tokens.text());
}

bool renew_if_due(const std::string& directory, Time now) {
  const auto server = read_state_file(directory, kServerFile, kMaxPemBytes);
  if (!server) return false;
  const std::string file = path_in(directory, kServerFile);
  const CertificateFacts facts = about(file, [&] { return inspect_certificate(*server); });
  if (!is_due_for_renewal(facts, now)) return false;
  StateDirectory files(directory);
  if (!files.try_lock()) return false;
  certify_server(files, read_or_make_authority(files, now), "", now);
  return true;
}

}  // namespace cpu_monitor::exporter
