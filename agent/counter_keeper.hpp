#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "agent/proc_stat.hpp"
#include "common/cpu_sample.hpp"
#include "common/discard_reason.hpp"

namespace cpu_monitor::agent {

/// One CPU's counters, kept so that they never fall.  Used by CounterKeeper alone; its rules are
/// explained there.
class KeptCpu {
 public:
  using Uptime = std::chrono::milliseconds;

  /// How far the numbers of one CPU may go between two readings.
  struct Limits {
    double growth = 0;      ///< ticks one field may gain; more is a wrap
    std::int64_t fall = 0;  ///< ticks a mode or the sum may lose; as many or more is a new epoch
  };

  /// The first reading: the counters start at the kernel's own totals.
  KeptCpu(const CpuTimes& raw, Uptime now, DiscardCounts& discards);

  /// A later reading.  Returns how far the CPU went in the kernel's raw numbers; none when (a part
  /// of) that interval was dropped.
  std::optional<TickDelta> update(const CpuTimes& raw, Uptime now, const Limits& limits,
                                  DiscardCounts& discards);

  /// Goes on from `shown`, the counters published before this process began, as if they had been
  /// the reading before the last one.
  void resume(const CpuTimes& shown, Uptime shown_at, const Limits& limits,
              DiscardCounts& discards);

  /// What is published: the fields the last reading had.
  [[nodiscard]] CpuTimes counters() const;

  /// When the sum of the readings last changed.
  [[nodiscard]] Uptime moved_at() const { return moved_at_; }

 private:
  void start_epoch(const CpuTimes& raw, std::size_t first_field, DiscardCounts& discards);
  void advance(std::size_t field, Ticks raw, bool is_dropped);

  CpuTimes counters_;                         ///< all fields ever met
  std::array<Ticks, kCpuModeCount> marks_{};  ///< the raw values whose time is in counters_
  CpuTimes raw_;                              ///< the last reading
  Uptime moved_at_{};
};

/// How far one CPU went between two readings, in raw ticks.
struct CoreStep {
  std::uint32_t id = 0;
  std::optional<TickDelta> delta;  ///< none: a first reading, or one that says nothing of its share
};

/// Raw readings -> counters that never run backwards, and how far the machine went in raw ticks.
///
/// The counters are seeded with the kernel's totals and grow by clean differences only, so they
/// equal the kernel's on a well-behaved machine and never fall on any other:
/// - Each field has a high-water mark.  The kernel lets iowait, idle and, under nohz_full, user and
///   system step back a little (proc(5) warns of iowait; kernel/sched/cputime.c): such a step adds
///   0, and so does the way back up.
/// - A CPU whose sum, idle time or any other mode but iowait fell by kEpochFall or more was
///   suspended, unplugged or moved to another host: that interval is dropped and counted, and the
///   marks move to the new reading.
/// - A field may grow by 1.5 times the wall time since that CPU's sum last moved, plus
///   kGrowthSlack: idle time may be booked late and whole on tickless kernels.  More is a wrap
///   (steal on some hypervisors): dropped and counted.
/// - A CPU that vanishes keeps its counters for its return, but is not shown meanwhile.  So does a
///   field.
///
/// Differences are raw, never of the kept counters: while a counter is held at its mark the other
/// side alone would seem to move.
///
/// Units: ticks of `ticks_per_second`; times are CLOCK_BOOTTIME.  Threads: one at a time.
class CounterKeeper {
 public:
  using Uptime = std::chrono::milliseconds;

  static constexpr std::chrono::seconds kEpochFall{3};
  static constexpr std::chrono::seconds kGrowthSlack{10};
  static constexpr double kGrowthPerWall = 1.5;
  static constexpr std::int64_t kRounding = 2;  ///< ticks a CPU may be behind by rounding alone

  explicit CounterKeeper(Ticks ticks_per_second) : ticks_per_second_(ticks_per_second) {}

  /// Takes one reading.  Returns how far the whole machine (the `cpu ` line) went since the one
  /// before, in raw ticks, neither side negative; none for a first reading, when the interval of
  /// any CPU was dropped, and (counted) when busy or idle time of the machine stepped back, or that
  /// of one CPU by more than kRounding.
  std::optional<TickDelta> update(const ProcStat& reading, Uptime now);

  /// How far the CPUs of the last reading went, sorted by id.  Valid until the next update.
  [[nodiscard]] const std::vector<CoreStep>& core_steps() const { return core_steps_; }

  /// Goes on from the counters an exporter last showed for this machine and boot, so that a restart
  /// of the agent is no counter reset: no counter is below the shown one from here on.  To be
  /// called before anything of counters() was published.
  void resume(const CpuCounters& shown, Uptime shown_at);

  /// What to publish: the machine, and the CPUs that were in the last reading.  Nothing is known
  /// before the first one.
  [[nodiscard]] CpuCounters counters(bool with_cores) const;

  /// Readings that were thrown away in part, by reason: a suspend of 64 CPUs is one.
  [[nodiscard]] const DiscardCounts& discards() const { return discards_; }

 private:
  struct Core {
    KeptCpu kept;
    bool is_online = true;
  };

  /// What the CPUs' own lines say of an interval: what one of them lost is in the machine's sum as
  /// well, hidden by what the others gained.
  struct Verdict {
    bool is_dropped = false;
    bool is_stepped_back = false;
  };

  /// A resume that came before the first reading.
  struct WaitingResume {
    CpuCounters shown;
    Uptime shown_at;
  };

  [[nodiscard]] std::optional<TickDelta> judge(const ProcStat& reading, Uptime now);
  void go_on_from(const CpuCounters& shown, Uptime shown_at);
  [[nodiscard]] KeptCpu::Limits cpu_limits(Uptime since, Uptime now) const;
  [[nodiscard]] KeptCpu::Limits machine_limits(Uptime now) const;
  [[nodiscard]] Verdict update_cores(const std::vector<CoreTimes>& readings, Uptime now);
  [[nodiscard]] Verdict update_core(const CoreTimes& reading, Uptime now);
  void resume_core(const CoreTimes& shown, Uptime shown_at);

  Ticks ticks_per_second_;
  std::optional<KeptCpu> machine_;
  std::map<std::uint32_t, Core> cores_;
  std::vector<CoreStep> core_steps_;
  std::optional<WaitingResume> waiting_resume_;
  DiscardCounts found_;  ///< in the reading at hand, of all its lines and fields
  DiscardCounts discards_;
};

}  // namespace cpu_monitor::agent
