#include "tests/support/tls_client.hpp"

#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <array>
#include <stdexcept>
#include <utility>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "tests/support/tcp_client.hpp"

namespace cpu_monitor::tests {
namespace {

int connect_to(std::uint16_t port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  timeval patience{};
  patience.tv_sec = TcpClient::kPatience.count();
  ::setsockopt(socket, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket);
    throw std::runtime_error("cannot connect");
  }
  return socket;
}

}  // namespace

TlsClient::TlsClient(std::uint16_t port, const Own& own)
    : context_(SSL_CTX_new(TLS_client_method()), SSL_CTX_free),
      session_(nullptr, SSL_free),
      socket_(connect_to(port)) {
  ::signal(SIGPIPE, SIG_IGN);
  SSL_CTX_set_security_level(context_.get(), 0);
  SSL_CTX_set_verify(context_.get(), SSL_VERIFY_NONE, nullptr);
  if (own.speaks_tls1_2_only) SSL_CTX_set_max_proto_version(context_.get(), TLS1_2_VERSION);
  if (!own.certificate_file.empty() &&
      (SSL_CTX_use_certificate_chain_file(context_.get(), own.certificate_file.c_str()) != 1 ||
       SSL_CTX_use_PrivateKey_file(context_.get(), own.key_file.c_str(), SSL_FILETYPE_PEM) != 1)) {
    throw std::runtime_error("cannot use the client's certificate");
  }
  session_.reset(SSL_new(context_.get()));
  SSL_set_fd(session_.get(), socket_);
  ERR_clear_error();
  const int result = SSL_connect(session_.get());
  if (result != 1) note_fault(result);
}

TlsClient::~TlsClient() {
  session_.reset();
  ::close(socket_);
}

bool TlsClient::send(std::string_view bytes) {
  if (!fault_.empty()) return false;
  ERR_clear_error();
  const int result = SSL_write(session_.get(), bytes.data(), static_cast<int>(bytes.size()));
  if (result > 0) return true;
  note_fault(result);
  return false;
}

std::optional<std::string> TlsClient::read_line() {
  for (;;) {
    const auto end = received_.find('\n');
    if (end != std::string::npos) {
      std::string line = received_.substr(0, end);
      received_.erase(0, end + 1);
      return line;
    }
    if (!fault_.empty()) return std::nullopt;
    receive();
  }
}

std::string TlsClient::read_all() {
  while (fault_.empty()) receive();
  return std::exchange(received_, {});
}

void TlsClient::receive() {
  std::array<char, 65536> chunk{};
  ERR_clear_error();
  const int result = SSL_read(session_.get(), chunk.data(), chunk.size());
  if (result > 0) {
    received_.append(chunk.data(), static_cast<std::size_t>(result));
  } else {
    note_fault(result);
  }
}

std::string TlsClient::server_name() const {
  const X509* const certificate = SSL_get0_peer_certificate(session_.get());
  if (certificate == nullptr) return {};
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(certificate), NID_commonName, name.data(),
                            static_cast<int>(name.size()));
  return name.data();
}

void TlsClient::note_fault(int result) {
  if (SSL_get_error(session_.get(), result) == SSL_ERROR_ZERO_RETURN) {
    fault_ = "end";
    return;
  }
  const char* const reason = ERR_reason_error_string(ERR_peek_error());
  fault_ = reason != nullptr ? reason : "closed";
}

}  // namespace cpu_monitor::tests
