#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// Names of OpenSSL, whose headers are read in tls.cpp alone.
struct ssl_st;
struct ssl_ctx_st;
struct x509_st;

namespace cpu_monitor::net {

enum class TlsVersion : std::uint8_t { tls1_2, tls1_3 };

struct TlsServerSettings {
  std::string cert_file;       ///< PEM: the leaf first, then what stands between it and its CA
  std::string key_file;        ///< PEM, without a passphrase
  std::string client_ca_file;  ///< PEM, may hold CRLs too; empty: clients show no certificate
  bool client_certificate_is_optional = false;
  TlsVersion min_version = TlsVersion::tls1_3;
  TlsVersion max_version = TlsVersion::tls1_3;

  bool operator==(const TlsServerSettings&) const = default;
};

struct TlsClientSettings {
  std::string ca_file;    ///< PEM, may hold CRLs too; empty: the system's authorities
  std::string ca_pin;     ///< in place of ca_file: SHA-256 of the authority's certificate (DER), as
                          ///< 64 hexadecimal digits; the server sends that certificate along
  std::string cert_file;  ///< the client's own; empty: it shows none
  std::string key_file;   ///< PEM, without a passphrase
  std::string server_name;  ///< a DNS name or IP address that the server's certificate must hold

  bool operator==(const TlsClientSettings&) const = default;
};

/// Whom the peer's certificate names.
struct PeerNames {
  std::vector<std::string> dns;
  std::vector<std::string> uris;
};

/// Why a handshake, or a connection, failed.
struct TlsFailure {
  enum class Kind : std::uint8_t {
    closed,       ///< the connection ended, or was closed by us
    not_tls,      ///< the peer speaks something else
    certificate,  ///< we do not believe the peer's certificate, or it showed none
    refused,      ///< the peer sent an alert: it does not believe ours, or shares nothing with us
    protocol,     ///< anything else
  };
  Kind kind = Kind::closed;
  std::string reason;  ///< words for a person, without any byte of the peer
};

/// The certificate, key and authorities of one side, as read from its files.
///
/// Never changes: after a rotation there is a new one, and connections keep the one they began
/// with. Ownership: shared with the connections.  Threads: safe from any. No tickets, no
/// resumption, no renegotiation, no compression.
class TlsContext {
 public:
  /// Throw std::runtime_error that names the file and says what to do.  A key that others than its
  /// owner may read, or than its owner and group when the group is ours, is refused.
  [[nodiscard]] static std::shared_ptr<const TlsContext> of_server(
      const TlsServerSettings& settings);
  [[nodiscard]] static std::shared_ptr<const TlsContext> of_client(
      const TlsClientSettings& settings);

  ~TlsContext();
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;

  /// When the own certificate, and the first of the authorities, ends; none if there is none.
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> certificate_not_after() const {
    return certificate_not_after_;
  }
  [[nodiscard]] std::optional<std::chrono::system_clock::time_point> ca_not_after() const {
    return ca_not_after_;
  }

  /// Whether certificates of peers are looked up in lists of revoked ones.
  [[nodiscard]] bool has_revocation_lists() const { return has_revocation_lists_; }

 private:
  friend class TlsSession;
  TlsContext();

  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
  bool is_server_ = false;
  std::string server_name_;
  std::string ca_pin_;  ///< 32 bytes, or none
  bool has_revocation_lists_ = false;
  std::string ca_digest_;  ///< of all authorities and lists, or none
  std::optional<std::chrono::system_clock::time_point> certificate_not_after_;
  std::optional<std::chrono::system_clock::time_point> ca_not_after_;
};

/// TLS on one socket, which stays its owner's: bytes in, bytes out, never waiting.
///
/// It works on the socket itself.  asio::ssl would keep four buffers of 17 KiB beside those of
/// OpenSSL for every connection; here an idle one has none (docs/performance.md).
/// Threads: one at a time.
class TlsSession {
 public:
  enum class Outcome : std::uint8_t {
    done,
    wants_read,   ///< again when the socket is readable
    wants_write,  ///< again when the socket is writable
    ended,        ///< the peer ended it, properly
    failed,       ///< see failure()
  };

  /// `socket` is non-blocking, and outlives this.
  TlsSession(std::shared_ptr<const TlsContext> context, int socket);
  ~TlsSession();
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;

  [[nodiscard]] Outcome handshake();
  /// At most one record; `bytes` is what was read or written.
  [[nodiscard]] Outcome read(char* buffer, std::size_t size, std::size_t& bytes);
  [[nodiscard]] Outcome write(std::string_view data, std::size_t& bytes);
  /// Says that nothing more comes, if the socket takes it at once.
  void say_end();

  /// Bytes of a record that are read but not yet asked for: the socket may have none.
  [[nodiscard]] bool has_pending() const;

  [[nodiscard]] const TlsFailure& failure() const { return failure_; }

  /// Of the peer's certificate, after the handshake; none when it showed none.
  [[nodiscard]] const std::optional<PeerNames>& peer_names() const { return peer_names_; }

  /// Whether `context` would believe the peer's certificate now.  True for a peer without one, if
  /// `context` demands none.  Costs a verification where its authorities are others than those by
  /// which it was believed last.
  [[nodiscard]] bool is_trusted_by(const std::shared_ptr<const TlsContext>& context);

 private:
  [[nodiscard]] bool is_verified_by(const TlsContext& context) const;
  [[nodiscard]] Outcome outcome_of(int result);
  void note_failure(TlsFailure::Kind kind, std::string reason);

  std::shared_ptr<const TlsContext> context_;  ///< by which the peer is believed
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> session_;
  std::optional<PeerNames> peer_names_;
  std::optional<std::chrono::system_clock::time_point> peer_not_after_;
  TlsFailure failure_;
};

}  // namespace cpu_monitor::net
