#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "common/messages.hpp"
#include "common/result.hpp"
#include "exporter/identity.hpp"

/// Who may claim which endpoint name.
///
/// Threads: everything here is pure, callable from anywhere; `Credentials` never changes.  No
/// token, and no hash of one, is in any error.
namespace cpu_monitor::exporter {

inline constexpr std::size_t kMaxTokensFileBytes = std::size_t{16} * 1024 * 1024;
inline constexpr std::size_t kMaxTokensFileLines = 200'000;
inline constexpr std::size_t kMaxTokensFileLineBytes = 4096;  ///< without its '\n'
inline constexpr std::size_t kMaxTokensOfOneName = 256;  ///< all of them are compared at a hello

/// SHA-256 of a token: what is kept of one, and what the tokens file holds.
using TokenDigest = std::array<std::uint8_t, 32>;

/// Throws std::runtime_error when OpenSSL cannot.
[[nodiscard]] TokenDigest digest_of_token(std::string_view token);

/// Why a text is no tokens file.
enum class TokensFileFault : std::uint8_t { too_large, bad_line };

/// What a tokens file says.
///
/// One line each, in words parted by spaces or tabs:
///
///     endpoint-or-* sha256-of-token-or-- [expires=YYYY-MM-DD] [label=value ...]
///
/// A word that begins with `#` begins a comment.  A name may stand on several lines, so that a
/// token can be replaced by its successor without a gap.  `*` is any name; `-` in place of the hash
/// only lists the name: its machine is expected, and proves itself by a certificate or not at all.
/// A token is good to the end of its last day, UTC.
class Credentials {
 public:
  using Time = std::chrono::system_clock::time_point;
  using Labels = std::map<std::string, std::string>;

  /// Names nobody.
  Credentials() = default;

  /// Keeps nothing of `text`.  Errors: name the line and what would be right; they quote nothing.
  [[nodiscard]] static Result<Credentials, TokensFileFault> parse(std::string_view text);

  /// What the token with this digest proves of `endpoint`: any_name or exact, never none.
  ///
  /// Errors, in words for a person: unauthorized for no token, an unknown or an expired one,
  /// endpoint_denied for the token of other names.  To be asked again with the same digest after a
  /// reload, and as time goes by: a session whose token no longer holds is to be ended.
  [[nodiscard]] Result<Proof, RefusalCode> judge(std::string_view endpoint,
                                                 const std::optional<TokenDigest>& token,
                                                 Time now) const;

  /// Whether `endpoint` stands on a line, be its token expired.
  [[nodiscard]] bool is_listed(std::string_view endpoint) const;

  /// All names but `*`, sorted: the machines that are expected.
  [[nodiscard]] std::vector<std::string> listed() const;

  /// Whether `endpoint` has a token of its own, be it expired.
  [[nodiscard]] bool has_token_of(std::string_view endpoint) const;

  /// Whether any line has a token.
  [[nodiscard]] bool has_tokens() const { return !digests_.empty(); }

  /// The trusted labels of `endpoint`: those of the line of the token it showed, and of its `-`
  /// line.  Where both say something the token's line wins, unless it is a line of `*`.
  [[nodiscard]] Labels labels(std::string_view endpoint,
                              const std::optional<TokenDigest>& token) const;

 private:
  struct Token {
    TokenDigest digest{};
    std::optional<std::chrono::sys_days> last_day;  ///< it is good on; none: for ever
    Labels labels;
  };

  /// What the lines of one name say.
  struct Entry {
    std::vector<Token> tokens;
    std::optional<Labels> listed;  ///< the labels of its `-` line
  };

  class Parser;

  [[nodiscard]] const Entry* find(std::string_view name) const;
  static const Token* find(const Entry* entry, const TokenDigest& digest);

  std::map<std::string, Entry, std::less<>> entries_;  ///< by name; `*` is one of them
  std::vector<TokenDigest> digests_;                   ///< of all lines, sorted
};

/// What the tokens file `file` says.  Throws std::runtime_error that names it and what is wrong.
[[nodiscard]] Credentials credentials_in(std::string_view text, const std::string& file);

/// Takes the next line off the text of a tokens file, without its '\n'.
[[nodiscard]] std::string_view take_line(std::string_view& text);

/// Takes the next word off one of its lines; empty at the end, be that of Windows, or a comment.
std::string_view take_word(std::string_view& line);

/// The names in a client's certificate: those of DNS and the URIs among its subject alternative
/// names.  Lifetime: the lists are someone else's.
struct CertificateNames {
  std::span<const std::string> dns;
  std::span<const std::string> uris;
};

/// Whether the certificate is for this very name: as a DNS name, or as
/// `cpu-monitor://agent/<name>`. Byte by byte; no wildcard, no common name.
[[nodiscard]] bool is_named(std::string_view endpoint, const CertificateNames& certificate);

/// What the exporter asks of its agents.
struct IdentityRules {
  const Credentials* credentials = nullptr;  ///< null: there is no tokens file
  bool has_client_ca = false;                ///< certificates of clients are believed
  /// An agent that shows nothing is taken all the same, unless its name has a token of its own.
  bool allow_anonymous = false;
};

/// What a peer showed.  A session can keep the digest to show it again after a reload.
struct Evidence {
  std::string_view endpoint;
  /// Of a certificate that TLS has found to be of the client CA and in force; none: it showed none.
  std::optional<CertificateNames> certificate;
  std::optional<TokenDigest> token;
};

/// Judges what a peer showed: at its hello, and again after each reload.
///
/// A token or a certificate will do where both are asked for, and whatever is shown must be right:
/// a good token beside a certificate of another name is refused, and so is a bad token beside a
/// good certificate.  Without a tokens file tokens are not looked at, without a client CA
/// certificates are not.  With neither of them everybody is taken, with no proof. Errors: the code
/// to refuse with (unauthorized, endpoint_denied), and words for a person.
[[nodiscard]] Result<Identity, RefusalCode> identify(const IdentityRules& rules,
                                                     const Evidence& evidence,
                                                     Credentials::Time now);

}  // namespace cpu_monitor::exporter
