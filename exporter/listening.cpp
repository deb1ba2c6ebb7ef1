#include "exporter/listening.hpp"

#include <asio/ip/network_v6.hpp>
#include <asio/ip/v6_only.hpp>

namespace cpu_monitor::exporter {
namespace {

using asio::ip::tcp;

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

asio::ip::address unmapped(const asio::ip::address& address) {
  if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return address;
  return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
}

std::string place_of(const asio::ip::address& address) {
  if (address.is_v4()) return address.to_string();
  return asio::ip::make_network_v6(address.to_v6(), 64).canonical().to_string();
}

}  // namespace cpu_monitor::exporter
