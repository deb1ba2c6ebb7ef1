#include "bench/tcp.hpp"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <string>
#include <system_error>

namespace cpu_monitor::bench {
namespace {

constexpr int kBacklog = 4096;

int new_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0); }

void set_option(int socket, int level, int name) {
  const int on = 1;
  ::setsockopt(socket, level, name, &on, sizeof on);
}

// What the socket functions take for every kind of address.
const sockaddr* as_generic(const sockaddr_in& address) {
  return static_cast<const sockaddr*>(static_cast<const void*>(&address));
}

[[noreturn]] void fail(const std::string& what) {
  throw std::system_error(errno, std::generic_category(), what);
}

}  // namespace

sockaddr_in socket_address(const HostPort& address) {
  sockaddr_in bytes{};
  bytes.sin_family = AF_INET;
  bytes.sin_port = htons(address.port);
  ::inet_pton(AF_INET, address.host.c_str(), &bytes.sin_addr);
  return bytes;
}

int listen_on(const HostPort& address) {
  const int socket = new_socket();
  if (socket < 0) fail("socket");
  set_option(socket, SOL_SOCKET, SO_REUSEADDR);
  const sockaddr_in bytes = socket_address(address);
  if (::bind(socket, as_generic(bytes), sizeof bytes) != 0 || ::listen(socket, kBacklog) != 0) {
    fail("listen on " + format_host_port(address));
  }
  return socket;
}

std::uint16_t port_of(int socket) {
  sockaddr_in bytes{};
  socklen_t size = sizeof bytes;
  if (::getsockname(socket, static_cast<sockaddr*>(static_cast<void*>(&bytes)), &size) != 0) {
    fail("getsockname");
  }
  return ntohs(bytes.sin_port);
}

int begin_to_connect(const sockaddr_in& address) {
  const int socket = new_socket();
  if (socket < 0) return -1;
  disable_delay(socket);
  if (::connect(socket, as_generic(address), sizeof address) == 0 || errno == EINPROGRESS) {
    return socket;
  }
  const int error = errno;
  ::close(socket);
  errno = error;
  return -1;
}

int connect_error(int socket) {
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(socket, SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

void disable_delay(int socket) { set_option(socket, IPPROTO_TCP, TCP_NODELAY); }

}  // namespace cpu_monitor::bench
