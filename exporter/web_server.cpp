#include "exporter/web_server.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <CivetServer.h>

#include "common/log.hpp"
#include "exporter/page/page.hpp"
#include "exporter/page_query.hpp"

namespace cpu_monitor::exporter {
namespace {

constexpr std::string_view kPlainText = "text/plain; charset=utf-8";

struct Response {
  int status = 200;
  std::string_view content_type = kPlainText;
  std::string body;
};

/// What stands at one path.  Threads: called from several at once.
class Page {
 public:
  virtual ~Page() = default;
  [[nodiscard]] virtual Response get(std::string_view query) = 0;
};

/// /metrics: the fleet in the Prometheus text format.
class MetricsPage : public Page {
 public:
  MetricsPage(PageSettings settings, const Fleet& fleet, PercentGauge& gauge, SelfMetrics& metrics)
      : settings_(settings), fleet_(fleet), gauge_(gauge), metrics_(metrics) {}

  Response get(std::string_view query) override {
    const auto groups = parse_page_query(query, settings_.groups);
    if (!groups) return {400, kPlainText, groups.error().detail + "\n"};
    let_ingest_catch_up();
    const FleetSnapshot snapshot = fleet_.snapshot(Moment::now());
    Response response{200, "text/plain; version=0.0.4; charset=utf-8", {}};
    if (groups->has(MetricGroup::percent)) gauge_.render(snapshot, response.body);
    render_agents(snapshot, {*groups, settings_.peak_window}, response.body);
    if (groups->has(MetricGroup::exporter)) metrics_.render(snapshot, response.body);
    return response;
  }

 private:
  /// After a pause of the whole process this thread may run before the one that reads the agents.
  void let_ingest_catch_up() const {
    constexpr auto kPatience = std::chrono::seconds(1);
    const auto start = Moment::now();
    while (fleet_.is_behind(start) && std::chrono::steady_clock::now() - start.steady < kPatience) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }

  PageSettings settings_;
  const Fleet& fleet_;
  PercentGauge& gauge_;
  SelfMetrics& metrics_;
};

/// /: what this is, for a person.
class LandingPage : public Page {
 public:
  Response get(std::string_view /*query*/) override {
    return {200, "text/html; charset=utf-8", std::string(landing_page())};
  }
};

/// /-/healthy and /-/ready: for supervisors.
class ProbePage : public Page {
 public:
  ProbePage(std::string_view claim, std::function<bool()> is_true)
      : claim_(claim), is_true_(std::move(is_true)) {}

  Response get(std::string_view /*query*/) override {
    if (is_true_()) return {200, kPlainText, "cpu-monitor-exporter is " + claim_ + ".\n"};
    return {503, kPlainText, "cpu-monitor-exporter is not " + claim_ + ".\n"};
  }

 private:
  std::string claim_;
  std::function<bool()> is_true_;
};

void send(mg_connection* connection, const Response& response, bool with_body,
          std::string_view more_headers = {}) {
  std::string head = "HTTP/1.1 " + std::to_string(response.status) + " " +
                     mg_get_response_code_text(connection, response.status) + "\r\n";
  head.append("Content-Type: ").append(response.content_type).append("\r\n");
  head.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  head.append("Connection: close\r\nX-Content-Type-Options: nosniff\r\n");
  head.append("Content-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n");
  head.append("Cache-Control: no-store\r\n").append(more_headers).append("\r\n");
  mg_write(connection, head.data(), head.size());
  if (with_body) mg_write(connection, response.body.data(), response.body.size());
}

/// Finds the page of a path.  civetweb's own matching takes prefixes, so every request comes here.
class Router : public CivetHandler {
 public:
  void add(std::string path, std::unique_ptr<Page> page) {
    pages_[std::move(path)] = std::move(page);
  }

