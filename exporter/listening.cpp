#include "exporter/listening.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <utility>

#include <asio/ip/network_v6.hpp>
#include <asio/ip/v6_only.hpp>

namespace cpu_monitor::exporter {
namespace {

using asio::ip::tcp;

constexpr std::chrono::milliseconds kMinAcceptPause{10};
constexpr std::chrono::milliseconds kMaxAcceptPause{250};

constexpr double kHandshakesPerSecond = 1000;
constexpr double kHandshakeBurst = 100;

/// A kernel may be built or started without IPv6.
bool has_ipv6(asio::io_context& io) {
  std::error_code ec;
  tcp::socket(io).open(tcp::v6(), ec);
  return !ec;
}

tcp::endpoint to_endpoint(asio::io_context& io, const HostPort& address) {
  if (address.host.empty()) return {has_ipv6(io) ? tcp::v6() : tcp::v4(), address.port};
  if (address.host == "localhost") return {asio::ip::address_v4::loopback(), address.port};
  return {asio::ip::make_address(address.host), address.port};
}

}  // namespace

tcp::acceptor listen_on(asio::io_context& io, const HostPort& address) {
  const tcp::endpoint endpoint = to_endpoint(io, address);
  tcp::acceptor acceptor(io);
  acceptor.open(endpoint.protocol());
  acceptor.set_option(tcp::acceptor::reuse_address(true));
  if (endpoint.address().is_v6()) {
    acceptor.set_option(asio::ip::v6_only(!endpoint.address().is_unspecified()));
  }
  acceptor.bind(endpoint);
  acceptor.listen();
  return acceptor;
}

HostPort address_of(const tcp::acceptor& acceptor) {
  const tcp::endpoint endpoint = acceptor.local_endpoint();
  return {endpoint.address().to_string(), endpoint.port()};
}

asio::awaitable<void> accept_for_ever(tcp::acceptor& acceptor, Admission admission) {
  asio::steady_timer again(acceptor.get_executor());
  auto pause = kMinAcceptPause;
  while (true) {
    auto [ec, socket] = co_await acceptor.async_accept(net::use_nothrow);
    if (admission.is_over()) co_return;
    if (ec == asio::error::connection_aborted) continue;  // it left while it waited in line
    std::string failure = ec ? ec.message() : "";
    std::chrono::steady_clock::duration wait{0};
    if (!ec) {
      try {
        wait = admission.admit(std::move(socket));
      } catch (const std::exception& error) {
        failure = error.what();
      }
    }
    if (failure.empty()) {
      pause = kMinAcceptPause;
    } else {
      admission.on_failure(failure);
      wait = pause;  // trying at once would only spin
      pause = std::min(2 * pause, kMaxAcceptPause);
    }
    if (wait <= wait.zero()) continue;
    again.expires_after(wait);
    co_await again.async_wait(net::use_nothrow);
  }
}

TokenBucket handshake_pace() {
  return {kHandshakesPerSecond, kHandshakeBurst, std::chrono::steady_clock::now()};
}

asio::ip::address unmapped(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

std::string place_of(const asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  return asio::ip::make_network_v6(address.to_v6(), 64).canonical().to_string();
}

}  // namespace cpu_monitor::exporter
