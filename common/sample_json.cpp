#include "common/sample_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <functional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cpu_monitor {
namespace {

/// Where in a line a value stands, by what it means.
enum class Place : std::uint8_t {
  ignored,  ///< anything this version does not know
  line,
  type,
  sequence,
  percent,
  cpu,
  total,
  cores,
  core,
  surplus_core,  ///< one more than there may be
  core_id,
  tick,
  time,
  uptime,
  discarded,
  discard_count,
  self,
  cpu_seconds,
  resident_bytes,
  resume
};

struct NamedPlace {
  std::string_view key;
  Place place;
};

constexpr std::array kSampleFields{
    NamedPlace{"type", Place::type},           NamedPlace{"sequence", Place::sequence},
    NamedPlace{"percent", Place::percent},     NamedPlace{"cpu", Place::cpu},
    NamedPlace{"time_ms", Place::time},        NamedPlace{"uptime_ms", Place::uptime},
    NamedPlace{"discarded", Place::discarded}, NamedPlace{"self", Place::self}};
constexpr std::array kWelcomeFields{NamedPlace{"type", Place::type},
                                    NamedPlace{"resume", Place::resume}};
constexpr std::array kResumeFields{NamedPlace{"uptime_ms", Place::uptime},
                                   NamedPlace{"cpu", Place::cpu}};
constexpr std::array kCpuFields{NamedPlace{"total", Place::total},
                                NamedPlace{"cores", Place::cores}};
constexpr std::array kSelfFields{NamedPlace{"cpu_seconds", Place::cpu_seconds},
                                 NamedPlace{"resident_bytes", Place::resident_bytes}};

template <std::size_t N>
Place find_place(const std::array<NamedPlace, N>& fields, std::string_view key) {
  for (const NamedPlace& field : fields) {
    if (field.key == key) return field.place;
  }
  return Place::ignored;
}

Place field_of(Place object, std::string_view key, Sender sender) {
  switch (object) {
    case Place::line:
      return sender == Sender::agent ? find_place(kSampleFields, key)
                                     : find_place(kWelcomeFields, key);
    case Place::resume:
      return find_place(kResumeFields, key);
    case Place::cpu:
      return find_place(kCpuFields, key);
    case Place::self:
      return find_place(kSelfFields, key);
    case Place::discarded:
      return Place::discard_count;
    default:
      return Place::ignored;
  }
}

constexpr bool is_object(Place place) {
  return place == Place::line || place == Place::cpu || place == Place::discarded ||
         place == Place::self || place == Place::resume;
}

constexpr bool is_array(Place place) {
  return place == Place::total || place == Place::cores || place == Place::core;
}

/// What should have stood there, in words for the peer.
std::string_view requirement(Place place) {
  switch (place) {
    case Place::sequence:
      return "sequence must be an integer from 1 to 9007199254740991";
    case Place::percent:
      return "percent must be a number from 0 to 100";
    case Place::cpu:
      return "cpu must be an object with total and, if there are any, cores";
    case Place::total:
      return "cpu.total must be an array of at least 4 ticks, integers from 0 to 9007199254740991";
    case Place::cores:
    case Place::core:
    case Place::core_id:
      return "cpu.cores must be at most 1024 arrays, each of an id from 0 to 65535 that comes "
             "once, then at least 4 ticks, integers from 0 to 9007199254740991";
    case Place::surplus_core:
      return "cpu.cores holds more than 1024 CPUs; start the agent with --no-cpu.per-core";
    case Place::tick:
      return "ticks must be integers from 0 to 9007199254740991";
    case Place::time:
      return "time_ms must be an integer from 0 to 9007199254740991";
    case Place::uptime:
      return "uptime_ms must be an integer from 0 to 9007199254740991";
    case Place::discarded:
    case Place::discard_count:
      return "discarded must be an object of integers from 0 to 9007199254740991";
    case Place::self:
      return "self must be an object with cpu_seconds and resident_bytes";
    case Place::cpu_seconds:
      return "self.cpu_seconds must be a number from 0";
    case Place::resident_bytes:
      return "self.resident_bytes must be an integer from 0 to 9007199254740991";
    case Place::resume:
      return "resume must be an object with uptime_ms and cpu";
    default:
      return "a sample needs a sequence and at least one of percent, cpu and discarded";
  }
}

/// Puts values where they belong.  False from a function: not a value for that place.
class SampleBuilder {
 public:
  void expect_discards_of(std::string_view reason) {
    reason_ = kDiscardReasonNames.find(reason).value_or(DiscardReason::other);
  }

