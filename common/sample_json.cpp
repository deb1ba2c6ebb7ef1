#include "common/sample_json.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <functional>
#include <memory_resource>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "common/sample_fields.hpp"

namespace cpu_monitor {
namespace {

/// The keys of the objects that are open, to find one that stands twice.  Kept as 64-bit hashes:
/// that two different keys of one honest line share one is less likely than a flipped bit.
class OpenKeys {
 public:
  OpenKeys() { hashes_.reserve(kUsualKeys); }
  OpenKeys(const OpenKeys&) = delete;
  OpenKeys& operator=(const OpenKeys&) = delete;

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
  static constexpr std::size_t kUsualKeys = 64;

  // Those of a usual line need no memory from the heap.
  std::array<std::byte, kUsualKeys * sizeof(std::uint64_t)> buffer_;
  std::pmr::monotonic_buffer_resource memory_{buffer_.data(), buffer_.size()};
  std::pmr::vector<std::uint64_t> hashes_{&memory_};
  std::array<std::size_t, kMaxJsonDepth> starts_{};
};

constexpr int kNumberOverflow = 406;  // the id of nlohmann's exception for 1e999
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
constexpr std::string_view kNotAnObject =
    "not a JSON object in UTF-8; this port speaks one JSON object per line";

/// The handler of nlohmann's SAX parser: walks the table of fields along the line.  A function that
/// returns false ends the parse.
class LineScanner {
 public:
  LineScanner(const Field& line, CpuSample spare) : line_(line), draft_(std::move(spare)) {}

  [[nodiscard]] Decoded<ScannedLine> finish() &&;

  bool start_object(std::size_t) { return open(Shape::object); }
  bool start_array(std::size_t) { return open(Shape::array); }
  bool end_object();
  bool end_array();
  bool key(std::string& name);

  bool null() { return wrong_type(); }
  bool boolean(bool) { return wrong_type(); }
  bool binary(nlohmann::json::binary_t&) { return wrong_type(); }
  // nlohmann's lexer makes these of numbers with a minus sign only.
  bool number_integer(std::int64_t value) { return number(value); }
  bool number_unsigned(std::uint64_t value) { return number(value); }
  bool number_float(double value, const std::string&) { return number(value); }
  bool string(std::string& value);
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error);

 private:
  enum class Shape : std::uint8_t { object, array };

  /// An object or array that is open.
  struct Container {
    const Field* field = nullptr;
    std::string_view requirement;  ///< of parts without one of their own
    std::size_t position = 0;      ///< elements so far; of an object, behind the key found last
    std::uint64_t members = 0;     ///< those that are there, one bit each
  };

  struct Fault {
    RefusalCode code;
    std::string_view requirement;
  };

  [[nodiscard]] const Field& next_field();
  [[nodiscard]] const Field& find_member(Container& object, std::string_view key) const;
  bool open(Shape shape);
  void close();
  bool wrong_type();
  bool number(const Number& value);
  void remember_fault(const Field& field);
  bool refuse(RefusalCode code, std::string_view words);

