// The least that an exporter could do: reads what agents send, looks at nothing but the newlines
// and the last sequence, and acknowledges each read with one line.

#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "bench/flags.hpp"
#include "bench/json_object.hpp"
#include "bench/process.hpp"
#include "bench/tcp.hpp"
#include "common/duration.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::bench {
namespace {

constexpr std::size_t kReadBytes = std::size_t{64} * 1024;
constexpr std::size_t kMostUnfinishedBytes = kMaxLineBytes;
constexpr std::string_view kHelloStart = R"({"type":"hello")";
constexpr std::string_view kSequence = R"("sequence":)";
constexpr std::string_view kAckStart = R"({"type":"ack","sequence":)";

std::string welcome_line() {
  Welcome welcome;
  welcome.exporter_version = "bench";
  welcome.idle_timeout = std::chrono::seconds(30);
  welcome.groups = MetricGroups::usual();
  return encode(welcome);
}

struct Peer {
  bool is_greeted = false;
  std::string unfinished;  ///< of a line whose end did not come yet
};

class AckServer {
 public:
  /// Batches begin at least `between_batches` apart; what comes meanwhile waits for the next.
  AckServer(const HostPort& address, std::chrono::milliseconds between_batches)
      : between_batches_(between_batches),
        stop_signal_(open_stop_signals()),
        listener_(listen_on(address)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    watch(listener_);
    watch(stop_signal_);
  }

  [[nodiscard]] std::uint16_t port() const { return port_of(listener_); }

  void run() {
    std::array<epoll_event, 256> events;
    std::chrono::steady_clock::time_point last_batch;
    for (;;) {
      int count =
          ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), /*timeout=*/-1);
      if (between_batches_.count() > 0 && count < static_cast<int>(events.size())) {
        std::this_thread::sleep_until(last_batch + between_batches_);
        last_batch = std::chrono::steady_clock::now();
        count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), /*timeout=*/0);
      }
      for (int i = 0; i < count; ++i) {
        const int socket = events[static_cast<std::size_t>(i)].data.fd;
        if (socket == stop_signal_) return;
        if (socket == listener_) {
          accept_all();
        } else if (!serve(socket)) {
          ::close(socket);
          peers_[static_cast<std::size_t>(socket)].reset();
        }
      }
    }
  }

  [[nodiscard]] std::string report() const {
    return JsonObject()
        .add("acks", acks_)
        .add("bytes_received", bytes_received_)
        .add("cpu_seconds", cpu_seconds(), 6)
        .text();
  }

 private:
  void watch(int descriptor) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event);
  }

  void accept_all() {
    for (;;) {
      const int socket = ::accept4(listener_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (socket < 0) return;
      disable_delay(socket);
      const auto slot = static_cast<std::size_t>(socket);
      if (peers_.size() <= slot) peers_.resize(slot + 1);
      peers_[slot] = std::make_unique<Peer>();
      watch(socket);
    }
  }

  /// Returns false when the connection is over.
  bool serve(int socket) {
    const ssize_t size = ::recv(socket, buffer_.data(), buffer_.size(), 0);
    if (size <= 0) return false;
    bytes_received_ += static_cast<std::uint64_t>(size);
    Peer& peer = *peers_[static_cast<std::size_t>(socket)];
    const std::string_view bytes(buffer_.data(), static_cast<std::size_t>(size));
    const std::size_t end = bytes.rfind('\n');
    if (peer.unfinished.empty() && end == bytes.size() - 1) return answer(socket, peer, bytes);
    if (end == std::string_view::npos) {
      peer.unfinished.append(bytes);
      return peer.unfinished.size() <= kMostUnfinishedBytes;
    }
    const std::string lines = peer.unfinished.append(bytes.substr(0, end + 1));
    peer.unfinished.assign(bytes.substr(end + 1));
    return answer(socket, peer, lines);
  }

  /// `lines` are whole.
  bool answer(int socket, Peer& peer, std::string_view lines) {
    if (!peer.is_greeted) {
      if (!lines.starts_with(kHelloStart)) return false;
      peer.is_greeted = true;
      if (!send(socket, welcome_)) return false;
    }
    const std::size_t key = lines.rfind(kSequence);
    if (key == std::string_view::npos) return true;
    const char* const digits = lines.data() + key + kSequence.size();
    std::uint64_t sequence = 0;
    std::from_chars(digits, lines.data() + lines.size(), sequence);
    return acknowledge(socket, sequence);
  }

  bool acknowledge(int socket, std::uint64_t sequence) {
    std::array<char, 64> line;
    std::memcpy(line.data(), kAckStart.data(), kAckStart.size());
    char* end =
        std::to_chars(line.data() + kAckStart.size(), line.data() + line.size(), sequence).ptr;
    *end++ = '}';
    *end++ = '\n';
    ++acks_;
    return send(socket, std::string_view(line.data(), static_cast<std::size_t>(end - line.data())));
  }

  /// A peer that does not read its answers is let go.
  static bool send(int socket, std::string_view text) {
    return ::send(socket, text.data(), text.size(), MSG_NOSIGNAL) ==
           static_cast<ssize_t>(text.size());
  }

  std::chrono::milliseconds between_batches_;
  int stop_signal_;
  int listener_;
  int epoll_;
  std::string welcome_ = welcome_line();
  std::vector<std::unique_ptr<Peer>> peers_;  ///< by descriptor
  std::array<char, kReadBytes> buffer_;
  std::uint64_t acks_ = 0;
  std::uint64_t bytes_received_ = 0;
};

int run(int argc, char** argv) {
  HostPort address{"127.0.0.1", 8080};
  std::chrono::milliseconds between_batches{0};
  CommandLine command_line("bench-ack-server",
                           "Acknowledges samples and does nothing with them: the least that taking "
                           "them costs.  Prints \"listening PORT\"; SIGTERM ends it.\n");
  command_line.add_value({"--listen", "Where agents connect; port 0: the system picks one"},
                         numeric_address(), address);
  command_line.add_value(
      {"--batch", "What comes closer together than this is done together", "0, at once"},
      duration_between(std::chrono::milliseconds(1), std::chrono::seconds(1)), between_batches);
  if (const auto code = leave_after_reading(command_line, argc, argv, address)) return *code;
  raise_descriptor_limit();
  const auto server = std::make_unique<AckServer>(address, between_batches);
  std::printf("listening %u\n", static_cast<unsigned>(server->port()));
  std::fflush(stdout);
  server->run();
  std::puts(server->report().c_str());
  return 0;
}

}  // namespace
}  // namespace cpu_monitor::bench

int main(int argc, char** argv) {
  return cpu_monitor::bench::run_program("bench-ack-server", argc, argv, &cpu_monitor::bench::run);
}