  /// The place of the next element of an array.
  [[nodiscard]] Place element_of(Place array) const;

  [[nodiscard]] bool open(Place container);
  [[nodiscard]] bool close(Place container);
  [[nodiscard]] bool take(Place place, std::uint64_t value);
  [[nodiscard]] bool take(Place place, double value);

  CpuSample sample;
  std::optional<Resume> resume;

 private:
  [[nodiscard]] bool open_core();
  [[nodiscard]] bool close_cores();
  [[nodiscard]] bool close_self();
  [[nodiscard]] bool close_resume();
  [[nodiscard]] bool take_core_id(std::uint64_t value);
  [[nodiscard]] bool take_discards(std::uint64_t value);

  CpuTimes* times_ = nullptr;  ///< of the CPU, or the total, whose array is open
  bool has_core_id_ = false;
  DiscardReason reason_ = DiscardReason::other;
  std::optional<double> cpu_seconds_;
  std::optional<std::uint64_t> resident_bytes_;
};

Place SampleBuilder::element_of(Place array) const {
  if (array == Place::cores) {
    return sample.cpu->cores.size() < kMaxCpus ? Place::core : Place::surplus_core;
  }
  if (!is_array(array)) return Place::ignored;
  if (array == Place::core && !has_core_id_) return Place::core_id;
  return times_->fields < kCpuModeCount ? Place::tick : Place::ignored;
}

bool SampleBuilder::open(Place container) {
  switch (container) {
    case Place::cpu:
      sample.cpu.emplace();
      return true;
    case Place::total:
      times_ = &sample.cpu->total;
      return true;
    case Place::core:
      return open_core();
    case Place::discarded:
      sample.discarded.emplace();
      return true;
    default:
      return true;
  }
}

bool SampleBuilder::close(Place container) {
  switch (container) {
    case Place::cpu:
      return sample.cpu->total.fields >= kMinCpuFields;
    case Place::total:
    case Place::core:
      return times_->fields >= kMinCpuFields;
    case Place::cores:
      return close_cores();
    case Place::self:
      return close_self();
    case Place::resume:
      return close_resume();
    default:
      return true;
  }
}

bool SampleBuilder::take(Place place, std::uint64_t value) {
  switch (place) {
    case Place::ignored:
      return true;
    case Place::sequence:
      sample.sequence = value;
      return value >= 1 && value <= kMaxWireInteger;
    case Place::percent:
    case Place::cpu_seconds:
      return take(place, static_cast<double>(value));
    case Place::core_id:
      return take_core_id(value);
    case Place::tick:
      times_->ticks[times_->fields++] = value;
      return value <= kMaxTicks;
    case Place::time:
      sample.time = std::chrono::milliseconds(value);
      return value <= kMaxWireInteger;
    case Place::uptime:
      sample.uptime = std::chrono::milliseconds(value);
      return value <= kMaxWireInteger;
    case Place::discard_count:
      return take_discards(value);
    case Place::resident_bytes:
      resident_bytes_ = value;
      return value <= kMaxWireInteger;
    default:
      return false;
  }
}

bool SampleBuilder::take(Place place, double value) {
  switch (place) {
    case Place::ignored:
      return true;
    case Place::percent:
      sample.percent = value;
      return !std::signbit(value) && value <= 100;
    case Place::cpu_seconds:
      cpu_seconds_ = value;
      return !std::signbit(value);
    default:
      return false;
  }
}

bool SampleBuilder::open_core() {
  std::vector<CoreTimes>& cores = sample.cpu->cores;
  cores.emplace_back();
  times_ = &cores.back().times;
  has_core_id_ = false;
  return true;
}

bool SampleBuilder::close_cores() {
  const auto by_id = [](const CoreTimes& a, const CoreTimes& b) { return a.id < b.id; };
  const auto same_id = [](const CoreTimes& a, const CoreTimes& b) { return a.id == b.id; };
  std::vector<CoreTimes>& cores = sample.cpu->cores;
  if (!std::is_sorted(cores.begin(), cores.end(), by_id)) {
    std::sort(cores.begin(), cores.end(), by_id);
  }
  return std::adjacent_find(cores.begin(), cores.end(), same_id) == cores.end();
}

bool SampleBuilder::close_self() {
  if (!cpu_seconds_ || !resident_bytes_) return false;
  sample.self = ProcessCost{*cpu_seconds_, *resident_bytes_};
  return true;
}

bool SampleBuilder::close_resume() {
  if (!sample.uptime || !sample.cpu) return false;
  resume = Resume{*sample.uptime, std::move(*sample.cpu)};
  return true;
}

bool SampleBuilder::take_core_id(std::uint64_t value) {
  has_core_id_ = true;
  if (value > kMaxCpuId) return false;
  sample.cpu->cores.back().id = static_cast<std::uint32_t>(value);
  return true;
}

bool SampleBuilder::take_discards(std::uint64_t value) {
  if (value > kMaxWireInteger) return false;
  // Any number of unknown reasons ends in one count: it stays in range.
  const std::uint64_t room = kMaxWireInteger - (*sample.discarded)[reason_];
  sample.discarded->add(reason_, std::min(value, room));
  return true;
}

/// The keys of the objects that are open, to find one that stands twice.  Kept as 64-bit hashes:
/// that two different keys of one honest line share one is less likely than a flipped bit.
class OpenKeys {
 public:
  void open(std::size_t depth) { starts_[depth] = hashes_.size(); }
  void add(std::string_view key) { hashes_.push_back(std::hash<std::string_view>{}(key)); }

