#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "common/recording.hpp"
#include "common/result.hpp"
#include "exporter/fleet.hpp"

namespace cpu_monitor::exporter {

/// Why there is no recording.
enum class RecordingFault : std::uint8_t {
  busy,           ///< too many are being waited for
  not_connected,  ///< its agent is away, or left before its answer was whole
  no_answer,      ///< not within the patience, or not a recording
  stopping,       ///< the exporter is going
};

/// What an agent answered.
struct ReceivedRecording {
  std::chrono::system_clock::time_point asked_at;  ///< where its ages count from; our clock
  std::chrono::milliseconds interval{};            ///< between readings
  std::vector<RecordedReading> readings;           ///< the oldest first: their ages fall
};

/// Where those who want a recording meet the sessions that can ask for it: the web server's threads
/// wait here, the ingest thread asks and answers.
///
/// Of one machine one recording is under way at a time, and one a second is asked for.  Who wants
/// it meanwhile, or no more of it within that second, shares it.  Few wait at once, since each
/// keeps a thread of the web server; so no more than that many recordings are in memory, and the
/// kKept newest of the last second.
///
/// Threads: safe from any thread; only get() waits, and not longer than `patience`.
class Recordings {
 public:
  struct Limits {
    std::chrono::milliseconds patience = std::chrono::seconds(5);
    std::chrono::milliseconds pause = std::chrono::seconds(1);  ///< between two of one machine
    std::size_t max_waiting = 3;
  };
  using Answer = std::shared_ptr<const ReceivedRecording>;
  using ConnectionId = Fleet::ConnectionId;

  /// What an agent is to be asked.
  struct Ask {
    std::string endpoint;
    RecordingRequest request;
  };

  Recordings();
  explicit Recordings(Limits limits) : limits_(limits) {}

  /// For the web: at least the last `last` of the machine, as far as it is recorded.
  [[nodiscard]] Result<Answer, RecordingFault> get(const std::string& endpoint,
                                                   std::chrono::milliseconds last);

  /// `call`, from any thread, whenever there is something to take_asks().  It must not call back,
  /// nor wait.
  void on_ask(std::function<void()> call);

  // For the ingest thread.

  [[nodiscard]] std::vector<Ask> take_asks();

  /// The request went out; none but this connection may answer it.
  void asked(std::uint64_t request_id, ConnectionId connection);

  /// The request could not go out.
  void give_up(std::uint64_t request_id, RecordingFault fault);

  /// A piece came.  False when it is none that was waited for, or cannot be the next; that is the
  /// end of a recording, too.
  [[nodiscard]] bool take(ConnectionId connection, const Recording& piece,
                          std::chrono::system_clock::time_point now);

  /// What came instead of a piece cannot be used.
  void spoil(ConnectionId connection);

  /// The connection is over.
  void lose(ConnectionId connection);

  /// Frees what nobody shares any longer.
  void expire();

  /// Whoever waits is sent away, and so is everyone from now on.
  void stop();

  static constexpr std::size_t kKept = 4;

 private:
  using Clock = std::chrono::steady_clock;

  /// One recording that is under way.
  struct Flight {
    std::string endpoint;
    RecordingRequest request;
    std::optional<ConnectionId> connection;  ///< none: not asked yet
    Recording head;  ///< the piece that came last, without its readings; before the first piece 0
    std::shared_ptr<ReceivedRecording> received = std::make_shared<ReceivedRecording>();
    bool is_over = false;
    std::optional<RecordingFault> fault;
  };

  /// What is known of one machine; it goes when nothing is.
  struct Line {
    std::shared_ptr<Flight> flight;             ///< under way
    std::optional<Clock::time_point> asked_at;  ///< the last one
    std::chrono::milliseconds asked_for{};      ///< what that one holds, if it came
    Answer kept;
  };
  using Lines = std::map<std::string, Line>;

  [[nodiscard]] Result<Answer, RecordingFault> wait_for(const std::string& endpoint,
                                                        std::chrono::milliseconds last,
                                                        std::unique_lock<std::mutex>& lock);
  [[nodiscard]] std::shared_ptr<Flight> take_off(const std::string& endpoint,
                                                 std::chrono::milliseconds last);
  [[nodiscard]] static Result<Answer, RecordingFault> outcome_of(const Flight& flight);
  template <class IsIt>
  [[nodiscard]] std::shared_ptr<Flight> find(IsIt is_it) const;
  void end(Flight& flight, std::optional<RecordingFault> fault);
  void expire_lines(Clock::time_point now);

  const Limits limits_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Lines lines_;
  std::vector<Ask> asks_;
  std::function<void()> on_ask_;
  std::uint64_t last_request_id_ = 0;
  std::size_t waiting_ = 0;
  bool is_stopping_ = false;
};

}  // namespace cpu_monitor::exporter
