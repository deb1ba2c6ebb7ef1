#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "common/cpu_facts.hpp"
#include "common/cpu_sample.hpp"
#include "common/messages.hpp"
#include "common/name_table.hpp"
#include "common/result.hpp"
#include "exporter/identity.hpp"
#include "exporter/usage_history.hpp"

namespace cpu_monitor::exporter {

/// One moment on both clocks: `steady` measures silence, `system` is shown to people.
struct Moment {
  std::chrono::steady_clock::time_point steady;
  std::chrono::system_clock::time_point system;

  [[nodiscard]] static Moment now() {
    return {std::chrono::steady_clock::now(), std::chrono::system_clock::now()};
  }
};

/// How an agent stands.  `alive`: its samples arrive.  `silent`: they stopped; its last values may
/// still be shown. `gone`: its values have left, only the fact that it was here is shown.
enum class AgentState : std::uint8_t { alive, silent, gone };
inline constexpr NameTable<AgentState, 3> kAgentStateNames{{"alive", "silent", "gone"}};

/// What an agent said of itself in its hello and what never changes while it is connected.
/// Immutable once made.
struct AgentIdentity {
  std::string endpoint;
  std::string version;                        ///< empty when unknown
  std::map<std::string, std::string> labels;  ///< trusted ones in place of claimed ones
  std::uint32_t ticks_per_second = kDefaultTicksPerSecond;
  std::optional<KernelName> host;
  std::string proc_filesystem;  ///< empty when unknown
};

/// One agent as a scrape shows it.
struct AgentView {
  std::shared_ptr<const AgentIdentity> identity;
  /// False for a machine that is expected and has not come yet: it is gone, and nothing is known of
  /// it but its endpoint.
  bool has_come = true;
  bool is_expected = false;
  AgentState state = AgentState::silent;
  std::shared_ptr<const CpuSample>
      sample;  ///< the newest; null when there was none or the agent is gone
  /// What stands of what is said rarely (`sample->slow` is empty); null as `sample`.
  std::shared_ptr<const SlowReadings> slow;
  std::shared_ptr<const CpuFacts> facts;  ///< null when there were none or the agent is gone
  /// The exporter's clock.  Still known of a machine that is gone: how long ago is what people ask.
  std::optional<std::chrono::system_clock::time_point> last_sample;
  std::optional<std::chrono::milliseconds>
      clock_skew;  ///< agent's clock - exporter's, at the last sample that had a time; leaves with
                   ///< `sample`
  std::uint64_t connects = 0;                 ///< welcomes since this exporter first met the name
  std::uint64_t refused_claims = 0;           ///< hellos under this name that got endpoint_in_use
  std::chrono::milliseconds push_interval{};  ///< of its newest hello
};

/// A value reported over the connection of a client that has no name (the classroom project's
/// Python client).
struct ReportedPercent {
  std::string endpoint;  ///< "<ip>:<port>" of the peer: no valid endpoint name holds a ':'
  double percent = 0;
};

/// The whole fleet at one moment: what a scrape renders.  Sorted by endpoint.
struct FleetSnapshot {
  std::vector<AgentView> agents;
  std::vector<ReportedPercent> reported;
  std::size_t places_taken = 0;  ///< of max_places, by names remembered and by those kept a place
  std::size_t max_places = 0;
};

/// The state of all agents, and the only place where the ingest thread and the web server's threads
/// meet.
///
/// A name is held by at most one connection.  What an agent last said stays after its connection,
/// until silence, a goodbye or forget_after ends it (docs/metrics.md, "Alive, silent, gone,
/// forgotten").  An expected machine is not forgotten: it is gone until it comes.
///
/// Threads: every function is safe from any thread; under the mutex snapshot() copies pointers, and
/// of text only the few endpoints of clients without a name. Time is an argument everywhere; no
/// clock is read here.  Errors: values; throws only std::bad_alloc.
class Fleet {
 public:
  struct Limits {
    std::size_t max_agents = 10000;
    std::chrono::milliseconds stale_after = std::chrono::seconds(15);
    std::chrono::milliseconds forget_after = std::chrono::hours(24);
  };

  /// Names a connection, unique within the process.
  using ConnectionId = std::uint64_t;

  struct Claim {
    /// The counters last shown, if it is the same boot, they could be true, and who said them had
    /// proved no more and no less.
    std::optional<Resume> resume;
    std::optional<ConnectionId>
        displaced;  ///< the connection that held the name until now: to be closed
  };

  enum class Applied : std::uint8_t {
    applied,
    sequence_not_rising,  ///< ignored: a repeat, to be acknowledged all the same
    not_holder,           ///< ignored: another connection took the name over
  };