  /// False if a key of the object stood twice.
  [[nodiscard]] bool close(std::size_t depth) {
    const auto start = hashes_.begin() + static_cast<std::ptrdiff_t>(starts_[depth]);
    std::sort(start, hashes_.end());
    const bool is_unique = std::adjacent_find(start, hashes_.end()) == hashes_.end();
    hashes_.erase(start, hashes_.end());
    return is_unique;
  }

 private:
  std::vector<std::uint64_t> hashes_;
  std::array<std::size_t, kMaxJsonDepth> starts_{};
};

constexpr int kNumberOverflow = 406;  // the id of nlohmann's exception for 1e999
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kNotAnObject =
    "not a JSON object in UTF-8; this port speaks one JSON object per line";

/// The handler of nlohmann's SAX parser: knows where in the line the parser is.  A function that
/// returns false ends the parse.
class LineScanner {
 public:
  explicit LineScanner(Sender sender) : sender_(sender) {}

  [[nodiscard]] Decoded<ScannedLine> finish() &&;

  bool start_object(std::size_t) { return open(&is_object); }
  bool start_array(std::size_t) { return open(&is_array); }
  bool end_object();
  bool end_array();
  bool key(std::string& name);

  bool null() { return wrong_type(); }
  bool boolean(bool) { return wrong_type(); }
  bool binary(nlohmann::json::binary_t&) { return wrong_type(); }
  // nlohmann's lexer makes these of numbers with a minus sign only, and no field has such a range.
  bool number_integer(std::int64_t) { return wrong_type(); }
  bool number_unsigned(std::uint64_t value) { return number(value); }
  bool number_float(double value, const std::string&) { return number(value); }
  bool string(std::string& value);
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error);

 private:
  [[nodiscard]] Place next_place() const;
  bool open(bool (*is_expected)(Place));
  void close();
  bool wrong_type();
  template <class Number>
  bool number(Number value);
  void remember_fault(Place place);
  bool refuse(RefusalCode code, std::string_view words);

