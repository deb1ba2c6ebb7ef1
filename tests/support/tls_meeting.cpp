#include "tests/support/tls_meeting.hpp"

#include <signal.h>

#include <array>
#include <chrono>
#include <exception>
#include <memory>
#include <system_error>
#include <utility>

#include "common/net/asio.hpp"
#include "common/net/stream.hpp"

namespace cpu_monitor::tests {
namespace {

using net::Stream;
using net::TlsContext;
using tcp = asio::ip::tcp;

/// Shakes hands, sends "hello", and reads until "hello" came or the end.
asio::awaitable<void> talk(std::shared_ptr<Stream> stream,
                           std::shared_ptr<const TlsContext> context, Finding& finding) {
  finding.handshake = co_await stream->secure(std::move(context));
  if (finding.handshake) {
    stream->finish();
    std::array<char, 4096> rest{};
    for (std::error_code ec; !ec || ec == asio::error::would_block;) {
      auto [failure] = co_await stream->readable();
      if (failure) break;
      static_cast<void>(stream->read_available(asio::buffer(rest), ec));
    }
    stream->close();
    co_return;
  }
  finding.names = stream->tls()->peer_names();
  stream->send("hello");
  while (finding.heard.size() < 5) {
    if (!stream->has_pending()) {
      auto [failure] = co_await stream->readable();
      if (failure) break;
    }
    std::array<char, 4096> chunk{};
    std::error_code ec;
    const auto bytes = stream->read_available(asio::buffer(chunk), ec);
    if (ec == asio::error::would_block) continue;
    if (ec) break;
    finding.heard.append(chunk.data(), bytes);
  }
  if (!stream->tls()->failure().reason.empty()) finding.reading = stream->tls()->failure();
  stream->finish();
}

}  // namespace

std::pair<Finding, Finding> meet(std::shared_ptr<const TlsContext> server,
                                 std::shared_ptr<const TlsContext> client) {
  ::signal(SIGPIPE, SIG_IGN);
  asio::io_context io{1};
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  tcp::socket calling(io);
  calling.connect(acceptor.local_endpoint());
  const auto called = std::make_shared<Stream>(acceptor.accept());
  const auto caller = std::make_shared<Stream>(std::move(calling));
  std::pair<Finding, Finding> findings;
  const auto rethrow = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  };
  asio::co_spawn(io, talk(called, std::move(server), findings.first), rethrow);
  asio::co_spawn(io, talk(caller, std::move(client), findings.second), rethrow);
  io.run_for(std::chrono::seconds(10));
  return findings;
}

std::pair<Finding, Finding> meet(const net::TlsServerSettings& server,
                                 const net::TlsClientSettings& client) {
  return meet(TlsContext::of_server(server), TlsContext::of_client(client));
}

}  // namespace cpu_monitor::tests
