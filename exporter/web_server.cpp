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
#include "exporter/metrics_page.hpp"
#include "exporter/page/page.hpp"
#include "exporter/page_query.hpp"

namespace cpu_monitor::exporter {
namespace {

/// All that is ever given to civetweb; without an `s`, a redirection or a second address.
constexpr const char* kPrivatePort = "127.0.0.1:0";

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

/// A scrape takes that long at most; Prometheus gives up after 10 s unless told otherwise.
constexpr std::chrono::seconds kLongestPage{30};

struct Request {
  std::string_view query;
  bool takes_gzip = false;
};

struct Response {
  int status = 200;
  std::string_view content_type = kPlainText;
  std::string body;
  /// One of these instead of `body`: compressed, and shared with other responses, or written while
  /// it is sent.
  std::shared_ptr<const std::string> gzipped;
  std::function<void(PageWriter&)> write;
  bool varies = false;  ///< with what the client accepts
};

Response plain(int status, std::string_view line) {
  Response response;
  response.status = status;
  response.body.append(line).append("\n");
  return response;
}

/// What stands at one path.  Threads: called from several at once.
class Page {
 public:
  virtual ~Page() = default;
  [[nodiscard]] virtual Response get(const Request& request) = 0;
};

/// /metrics.
class TelemetryPage : public Page {
 public:
  explicit TelemetryPage(MetricsPage& metrics) : metrics_(metrics) {}

  Response get(const Request& request) override {
    const auto groups = parse_page_query(request.query, metrics_.groups());
    if (!groups) return plain(400, groups.error().detail);
    Response response;
    response.content_type = "text/plain; version=0.0.4; charset=utf-8";
    response.varies = true;
    if (request.takes_gzip) {
      response.gzipped = metrics_.compressed(*groups);
    } else {
      response.write = [this, groups = *groups](PageWriter& page) { metrics_.write(groups, page); };
    }
    return response;
  }

 private:
  MetricsPage& metrics_;
};

/// /: what this is, for a person.
class LandingPage : public Page {
 public:
  Response get(const Request& /*request*/) override {
    Response response;
    response.content_type = "text/html; charset=utf-8";
    response.body = landing_page();
    return response;
  }
};

/// /-/healthy and /-/ready: for supervisors.
class ProbePage : public Page {
 public:
  ProbePage(std::string_view claim, std::function<bool()> is_true)
      : claim_(claim), is_true_(std::move(is_true)) {}

  Response get(const Request& /*request*/) override {
    if (is_true_()) return plain(200, "cpu-monitor-exporter is " + claim_ + ".");
    return plain(503, "cpu-monitor-exporter is not " + claim_ + ".");
  }

 private:
  std::string claim_;
  std::function<bool()> is_true_;
};

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

std::string head_of(mg_connection* connection, const Response& response,
                    std::string_view more_headers) {
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
  return head.append(kCommonHeaderLines).append(more_headers).append("\r\n");
}

WebPeers& peers_of(const mg_connection* connection) {
  const auto* const server =
      static_cast<const CivetServer*>(mg_get_user_data(mg_get_context(connection)));
  return *static_cast<WebPeers*>(const_cast<void*>(server->getUserContext()));
}

void send_to_end(mg_connection* connection, const Response& response, bool with_body,
                 std::string_view more_headers) {
  send_all(connection, head_of(connection, response, more_headers));
  if (!with_body) return;
  if (response.write) return send_in_chunks(connection, response);
  send_all(connection, response.gzipped ? *response.gzipped : response.body);
}

void send(mg_connection* connection, const Response& response, bool with_body,
          std::string_view more_headers = {}) {
  try {
    send_to_end(connection, response, with_body, more_headers);
    peers_of(connection).finish(mg_get_request_info(connection)->remote_port);
  } catch (const ClientGone& gone) {
    log::debug("a page was cut", {{"reason", gone.what()}});
  } catch (const std::exception& failure) {
    log::error("a page was cut", {{"reason", failure.what()}});
  }
}

/// Finds the page of a path.  civetweb's own matching takes prefixes, so every request comes here.
class Router : public CivetHandler {
 public:
  void add(std::string path, std::unique_ptr<Page> page) {
    pages_[std::move(path)] = std::move(page);
  }

  bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
    answer(connection, true);
    return true;
  }
  bool handleHead(CivetServer* /*server*/, mg_connection* connection) override {
    answer(connection, false);
    return true;
  }
  bool handlePost(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }
  bool handlePut(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }
  bool handleDelete(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }
  bool handleOptions(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }
  bool handlePatch(CivetServer* /*server*/, mg_connection* connection) override {
    return refuse_method(connection);
  }

 private:
  void answer(mg_connection* connection, bool with_body) const {
    const mg_request_info* request = mg_get_request_info(connection);
    const auto found = pages_.find(std::string_view(request->local_uri));
    if (found == pages_.end()) {
      return send(connection, plain(404, "There is nothing here."), with_body);
    }
    const char* const codings = mg_get_header(connection, "Accept-Encoding");
    const Request asked{request->query_string != nullptr ? request->query_string : "",
                        codings != nullptr && accepts_gzip(codings)};
    Response response;
    try {
      response = found->second->get(asked);
      if (response.write && !knows_chunks(connection)) write_whole(response);
    } catch (const std::exception& failure) {
      log::error("a page failed", {{"path", found->first}, {"reason", failure.what()}});
      response = plain(500, "The page could not be made.");
    }
    send(connection, response, with_body);
  }

  static bool refuse_method(mg_connection* connection) {
    send(connection, plain(405, "Only GET and HEAD are served."), true, "Allow: GET, HEAD\r\n");
    return true;
  }

  std::map<std::string, std::unique_ptr<Page>, std::less<>> pages_;
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

std::vector<std::string> server_options(const WebServer::Settings& settings,
                                        const WebPeers& peers) {
  return {"listening_ports",
          kPrivatePort,
          "access_control_list",
          "-0.0.0.0/0,+" + peers.address() + "/32",
          "num_threads",
          "8",
          "request_timeout_ms",
          std::to_string(settings.request_timeout.count()),
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
  Impl(const PageSettings& settings, const Fleet& fleet, PercentGauge& gauge, SelfMetrics& self)
      : metrics(settings, fleet, gauge, self) {}

  MetricsPage metrics;
  Router router;
  CivetCallbacks callbacks = exporter::callbacks();
  WebPeers peers{private_address()};
  std::unique_ptr<CivetServer> server;  // last: it goes first, and waits for its requests
};

WebServer::WebServer(const Settings& settings, const Fleet& fleet, PercentGauge& gauge,
                     SelfMetrics& metrics)
    : impl_(std::make_unique<Impl>(settings.page, fleet, gauge, metrics)) {
  Router& router = impl_->router;
  router.add("/", std::make_unique<LandingPage>());
  router.add("/-/healthy", std::make_unique<ProbePage>("healthy", [] { return true; }));
  router.add("/-/ready", std::make_unique<ProbePage>("ready", [this] { return is_ready_.load(); }));
  router.add(settings.telemetry_path, std::make_unique<TelemetryPage>(impl_->metrics));
  try {
    impl_->server = std::make_unique<CivetServer>(server_options(settings, impl_->peers),
                                                  &impl_->callbacks, &impl_->peers);
  } catch (const CivetException& failure) {
    throw std::runtime_error(std::string("cannot serve HTTP behind a port of 127.0.0.1: ") +
                             failure.what());
  }
  impl_->server->addHandler("/", impl_->router);
}

WebServer::~WebServer() { close_promptly(*impl_->server); }

std::uint16_t WebServer::port() const {
  return static_cast<std::uint16_t>(impl_->server->getListeningPorts().at(0));
}

WebPeers& WebServer::peers() { return impl_->peers; }

}  // namespace cpu_monitor::exporter