  Sender sender_;
  std::array<Place, kMaxJsonDepth> containers_{};
  std::size_t depth_ = 0;
  Place field_ = Place::ignored;  ///< of the key just read
  OpenKeys keys_;
  SampleBuilder builder_;
  std::optional<std::string> type_;
  std::optional<Place> fault_;
  std::optional<Error<RefusalCode>> refusal_;
};

Decoded<ScannedLine> LineScanner::finish() && {
  // containers_[0] keeps what the outermost value was after it closed.
  if (containers_[0] != Place::line) {
    return Error(RefusalCode::bad_json, std::string(kNotAnObject));
  }
  if (refusal_) return *std::move(refusal_);

  ScannedLine line;
  line.type = std::move(type_);
  line.sample = std::move(builder_.sample);
  line.resume = std::move(builder_.resume);
  const bool says_something = line.sample.percent || line.sample.cpu || line.sample.discarded;
  if (sender_ == Sender::agent && (line.sample.sequence == 0 || !says_something)) {
    remember_fault(Place::line);
  }
  if (fault_) {
    const bool is_too_many = *fault_ == Place::surplus_core;
    line.fault.emplace(is_too_many ? RefusalCode::capacity : RefusalCode::bad_field,
                       std::string(requirement(*fault_)));
  }
  return line;
}

Place LineScanner::next_place() const {
  if (depth_ == 0) return Place::line;
  const Place container = containers_[depth_ - 1];
  return is_object(container) ? field_ : builder_.element_of(container);
}

bool LineScanner::open(bool (*is_expected)(Place)) {
  if (depth_ == kMaxJsonDepth) return refuse(RefusalCode::bad_json, "nested deeper than 6 levels");
  Place place = next_place();
  if (place != Place::ignored && !(is_expected(place) && builder_.open(place))) {
    remember_fault(place);
    place = Place::ignored;
  }
  keys_.open(depth_);
  containers_[depth_++] = place;
  return true;
}

void LineScanner::close() {
  const Place place = containers_[--depth_];
  if (!builder_.close(place)) remember_fault(place);
}

bool LineScanner::end_object() {
  close();
  if (keys_.close(depth_)) return true;
  return refuse(RefusalCode::bad_json, "an object holds the same key twice");
}

bool LineScanner::end_array() {
  close();
  return true;
}

bool LineScanner::key(std::string& name) {
  keys_.add(name);
  field_ = field_of(containers_[depth_ - 1], name, sender_);
  if (field_ == Place::discard_count) builder_.expect_discards_of(name);
  return true;
}

bool LineScanner::wrong_type() {
  remember_fault(next_place());
  return true;
}

template <class Number>
bool LineScanner::number(Number value) {
  const Place place = next_place();
  if (!builder_.take(place, value)) remember_fault(place);
  return true;
}

bool LineScanner::string(std::string& value) {
  if (next_place() != Place::type) return wrong_type();
  type_ = std::move(value);
  return true;
}

bool LineScanner::parse_error(std::size_t, const std::string&,
                              const nlohmann::json::exception& error) {
  if (error.id == kNumberOverflow) {
    return refuse(RefusalCode::bad_field, "a number is too large for any field");
  }
  return refuse(RefusalCode::bad_json, kNotAnObject);
}

void LineScanner::remember_fault(Place place) {
  if (place == Place::ignored || place == Place::type || fault_) return;
  fault_ = place;
}

bool LineScanner::refuse(RefusalCode code, std::string_view words) {
  refusal_.emplace(code, std::string(words));
  return false;
}

void append_integer(std::string& line, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  line.append(digits.data(), written.ptr);
}

/// The shortest text that reads back as the same double.
void append_number(std::string& line, double value) {
  std::array<char, 32> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  line.append(digits.data(), written.ptr);
}

void append_milliseconds(std::string& line, std::chrono::milliseconds value) {
  append_integer(line, static_cast<std::uint64_t>(value.count()));
}

