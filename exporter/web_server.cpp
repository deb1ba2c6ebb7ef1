#include "exporter/web_server.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string_view>
#include <thread>
#include <utility>

#include <CivetServer.h>

#include "common/log.hpp"
#include "exporter/compression.hpp"
#include "exporter/http_head.hpp"
#include "exporter/page_writer.hpp"

namespace cpu_monitor::exporter {
namespace {

/// All that is ever given to civetweb; without an `s`, a redirection or a second address.
constexpr const char* kPrivatePort = "127.0.0.1:0";

/// A scrape takes that long at most; Prometheus gives up after 10 s unless told otherwise.
constexpr std::chrono::seconds kLongestPage{30};

/// The client hung up, or does not read.
struct ClientGone : std::runtime_error {
  ClientGone() : std::runtime_error("the client took no more") {}
};

/// Throws ClientGone.
void send_all(mg_connection* connection, std::string_view bytes) {
  // Behind a gap nothing may be sent: the client would take it for what belongs there.
  const int sent = mg_write(connection, bytes.data(), bytes.size());
  if (sent < 0 || static_cast<std::size_t>(sent) != bytes.size()) throw ClientGone();
}

bool knows_chunks(mg_connection* connection) {
  const char* const version = mg_get_request_info(connection)->http_version;
  return version != nullptr && std::string_view(version) != "1.0";
}

/// Sends a body whose length is not known before its end.  What goes wrong on the way leaves it
/// without its last chunk, so that the client knows that it is cut.
void send_in_chunks(mg_connection* connection, const Response& response) {
  // A client that reads slowly keeps a worker and a snapshot of the fleet.
  const auto deadline = std::chrono::steady_clock::now() + kLongestPage;
  std::string chunk;
  PageWriter page([&](std::string_view block) {
    if (std::chrono::steady_clock::now() > deadline) throw ClientGone();
    std::array<char, 16> size{};
    chunk.assign(size.data(), std::to_chars(size.begin(), size.end(), block.size(), 16).ptr);
    chunk.append("\r\n").append(block).append("\r\n");
    send_all(connection, chunk);
  });
  response.write(page);
  page.flush();
  send_all(connection, "0\r\n\r\n");
}

/// For who knows no chunks: where the page ends has to be said before it begins.
void write_whole(Response& response) {
  PageWriter page([&response](std::string_view block) { response.body.append(block); });
  response.write(page);
  page.flush();
  response.write = nullptr;
}

std::string head_of(mg_connection* connection, const Response& response) {
  const std::string& body = response.gzipped ? *response.gzipped : response.body;
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " +
                     mg_get_response_code_text(connection, response.status) + "\r\n";
  head.append("Content-Type: ").append(response.content_type).append("\r\n");
  if (response.write) {
    head.append("Transfer-Encoding: chunked\r\n");
  } else {
    head.append("Content-Length: ").append(std::to_string(body.size())).append("\r\n");
  }
  if (response.gzipped) head.append("Content-Encoding: gzip\r\n");
  if (response.varies) head.append("Vary: Accept-Encoding\r\n");
  return head.append(kCommonHeaderLines).append(response.more_lines).append("\r\n");
}

WebPeers& peers_of(const mg_connection* connection) {
  const auto* const server =
      static_cast<const CivetServer*>(mg_get_user_data(mg_get_context(connection)));
  return *static_cast<WebPeers*>(const_cast<void*>(server->getUserContext()));
}

void send_to_end(mg_connection* connection, const Response& response, bool with_body) {
  send_all(connection, head_of(connection, response));
  if (!with_body) return;
  if (response.write) return send_in_chunks(connection, response);
  send_all(connection, response.gzipped ? *response.gzipped : response.body);
}

void send(mg_connection* connection, const Response& response, bool with_body) {
  try {
    send_to_end(connection, response, with_body);
    peers_of(connection).finish(mg_get_request_info(connection)->remote_port);
  } catch (const ClientGone& gone) {
    log::debug("a page was cut", {{"reason", gone.what()}});
  } catch (const std::exception& failure) {
    log::error("a page was cut", {{"reason", failure.what()}});
  }
}

std::string_view text_of(const char* text) { return text != nullptr ? text : ""; }

Response answer_of(const Site& site, mg_connection* connection) {
  const mg_request_info* const asked = mg_get_request_info(connection);
  const std::string_view method = text_of(asked->request_method);
  const Site::Match found = site.find(text_of(asked->local_uri));
  if (found.page == nullptr) return plain(404, "There is nothing here.");
  Request request;
  request.name = found.name;
  request.query = text_of(asked->query_string);
  request.host = text_of(mg_get_header(connection, "Host"));
  request.takes_gzip = accepts_gzip(text_of(mg_get_header(connection, "Accept-Encoding")));
  try {
    Response response = method == "DELETE" ? found.page->remove(request) : found.page->get(request);
    if (response.write && !knows_chunks(connection)) write_whole(response);
    return response;
  } catch (const std::exception& failure) {
    log::error("a page failed", {{"path", asked->local_uri}, {"reason", failure.what()}});
    return plain(500, "The page could not be made.");
  }
}

/// civetweb's own matching takes prefixes, so every request comes here.
class Handler : public CivetHandler {
 public:
  explicit Handler(const Site& site) : site_(site) {}

  bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
    send(connection, answer_of(site_, connection), true);
    return true;
  }
  bool handleHead(CivetServer* /*server*/, mg_connection* connection) override {
    send(connection, answer_of(site_, connection), false);
    return true;
  }
  bool handleDelete(CivetServer* /*server*/, mg_connection* connection) override {
    send(connection, answer_of(site_, connection), true);
    return true;
  }
  bool handlePost(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }
  bool handlePut(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }
  bool handleOptions(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }
  bool handlePatch(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }

 private:
  static bool refuse_method(mg_connection* connection) {
    send(connection, method_not_served(), true);
    return true;
  }

  const Site& site_;
};

/// Runs before any handler.  Returns 0 to go on, 1 when that was all.
int on_begin_request(mg_connection* connection) {
  mg_disable_connection_keep_alive(connection);
  const mg_request_info* const peer = mg_get_request_info(connection);
  if (!peers_of(connection).begin(peer->remote_addr, peer->remote_port)) return 1;
  // civetweb's timeout does not bound a slow body, so no body is read.
  if (mg_get_request_info(connection)->content_length <= 0 &&
      mg_get_header(connection, "Transfer-Encoding") == nullptr) {
    return 0;
  }
  send(connection, plain(413, "Requests with a body are not served."), true);
  return 1;
}

int on_log_message(const mg_connection* /*connection*/, const char* message) {
  log::debug("civetweb", {{"message", message}});
  return 1;  // it shall not write it itself
}

CivetCallbacks callbacks() {
  CivetCallbacks callbacks;
  callbacks.begin_request = on_begin_request;
  callbacks.log_message = on_log_message;
  return callbacks;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// Whether connections can come from it.
bool is_usable(const std::string& address) {
  sockaddr_in wanted{};
  wanted.sin_family = AF_INET;
  if (::inet_pton(AF_INET, address.c_str(), &wanted.sin_addr) != 1) return false;
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (socket < 0) return false;
  const bool is_bound =
      ::bind(socket, reinterpret_cast<const sockaddr*>(&wanted), sizeof wanted) == 0;
  ::close(socket);
  return is_bound;
}

/// An address of this machine that nobody else comes from, unless he looks for it: civetweb turns
/// all others away when it accepts, so that they take no worker's time.
std::string private_address() {
  std::random_device random;
  std::uniform_int_distribution<int> byte(1, 254);
  std::string address = "127";
  for (int i = 0; i < 3; ++i) address += '.' + std::to_string(byte(random));
  return is_usable(address) ? address : "127.0.0.1";
}

/// Connects to a port and hangs up.
void knock(int port) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (socket < 0) return;
  const sockaddr_in address = loopback(static_cast<std::uint16_t>(port));
  static_cast<void>(::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address));
  ::close(socket);
}

/// Stops the server without the up to 2 s that civetweb 1.15 sleeps between two looks at its stop
/// flag: a newcomer wakes it.
void close_promptly(CivetServer& server) {
  const std::vector<int> ports = server.getListeningPorts();
  std::atomic<bool> is_closed{false};
  std::thread closer([&server, &is_closed] {
    server.close();
    is_closed = true;
  });
  while (!is_closed) {
    for (const int port : ports) knock(port);
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  closer.join();
}

std::vector<std::string> server_options(std::chrono::milliseconds request_timeout,
                                        const WebPeers& peers) {
  return {"listening_ports",
          kPrivatePort,
          "access_control_list",
          "-0.0.0.0/0,+" + peers.address() + "/32",
          "num_threads",
          "8",
          "request_timeout_ms",
          std::to_string(request_timeout.count()),
          "max_request_size",
          "8192",
          "enable_keep_alive",
          "no",
          "tcp_nodelay",  // the last chunk is small, and need not wait for an acknowledgement
          "1",
          "enable_directory_listing",
          "no"};
}

}  // namespace

struct WebServer::Impl {
  explicit Impl(Site pages) : site(std::move(pages)) {}

  Site site;
  Handler handler{site};
  CivetCallbacks callbacks = exporter::callbacks();
  WebPeers peers{private_address()};
  std::unique_ptr<CivetServer> server;  // last: it goes first, and waits for its requests
};

WebServer::WebServer(Site site, std::chrono::milliseconds request_timeout)
    : impl_(std::make_unique<Impl>(std::move(site))) {
  try {
    impl_->server = std::make_unique<CivetServer>(server_options(request_timeout, impl_->peers),
                                                  &impl_->callbacks, &impl_->peers);
  } catch (const CivetException& failure) {
    throw std::runtime_error(std::string("cannot serve HTTP behind a port of 127.0.0.1: ") +
                             failure.what());
  }
  impl_->server->addHandler("/", impl_->handler);
}

WebServer::~WebServer() { close_promptly(*impl_->server); }

std::uint16_t WebServer::port() const {
  return static_cast<std::uint16_t>(impl_->server->getListeningPorts().at(0));
}

WebPeers& WebServer::peers() { return impl_->peers; }

}  // namespace cpu_monitor::exporter
