#include "exporter/credentials.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "common/calendar_day.hpp"

namespace cpu_monitor::exporter {
namespace {

using std::chrono::sys_days;

constexpr std::string_view kAnyName = "*";
constexpr std::string_view kNoToken = "-";
constexpr std::string_view kExpires = "expires=";
constexpr std::string_view kSpace = " \t";
constexpr std::string_view kAgentUri = "cpu-monitor://agent/";

std::optional<std::uint8_t> parse_hex_digit(char digit) {
  if (digit >= '0' && digit <= '9') return static_cast<std::uint8_t>(digit - '0');
  if (digit >= 'a' && digit <= 'f') return static_cast<std::uint8_t>(digit - 'a' + 10);
  if (digit >= 'A' && digit <= 'F') return static_cast<std::uint8_t>(digit - 'A' + 10);
  return std::nullopt;
}

std::optional<TokenDigest> parse_digest(std::string_view text) {
  TokenDigest digest{};
  if (text.size() != 2 * digest.size()) return std::nullopt;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    const auto high = parse_hex_digit(text[2 * i]);
    const auto low = parse_hex_digit(text[2 * i + 1]);
    if (!high || !low) return std::nullopt;
    digest[i] = static_cast<std::uint8_t>(*high * 16 + *low);
  }
  return digest;
}

bool are_same(const TokenDigest& one, const TokenDigest& other) {
  return CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0;
}

Error<RefusalCode> no_token() {
  return {
      RefusalCode::unauthorized,
      "this exporter asks for a token; enrol the machine, or start the agent with --token-file"};
}

Error<RefusalCode> unknown_token() {
  return {RefusalCode::unauthorized,
          "no machine has this token, or has it any longer; enrol the machine again, or start the "
          "agent with the right --token-file"};
}

Error<RefusalCode> expired_token(sys_days last_day) {
  return {RefusalCode::unauthorized, "the token expired on " + format_day(last_day) +
                                         "; enrol the machine again, or change expires= in the "
                                         "exporter's tokens file"};
}

Error<RefusalCode> token_of_another() {
  return {RefusalCode::endpoint_denied,
          "the token is for another name; give each machine a token of its own, or start the agent "
          "with the --endpoint it was enrolled under"};
}

Error<RefusalCode> token_is_needed() {
  return {RefusalCode::unauthorized,
          "this name has a token, and no other peer may use it; start the agent with its "
          "--token-file"};
}

Error<RefusalCode> no_certificate() {
  return {RefusalCode::unauthorized,
          "this exporter asks for a client certificate; start the agent with --tls.cert-file and "
          "--tls.key-file"};
}

Error<RefusalCode> no_proof() {
  return {RefusalCode::unauthorized,
          "this exporter asks for a token or a client certificate; enrol the machine, or start the "
          "agent with --token-file, or with --tls.cert-file and --tls.key-file"};
}

Error<RefusalCode> certificate_of_another() {
  return {
      RefusalCode::endpoint_denied,
      "the client certificate is not for this name; give the agent one whose subject "
      "alternative names hold its endpoint, as DNS:NAME or URI:cpu-monitor://agent/NAME, or the "
      "--endpoint that it holds"};
}

}  // namespace

