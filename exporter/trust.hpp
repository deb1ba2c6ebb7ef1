#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/messages.hpp"
#include "common/net/tls.hpp"
#include "common/result.hpp"
#include "exporter/credentials.hpp"

namespace cpu_monitor::exporter {

/// The files that say who may report under which name.
struct TrustFiles {
  std::optional<net::TlsServerSettings> tls;  ///< none: plain
  std::string tokens_file;                    ///< empty: none
  bool allow_anonymous = false;               ///< who shows nothing is taken all the same
};

/// Their names, for whoever watches them.
[[nodiscard]] std::vector<std::string> files_of(const TrustFiles& files);

/// Who may report under which name, as those files said when they were read.
///
/// Never changes; a reload makes a new one.  Threads: safe from any.
class Trust {
 public:
  /// Everybody, in plain text.
  Trust() = default;

  /// Reads the files.  Throws std::runtime_error that names the file and what is wrong with it.
  explicit Trust(const TrustFiles& files);

  /// Reads them anew, in place of what `before` read.  Refuses also what looks like a file that is
  /// only half written: tokens of which nothing is left, authorities without any list of revoked
  /// certificates any more.
  Trust(const TrustFiles& files, const Trust& before);

  /// None: plain text.
  [[nodiscard]] const std::shared_ptr<const net::TlsContext>& tls() const { return tls_; }

  /// The machines that are expected.
  [[nodiscard]] std::vector<std::string> listed() const;

  /// Who a peer is, or why it is refused, with words for a person.  `names`: of the certificate it
  /// showed.
  [[nodiscard]] Result<Identity, RefusalCode> identify(
      std::string_view endpoint, const std::optional<net::PeerNames>& names,
      const std::optional<TokenDigest>& token, std::chrono::system_clock::time_point now) const;

 private:
  std::shared_ptr<const net::TlsContext> tls_;
  std::optional<Credentials> credentials_;  ///< none: there is no tokens file
  bool has_tokens_text_ = false;
  bool has_client_ca_ = false;
  bool allow_anonymous_ = false;
};

}  // namespace cpu_monitor::exporter