  bool handleGet(CivetServer* /*server*/, mg_connection* connection) override {
    send(connection, answer(connection), true);
    return true;
  }
  bool handleHead(CivetServer* /*server*/, mg_connection* connection) override {
    send(connection, answer(connection), false);
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
  Response answer(mg_connection* connection) {
    const mg_request_info* request = mg_get_request_info(connection);
    const auto found = pages_.find(std::string_view(request->local_uri));
    if (found == pages_.end()) return {404, kPlainText, "There is nothing here.\n"};
    try {
      return found->second->get(request->query_string != nullptr ? request->query_string : "");
    } catch (const std::exception& failure) {
      log::error("a page failed", {{"path", found->first}, {"reason", failure.what()}});
      return {500, kPlainText, "The page could not be made.\n"};
    }
  }

  static bool refuse_method(mg_connection* connection) {
    send(connection, {405, kPlainText, "Only GET and HEAD are served.\n"}, true,
         "Allow: GET, HEAD\r\n");
    return true;
  }

  std::map<std::string, std::unique_ptr<Page>, std::less<>> pages_;
};

/// Runs before any handler.  Returns 0 to go on, 1 when it answered.
int on_begin_request(mg_connection* connection) {
  mg_disable_connection_keep_alive(connection);
  // civetweb's timeout does not bound a slow body, so no body is read.
  if (mg_get_request_info(connection)->content_length <= 0 &&
      mg_get_header(connection, "Transfer-Encoding") == nullptr) {
    return 0;
  }
  send(connection, {413, kPlainText, "Requests with a body are not served.\n"}, true);
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

std::string ipv4_port(const HostPort& address) {
  return (address.host == "localhost" ? "127.0.0.1" : address.host) + ":" +
         std::to_string(address.port);
}

std::string joined(const std::vector<HostPort>& addresses) {
  std::string text;
  for (const HostPort& address : addresses) {
    if (!text.empty()) text += ',';
    text += ipv4_port(address);
  }
  return text;
}

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

/// civetweb does not say why it cannot listen.  Throws std::runtime_error that does.
void require_free(const HostPort& address) {
  const int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const sockaddr_in wanted = loopback(address.port);
  const int failure =
      ::bind(socket, reinterpret_cast<const sockaddr*>(&wanted), sizeof wanted) == 0 ? 0 : errno;
  ::close(socket);
  if (failure == 0) return;
  throw std::runtime_error("cannot serve HTTP on " + format_host_port(address) + ": " +
                           std::generic_category().message(failure) +
                           "; free it, or choose another with --web.listen-address");
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

std::vector<std::string> server_options(const std::vector<HostPort>& addresses) {
  return {"listening_ports",
          joined(addresses),
          "num_threads",
          "8",
          "request_timeout_ms",
          "5000",
          "max_request_size",
          "8192",
          "enable_keep_alive",
          "no",
          "enable_directory_listing",
          "no"};
}

}  // namespace

struct WebServer::Impl {
  Router router;
  CivetCallbacks callbacks = exporter::callbacks();
  std::vector<HostPort> addresses;
  std::unique_ptr<CivetServer> server;  // last: it goes first, and waits for its requests
};

WebServer::WebServer(Settings settings, const Fleet& fleet, PercentGauge& gauge,
                     SelfMetrics& metrics)
    : impl_(std::make_unique<Impl>()) {
  Router& router = impl_->router;
  router.add("/", std::make_unique<LandingPage>());
  router.add("/-/healthy", std::make_unique<ProbePage>("healthy", [] { return true; }));
  router.add("/-/ready", std::make_unique<ProbePage>("ready", [this] { return is_ready_.load(); }));
  router.add(settings.telemetry_path,
             std::make_unique<MetricsPage>(settings.page, fleet, gauge, metrics));
  for (const HostPort& address : settings.addresses) require_free(address);
  try {
    impl_->server =
        std::make_unique<CivetServer>(server_options(settings.addresses), &impl_->callbacks);
  } catch (const CivetException& failure) {
    throw std::runtime_error("cannot serve HTTP on " + joined(settings.addresses) + " (" +
                             failure.what() +
                             "); free it, or choose another with --web.listen-address");
  }
  impl_->server->addHandler("/", impl_->router);
  const auto ports = impl_->server->getListeningPorts();
  for (std::size_t i = 0; i < ports.size() && i < settings.addresses.size(); ++i) {
    impl_->addresses.push_back({settings.addresses[i].host, static_cast<std::uint16_t>(ports[i])});
  }
}

WebServer::~WebServer() { close_promptly(*impl_->server); }

std::vector<HostPort> WebServer::addresses() const { return impl_->addresses; }

}  // namespace cpu_monitor::exporter
