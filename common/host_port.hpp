#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor {

/// Where to connect or listen.  `host` is a name, an IPv4 or an IPv6 address (without brackets), or
/// empty for "every address".
struct HostPort {
  std::string host;
  std::uint16_t port = 0;

  bool operator==(const HostPort&) const = default;
};

/// `host:8080`, `127.0.0.1:8080`, `[::1]:8080`, `:8080`.  Port 0..65535 (0: the system picks one).
[[nodiscard]] std::optional<HostPort> parse_host_port(std::string_view text);

/// As it is written on a command line: IPv6 in brackets.
[[nodiscard]] std::string format_host_port(const HostPort& address);

/// `localhost`, 127.0.0.0/8, ::1.  Purely by text: no name is looked up.
[[nodiscard]] bool is_loopback(std::string_view host);

/// True for an IPv4 or IPv6 address in numbers.
[[nodiscard]] bool is_ip_address(std::string_view host);

}  // namespace cpu_monitor
