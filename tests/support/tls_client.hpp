#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

struct ssl_st;
struct ssl_ctx_st;

namespace cpu_monitor::tests {

/// A blocking TLS client of a loopback port that believes every server, for speaking raw lines.
/// Every wait ends after TcpClient::kPatience.
class TlsClient {
 public:
  struct Own {
    std::string certificate_file;  ///< empty: it shows none
    std::string key_file;
    bool speaks_tls1_2_only = false;
  };

  /// Connects and shakes hands, as far as the server lets it.
  explicit TlsClient(std::uint16_t port, const Own& own);
  explicit TlsClient(std::uint16_t port) : TlsClient(port, Own()) {}
  ~TlsClient();
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;

  /// False when nothing more can be sent.
  bool send(std::string_view bytes);

  /// The next line without its '\n'; none at the end, whose cause is in fault().
  [[nodiscard]] std::optional<std::string> read_line();

  /// Whatever comes until the end, whose cause is in fault().
  [[nodiscard]] std::string read_all();

  /// The common name of the server's certificate; empty before the handshake.
  [[nodiscard]] std::string server_name() const;

  /// What OpenSSL said of the last failure, "end" after a proper end; empty before.
  [[nodiscard]] const std::string& fault() const { return fault_; }

 private:
  void receive();
  void note_fault(int result);

  std::unique_ptr<ssl_ctx_st, void (*)(ssl_ctx_st*)> context_;
  std::unique_ptr<ssl_st, void (*)(ssl_st*)> session_;
  int socket_ = -1;
  std::string received_;
  std::string fault_;
};

}  // namespace cpu_monitor::tests
