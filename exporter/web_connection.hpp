#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "common/net/asio.hpp"
#include "common/net/stream.hpp"
#include "exporter/self_metrics.hpp"
#include "exporter/turns.hpp"
#include "exporter/web_access.hpp"
#include "exporter/web_peers.hpp"

namespace cpu_monitor::exporter {

/// Prometheus, Grafana and browsers may share an address (NAT, a proxy), and a Prometheus that
/// scrapes each machine as a target of its own has many requests under way when they travel far.
/// So an address may have half of all connections, and who is over a limit takes the place of who
/// keeps us waiting, rather than being refused.
struct WebLimits {
  std::size_t max_connections = 512;
  std::size_t max_connections_of_address = 256;
  std::size_t max_buffered_bytes = std::size_t{64} << 20;  ///< of answers, of all connections
  std::chrono::milliseconds head_timeout{10'000};          ///< TLS handshake and request
  std::chrono::milliseconds answer_timeout{30'000};        ///< from there to the last byte
  std::chrono::milliseconds progress_timeout{5'000};       ///< for at least these bytes:
  std::size_t min_progress_bytes = std::size_t{64} * 1024;
};

class WebConnection;

/// What all web connections share.
struct WebContext {
  /// Requests that civetweb has at a time, one for each of its workers.
  static constexpr std::size_t kMaxPages = 8;
  static constexpr std::size_t kReadBytes = std::size_t{64} * 1024;

  asio::io_context& io;
  std::uint16_t server_port;  ///< civetweb's, on 127.0.0.1
  WebPeers& peers;
  WebLimits limits;
  std::function<void(WebRefusal reason, std::string_view peer, std::string_view why)> refused;
  std::function<void()> cut_slowest;
  /// Calls hear() some time, unless the gate goes first.
  std::function<void(const std::shared_ptr<WebConnection>&, std::string_view authorization)> judge;
  Turns pages{kMaxPages};
  std::size_t buffered_bytes = 0;
  std::set<WebConnection*> held{};  ///< those that hold a worker until their client has read on
  std::array<char, kReadBytes> read_buffer{};  ///< of whoever reads just now
};

/// One web client, from its first byte to its last: TLS, the head of one request, who asks, and the
/// answer that civetweb gives.
///
/// civetweb is read at once, whatever the client does, so that a slow client holds memory (bounded)
/// and no worker.  When that memory is used up, a few may hold a worker; then the slowest of all is
/// cut.  A cut page has no last chunk, or less than its Content-Length, and no close_notify.
///
/// Ownership: shared by the gate and its own coroutines.  Threads: the gate's.
class WebConnection : public std::enable_shared_from_this<WebConnection> {
 public:
  using Clock = std::chrono::steady_clock;

  /// Who makes room for others first.
  enum class Standing : std::uint8_t {
    done,     ///< has its answer, and has not hung up
    asking,   ///< its request is not there yet
    reading,  ///< its answer waits for it
    served,   ///< waits for us
  };

  WebConnection(WebContext& context, std::shared_ptr<net::Stream> stream, std::string peer,
                std::string place, std::shared_ptr<const WebAccess> access);
  ~WebConnection();
  WebConnection(const WebConnection&) = delete;
  WebConnection& operator=(const WebConnection&) = delete;

  [[nodiscard]] asio::awaitable<void> run();

  /// What BasicAuth says of its password.
  void hear(BasicAuth::Verdict verdict);

  void enforce_deadlines(Clock::time_point now);

  /// The exporter was not running for `pause`: the client gets that much longer.
  void forgive(Clock::duration pause);

  /// Ends it now, visibly cut, and counts why.
  void cut(WebRefusal reason, std::string_view why);

  /// Ends it now; nothing of what was promised is missing.
  void close();

  [[nodiscard]] Standing standing() const;
  [[nodiscard]] bool is_open() const { return stream_->is_open(); }
  [[nodiscard]] Clock::time_point began() const { return began_; }
  /// Whether some of its answer waits in our memory for the client.
  [[nodiscard]] bool has_output() const;
  /// Bytes a second that the client acknowledged, since its answer began.
  [[nodiscard]] double pace(Clock::time_point now) const;

  [[nodiscard]] const std::string& place() const { return place_; }
  [[nodiscard]] const std::shared_ptr<const WebAccess>& access() const { return access_; }

 private:
  enum class Stage : std::uint8_t { asking, waiting, leaving };
  enum class Outcome : std::uint8_t { whole, cut, nothing };

  [[nodiscard]] asio::awaitable<bool> greet();
  [[nodiscard]] asio::awaitable<std::optional<char>> first_byte();
  [[nodiscard]] asio::awaitable<void> take_request();
  [[nodiscard]] asio::awaitable<bool> read_head();
  [[nodiscard]] asio::awaitable<bool> prove();
  [[nodiscard]] asio::awaitable<void> serve();
  [[nodiscard]] asio::awaitable<Outcome> fetch();
  [[nodiscard]] asio::awaitable<bool> ask_civetweb();
  [[nodiscard]] asio::awaitable<void> relay();
  [[nodiscard]] asio::awaitable<void> have_room();
  [[nodiscard]] asio::awaitable<void> pump();
  [[nodiscard]] asio::awaitable<void> all_is_sent();
  [[nodiscard]] asio::awaitable<void> leave();

  void on_handshake_failed(const net::TlsFailure& failure);
  void answer(std::string_view status, std::string_view words, std::string_view more_lines = {});
  void pass_on(std::string_view bytes);
  void deliver(std::string_view bytes);
  void start_pump();
  void give_back(std::size_t bytes);
  void end(bool resets);
  void on_late();
  [[nodiscard]] std::size_t acknowledged_bytes() const;

  WebContext& context_;
  std::shared_ptr<net::Stream> stream_;
  const std::string peer_;
  const std::string place_;
  const std::shared_ptr<const WebAccess> access_;
  const Clock::time_point began_ = Clock::now();
  Stage stage_ = Stage::asking;
  Clock::time_point deadline_;

  std::string head_;  ///< of the request
  std::optional<BasicAuth::Verdict> verdict_;
  asio::steady_timer wake_;  ///< a signal: whatever run() waits for may have come
  asio::ip::tcp::socket civetweb_;

  std::string answer_head_;  ///< until it is there to its end
  bool answer_head_is_there_ = false;
  std::deque<std::string> blocks_;  ///< of the answer, that `stream_` has not yet
  std::size_t block_bytes_ = 0;
  bool is_pumping_ = false;

  std::size_t delivered_bytes_ = 0;  ///< to the stream or to `blocks_`
  std::optional<Clock::time_point> answer_began_;
  std::size_t progress_bytes_ = 0;  ///< acknowledged at `progress_at_`
  Clock::time_point progress_at_;
  std::optional<Clock::time_point> done_at_;
};

}  // namespace cpu_monitor::exporter
