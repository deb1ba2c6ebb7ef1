#include "common/net/tls.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "common/host_port.hpp"
#include "common/net/x509.hpp"
#include "common/secret_file.hpp"

namespace cpu_monitor::net {
namespace {

using Time = std::chrono::system_clock::time_point;

constexpr int kMaxChainDepth = 4;
constexpr std::size_t kMaxChainBytes =
    std::size_t{32} * 1024;  ///< a peer may send before we know it
constexpr std::size_t kDigestBytes = 32;

using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Freer<X509_STORE_CTX_free>>;

/// OpenSSL's word for what went wrong last in this thread.
std::string last_error() {
  const unsigned long error = ERR_peek_error();
  const char* const reason = ERR_reason_error_string(error);
  ERR_clear_error();
  return reason != nullptr ? reason : "unknown reason";
}

[[noreturn]] void refuse_file(const std::string& file, const std::string& fault) {
  throw std::runtime_error(file + ": " + fault + " (" + last_error() + ")");
}

int openssl_version(TlsVersion version) {
  return version == TlsVersion::tls1_2 ? TLS1_2_VERSION : TLS1_3_VERSION;
}

std::optional<Time> not_after(const X509* certificate) {
  return certificate != nullptr ? time_of(X509_get0_notAfter(certificate)) : std::nullopt;
}

std::optional<Time> earlier(std::optional<Time> one, std::optional<Time> other) {
  if (!one || !other) return one ? one : other;
  return std::min(*one, *other);
}

/// What holds for every connection of ours, on both sides.
void set_common_options(SSL_CTX* context) {
  SSL_CTX_set_default_passwd_cb(context, no_passphrase);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                   SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(context, kMaxChainBytes);
  SSL_CTX_set_verify_depth(context, kMaxChainDepth);
  // Buffers are given back when they are empty.
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  // With it one call would go on for as long as a peer sends records that hold no data.
  SSL_CTX_clear_mode(context, SSL_MODE_AUTO_RETRY);
}

void use_own_certificate(SSL_CTX* context, const std::string& cert_file,
                         const std::string& key_file) {
  require_private(key_file);
  ERR_clear_error();
  if (SSL_CTX_use_certificate_chain_file(context, cert_file.c_str()) != 1) {
    refuse_file(cert_file, "holds no certificate in PEM form that can be read and used");
  }
  if (SSL_CTX_use_PrivateKey_file(context, key_file.c_str(), SSL_FILETYPE_PEM) != 1) {
    refuse_file(
        key_file,
        "holds no private key in PEM form, without a passphrase, that belongs to " + cert_file);
  }
}

struct Authorities {
  std::optional<Time> first_end;
  bool has_lists = false;
  std::string digest;  ///< of each certificate and list
};

/// Believes the authorities of `file`.  With revocation lists there, every certificate, those in
/// between as well, is looked up in its authority's.
Authorities believe(SSL_CTX* context, const std::string& file) {
  ERR_clear_error();
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  if (X509_STORE_load_file(store, file.c_str()) != 1) {
    refuse_file(file, "holds no certificate of an authority in PEM form that can be read");
  }
  Authorities authorities;
  const STACK_OF(X509_OBJECT)* const objects = X509_STORE_get0_objects(store);
  for (int i = 0; i < sk_X509_OBJECT_num(objects); ++i) {
    const X509_OBJECT* const object = sk_X509_OBJECT_value(objects, i);
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int size = 0;
    if (const X509_CRL* const list = X509_OBJECT_get0_X509_CRL(object)) {
      X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
      authorities.has_lists = true;
      X509_CRL_digest(list, EVP_sha256(), digest.data(), &size);
    } else if (const X509* const certificate = X509_OBJECT_get0_X509(object)) {
      authorities.first_end = earlier(authorities.first_end, not_after(certificate));
      X509_digest(certificate, EVP_sha256(), digest.data(), &size);
    }
    authorities.digest.append(digest.begin(), digest.begin() + size);
  }
  if (!authorities.first_end) {
    throw std::runtime_error(file + ": holds no certificate of an authority");
  }
  return authorities;
}

/// The 32 bytes that `text` spells in hexadecimal digits, or none.
std::optional<std::string> parse_digest(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  if (text.size() != 2 * kDigestBytes) return std::nullopt;
  std::string digest;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const auto high = kDigits.find(text[i]);
    const auto low = kDigits.find(text[i + 1]);
    if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
    digest += static_cast<char>(high * 16 + low);
  }
  return digest;
}

bool has_digest(const X509* certificate, const std::string& digest) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> found{};
  unsigned int size = 0;
  return X509_digest(certificate, EVP_sha256(), found.data(), &size) == 1 &&
         size == digest.size() &&
         std::equal(digest.begin(), digest.end(), found.begin(),
                    [](char a, unsigned char b) { return static_cast<unsigned char>(a) == b; });
}

