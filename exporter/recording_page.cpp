#include "exporter/recording_page.hpp"

#include <array>
#include <charconv>
#include <cstdint>
#include <span>

#include "common/duration.hpp"
#include "exporter/query.hpp"

namespace cpu_monitor::exporter {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kMinLast = std::chrono::seconds(1);
constexpr milliseconds kDefaultLast = std::chrono::minutes(1);
constexpr std::size_t kUsualBytesOfReading = 32;

void append_integer(std::string& text, std::int64_t value) {
  std::array<char, 20> digits;
  const auto written = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  text.append(digits.data(), written.ptr);
}

/// Percent, in steps of a half.
void append_share(std::string& text, HalfPercents share) {
  if (share > kWholeShare) {
    text += "null";
    return;
  }
  append_integer(text, share / 2);
  if (share % 2 != 0) text += ".5";
}

/// Appends an array; `append_element` appends what it holds of one reading.
template <class AppendElement>
void append_list(std::string& text, std::string_view key, std::span<const RecordedReading> readings,
                 AppendElement append_element) {
  text.append(",\"").append(key).append("\":[");
  for (const RecordedReading& reading : readings) {
    append_element(reading);
    text += ',';
  }
  if (text.back() == ',') text.pop_back();
  text += ']';
}

Response answer_to(RecordingFault fault) {
  switch (fault) {
    case RecordingFault::busy: {
      Response response = json_error(
          429, "As many recordings are asked for as may be at once; try again in a second.");
      response.more_lines = "Retry-After: 1\r\n";
      return response;
    }
    case RecordingFault::not_connected:
      return json_error(503,
                        "This agent is not connected. It records all the same: ask again when it "
                        "is back, within 10 minutes.");
    case RecordingFault::no_answer:
      return json_error(504,
                        "This agent did not answer in time: it may be of an older release, or the "
                        "way to it slow. Ask for less, such as last=30s.");
    case RecordingFault::stopping:
      break;
  }
  return json_error(503, "The exporter is stopping; ask again when it is back.");
}

}  // namespace

std::string recording_json(std::string_view endpoint, const ReceivedRecording& recording,
                           milliseconds last) {
  std::span<const RecordedReading> readings(recording.readings);
  while (!readings.empty() && milliseconds(readings.front().age_ms) > last) {
    readings = readings.subspan(1);
  }
  const std::int64_t asked_at =
      std::chrono::floor<milliseconds>(recording.asked_at.time_since_epoch()).count();
  std::string text;
  text.reserve(256 + kUsualBytesOfReading * readings.size());
  text.append(R"({"endpoint":")").append(endpoint).append(R"(","interval_ms":)");
  append_integer(text, recording.interval.count());
  append_list(text, "time_ms", readings, [&](const RecordedReading& reading) {
    append_integer(text, asked_at - reading.age_ms);
  });
  const auto append_shares = [&](std::string_view key, HalfPercents RecordedShares::*share) {
    append_list(text, key, readings, [&text, share](const RecordedReading& reading) {
      append_share(text, reading.shares.*share);
    });
  };
  append_shares("busy", &RecordedShares::busy);
  append_shares("busiest_core", &RecordedShares::busiest_core);
  append_shares("system", &RecordedShares::system);
  append_shares("steal", &RecordedShares::steal);
  return text.append("}\n");
}

std::optional<milliseconds> parse_last(std::string_view query) {
  const auto parameters = parse_query(query);
  if (!parameters) return std::nullopt;
  std::optional<milliseconds> last;
  for (const Parameter& parameter : *parameters) {
    if (parameter.name != "last") continue;
    const auto value = parse_duration(parameter.value);
    if (last || !value || *value < kMinLast || *value > kMaxRecordingLast) return std::nullopt;
    last = value;
  }
  return last.value_or(kDefaultLast);
}

Response RecordingPage::get(const Request& request) {
  const bool is_connected = fleet_.holder_of(request.name).has_value();
  if (!is_connected && !fleet_.look(request.name, Moment::now())) {
    return json_error(404,
                      "No agent of this name is known here; /api/v1/agents lists those that are.");
  }
  const auto last = parse_last(request.query);
  if (!last) return json_error(400, "last must be a duration from 1s to 10m, such as 90s, once.");
  if (!is_connected) return answer_to(RecordingFault::not_connected);
  const auto recording = recordings_.get(std::string(request.name), *last);
  if (!recording) return answer_to(recording.error().code);
  return json(request, recording_json(request.name, **recording, *last));
}

}  // namespace cpu_monitor::exporter
