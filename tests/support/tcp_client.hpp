#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor::tests {

/// A plain blocking TCP client of a loopback port, for speaking raw bytes.  Every wait ends after
/// kPatience.
class TcpClient {
 public:
  static constexpr std::chrono::seconds kPatience{10};

  /// `source`: the address of this machine that it comes from; empty: any.
  explicit TcpClient(std::uint16_t port, const std::string& source = "");
  ~TcpClient();
  TcpClient(const TcpClient&) = delete;
  TcpClient& operator=(const TcpClient&) = delete;
  TcpClient(TcpClient&& other) noexcept;

  /// False when the peer has closed.
  bool send(std::string_view bytes);

  /// False when the peer has closed, or when it takes nothing for `patience`.
  bool send_unless_stalled(std::string_view bytes, std::chrono::milliseconds patience);

  /// The next line without its '\n'; none at the end of the stream or after kPatience.
  [[nodiscard]] std::optional<std::string> read_line();

  /// Whatever comes until the end of the stream.
  [[nodiscard]] std::string read_all();

  /// Exactly `bytes` bytes, fewer at the end of the stream.
  [[nodiscard]] std::string read_exactly(std::size_t bytes);

  /// True when the peer ends the stream, with nothing more to read.
  [[nodiscard]] bool is_closed_by_peer();

  /// What has come, or comes within `patience`; nothing more is waited for.
  [[nodiscard]] std::size_t read_some(std::chrono::milliseconds patience);

  /// Ends our half of the stream.
  void finish();

 private:
  [[nodiscard]] bool receive();

  int socket_;
  std::string received_;
};

/// A whole HTTP exchange: status code and body.
struct HttpAnswer {
  int status = 0;
  std::string head;
  std::string body;
  bool is_whole = false;  ///< the body has the length, or the last chunk, that the head promised
};
[[nodiscard]] HttpAnswer parse_answer(const std::string& answer);

/// `more_headers`: whole lines, each ended by CR LF.
[[nodiscard]] HttpAnswer http(std::uint16_t port, std::string_view path,
                              std::string_view method = "GET", std::string_view more_headers = "");

}  // namespace cpu_monitor::tests
