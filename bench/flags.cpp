#include "bench/flags.hpp"

#include <arpa/inet.h>

#include <utility>

namespace cpu_monitor::bench {

ValueKind<HostPort> numeric_address() {
  const auto parse = [](std::string_view text) -> std::optional<HostPort> {
    auto address = parse_host_port(text);
    in_addr bytes{};
    if (!address || ::inet_pton(AF_INET, address->host.c_str(), &bytes) != 1) return std::nullopt;
    return address;
  };
  return {"HOST:PORT", "an IPv4 address in numbers and a port, such as 127.0.0.1:8080", parse,
          format_host_port};
}

ValueKind<std::string> any_text(std::string name) {
  return {std::move(name), "a text",
          [](std::string_view text) { return std::optional<std::string>(text); },
          [](const std::string& text) { return text; }};
}

}  // namespace cpu_monitor::bench
