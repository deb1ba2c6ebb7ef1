#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "common/host_port.hpp"

/// TCP over IPv4, non-blocking, without a library.  Errors: std::system_error, where not said
/// otherwise.
namespace cpu_monitor::bench {

/// REQUIRES: `address.host` is an IPv4 address in numbers.
[[nodiscard]] sockaddr_in socket_address(const HostPort& address);

/// A listening socket.  Port 0: the system picks one.
[[nodiscard]] int listen_on(const HostPort& address);
[[nodiscard]] std::uint16_t port_of(int socket);

/// A socket that is on its way to `address`: writable once it is there.  -1, and errno, when that
/// cannot even begin.
[[nodiscard]] int begin_to_connect(const sockaddr_in& address);

/// How the attempt ended: 0, or the errno.
[[nodiscard]] int connect_error(int socket);

/// Small lines leave at once.
void disable_delay(int socket);

}  // namespace cpu_monitor::bench