/// Believes the one authority whose digest is known, which the server sends along; all else is
/// verified as always.
int verify_with_pin(X509_STORE_CTX* context, void* pin) {
  const auto& digest = *static_cast<const std::string*>(pin);
  const STACK_OF(X509)* const sent = X509_STORE_CTX_get0_untrusted(context);
  for (int i = 0; i < sk_X509_num(sent); ++i) {
    X509* const certificate = sk_X509_value(sent, i);
    if (!has_digest(certificate, digest)) continue;
    STACK_OF(X509)* const trusted = sk_X509_new_null();
    sk_X509_push(trusted, certificate);
    X509_STORE_CTX_set0_trusted_stack(context, trusted);
    const int result = X509_verify_cert(context);
    X509_STORE_CTX_set0_trusted_stack(context, nullptr);
    sk_X509_free(trusted);
    return result;
  }
  X509_STORE_CTX_set_error(context, X509_V_ERR_CERT_UNTRUSTED);
  return 0;
}

PeerNames names_of(const X509* certificate) {
  PeerNames names;
  visit_alternative_names(certificate, [&names](int type, std::string_view name) {
    // What stands behind a NUL has fooled many who compared C strings.
    if (type == GEN_IPADD || name.find('\0') != std::string_view::npos) return;
    (type == GEN_DNS ? names.dns : names.uris).emplace_back(name);
  });
  return names;
}

/// The name that the server's certificate must hold, and that the server is told.
void expect_name(SSL* session, const std::string& name) {
  X509_VERIFY_PARAM* const expected = SSL_get0_param(session);
  if (is_ip_address(name)) {
    if (X509_VERIFY_PARAM_set1_ip_asc(expected, name.c_str()) != 1) throw std::bad_alloc();
    return;
  }
  X509_VERIFY_PARAM_set_hostflags(
      expected, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT | X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  if (X509_VERIFY_PARAM_set1_host(expected, name.data(), name.size()) != 1) throw std::bad_alloc();
  // SSL_set_tlsext_host_name, which is a macro with a cast of C.
  SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
           const_cast<char*>(name.c_str()));
}

bool is_plain_text(int reason) {
  return reason == SSL_R_WRONG_VERSION_NUMBER || reason == SSL_R_HTTP_REQUEST ||
         reason == SSL_R_HTTPS_PROXY_REQUEST || reason == SSL_R_UNKNOWN_PROTOCOL ||
         reason == SSL_R_PACKET_LENGTH_TOO_LONG;
}

}  // namespace

TlsContext::TlsContext() : context_(SSL_CTX_new(TLS_method()), SSL_CTX_free) {
  if (!context_) throw std::runtime_error("OpenSSL cannot be used: " + last_error());
  set_common_options(context_.get());
}

TlsContext::~TlsContext() = default;

std::shared_ptr<const TlsContext> TlsContext::of_server(const TlsServerSettings& settings) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* const context = made->context_.get();
  made->is_server_ = true;
  SSL_CTX_set_min_proto_version(context, openssl_version(settings.min_version));
  SSL_CTX_set_max_proto_version(context, openssl_version(settings.max_version));
  SSL_CTX_set_num_tickets(context, 0);
  use_own_certificate(context, settings.cert_file, settings.key_file);
  made->certificate_not_after_ = not_after(SSL_CTX_get0_certificate(context));
  if (!settings.client_ca_file.empty()) {
    Authorities authorities = believe(context, settings.client_ca_file);
    made->ca_not_after_ = authorities.first_end;
    made->has_revocation_lists_ = authorities.has_lists;
    made->ca_digest_ = std::move(authorities.digest);
    const int demand =
        settings.client_certificate_is_optional ? 0 : SSL_VERIFY_FAIL_IF_NO_PEER_CERT;
    SSL_CTX_set_verify(context, SSL_VERIFY_PEER | demand, nullptr);
  }
  return made;
}

std::shared_ptr<const TlsContext> TlsContext::of_client(const TlsClientSettings& settings) {
  std::shared_ptr<TlsContext> made(new TlsContext);
  SSL_CTX* const context = made->context_.get();
  if (settings.server_name.empty()) {
    throw std::runtime_error("no name is known that the server's certificate must hold");
  }
  made->server_name_ = settings.server_name;
  SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  if (!settings.cert_file.empty()) {
    use_own_certificate(context, settings.cert_file, settings.key_file);
    made->certificate_not_after_ = not_after(SSL_CTX_get0_certificate(context));
  }
  if (!settings.ca_pin.empty()) {
    const auto digest = parse_digest(settings.ca_pin);
    if (!digest)
      throw std::runtime_error("the authority's fingerprint is not 64 hexadecimal digits");
    made->ca_pin_ = *digest;
    SSL_CTX_set_cert_verify_callback(context, verify_with_pin, &made->ca_pin_);
  } else if (!settings.ca_file.empty()) {
    made->ca_not_after_ = believe(context, settings.ca_file).first_end;
  } else if (SSL_CTX_set_default_verify_paths(context) != 1) {
    throw std::runtime_error("the system's certificate authorities cannot be read: " +
                             last_error());
  }
  return made;
}

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, int socket)
    : context_(std::move(context)), session_(SSL_new(context_->context_.get()), SSL_free) {
  if (!session_ || SSL_set_fd(session_.get(), socket) != 1) throw std::bad_alloc();
  if (context_->is_server_) {
    SSL_set_accept_state(session_.get());
  } else {
    SSL_set_connect_state(session_.get());
    expect_name(session_.get(), context_->server_name_);
  }
}