  const Field& line_;
  std::array<Container, kMaxJsonDepth> containers_{};
  std::size_t depth_ = 0;
  const Field* member_ = &kIgnored;  ///< of the key just read
  OpenKeys keys_;
  Draft draft_;
  std::optional<std::string> type_;
  std::optional<Fault> fault_;
  std::optional<Error<RefusalCode>> refusal_;
};

Decoded<ScannedLine> LineScanner::finish() && {
  // containers_[0] keeps what the outermost value was after it closed.
  if (containers_[0].field != &line_) {
    return Error(RefusalCode::bad_json, std::string(kNotAnObject));
  }
  if (refusal_) return *std::move(refusal_);

  ScannedLine line;
  line.type = std::move(type_);
  line.sample = std::move(draft_.sample);
  line.resume = std::move(draft_.resume);
  if (fault_) line.fault.emplace(fault_->code, std::string(fault_->requirement));
  return line;
}

/// What the value that comes next must be.
const Field& LineScanner::next_field() {
  if (depth_ == 0) return line_;
  Container& container = containers_[depth_ - 1];
  const Field& field = *container.field;
  switch (field.kind) {
    case Field::Kind::object:
      return *member_;
    case Field::Kind::row: {
      const std::size_t at = container.position++;
      return at < field.max_size ? field.parts[std::min(at, field.part_count - 1)] : kIgnored;
    }
    case Field::Kind::list:
      return field.parts[container.position++ < field.max_size ? 0 : 1];
    default:
      return kIgnored;
  }
}

const Field& LineScanner::find_member(Container& object, std::string_view key) const {
  const Field& field = *object.field;
  if (field.take_key != nullptr) return field.parts[0];
  // Agents write the members in this order: the search goes on where the last one ended.
  for (std::size_t tries = 0; tries < field.part_count; ++tries) {
    if (object.position == field.part_count) object.position = 0;
    const std::size_t at = object.position++;
    if (field.parts[at].key != key) continue;
    object.members |= std::uint64_t{1} << at;
    return field.parts[at];
  }
  return kIgnored;
}

bool LineScanner::open(Shape shape) {
  if (depth_ == kMaxJsonDepth) return refuse(RefusalCode::bad_json, "nested deeper than 6 levels");
  const Field* field = &next_field();
  const bool is_object = field->kind == Field::Kind::object;
  const bool is_array = field->kind == Field::Kind::row || field->kind == Field::Kind::list;
  if (shape == Shape::object ? !is_object : !is_array) {
    remember_fault(*field);
    field = &kIgnored;
  }
  if (field->open != nullptr) field->open(draft_);
  const std::string_view outer = depth_ == 0 ? "" : containers_[depth_ - 1].requirement;
  containers_[depth_] = {field, field->requirement.empty() ? outer : field->requirement};
  keys_.open(depth_++);
  return true;
}

void LineScanner::close() {
  const Container& container = containers_[depth_ - 1];
  const Field& field = *container.field;
  const std::uint64_t required = (std::uint64_t{1} << field.min_size) - 1;
  const bool is_complete = field.kind == Field::Kind::object
                               ? (container.members & required) == required
                               : container.position >= field.min_size;
  const bool is_good = is_complete && (field.close == nullptr || field.close(draft_));
  if (!is_good) remember_fault(field);
  --depth_;
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
  Container& object = containers_[depth_ - 1];
  member_ = &find_member(object, name);
  if (object.field->take_key != nullptr) object.field->take_key(draft_, name);
  return true;
}

bool LineScanner::wrong_type() {
  remember_fault(next_field());
  return true;
}

bool LineScanner::number(const Number& value) {
  const Field& field = next_field();
  const bool is_good = field.kind == Field::Kind::number && field.store(draft_, value);
  if (!is_good) remember_fault(field);
  return true;
}

bool LineScanner::string(std::string& value) {
  const Field& field = next_field();
  if (field.kind == Field::Kind::type) {
    type_ = std::move(value);
  } else {
    remember_fault(field);
  }
  return true;
}

bool LineScanner::parse_error(std::size_t, const std::string&,
                              const nlohmann::json::exception& error) {
  if (error.id == kNumberOverflow) {
    return refuse(RefusalCode::bad_field, "a number is too large for any field");
  }
  return refuse(RefusalCode::bad_json, kNotAnObject);
}

/// `field` is a part of the innermost container, or that itself.
void LineScanner::remember_fault(const Field& field) {
  const bool may_be_anything =
      field.kind == Field::Kind::ignored || field.kind == Field::Kind::type;
  if (fault_ || may_be_anything) return;
  const bool has_words = depth_ == 0 || !field.requirement.empty();
  fault_ = Fault{field.code, has_words ? field.requirement : containers_[depth_ - 1].requirement};
}

bool LineScanner::refuse(RefusalCode code, std::string_view words) {
  refusal_.emplace(code, std::string(words));
  return false;
}

}  // namespace

Decoded<ScannedLine> scan_line(std::string_view line, Sender sender, CpuSample spare) {
  // nlohmann's lexer skips a byte order mark and takes a NUL for the end of the text.
  const bool has_mark = line.substr(0, kByteOrderMark.size()) == kByteOrderMark;
  if (has_mark || line.find('\0') != std::string_view::npos) {
    return Error(RefusalCode::bad_json, std::string(kNotAnObject));
  }
  LineScanner scanner(sender == Sender::agent ? kAgentLine : kExporterLine, std::move(spare));
  // The outcome is in the scanner: it said why whenever it, or the parser, stopped.
  static_cast<void>(nlohmann::json::sax_parse(line.begin(), line.end(), &scanner));
  return std::move(scanner).finish();
}

}  // namespace cpu_monitor
