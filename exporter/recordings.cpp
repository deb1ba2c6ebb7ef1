#include "exporter/recordings.hpp"

#include <algorithm>

namespace cpu_monitor::exporter {
namespace {

/// One more, until the end of scope.
class Waiter {
 public:
  explicit Waiter(std::size_t& count) : count_(count) { ++count_; }
  ~Waiter() { --count_; }
  Waiter(const Waiter&) = delete;
  Waiter& operator=(const Waiter&) = delete;

 private:
  std::size_t& count_;
};

bool is_first(const Recording& piece) { return piece.piece == 1; }

/// Whether it goes on where `before` ended, and is of the same answer.
bool follows(const Recording& piece, const Recording& before) {
  if (piece.piece != before.piece + 1) return false;
  return is_first(piece) || (piece.pieces == before.pieces && piece.uptime == before.uptime &&
                             piece.interval == before.interval);
}

/// Within what was asked for, and behind what is there.  In itself a piece is in order.
bool fits(const Recording& piece, const RecordingRequest& request,
          const std::vector<RecordedReading>& before) {
  if (piece.readings.empty()) return true;
  if (before.size() + piece.readings.size() > kMaxRecordedReadings) return false;
  const std::uint32_t oldest = piece.readings.front().age_ms;
  return std::chrono::milliseconds(oldest) <= request.last &&
         (before.empty() || oldest < before.back().age_ms);
}

}  // namespace

Recordings::Recordings() : Recordings(Limits()) {}

Result<Recordings::Answer, RecordingFault> Recordings::get(const std::string& endpoint,
                                                           std::chrono::milliseconds last) {
  std::unique_lock lock(mutex_);
  expire_lines(Clock::now());
  if (is_stopping_) return Error(RecordingFault::stopping, "");
  if (waiting_ >= limits_.max_waiting) return Error(RecordingFault::busy, "");
  const Waiter waiter(waiting_);
  return wait_for(endpoint, last, lock);
}

Result<Recordings::Answer, RecordingFault> Recordings::wait_for(
    const std::string& endpoint, std::chrono::milliseconds last,
    std::unique_lock<std::mutex>& lock) {
  const auto deadline = Clock::now() + limits_.patience;
  while (!is_stopping_ && Clock::now() < deadline) {
    const Line& line = lines_[endpoint];
    const bool is_pause = line.asked_at && Clock::now() - *line.asked_at < limits_.pause;
    if (!line.flight && is_pause) {
      if (line.kept && line.asked_for >= last) return line.kept;
      const auto until = std::min(deadline, *line.asked_at + limits_.pause);
      changed_.wait_until(lock, until, [this] { return is_stopping_; });
      continue;
    }
    const bool is_shared = line.flight != nullptr;
    const std::shared_ptr<Flight> flight = is_shared ? line.flight : take_off(endpoint, last);
    changed_.wait_until(lock, deadline, [&] { return flight->is_over; });
    if (!flight->is_over && !is_shared) end(*flight, RecordingFault::no_answer);
    if (flight->is_over && flight->request.last >= last) return outcome_of(*flight);
  }
  return Error(is_stopping_ ? RecordingFault::stopping : RecordingFault::no_answer, "");
}

/// REQUIRES: nothing of this machine is under way.
std::shared_ptr<Recordings::Flight> Recordings::take_off(const std::string& endpoint,
                                                         std::chrono::milliseconds last) {
  auto flight = std::make_shared<Flight>();
  flight->endpoint = endpoint;
  flight->request = {++last_request_id_, last};
  flight->head.piece = 0;
  asks_.push_back({endpoint, flight->request});
  if (on_ask_) on_ask_();
  lines_[endpoint].flight = flight;
  return flight;
}

Result<Recordings::Answer, RecordingFault> Recordings::outcome_of(const Flight& flight) {
  if (flight.fault) return Error(*flight.fault, "");
  return Answer(flight.received);
}

void Recordings::on_ask(std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  on_ask_ = std::move(call);
}

std::vector<Recordings::Ask> Recordings::take_asks() {
  const std::lock_guard lock(mutex_);
  return std::exchange(asks_, {});
}

/// That is under way.
template <class IsIt>
std::shared_ptr<Recordings::Flight> Recordings::find(IsIt is_it) const {
  for (const auto& [endpoint, line] : lines_) {
    if (line.flight && !line.flight->is_over && is_it(*line.flight)) return line.flight;
  }
  return nullptr;
}

void Recordings::asked(std::uint64_t request_id, ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  const auto flight =
      find([&](const Flight& each) { return each.request.request_id == request_id; });
  if (flight) flight->connection = connection;
}

void Recordings::give_up(std::uint64_t request_id, RecordingFault fault) {
  const std::lock_guard lock(mutex_);
  const auto flight =
      find([&](const Flight& each) { return each.request.request_id == request_id; });
  if (flight) end(*flight, fault);
}

bool Recordings::take(ConnectionId connection, const Recording& piece,
                      std::chrono::system_clock::time_point now) {
  const std::lock_guard lock(mutex_);
  const auto flight = find([&](const Flight& each) {
    return each.request.request_id == piece.request_id && each.connection == connection;
  });
  if (!flight) return false;
  Recording& head = flight->head;
  ReceivedRecording& received = *flight->received;
  if (!follows(piece, head) || !fits(piece, flight->request, received.readings)) {
    end(*flight, RecordingFault::no_answer);
    return false;
  }
  if (is_first(piece)) {
    received.asked_at = now;
    received.interval = piece.interval;
  }
  received.readings.insert(received.readings.end(), piece.readings.begin(), piece.readings.end());
  head.piece = piece.piece;
  head.pieces = piece.pieces;
  head.uptime = piece.uptime;
  head.interval = piece.interval;
  if (piece.piece == piece.pieces) end(*flight, std::nullopt);
  return true;
}

void Recordings::spoil(ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  const auto flight = find([&](const Flight& each) { return each.connection == connection; });
  if (flight) end(*flight, RecordingFault::no_answer);
}

void Recordings::lose(ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  const auto flight = find([&](const Flight& each) { return each.connection == connection; });
  if (flight) end(*flight, RecordingFault::not_connected);
}

void Recordings::expire() {
  const std::lock_guard lock(mutex_);
  expire_lines(Clock::now());
}

void Recordings::stop() {
  const std::lock_guard lock(mutex_);
  is_stopping_ = true;
  for (const auto& [endpoint, line] : lines_) {
    if (line.flight && !line.flight->is_over) end(*line.flight, RecordingFault::stopping);
  }
  changed_.notify_all();
}

void Recordings::end(Flight& flight, std::optional<RecordingFault> fault) {
  flight.is_over = true;
  flight.fault = fault;
  std::erase_if(
      asks_, [&](const Ask& ask) { return ask.request.request_id == flight.request.request_id; });
  // Who could not be asked may be asked as soon as he is back.
  Line& line = lines_[flight.endpoint];
  line.asked_at.reset();
  if (flight.connection) line.asked_at = Clock::now();
  line.asked_for = flight.request.last;
  line.kept = fault ? nullptr : flight.received;
  line.flight.reset();  // last: it may be what keeps `flight`
  changed_.notify_all();
}

void Recordings::expire_lines(Clock::time_point now) {
  std::erase_if(lines_, [&](const auto& entry) {
    const Line& line = entry.second;
    return !line.flight && (!line.asked_at || now - *line.asked_at >= limits_.pause);
  });
  for (;;) {
    Line* oldest = nullptr;
    std::size_t kept = 0;
    for (auto& [endpoint, line] : lines_) {
      if (!line.kept) continue;
      ++kept;
      if (oldest == nullptr || *line.asked_at < *oldest->asked_at) oldest = &line;
    }
    if (kept <= kKept) return;
    oldest->kept.reset();
  }
}

}  // namespace cpu_monitor::exporter
