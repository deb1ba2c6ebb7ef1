#include "tests/support/tcp_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <stdexcept>
#include <string>
#include <utility>

namespace cpu_monitor::tests {

TcpClient::TcpClient(std::uint16_t port, const std::string& source)
    : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  if (!source.empty()) {
    ::inet_pton(AF_INET, source.c_str(), &address.sin_addr);
    ::bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(socket_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    ::close(socket_);
    throw std::runtime_error("cannot connect to port " + std::to_string(port));
  }
}

TcpClient::TcpClient(TcpClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)), received_(std::move(other.received_)) {}

TcpClient::~TcpClient() {
  if (socket_ >= 0) ::close(socket_);
}

bool TcpClient::send(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool TcpClient::send_unless_stalled(std::string_view bytes, std::chrono::milliseconds patience) {
  while (!bytes.empty()) {
    pollfd writable{socket_, POLLOUT, 0};
    if (::poll(&writable, 1, static_cast<int>(patience.count())) <= 0) return false;
    const auto sent = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

bool TcpClient::receive() {
  pollfd readable{socket_, POLLIN, 0};
  const auto patience = std::chrono::milliseconds(kPatience).count();
  if (::poll(&readable, 1, static_cast<int>(patience)) <= 0) return false;
  std::array<char, 65536> chunk{};
  const auto bytes = ::recv(socket_, chunk.data(), chunk.size(), 0);
  if (bytes <= 0) return false;
  received_.append(chunk.data(), static_cast<std::size_t>(bytes));
  return true;
}

std::optional<std::string> TcpClient::read_line() {
  std::size_t end = 0;
  while ((end = received_.find('\n')) == std::string::npos) {
    if (!receive()) return std::nullopt;
  }
  std::string line = received_.substr(0, end);
  received_.erase(0, end + 1);
  return line;
}

std::string TcpClient::read_all() {
  while (receive()) {
  }
  return std::exchange(received_, {});
}

std::string TcpClient::read_exactly(std::size_t bytes) {
  while (received_.size() < bytes && receive()) {
  }
  std::string head = received_.substr(0, bytes);
  received_.erase(0, head.size());
  return head;
}

bool TcpClient::is_closed_by_peer() {
  if (!received_.empty()) return false;
  pollfd readable{socket_, POLLIN, 0};
  const auto patience = std::chrono::milliseconds(kPatience).count();
  if (::poll(&readable, 1, static_cast<int>(patience)) <= 0) return false;
  char byte = 0;
  return ::recv(socket_, &byte, 1, 0) <= 0;
}

std::size_t TcpClient::read_some(std::chrono::milliseconds patience) {
  pollfd readable{socket_, POLLIN, 0};
  if (::poll(&readable, 1, static_cast<int>(patience.count())) <= 0) return 0;
  std::array<char, 65536> chunk{};
  const auto bytes = ::recv(socket_, chunk.data(), chunk.size(), 0);
  if (bytes <= 0) return 0;
  received_.append(chunk.data(), static_cast<std::size_t>(bytes));
  return static_cast<std::size_t>(bytes);
}

void TcpClient::finish() { ::shutdown(socket_, SHUT_WR); }

namespace {

/// Takes the framing off a chunked body (RFC 9112, 7.1), and says whether its end is there.
bool unchunk(std::string& body) {
  std::string_view framed = body;
  std::string text;
  bool is_whole = false;
  while (!is_whole) {
    const std::size_t end_of_size = framed.find("\r\n");
    if (end_of_size == std::string_view::npos) break;
    const std::size_t size = std::stoul(std::string(framed.substr(0, end_of_size)), nullptr, 16);
    framed.remove_prefix(end_of_size + 2);
    if (framed.size() < size + 2 || framed.substr(size, 2) != "\r\n") break;
    text += framed.substr(0, size);
    framed.remove_prefix(size + 2);
    is_whole = size == 0 && framed.empty();
  }
  body = std::move(text);
  return is_whole;
}

/// The value of a header; empty when it is not there.
std::string_view header(std::string_view head, std::string_view name) {
  const std::string start = "\r\n" + std::string(name) + ": ";
  const std::size_t found = head.find(start);
  if (found == std::string_view::npos) return {};
  const std::string_view rest = head.substr(found + start.size());
  return rest.substr(0, rest.find("\r\n"));
}

}  // namespace

HttpAnswer http(std::uint16_t port, std::string_view path, std::string_view method,
                std::string_view more_headers) {
  TcpClient client(port);
  std::string request(method);
  request.append(" ").append(path).append(" HTTP/1.1\r\nHost: localhost\r\n");
  request.append(more_headers).append("\r\n");
  client.send(request);
  return parse_answer(client.read_all());
}

HttpAnswer parse_answer(const std::string& answer) {
  HttpAnswer parts;
  const auto end_of_head = answer.find("\r\n\r\n");
  if (answer.size() < 12 || end_of_head == std::string::npos) return parts;
  parts.status = std::stoi(answer.substr(9, 3));
  parts.head = answer.substr(0, end_of_head);
  parts.body = answer.substr(end_of_head + 4);
  if (header(parts.head, "Transfer-Encoding") == "chunked") {
    parts.is_whole = unchunk(parts.body);
  } else {
    parts.is_whole = header(parts.head, "Content-Length") == std::to_string(parts.body.size());
  }
  return parts;
}

}  // namespace cpu_monitor::tests
