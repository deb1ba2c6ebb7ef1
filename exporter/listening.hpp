#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "common/host_port.hpp"
#include "common/net/asio.hpp"
#include "common/token_bucket.hpp"

namespace cpu_monitor::exporter {

/// Listens at once.  No host stands for every address, of IPv6 too where the kernel has it.  Throws
/// std::system_error.
[[nodiscard]] asio::ip::tcp::acceptor listen_on(asio::io_context& io, const HostPort& address);

[[nodiscard]] HostPort address_of(const asio::ip::tcp::acceptor& acceptor);

/// What becomes of those who come.
struct Admission {
  std::function<bool()> is_over;
  /// Returns how long the next one has to wait.
  std::function<std::chrono::steady_clock::duration(asio::ip::tcp::socket newcomer)> admit;
  /// No descriptor or no memory was left for one; it is tried again, at most 250 ms later.
  std::function<void(std::string_view reason)> on_failure;
};

/// Until it is over, which is looked at when the acceptor is closed or somebody comes.  The
/// acceptor must outlive it.
[[nodiscard]] asio::awaitable<void> accept_for_ever(asio::ip::tcp::acceptor& acceptor,
                                                    Admission admission);

/// One of TLS costs about 0.4 ms: those who come shall not take the time of those who are in.
[[nodiscard]] TokenBucket handshake_pace();

/// An IPv4 peer of a dual-stack socket shows as ::ffff:a.b.c.d.
[[nodiscard]] asio::ip::address unmapped(const asio::ip::address& address);

/// Whose address it is, as far as that can be told: who may have one of IPv6 may have all of its
/// /64.
[[nodiscard]] std::string place_of(const asio::ip::address& address);

}  // namespace cpu_monitor::exporter
