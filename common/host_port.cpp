#include "common/host_port.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <system_error>

namespace cpu_monitor {
namespace {

constexpr std::size_t kMaxHostNameBytes = 253;  // RFC 1035, in text form
constexpr std::string_view kDigits = "0123456789";
constexpr std::string_view kHostNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";

template <class Address>
std::optional<Address> parse_address(int family, std::string_view text) {
  if (text.find('\0') != std::string_view::npos) return std::nullopt;  // where inet_pton stops
  Address address{};
  if (inet_pton(family, std::string(text).c_str(), &address) != 1) return std::nullopt;
  return address;
}

std::optional<in_addr> parse_ipv4(std::string_view text) {
  return parse_address<in_addr>(AF_INET, text);
}

std::optional<in6_addr> parse_ipv6(std::string_view text) {
  return parse_address<in6_addr>(AF_INET6, text);
}

/// A name that resolvers accept.  Digits and dots alone are an IPv4 address or a slip, never a
/// name: resolvers would read `127.1` or `010.0.0.1` as an address nobody meant.
bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > kMaxHostNameBytes) return false;
  if (text.front() == '-' || text.front() == '.') return false;
  if (text.find_first_not_of("0123456789.") == std::string_view::npos) {
    return parse_ipv4(text).has_value();
  }
  return text.find_first_not_of(kHostNameCharacters) == std::string_view::npos;
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  if (text.find_first_not_of(kDigits) != std::string_view::npos) return std::nullopt;
  std::uint16_t port = 0;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (fault != std::errc{}) return std::nullopt;
  return port;
}

std::optional<std::string> parse_host(std::string_view text) {
  if (text.empty()) return std::string();
  if (text.front() == '[' && text.back() == ']') {
    const std::string_view address = text.substr(1, text.size() - 2);
    if (!parse_ipv6(address)) return std::nullopt;
    return std::string(address);
  }
  if (!is_host_name(text)) return std::nullopt;
  return std::string(text);
}

bool equals_ignoring_case(std::string_view text, std::string_view lower) {
  const auto to_lower = [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  };
  return std::equal(text.begin(), text.end(), lower.begin(), lower.end(),
                    [&](char a, char b) { return to_lower(a) == b; });
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  std::optional<std::string> host = parse_host(text.substr(0, colon));
  const std::optional<std::uint16_t> port = parse_port(text.substr(colon + 1));
  if (!host || !port) return std::nullopt;
  return HostPort{std::move(*host), *port};
}

std::string format_host_port(const HostPort& address) {
  const bool is_ipv6 = address.host.find(':') != std::string::npos;
  const std::string host = is_ipv6 ? '[' + address.host + ']' : address.host;
  return host + ':' + std::to_string(address.port);
}

bool is_loopback(std::string_view host) {
  if (equals_ignoring_case(host, "localhost")) return true;
  if (const auto ipv4 = parse_ipv4(host)) return (ntohl(ipv4->s_addr) >> 24) == 127;
  const auto ipv6 = parse_ipv6(host);
  return ipv6 && IN6_IS_ADDR_LOOPBACK(&*ipv6);
}

bool is_ip_address(std::string_view host) { return parse_ipv4(host) || parse_ipv6(host); }

}  // namespace cpu_monitor