  explicit Fleet(Limits limits) : limits_(limits) {}

  /// A hello: gives the name to `connection`, or says why not (endpoint_in_use, capacity).
  ///
  /// A name that is held is taken over when the newcomer has proved more than the holder, when it
  /// is the same process (`session`) and has proved as much, or when the holder has been silent:
  /// for longer than missed_pushes_limit when the newcomer's proof is exact, else for longer than
  /// silence_limit.  The last at most once in kTakeoverPause.  When the table is full, the name
  /// unheard longest makes room, of those that nobody holds and that were not heard for
  /// stale_after; an expected one only for another expected one, and only when there is no other.
  /// Expected names that have not come have their places kept.
  /// A hello is no sign of life: until the first sample the name stands as it stood before, except
  /// that an earlier goodbye no longer counts.  A new name is on no page before its first sample,
  /// unless that is overdue.
  [[nodiscard]] Result<Claim, RefusalCode> claim(const Hello& hello, const Identity& identity,
                                                 ConnectionId connection, const Moment& now);

  /// After a reload: who the holder is now.
  void confirm(std::string_view endpoint, ConnectionId connection, const Identity& identity);

  /// A sample from the holder.  It replaces the last one; of the slow readings, what it does not
  /// say stands as the same process said it before.  Copies `sample`, into memory it has unless a
  /// snapshot still holds that.
  [[nodiscard]] Applied apply(std::string_view endpoint, ConnectionId connection,
                              const CpuSample& sample, const Moment& now);

  /// What the holder says of its CPUs, until the next such word or another process holds the name.
  /// Returns false, and does nothing, when `connection` is not the holder.
  [[nodiscard]] bool learn(std::string_view endpoint, ConnectionId connection, CpuFacts facts);

  /// The connection ended without a goodbye: the name is free, the agent is silent in its time.  A
  /// name that never sent a sample is forgotten.
  void release(std::string_view endpoint, ConnectionId connection);

  /// The agent said goodbye, `moved` to another exporter (forgotten at once) or to stop (silent at
  /// once, hidden after stale_after; forgotten at once when it never sent a sample).  A hidden name
  /// is on no page, but its counters wait until forget_after for an agent that goes on from them.
  void leave(std::string_view endpoint, ConnectionId connection, bool moved, const Moment& now);

  /// Which machines are expected: those of `names`, and no others any longer.  They are shown as
  /// gone from kExpectationGrace after the first call on, until they come, and never forgotten; an
  /// earlier goodbye hides none of them.  A name that is expected no longer is forgotten as all
  /// others are. Cost: one allocation or two a name.
  void expect(const std::vector<std::string>& names, const Moment& now);

  /// Values without a name, by connection.
  void report(ConnectionId connection, std::string endpoint, double percent);
  void withdraw(ConnectionId connection);

  /// Forgets what is due.  Calling it late or twice changes nothing that a snapshot shows.
  void expire(const Moment& now);

  /// True when expire() was due more than a second ago: the ingest thread has not run, so samples
  /// may lie unread and a snapshot would call living agents dead.
  [[nodiscard]] bool is_behind(const Moment& now) const;

  /// The exporter itself was not running for `pause` (stopped, swapped out, its machine asleep):
  /// what it did not hear meanwhile was nobody's silence.
  void forgive(std::chrono::milliseconds pause, const Moment& now);

  /// The connection that reports under the name now.
  [[nodiscard]] std::optional<ConnectionId> holder_of(std::string_view endpoint) const;

  /// Everything a scrape shows, judged at `now`.
  [[nodiscard]] FleetSnapshot snapshot(const Moment& now) const;

  /// One agent, as snapshot() would show it.
  [[nodiscard]] std::optional<AgentView> look(std::string_view endpoint, const Moment& now) const;

  /// The last minutes of these; empty for a name that is not remembered.
  [[nodiscard]] std::vector<UsageHistory> histories(
      const std::vector<std::string_view>& endpoints) const;

  enum class Forgotten : std::uint8_t { forgotten, unknown, connected, expected };

  /// At once, unless it is connected or expected.
  Forgotten forget(std::string_view endpoint, const Moment& now);

  [[nodiscard]] const Limits& limits() const { return limits_; }

  static constexpr std::chrono::seconds kTakeoverPause{60};

  /// How long an exporter that started waits for its agents, which may take 30 s to come back,
  /// before it says that an expected one is not there.
  static constexpr std::chrono::seconds kExpectationGrace{60};