/// Appends "," before all but the first of a row.
class Separator {
 public:
  void before_next(std::string& line) {
    if (!is_first_) line += ',';
    is_first_ = false;
  }

 private:
  bool is_first_ = true;
};

void append_ticks(std::string& line, const CpuTimes& times, Separator separator) {
  for (std::size_t mode = 0; mode < times.fields; ++mode) {
    separator.before_next(line);
    append_integer(line, times.ticks[mode]);
  }
}

void append_core(std::string& line, const CoreTimes& core) {
  Separator separator;
  line += '[';
  separator.before_next(line);
  append_integer(line, core.id);
  append_ticks(line, core.times, separator);
  line += ']';
}

void append_discards(std::string& line, const DiscardCounts& discards) {
  Separator separator;
  line += '{';
  for (std::size_t i = 0; i < kDiscardReasonNames.size(); ++i) {
    const auto reason = static_cast<DiscardReason>(i);
    if (discards[reason] == 0) continue;
    separator.before_next(line);
    line.append("\"").append(kDiscardReasonNames[reason]).append("\":");
    append_integer(line, discards[reason]);
  }
  line += '}';
}

void append_process_cost(std::string& line, const ProcessCost& cost) {
  line += R"({"cpu_seconds":)";
  append_number(line, cost.cpu_seconds);
  line += R"(,"resident_bytes":)";
  append_integer(line, cost.resident_bytes);
  line += '}';
}

constexpr std::size_t kUsualBytesOfTicks = 96;
constexpr std::size_t kUsualBytesOfTheRest = 256;

/// Room for a usual sample, so that the line grows once.
std::size_t expected_bytes(const CpuSample& sample) {
  return kUsualBytesOfTheRest +
         (sample.cpu ? (sample.cpu->cores.size() + 1) * kUsualBytesOfTicks : 0);
}

}  // namespace

Decoded<ScannedLine> scan_line(std::string_view line, Sender sender) {
  // nlohmann's lexer skips a byte order mark and takes a NUL for the end of the text.
  const bool has_mark = line.substr(0, kByteOrderMark.size()) == kByteOrderMark;
  if (has_mark || line.find('\0') != std::string_view::npos) {
    return Error(RefusalCode::bad_json, std::string(kNotAnObject));
  }
  LineScanner scanner(sender);
  // The outcome is in the scanner: it said why whenever it, or the parser, stopped.
  static_cast<void>(nlohmann::json::sax_parse(line.begin(), line.end(), &scanner));
  return std::move(scanner).finish();
}

void append_cpu(std::string& line, const CpuCounters& cpu) {
  line += R"({"total":[)";
  append_ticks(line, cpu.total, Separator());
  line += ']';
  if (!cpu.cores.empty()) {
    line += R"(,"cores":[)";
    Separator separator;
    for (const CoreTimes& core : cpu.cores) {
      separator.before_next(line);
      append_core(line, core);
    }
    line += ']';
  }
  line += '}';
}

void append_sample(std::string& line, const CpuSample& sample) {
  line.reserve(line.size() + expected_bytes(sample));
  line += R"({"type":"sample","sequence":)";
  append_integer(line, sample.sequence);
  if (sample.percent) {
    line += R"(,"percent":)";
    append_number(line, *sample.percent);
  }
  if (sample.time) {
    line += R"(,"time_ms":)";
    append_milliseconds(line, *sample.time);
  }
  if (sample.uptime) {
    line += R"(,"uptime_ms":)";
    append_milliseconds(line, *sample.uptime);
  }
  if (sample.cpu) {
    line += R"(,"cpu":)";
    append_cpu(line, *sample.cpu);
  }
  if (sample.discarded) {
    line += R"(,"discarded":)";
    append_discards(line, *sample.discarded);
  }
  if (sample.self) {
    line += R"(,"self":)";
    append_process_cost(line, *sample.self);
  }
  line += '}';
}

}  // namespace cpu_monitor