TokenDigest digest_of_token(std::string_view token) {
  TokenDigest digest{};
  if (EVP_Digest(token.data(), token.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::runtime_error("OpenSSL has no SHA-256; install its default provider");
  }
  return digest;
}

std::string_view take_line(std::string_view& text) {
  const std::string_view line = text.substr(0, text.find('\n'));
  text.remove_prefix(std::min(line.size() + 1, text.size()));
  return line;
}

std::string_view take_word(std::string_view& line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  line.remove_prefix(std::min(line.find_first_not_of(kSpace), line.size()));
  if (line.starts_with('#')) line = {};
  const std::string_view word = line.substr(0, line.find_first_of(kSpace));
  line.remove_prefix(word.size());
  return word;
}

/// One run over a tokens file.
class Credentials::Parser {
 public:
  Result<Credentials, TokensFileFault> run(std::string_view text);

 private:
  using Fault = std::optional<std::string>;  ///< what is wrong with a line

  Fault take(std::string_view line);
  Fault take_rest(std::string_view line, Token& token);
  static Fault add_label(std::string_view word, Labels& labels);
  static Fault add_token(std::string_view name, Entry& entry, Token token);
  static Fault list(std::string_view name, Entry& entry, Token token);

  Credentials credentials_;
};

Result<Credentials, TokensFileFault> Credentials::Parser::run(std::string_view text) {
  if (text.size() > kMaxTokensFileBytes) {
    return Error(TokensFileFault::too_large,
                 "longer than " + std::to_string(kMaxTokensFileBytes) + " bytes");
  }
  for (std::size_t number = 1; !text.empty(); ++number) {
    if (number > kMaxTokensFileLines) {
      return Error(TokensFileFault::too_large,
                   "more than " + std::to_string(kMaxTokensFileLines) + " lines");
    }
    if (const Fault fault = take(take_line(text))) {
      return Error(TokensFileFault::bad_line, "line " + std::to_string(number) + ": " + *fault);
    }
  }
  for (const auto& [name, entry] : credentials_.entries_) {
    for (const Token& token : entry.tokens) credentials_.digests_.push_back(token.digest);
  }
  std::ranges::sort(credentials_.digests_);
  return std::move(credentials_);
}

Credentials::Parser::Fault Credentials::Parser::take(std::string_view line) {
  if (line.size() > kMaxTokensFileLineBytes) {
    return "a line holds at most " + std::to_string(kMaxTokensFileLineBytes) + " bytes";
  }
  const std::string_view name = take_word(line);
  if (name.empty()) return std::nullopt;
  if (name != kAnyName && !is_valid_endpoint(name)) {
    return "a line begins with * or a name of 1 to 128 letters, digits, dots, hyphens and "
           "underscores that begins and ends with a letter or digit";
  }
  const std::string_view hash = take_word(line);
  const auto digest = parse_digest(hash);
  if (!digest && hash != kNoToken) {
    return "the second word is the SHA-256 of the token, 64 hexadecimal digits, or - to list the "
           "name without one";
  }
  Token token;
  if (digest) token.digest = *digest;
  if (Fault fault = take_rest(line, token)) return fault;
  Entry& entry = credentials_.entries_[std::string(name)];
  return digest ? add_token(name, entry, std::move(token)) : list(name, entry, std::move(token));
}

Credentials::Parser::Fault Credentials::Parser::take_rest(std::string_view line, Token& token) {
  for (auto word = take_word(line); !word.empty(); word = take_word(line)) {
    if (!word.starts_with(kExpires)) {
      if (Fault fault = add_label(word, token.labels)) return fault;
      continue;
    }
    const auto day = parse_day(word.substr(kExpires.size()));
    if (!day) return "expires= is followed by a day of the calendar, as in expires=2031-12-31";
    if (token.last_day) return "expires= stands at most once on a line";
    token.last_day = day;
  }
  return std::nullopt;
}

Credentials::Parser::Fault Credentials::Parser::add_label(std::string_view word, Labels& labels) {
  const std::size_t equals = word.find('=');
  if (equals == std::string_view::npos) {
    return "the words after the second are expires=YYYY-MM-DD and label=value";
  }
  const std::string_view name = word.substr(0, equals);
  const std::string_view value = word.substr(equals + 1);
  if (!is_valid_label_name(name)) {
    return "the name of a label is 1 to " + std::to_string(kMaxLabelNameBytes) +
           " lower-case letters, digits and underscores, and begins with no digit";
  }
  if (!is_showable_text(value)) {
    return "the value of a label is at most " + std::to_string(kMaxTextBytes) +
           " bytes of UTF-8 without control characters";
  }
  if (!labels.emplace(name, value).second) return "a label stands at most once on a line";
  if (labels.size() > kMaxLabels) {
    return "a line holds at most " + std::to_string(kMaxLabels) + " labels";
  }
  return std::nullopt;
}

Credentials::Parser::Fault Credentials::Parser::add_token(std::string_view name, Entry& entry,
                                                          Token token) {
  if (std::ranges::find(entry.tokens, token.digest, &Token::digest) != entry.tokens.end()) {
    return "the same token stands on an earlier line of the same name; keep one of them";
  }
  if (entry.tokens.size() == kMaxTokensOfOneName) {
    return std::string(name == kAnyName ? "*" : "a name") + " has at most " +
           std::to_string(kMaxTokensOfOneName) + " tokens; drop those that expired";
  }
  entry.tokens.push_back(std::move(token));
  return std::nullopt;
}

Credentials::Parser::Fault Credentials::Parser::list(std::string_view name, Entry& entry,
                                                     Token token) {
  if (name == kAnyName) return "* lists no name; give the SHA-256 of a token in place of the -";
  if (token.last_day) return "expires= is for a token; a line with - has none";
  if (entry.listed) return "an earlier line lists the same name with -; keep one of them";
  entry.listed = std::move(token.labels);
  return std::nullopt;
}

Result<Credentials, TokensFileFault> Credentials::parse(std::string_view text) {
  return Parser().run(text);
}

Credentials credentials_in(std::string_view text, const std::string& file) {
  auto credentials = Credentials::parse(text);
  if (!credentials) throw std::runtime_error(file + ": " + credentials.error().detail);
  return *std::move(credentials);
}

const Credentials::Entry* Credentials::find(std::string_view name) const {
  const auto found = entries_.find(name);
  return found == entries_.end() ? nullptr : &found->second;
}

/// Looks at every token of the name, wherever the right one stands, and each time at all bytes: the
/// time it takes says nothing of them.
const Credentials::Token* Credentials::find(const Entry* entry, const TokenDigest& digest) {
  if (entry == nullptr) return nullptr;
  const Token* found = nullptr;
  for (const Token& token : entry->tokens) {
    if (are_same(token.digest, digest)) found = &token;
  }
  return found;
}

Error<RefusalCode> name_with_token() {
  return {RefusalCode::endpoint_denied,
          "this name has a token of its own, and is not open to the token of all names; give this "
          "machine the token of its name"};
}

Result<Proof, RefusalCode> Credentials::judge(std::string_view endpoint,
                                              const std::optional<TokenDigest>& token,
                                              Time now) const {
  if (!token) return no_token();
  const auto today = std::chrono::floor<std::chrono::days>(now);
  const auto is_good = [&](const Token* line) {
    return line != nullptr && (!line->last_day || today <= *line->last_day);
  };
  const Token* const own = find(find(endpoint), *token);
  const Token* const any = find(find(kAnyName), *token);
  if (is_good(own)) return Proof::exact;
  // While the machine with that token is away, nobody else is to speak for it.
  if (any != nullptr && has_token_of(endpoint)) return name_with_token();
  if (is_good(any)) return Proof::any_name;
  if (own != nullptr) return expired_token(*own->last_day);
  if (any != nullptr) return expired_token(*any->last_day);
  // Not in constant time: among 200,000 lines that would cost milliseconds a hello.  At worst it
  // lets a peer guess, from its time, bytes of a hash whose token it does not have; a token cannot
  // be made from its hash, and no hash is taken for a token.
  if (std::ranges::binary_search(digests_, *token)) return token_of_another();
  return unknown_token();
}

bool Credentials::is_listed(std::string_view endpoint) const {
  return endpoint != kAnyName && find(endpoint) != nullptr;
}

std::vector<std::string> Credentials::listed() const {
  std::vector<std::string> names;
  names.reserve(entries_.size());
  for (const auto& [name, entry] : entries_) {
    if (name != kAnyName) names.push_back(name);
  }
  return names;
}

bool Credentials::has_token_of(std::string_view endpoint) const {
  const Entry* const entry = find(endpoint);
  return entry != nullptr && !entry->tokens.empty();
}

Credentials::Labels Credentials::labels(std::string_view endpoint,
                                        const std::optional<TokenDigest>& token) const {
  Labels labels;
  const Entry* const entry = find(endpoint);
  const Token* const own = token ? find(entry, *token) : nullptr;
  const Token* const any = token && own == nullptr ? find(find(kAnyName), *token) : nullptr;
  // What stands there already is not replaced.
  if (own != nullptr) labels = own->labels;
  if (entry != nullptr && entry->listed)
    labels.insert(entry->listed->begin(), entry->listed->end());
  if (any != nullptr) labels.insert(any->labels.begin(), any->labels.end());
  return labels;
}

bool is_named(std::string_view endpoint, const CertificateNames& certificate) {
  const auto is_uri_of_it = [&](std::string_view uri) {
    return uri.starts_with(kAgentUri) && uri.substr(kAgentUri.size()) == endpoint;
  };
  return std::ranges::find(certificate.dns, endpoint) != certificate.dns.end() ||
         std::ranges::any_of(certificate.uris, is_uri_of_it);
}

namespace {

/// Of a peer that showed nothing the exporter looks at.
Result<Proof, RefusalCode> judge_stranger(const IdentityRules& rules, std::string_view endpoint) {
  const bool has_tokens_file = rules.credentials != nullptr;
  if (!has_tokens_file && !rules.has_client_ca) return Proof::none;
  if (!rules.allow_anonymous) {
    if (!rules.has_client_ca) return no_token();
    return has_tokens_file ? no_proof() : no_certificate();
  }
  if (has_tokens_file && rules.credentials->has_token_of(endpoint)) return token_is_needed();
  return Proof::none;
}

Result<Proof, RefusalCode> judge_peer(const IdentityRules& rules, const Evidence& evidence,
                                      Credentials::Time now) {
  const bool shows_certificate = rules.has_client_ca && evidence.certificate;
  const bool shows_token = rules.credentials != nullptr && evidence.token;
  if (!shows_certificate && !shows_token) return judge_stranger(rules, evidence.endpoint);
  if (shows_certificate && !is_named(evidence.endpoint, *evidence.certificate)) {
    return certificate_of_another();
  }
  if (!shows_token) return Proof::exact;
  const auto proof = rules.credentials->judge(evidence.endpoint, evidence.token, now);
  return shows_certificate && proof ? Proof::exact : proof;
}

}  // namespace

Result<Identity, RefusalCode> identify(const IdentityRules& rules, const Evidence& evidence,
                                       Credentials::Time now) {
  const auto proof = judge_peer(rules, evidence, now);
  if (!proof) return proof.error();
  Identity identity;
  identity.proof = *proof;
  if (rules.credentials != nullptr) {
    identity.labels = rules.credentials->labels(evidence.endpoint, evidence.token);
  }
  return identity;
}

}  // namespace cpu_monitor::exporter