  /// How long an agent may say nothing before it is silent: max(10 s, 3 push intervals).
  [[nodiscard]] static std::chrono::milliseconds silence_limit(
      std::chrono::milliseconds push_interval);

  /// How long a holder may say nothing before who has proved the very name may take it over:
  /// max(2 s, 2 push intervals).  Below 2 s a lost packet would look like a lost machine.
  [[nodiscard]] static std::chrono::milliseconds missed_pushes_limit(
      std::chrono::milliseconds push_interval);

 private:
  using SteadyTime = std::chrono::steady_clock::time_point;

  /// What is remembered of one name.
  struct Record {
    std::shared_ptr<const AgentIdentity> identity;
    std::map<std::string, std::string> claimed_labels;
    Proof proof = Proof::none;  ///< of the newest hello
    bool is_expected = false;
    std::optional<std::string> session;
    std::optional<std::string> boot_id;

    std::optional<ConnectionId> holder;         ///< none: nobody is connected under this name
    SteadyTime held_since;                      ///< the newest hello
    std::chrono::milliseconds push_interval{};  ///< of the newest hello
    std::optional<SteadyTime> last_takeover;    ///< of a silent holder
    std::optional<SteadyTime> left_at;          ///< said goodbye to stop
    std::uint64_t connects = 0;
    std::uint64_t refused_claims = 0;

    SteadyTime last_heard;              ///< the last sample, or the first hello
    SteadyTime alive_until;             ///< when the silence since last_heard becomes too long
    std::shared_ptr<CpuSample> sample;  ///< changed only while no snapshot holds it
    // What the process that holds the name said, and what stands until it says otherwise.
    std::shared_ptr<const SlowReadings> slow;  ///< shown beside `sample`
    bool is_slow_over = false;  ///< said by a former process: they leave with its last sample
    std::shared_ptr<const CpuFacts> facts;
    std::optional<std::chrono::system_clock::time_point> last_sample;  ///< none: there was none yet
    std::optional<std::chrono::milliseconds> clock_skew;
    std::uint64_t last_sequence = 0;
    std::optional<Resume> resume;      ///< the last counters shown, and when
    Proof resume_proof = Proof::none;  ///< of who said them
    UsageHistory history;
  };
  using Records = std::map<std::string, Record, std::less<>>;

  /// Expected names, each with all that is known of one that has not come.
  using Expected = std::map<std::string, std::shared_ptr<const AgentIdentity>, std::less<>>;

  enum class Takeover : std::uint8_t { refused, by_right, of_a_silent_holder };

  [[nodiscard]] SteadyTime shown_until(const Record& record) const;
  [[nodiscard]] AgentState state_of(const Record& record, const Moment& now) const;
  [[nodiscard]] AgentView view_of(const Record& record, const Moment& now) const;
  [[nodiscard]] bool is_forgotten(const Record& record, const Moment& now) const;
  [[nodiscard]] bool is_hidden(const Record& record, const Moment& now) const;
  [[nodiscard]] static AgentView view_of_absent(
      const std::shared_ptr<const AgentIdentity>& identity);
  [[nodiscard]] bool is_grace_over(const Moment& now) const;
  [[nodiscard]] std::vector<AgentView> views(const Moment& now) const;
  [[nodiscard]] Record* find_held(std::string_view endpoint, ConnectionId connection);
  [[nodiscard]] Record* find_remembered(std::string_view endpoint, const Moment& now);
  [[nodiscard]] static Takeover judge_takeover(const Record& record, const Hello& hello,
                                               Proof proof, const Moment& now);
  static void add_to_history(Record& record, const CpuSample& sample, const Moment& now);
  static void replace_sample(Record& record, const CpuSample& sample);
  /// Forgets what stands until the process says otherwise.
  static void forget_process(Record& record);
  [[nodiscard]] std::vector<Records::iterator> unheard(bool is_expected, const Moment& now);
  [[nodiscard]] std::size_t absent_expected() const;
  [[nodiscard]] std::size_t places_kept() const;
  [[nodiscard]] bool make_room(bool for_expected, const Moment& now);
  [[nodiscard]] Record& remember(const Hello& hello, const Moment& now);
  void hand_over(Record& record, const Hello& hello, const Identity& identity,
                 ConnectionId connection, const Moment& now);

  const Limits limits_;
  mutable std::mutex mutex_;
  Records records_;
  Expected expected_;
  std::optional<SteadyTime> expected_since_;  ///< the first call of expect()
  std::map<ConnectionId, ReportedPercent> reported_;
  std::optional<SteadyTime> expired_at_;
};

}  // namespace cpu_monitor::exporter