TlsSession::~TlsSession() = default;

TlsSession::Outcome TlsSession::handshake() {
  ERR_clear_error();
  const Outcome outcome = outcome_of(SSL_do_handshake(session_.get()));
  if (outcome == Outcome::done) {
    const X509* const certificate = SSL_get0_peer_certificate(session_.get());
    if (certificate != nullptr) {
      peer_names_ = names_of(certificate);
      peer_not_after_ = not_after(certificate);
    }
  }
  if (outcome == Outcome::ended) {
    note_failure(TlsFailure::Kind::closed, "the connection ended within the handshake");
    return Outcome::failed;
  }
  return outcome;
}

TlsSession::Outcome TlsSession::read(char* buffer, std::size_t size, std::size_t& bytes) {
  ERR_clear_error();
  return outcome_of(SSL_read_ex(session_.get(), buffer, size, &bytes));
}

TlsSession::Outcome TlsSession::write(std::string_view data, std::size_t& bytes) {
  ERR_clear_error();
  return outcome_of(SSL_write_ex(session_.get(), data.data(), data.size(), &bytes));
}

void TlsSession::say_end() {
  if (failure_.reason.empty() && SSL_is_init_finished(session_.get()) == 1) {
    SSL_shutdown(session_.get());
  }
  ERR_clear_error();
}

bool TlsSession::has_pending() const { return SSL_pending(session_.get()) > 0; }

bool TlsSession::is_trusted_by(const std::shared_ptr<const TlsContext>& context) {
  if (context->ca_digest_ != context_->ca_digest_) {
    if (!is_verified_by(*context)) return false;
    context_ = context;  // verified once, it need not be again
  }
  return !peer_not_after_ || std::chrono::system_clock::now() <= *peer_not_after_;
}

bool TlsSession::is_verified_by(const TlsContext& context) const {
  SSL_CTX* const judge = context.context_.get();
  X509* const certificate = SSL_get0_peer_certificate(session_.get());
  if (certificate == nullptr) {
    return (SSL_CTX_get_verify_mode(judge) & SSL_VERIFY_FAIL_IF_NO_PEER_CERT) == 0;
  }
  const StoreContextPtr verification(X509_STORE_CTX_new());
  if (!verification ||
      X509_STORE_CTX_init(verification.get(), SSL_CTX_get_cert_store(judge), certificate,
                          SSL_get_peer_cert_chain(session_.get())) != 1) {
    throw std::bad_alloc();
  }
  X509_STORE_CTX_set_default(verification.get(), "ssl_client");
  const bool is_trusted = X509_verify_cert(verification.get()) == 1;
  ERR_clear_error();
  return is_trusted;
}

TlsSession::Outcome TlsSession::outcome_of(int result) {
  if (result > 0) return Outcome::done;
  const int system_error = errno;
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return Outcome::wants_read;
    case SSL_ERROR_WANT_WRITE:
      return Outcome::wants_write;
    case SSL_ERROR_ZERO_RETURN:
      return Outcome::ended;
    case SSL_ERROR_SYSCALL:
      note_failure(TlsFailure::Kind::closed, std::generic_category().message(system_error));
      return Outcome::failed;
    default:
      break;
  }
  const unsigned long error = ERR_peek_last_error();  // the outermost of what it met
  const int reason = ERR_GET_LIB(error) == ERR_LIB_SSL ? ERR_GET_REASON(error) : 0;
  if (reason == SSL_R_UNEXPECTED_EOF_WHILE_READING) {
    note_failure(TlsFailure::Kind::closed, "the connection ended");
  } else if (reason == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    note_failure(TlsFailure::Kind::certificate,
                 X509_verify_cert_error_string(SSL_get_verify_result(session_.get())));
  } else if (reason == SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE) {
    note_failure(TlsFailure::Kind::certificate, "no certificate was shown");
  } else if (reason > SSL_AD_REASON_OFFSET) {
    note_failure(TlsFailure::Kind::refused,
                 SSL_alert_desc_string_long(reason - SSL_AD_REASON_OFFSET));
  } else {
    note_failure(is_plain_text(reason) ? TlsFailure::Kind::not_tls : TlsFailure::Kind::protocol,
                 last_error());
  }
  ERR_clear_error();
  return Outcome::failed;
}

void TlsSession::note_failure(TlsFailure::Kind kind, std::string reason) {
  failure_.kind = kind;
  failure_.reason = std::move(reason);
}

}  // namespace cpu_monitor::net
