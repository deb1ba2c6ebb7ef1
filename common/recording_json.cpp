#include "common/recording_json.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

#include <nlohmann/json.hpp>

#include "common/sample_json.hpp"

namespace cpu_monitor {
namespace {

using Json = nlohmann::json;

struct ShareList {
  const char* key;
  HalfPercents RecordedShares::*share;
};

constexpr std::array kShareLists{ShareList{"busy", &RecordedShares::busy},
                                 ShareList{"busiest_core", &RecordedShares::busiest_core},
                                 ShareList{"system", &RecordedShares::system},
                                 ShareList{"steal", &RecordedShares::steal}};

constexpr std::uint64_t kMaxAge = kMaxRecordingLast.count();

// ---- writing

void append_integer(std::string& line, std::uint64_t value) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  line.append(digits.data(), written.ptr);
}

void append_member(std::string& line, std::string_view key, std::uint64_t value) {
  line.append(",\"").append(key).append("\":");
  append_integer(line, value);
}

/// Appends an array; `append_element` appends what it holds of one reading.
template <class AppendElement>
void append_list(std::string& line, std::string_view key, const Recording& recording,
                 AppendElement append_element) {
  line.append(",\"").append(key).append("\":[");
  for (const RecordedReading& reading : recording.readings) {
    append_element(reading);
    line += ',';
  }
  if (line.back() == ',') line.pop_back();
  line += ']';
}

// ---- reading

/// Reads the fields of a recording, and remembers what is wrong with the first that is wrong.
class RecordingReader {
 public:
  explicit RecordingReader(const Json& object) : object_(object) {}

  [[nodiscard]] std::uint64_t integer(const char* key, std::uint64_t min, std::uint64_t max) {
    const auto field = object_.find(key);
    if (field != object_.end() && field->is_number_unsigned()) {
      const auto value = field->get<std::uint64_t>();
      if (value >= min && value <= max) return value;
    }
    reject(key, "must be an integer from " + std::to_string(min) + " to " + std::to_string(max));
    return 0;
  }

  /// An array that may hold kMaxRecordedReadings; none when it is none.
  [[nodiscard]] const Json* list(const char* key) {
    const auto field = object_.find(key);
    if (field != object_.end() && field->is_array() && field->size() <= kMaxRecordedReadings) {
      return &*field;
    }
    reject(key,
           "must be an array of at most " + std::to_string(kMaxRecordedReadings) + " readings");
    return nullptr;
  }

  void reject(const char* key, const std::string& requirement) {
    if (!fault_) fault_.emplace(RefusalCode::bad_field, std::string(key) + " " + requirement);
  }

  [[nodiscard]] const std::optional<Error<RefusalCode>>& fault() const { return fault_; }

 private:
  const Json& object_;
  std::optional<Error<RefusalCode>> fault_;
};

void read_ages(RecordingReader& reader, std::vector<RecordedReading>& readings) {
  const Json* const list = reader.list("age_ms");
  if (list == nullptr) return;
  readings.reserve(list->size());
  std::uint64_t before = kMaxAge + 1;
  for (const Json& age : *list) {
    if (!age.is_number_unsigned() || age.get<std::uint64_t>() >= before) {
      return reader.reject("age_ms", "must hold integers from " + std::to_string(kMaxAge) +
                                         " to 0, each less than the one before");
    }
    before = age.get<std::uint64_t>();
    readings.push_back({static_cast<std::uint32_t>(before), {}});
  }
}

void read_shares(RecordingReader& reader, const ShareList& field,
                 std::vector<RecordedReading>& readings) {
  const Json* const list = reader.list(field.key);
  if (list == nullptr) return;
  if (list->size() != readings.size()) {
    return reader.reject(field.key, "must hold as many readings as age_ms");
  }
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const Json& share = (*list)[i];
    if (share.is_null()) continue;
    if (!share.is_number_unsigned() || share.get<std::uint64_t>() > kWholeShare) {
      return reader.reject(field.key, "must hold half percents, integers from 0 to 200, or null");
    }
    readings[i].shares.*field.share = share.get<HalfPercents>();
  }
}

}  // namespace

void append_recording(std::string& line, const Recording& recording) {
  constexpr std::size_t kUsualBytesOfReading = 20;
  line.reserve(line.size() + 256 + kUsualBytesOfReading * recording.readings.size());
  line.append(R"({"type":"recording")");
  append_member(line, "request_id", recording.request_id);
  append_member(line, "piece", recording.piece);
  append_member(line, "pieces", recording.pieces);
  append_member(line, "uptime_ms", static_cast<std::uint64_t>(recording.uptime.count()));
  append_member(line, "interval_ms", static_cast<std::uint64_t>(recording.interval.count()));
  append_list(line, "age_ms", recording,
              [&line](const RecordedReading& reading) { append_integer(line, reading.age_ms); });
  for (const auto& [key, share] : kShareLists) {
    append_list(line, key, recording, [&line, share = share](const RecordedReading& reading) {
      const HalfPercents value = reading.shares.*share;
      if (value > kWholeShare) {
        line += "null";
      } else {
        append_integer(line, value);
      }
    });
  }
  line += '}';
}

Decoded<Recording> parse_recording(std::string_view line) {
  using std::chrono::milliseconds;
  const Json object = Json::parse(line.begin(), line.end());
  RecordingReader reader(object);
  Recording recording;
  recording.request_id = reader.integer("request_id", 1, kMaxWireInteger);
  recording.pieces = static_cast<std::uint32_t>(reader.integer("pieces", 1, kMaxRecordingPieces));
  recording.piece = static_cast<std::uint32_t>(reader.integer("piece", 1, kMaxRecordingPieces));
  if (recording.piece > recording.pieces) reader.reject("piece", "must be at most pieces");
  recording.uptime = milliseconds(reader.integer("uptime_ms", 0, kMaxWireInteger));
  recording.interval = milliseconds(
      reader.integer("interval_ms", kMinSampleInterval.count(), kMaxSampleInterval.count()));
  read_ages(reader, recording.readings);
  for (const ShareList& field : kShareLists) read_shares(reader, field, recording.readings);
  if (reader.fault()) return *reader.fault();
  return recording;
}

}  // namespace cpu_monitor
