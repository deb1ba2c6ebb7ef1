#include "exporter/trust.hpp"

#include <stdexcept>
#include <utility>

#include "common/secret_file.hpp"

namespace cpu_monitor::exporter {

std::vector<std::string> files_of(const TrustFiles& files) {
  std::vector<std::string> names;
  if (files.tls) names = {files.tls->cert_file, files.tls->key_file, files.tls->client_ca_file};
  names.push_back(files.tokens_file);
  std::erase(names, std::string());
  return names;
}

Trust::Trust(const TrustFiles& files) : allow_anonymous_(files.allow_anonymous) {
  if (files.tls) {
    net::TlsServerSettings settings = *files.tls;
    // A token, or nothing, may do as well.
    settings.client_certificate_is_optional = !files.tokens_file.empty() || files.allow_anonymous;
    tls_ = net::TlsContext::of_server(settings);
    has_client_ca_ = !files.tls->client_ca_file.empty();
  }
  if (!files.tokens_file.empty()) {
    const std::string text = read_secret_file(files.tokens_file, kMaxTokensFileBytes);
    credentials_ = credentials_in(text, files.tokens_file);
    has_tokens_text_ = !text.empty();
  }
}

Trust::Trust(const TrustFiles& files, const Trust& before) : Trust(files) {
  if (before.has_tokens_text_ && !has_tokens_text_) {
    throw std::runtime_error(files.tokens_file +
                             ": is empty now, as a file that is being written; if nobody is to be "
                             "let in any more, leave a comment there (#)");
  }
  if (before.tls_ && before.tls_->has_revocation_lists() && !tls_->has_revocation_lists()) {
    throw std::runtime_error(
        files.tls->client_ca_file +
        ": holds no revocation list any more; if that is meant, restart the exporter");
  }
}

std::vector<std::string> Trust::listed() const {
  return credentials_ ? credentials_->listed() : std::vector<std::string>();
}

Result<Identity, RefusalCode> Trust::identify(std::string_view endpoint,
                                              const std::optional<net::PeerNames>& names,
                                              const std::optional<TokenDigest>& token,
                                              std::chrono::system_clock::time_point now) const {
  IdentityRules rules;
  rules.credentials = credentials_ ? &*credentials_ : nullptr;
  rules.has_client_ca = has_client_ca_;
  rules.allow_anonymous = allow_anonymous_;
  Evidence evidence;
  evidence.endpoint = endpoint;
  if (names) evidence.certificate = CertificateNames{names->dns, names->uris};
  evidence.token = token;
  return exporter::identify(rules, evidence, now);
}

}  // namespace cpu_monitor::exporter
