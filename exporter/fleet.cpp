#include "exporter/fleet.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

#include "common/plausible_resume.hpp"

namespace cpu_monitor::exporter {

namespace {

using std::chrono::milliseconds;

using Labels = std::map<std::string, std::string>;

Labels trusted_over_claimed(Labels trusted, const Labels& claimed) {
  trusted.insert(claimed.begin(), claimed.end());
  return trusted;
}

std::shared_ptr<const AgentIdentity> identity_of(const Hello& hello, const Labels& trusted_labels) {
  auto identity = std::make_shared<AgentIdentity>();
  identity->endpoint = hello.endpoint;
  identity->version = hello.agent_version.value_or("");
  identity->labels = trusted_over_claimed(trusted_labels, hello.labels);
  identity->ticks_per_second = hello.ticks_per_second;
  identity->host = hello.host;
  identity->proc_filesystem = hello.proc_filesystem.value_or("");
  return identity;
}

/// Two unknowns are not the same, and an empty text says nothing.
bool are_same(const std::optional<std::string>& one, const std::optional<std::string>& other) {
  return one.has_value() && !one->empty() && one == other;
}

Error<RefusalCode> in_use() {
  return {RefusalCode::endpoint_in_use,
          "a live agent holds this name; if two machines share it, start one of them with its own "
          "--endpoint"};
}

Error<RefusalCode> table_full(std::size_t max_agents) {
  return {RefusalCode::capacity, "the exporter is full with " + std::to_string(max_agents) +
                                     " agents; raise its --ingest.max-agents"};
}

bool has_lower_id(const CoreTimes& one, const CoreTimes& other) { return one.id < other.id; }

/// A CPU that went offline, or all of them when per-core counters were switched off, may come back
/// under a restarted agent: what was last shown of it is kept until then.
void add_vanished_cores(Resume& shown, const CpuCounters& newest, milliseconds uptime) {
  std::vector<CoreTimes> cores;
  std::ranges::set_union(newest.cores, shown.cpu.cores, std::back_inserter(cores), has_lower_id);
  shown.cpu.total = newest.total;
  shown.cpu.cores = std::move(cores);
  // The age of the oldest part: an agent bounds growth by the time since then, and would throw true
  // time away if that were too short.
  shown.uptime = std::min(shown.uptime, uptime);
}

/// Brings what a restarted agent goes on from up to `sample`, which is shown from now on.
void update_resume(std::optional<Resume>& resume, const CpuSample& sample) {
  if (!sample.cpu) return;
  if (!sample.uptime) return resume.reset();
  if (!resume) resume.emplace();
  Resume& shown = *resume;
  if (!std::ranges::includes(sample.cpu->cores, shown.cpu.cores, has_lower_id)) {
    add_vanished_cores(shown, *sample.cpu, *sample.uptime);
    if (shown.cpu.cores.size() <= kMaxCpus) return;
  }
  shown.uptime = *sample.uptime;
  shown.cpu = *sample.cpu;
}

/// The upper bound, in percent, of the highest bucket that has grown.
std::optional<double> highest_new(const BurstHistogram& later, const BurstHistogram& earlier) {
  for (std::size_t i = BurstHistogram::kBuckets; i-- > 0;) {
    if (later.counts[i] <= earlier.counts[i]) continue;
    return i < kRatioBounds.size() ? 100 * kRatioBounds[i] : 100;
  }
  return std::nullopt;
}

/// Whether nobody else has a copy of `pointer`.  Nobody may be making one meanwhile.
template <class T>
bool is_held_here_only(const std::shared_ptr<T>& pointer) {
  if (pointer.use_count() != 1) return false;
  // The count is read without order: what its last holder read may seem to come later.  Making a
  // copy and dropping it changes the count twice, which synchronises with that holder's release
  // (libstdc++ counts up and down with acquire and release).
  // NOLINTNEXTLINE(performance-unnecessary-copy-initialization)
  [[maybe_unused]] const std::shared_ptr<T> synchronised = pointer;
  return true;
}

}  // namespace

milliseconds Fleet::silence_limit(milliseconds push_interval) {
  return std::max<milliseconds>(std::chrono::seconds(10), 3 * push_interval);
}

milliseconds Fleet::missed_pushes_limit(milliseconds push_interval) {
  return std::max<milliseconds>(std::chrono::seconds(2), 2 * push_interval);
}

Result<Fleet::Claim, RefusalCode> Fleet::claim(const Hello& hello, const Identity& identity,
                                               ConnectionId connection, const Moment& now) {
  const std::lock_guard lock(mutex_);
  Claim claim;
  Record* record = find_remembered(hello.endpoint, now);
  if (record == nullptr) {
    const bool is_expected = expected_.contains(hello.endpoint);
    if (!make_room(is_expected, now)) return table_full(limits_.max_agents);
    record = &remember(hello, now);
    record->is_expected = is_expected;
  } else if (record->holder) {
    const Takeover takeover = judge_takeover(*record, hello, identity.proof, now);
    if (takeover == Takeover::refused) {
      ++record->refused_claims;
      return in_use();
    }
    if (takeover == Takeover::of_a_silent_holder) record->last_takeover = now.steady;
    claim.displaced = record->holder;
  }
  hand_over(*record, hello, identity, connection, now);
  // A stronger proof is not to go on from what a weaker one may have made up, and a weaker one is
  // not to learn what a stronger one said.
  if (record->resume && record->resume_proof == identity.proof &&
      is_plausible(*record->resume, hello.ticks_per_second)) {
    claim.resume = record->resume;
  }
  return claim;
}

void Fleet::confirm(std::string_view endpoint, ConnectionId connection, const Identity& identity) {
  const std::lock_guard lock(mutex_);
  Record* const record = find_held(endpoint, connection);
  if (record == nullptr) return;
  if (record->resume_proof == record->proof) record->resume_proof = identity.proof;
  record->proof = identity.proof;
  auto labels = trusted_over_claimed(identity.labels, record->claimed_labels);
  if (labels == record->identity->labels) return;
  auto newest = std::make_shared<AgentIdentity>(*record->identity);
  newest->labels = std::move(labels);
  record->identity = std::move(newest);
}

Fleet::Applied Fleet::apply(std::string_view endpoint, ConnectionId connection,
                            const CpuSample& sample, const Moment& now) {
  const std::lock_guard lock(mutex_);
  Record* const record = find_held(endpoint, connection);
  if (record == nullptr) return Applied::not_holder;
  if (sample.sequence <= record->last_sequence) return Applied::sequence_not_rising;
  add_to_history(*record, sample, now);
  replace_sample(*record, sample);
  if (sample.cpu && std::exchange(record->resume_proof, record->proof) != record->proof) {
    record->resume.reset();
  }
  update_resume(record->resume, sample);
  record->last_sequence = sample.sequence;
  record->last_heard = now.steady;
  record->alive_until = now.steady + silence_limit(record->push_interval);
  record->last_sample = now.system;
  if (sample.time) {
    record->clock_skew =
        *sample.time - std::chrono::floor<milliseconds>(now.system.time_since_epoch());
  }
  return Applied::applied;
}

bool Fleet::learn(std::string_view endpoint, ConnectionId connection, CpuFacts facts) {
  auto newest = std::make_shared<const CpuFacts>(std::move(facts));
  const std::lock_guard lock(mutex_);
  Record* const record = find_held(endpoint, connection);
  if (record == nullptr) return false;
  record->facts.swap(newest);  // the old ones are freed when the lock is gone
  return true;
}

void Fleet::release(std::string_view endpoint, ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  Record* const record = find_held(endpoint, connection);
  if (record == nullptr) return;
  record->holder.reset();
  if (!record->last_sample && !record->resume) records_.erase(records_.find(endpoint));
}

void Fleet::leave(std::string_view endpoint, ConnectionId connection, bool moved,
                  const Moment& now) {
  const std::lock_guard lock(mutex_);
  Record* const record = find_held(endpoint, connection);
  if (record == nullptr) return;
  record->holder.reset();
  record->left_at = now.steady;
  if (moved || (!record->last_sample && !record->resume)) records_.erase(records_.find(endpoint));
}

void Fleet::expect(const std::vector<std::string>& names, const Moment& now) {
  Expected expected;
  for (const std::string& name : names) {
    auto identity = std::make_shared<AgentIdentity>();
    identity->endpoint = name;
    expected.emplace_hint(expected.end(), name, std::move(identity));
  }
  const std::lock_guard lock(mutex_);
  std::erase_if(records_, [&](const auto& entry) { return is_forgotten(entry.second, now); });
  expected_.swap(expected);  // the old ones are freed when the lock is gone
  if (!expected_since_) expected_since_ = now.steady;
  for (auto& [endpoint, record] : records_) record.is_expected = expected_.contains(endpoint);
}

void Fleet::report(ConnectionId connection, std::string endpoint, double percent) {
  const std::lock_guard lock(mutex_);
  reported_.insert_or_assign(connection, ReportedPercent{std::move(endpoint), percent});
}

void Fleet::withdraw(ConnectionId connection) {
  const std::lock_guard lock(mutex_);
  reported_.erase(connection);
}

void Fleet::expire(const Moment& now) {
  const std::lock_guard lock(mutex_);
  expired_at_ = now.steady;
  std::erase_if(records_, [&](const auto& entry) { return is_forgotten(entry.second, now); });
  for (auto& [endpoint, record] : records_) {
    if (state_of(record, now) != AgentState::gone) continue;
    record.sample.reset();
    if (record.holder) continue;
    forget_process(record);
    record.slow.reset();
  }
}

bool Fleet::is_behind(const Moment& now) const {
  const std::lock_guard lock(mutex_);
  return expired_at_ && now.steady - *expired_at_ > std::chrono::seconds(1);
}

void Fleet::forgive(milliseconds pause, const Moment& now) {
  // What was heard after the pause, before this call, is already young enough.
  const auto later = [&](SteadyTime time) {
    return std::min<SteadyTime>(time + pause, now.steady);
  };
  const std::lock_guard lock(mutex_);
  for (auto& [endpoint, record] : records_) {
    const auto patience = record.alive_until - record.last_heard;
    record.last_heard = later(record.last_heard);
    record.alive_until = record.last_heard + patience;
    record.held_since = later(record.held_since);
    if (record.left_at) record.left_at = later(*record.left_at);
  }
  if (expected_since_) expected_since_ = later(*expected_since_);
}

std::optional<Fleet::ConnectionId> Fleet::holder_of(std::string_view endpoint) const {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(endpoint);
  return found == records_.end() ? std::nullopt : found->second.holder;
}

FleetSnapshot Fleet::snapshot(const Moment& now) const {
  FleetSnapshot snapshot;
  {
    const std::lock_guard lock(mutex_);
    snapshot.agents = views(now);
    snapshot.places_taken = records_.size() + absent_expected();
    snapshot.max_places = limits_.max_agents;
    for (const auto& [connection, reported] : reported_) snapshot.reported.push_back(reported);
  }
  std::ranges::sort(snapshot.reported, {}, &ReportedPercent::endpoint);
  return snapshot;
}

/// Those that came and those that did not, in the one order of both.
std::vector<AgentView> Fleet::views(const Moment& now) const {
  std::vector<AgentView> views;
  views.reserve(records_.size() + expected_.size());
  auto expected = is_grace_over(now) ? expected_.begin() : expected_.end();
  const auto add_expected_before = [&](const std::string* endpoint) {
    for (; expected != expected_.end() && (!endpoint || expected->first < *endpoint); ++expected) {
      views.push_back(view_of_absent(expected->second));
    }
  };
  for (const auto& [endpoint, record] : records_) {
    if (is_forgotten(record, now) || is_hidden(record, now)) continue;
    add_expected_before(&endpoint);
    if (expected != expected_.end() && expected->first == endpoint) ++expected;
    views.push_back(view_of(record, now));
  }
  add_expected_before(nullptr);
  return views;
}

AgentView Fleet::view_of_absent(const std::shared_ptr<const AgentIdentity>& identity) {
  AgentView view;
  view.identity = identity;
  view.has_come = false;
  view.is_expected = true;
  view.state = AgentState::gone;
  return view;
}

std::optional<AgentView> Fleet::look(std::string_view endpoint, const Moment& now) const {
  const std::lock_guard lock(mutex_);
  const auto found = records_.find(endpoint);
  if (found != records_.end() && !is_forgotten(found->second, now) &&
      !is_hidden(found->second, now)) {
    return view_of(found->second, now);
  }
  const auto expected = expected_.find(endpoint);
  if (expected == expected_.end() || !is_grace_over(now)) return std::nullopt;
  return view_of_absent(expected->second);
}

std::vector<UsageHistory> Fleet::histories(const std::vector<std::string_view>& endpoints) const {
  std::vector<UsageHistory> histories;
  histories.reserve(endpoints.size());
  const std::lock_guard lock(mutex_);
  for (const std::string_view endpoint : endpoints) {
    const auto found = records_.find(endpoint);
    histories.push_back(found == records_.end() ? UsageHistory() : found->second.history);
  }
  return histories;
}

Fleet::Forgotten Fleet::forget(std::string_view endpoint, const Moment& now) {
  const std::lock_guard lock(mutex_);
  if (expected_.contains(endpoint)) return Forgotten::expected;
  const auto found = records_.find(endpoint);
  if (found == records_.end() || is_forgotten(found->second, now)) return Forgotten::unknown;
  if (found->second.holder) return Forgotten::connected;
  records_.erase(found);
  return Forgotten::forgotten;
}

Fleet::SteadyTime Fleet::shown_until(const Record& record) const {
  const auto until =
      std::max<SteadyTime>(record.alive_until, record.last_heard + limits_.stale_after);
  return record.left_at ? std::min<SteadyTime>(until, *record.left_at + limits_.stale_after)
                        : until;
}

AgentState Fleet::state_of(const Record& record, const Moment& now) const {
  if (now.steady > shown_until(record)) return AgentState::gone;
  const bool is_alive = record.last_sample && !record.left_at && now.steady <= record.alive_until;
  return is_alive ? AgentState::alive : AgentState::silent;
}

AgentView Fleet::view_of(const Record& record, const Moment& now) const {
  AgentView view;
  view.identity = record.identity;
  view.state = state_of(record, now);
  view.last_sample = record.last_sample;
  view.connects = record.connects;
  view.refused_claims = record.refused_claims;
  view.is_expected = record.is_expected;
  view.push_interval = record.push_interval;
  if (view.state == AgentState::gone) return view;
  view.sample = record.sample;
  if (view.sample) view.slow = record.slow;
  view.facts = record.facts;
  view.clock_skew = record.clock_skew;
  return view;
}

bool Fleet::is_forgotten(const Record& record, const Moment& now) const {
  return !record.holder && !record.is_expected &&
         now.steady - record.last_heard > limits_.forget_after;
}

bool Fleet::is_hidden(const Record& record, const Moment& now) const {
  if (record.is_expected && (record.last_sample || is_grace_over(now))) return false;
  if (!record.last_sample) return !record.holder || now.steady <= record.alive_until;
  return record.left_at && now.steady - *record.left_at > limits_.stale_after;
}

bool Fleet::is_grace_over(const Moment& now) const {
  return expected_since_ && now.steady - *expected_since_ >= kExpectationGrace;
}

Fleet::Record* Fleet::find_held(std::string_view endpoint, ConnectionId connection) {
  const auto found = records_.find(endpoint);
  if (found == records_.end() || found->second.holder != connection) return nullptr;
  return &found->second;
}

Fleet::Record* Fleet::find_remembered(std::string_view endpoint, const Moment& now) {
  const auto found = records_.find(endpoint);
  if (found == records_.end()) return nullptr;
  if (!is_forgotten(found->second, now)) return &found->second;
  records_.erase(found);
  return nullptr;
}

Fleet::Takeover Fleet::judge_takeover(const Record& record, const Hello& hello, Proof proof,
                                      const Moment& now) {
  if (proof > record.proof) return Takeover::by_right;
  if (proof == record.proof && are_same(record.session, hello.session)) return Takeover::by_right;
  // A holder that just came has had no time to speak, however long ago the name was last heard.
  const SteadyTime silent_since = std::max(record.last_heard, record.held_since);
  const milliseconds patience = proof == Proof::exact ? missed_pushes_limit(record.push_interval)
                                                      : silence_limit(record.push_interval);
  if (now.steady - silent_since <= patience) return Takeover::refused;
  const bool is_paused =
      record.last_takeover && now.steady - *record.last_takeover < kTakeoverPause;
  return is_paused ? Takeover::refused : Takeover::of_a_silent_holder;
}

/// The highest reading since the sample before is told by the histogram, to its resolution.
void Fleet::add_to_history(Record& record, const CpuSample& sample, const Moment& now) {
  if (!sample.percent) return;
  std::optional<double> peak;
  if (sample.burst && record.sample && record.sample->burst) {
    peak = highest_new(sample.burst->utilization, record.sample->burst->utilization);
  }
  const auto covered =
      record.last_sample ? now.steady - record.last_heard : SteadyTime::duration(0);
  record.history.add(now.steady, std::min<SteadyTime::duration>(covered, 2 * record.push_interval),
                     *sample.percent, peak);
}

void Fleet::replace_sample(Record& record, const CpuSample& sample) {
  if (std::exchange(record.is_slow_over, false)) record.slow.reset();
  // Should memory run out on the way, no half of a sample is shown.
  std::shared_ptr<CpuSample> newest = std::exchange(record.sample, nullptr);
  if (!is_held_here_only(newest)) newest = std::make_shared<CpuSample>();
  *newest = sample;
  if (!sample.slow.is_empty()) {
    auto standing = std::make_shared<SlowReadings>(std::exchange(newest->slow, {}));
    if (record.slow) standing->inherit(*record.slow);
    record.slow = std::move(standing);
  }
  record.sample = std::move(newest);
}

void Fleet::forget_process(Record& record) {
  record.is_slow_over = true;
  record.facts.reset();
}

/// Those that may make room, the longest unheard first.
std::vector<Fleet::Records::iterator> Fleet::unheard(bool is_expected, const Moment& now) {
  std::vector<Records::iterator> unheard;
  for (auto it = records_.begin(); it != records_.end(); ++it) {
    const Record& record = it->second;
    if (record.is_expected != is_expected || record.holder) continue;
    if (now.steady - record.last_heard > limits_.stale_after) unheard.push_back(it);
  }
  std::ranges::stable_sort(unheard, {}, [](const auto& it) { return it->second.last_heard; });
  return unheard;
}

/// A flood of other names shall leave room for those that are expected.
std::size_t Fleet::places_kept() const {
  const bool has_room_for_all = records_.size() + expected_.size() < limits_.max_agents;
  return has_room_for_all ? 0 : absent_expected();
}

/// Names that nothing is remembered of.
std::size_t Fleet::absent_expected() const {
  const auto here =
      std::ranges::count_if(records_, [](const auto& entry) { return entry.second.is_expected; });
  return expected_.size() - static_cast<std::size_t>(here);
}

bool Fleet::make_room(bool for_expected, const Moment& now) {
  const std::size_t wanted = records_.size() + 1 + (for_expected ? 0 : places_kept());
  if (wanted <= limits_.max_agents) return true;
  const std::size_t excess = wanted - limits_.max_agents;
  auto leaving = unheard(false, now);
  if (leaving.empty() && for_expected) leaving = unheard(true, now);
  if (leaving.size() < excess) return false;
  for (std::size_t i = 0; i < excess; ++i) records_.erase(leaving[i]);
  return true;
}

Fleet::Record& Fleet::remember(const Hello& hello, const Moment& now) {
  Record& record = records_[hello.endpoint];
  record.last_heard = now.steady;
  record.alive_until = now.steady + silence_limit(hello.push_interval);
  return record;
}

void Fleet::hand_over(Record& record, const Hello& hello, const Identity& identity,
                      ConnectionId connection, const Moment& now) {
  // A process that was gone tells everything anew when it connects again.
  const bool goes_on = are_same(record.session, hello.session) && !is_hidden(record, now) &&
                       state_of(record, now) != AgentState::gone;
  const bool is_same_unit =
      record.identity && record.identity->ticks_per_second == hello.ticks_per_second;
  // A name that comes back after a goodbye is new to the page; only its counters go on.
  if (is_hidden(record, now)) {
    record.last_sample.reset();
    record.sample.reset();
    record.last_heard = now.steady;
    record.alive_until = now.steady + silence_limit(hello.push_interval);
  }
  if (!is_same_unit) record.sample.reset();  // its ticks would be read as something they are not
  if (!is_same_unit || !are_same(record.boot_id, hello.boot_id)) record.resume.reset();
  if (!are_same(record.session, hello.session)) record.last_sequence = 0;
  if (!goes_on) forget_process(record);

  record.identity = identity_of(hello, identity.labels);
  record.claimed_labels = hello.labels;
  record.proof = identity.proof;
  record.session = hello.session;
  record.boot_id = hello.boot_id;
  record.holder = connection;
  record.held_since = now.steady;
  record.push_interval = hello.push_interval;
  // It was down from its goodbye on, and is up again with its next sample, not with a hello.
  if (std::exchange(record.left_at, std::nullopt) && record.last_sample) {
    record.alive_until = std::min(record.alive_until, now.steady - std::chrono::milliseconds(1));
  }
  ++record.connects;
  // An agent that was just restarted with a longer interval is not late before that interval.
  if (state_of(record, now) == AgentState::alive) {
    record.alive_until = std::max<SteadyTime>(
        record.alive_until, record.last_heard + silence_limit(hello.push_interval));
  }
}

}  // namespace cpu_monitor::exporter
