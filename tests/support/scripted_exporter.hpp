#pragma once

#include <cstdint>
#include <string>

#include <asio/read.hpp>
#include <asio/write.hpp>

#include "common/net/asio.hpp"

namespace cpu_monitor::tests {

/// An exporter that says exactly what the test says.
class ScriptedExporter {
 public:
  ScriptedExporter()
      : acceptor_(io_, asio::ip::tcp::endpoint(asio::ip::address_v4::loopback(), 0)) {}

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }

  /// Those who connect from now on find little room for what is not read yet.
  void take_little() { acceptor_.set_option(asio::socket_base::receive_buffer_size(4096)); }

  [[nodiscard]] asio::ip::tcp::socket accept() { return acceptor_.accept(); }

  static void say(asio::ip::tcp::socket& socket, const std::string& text) {
    std::error_code ignored;
    asio::write(socket, asio::buffer(text), ignored);
  }

  static std::string hear_line(asio::ip::tcp::socket& socket) {
    std::string line;
    std::error_code ec;
    for (char byte = 0; asio::read(socket, asio::buffer(&byte, 1), ec) == 1 && byte != '\n';)
      line += byte;
    return line;
  }

  static constexpr const char* kWelcome =
      "{\"type\":\"welcome\",\"protocol\":1,\"exporter_version\":\"test\",\"max_line_bytes\":"
      "262144,"
      "\"max_cpus\":1024,\"idle_timeout_ms\":15000,\"groups\":[\"percent\"]}\n";

 private:
  asio::io_context io_;
  asio::ip::tcp::acceptor acceptor_;
};

}  // namespace cpu_monitor::tests
