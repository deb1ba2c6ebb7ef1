#pragma once

#include <string>

#include "common/host_port.hpp"
#include "common/net/asio.hpp"

namespace cpu_monitor::exporter {

/// Listens at once.  No host stands for every address, of IPv6 too where the kernel has it.  Throws
/// std::system_error.
[[nodiscard]] asio::ip::tcp::acceptor listen_on(asio::io_context& io, const HostPort& address);

[[nodiscard]] HostPort address_of(const asio::ip::tcp::acceptor& acceptor);

/// An IPv4 peer of a dual-stack socket shows as ::ffff:a.b.c.d.
[[nodiscard]] asio::ip::address unmapped(const asio::ip::address& address);

/// Whose address it is, as far as that can be told: who may have one of IPv6 may have all of its
/// /64.
[[nodiscard]] std::string place_of(const asio::ip::address& address);

}  // namespace cpu_monitor::exporter
