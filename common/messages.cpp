#include "common/messages.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <nlohmann/json.hpp>

#include "common/facts_json.hpp"
#include "common/recording_json.hpp"
#include "common/sample_json.hpp"
#include "common/utf8.hpp"

namespace cpu_monitor {
namespace {

/// Writes fields in the order they are set, so that a line reads well in a terminal.
using OrderedJson = nlohmann::ordered_json;
/// Looks keys up in logarithmic time; OrderedJson would take quadratic time to read a line of many.
using Json = nlohmann::json;

constexpr std::chrono::milliseconds kMaxRetryAfter = std::chrono::hours(1);
constexpr std::chrono::milliseconds kMaxIdleTimeout = std::chrono::hours(24);
constexpr std::uint64_t kMaxTicksPerSecond = 1'000'000;
constexpr std::uint64_t kMaxUint32 = 0xFFFF'FFFF;

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alphanumeric(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z') || is_digit(c); }

bool is_showable_within(std::size_t max_bytes, std::string_view text) {
  if (text.size() > max_bytes) return false;
  while (!text.empty()) {
    const auto character = first_code_point(text);
    if (!character || is_control(character->value)) return false;
    text.remove_prefix(character->bytes);
  }
  return true;
}

struct KernelText {
  const char* key;
  std::string KernelName::*text;
};

constexpr std::array kKernelTexts{KernelText{"sysname", &KernelName::sysname},
                                  KernelText{"release", &KernelName::release},
                                  KernelText{"version", &KernelName::version},
                                  KernelText{"machine", &KernelName::machine},
                                  KernelText{"nodename", &KernelName::nodename},
                                  KernelText{"domainname", &KernelName::domainname}};

// ---- encoding

std::string dump(const OrderedJson& object) {
  return object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

std::string to_line(const OrderedJson& object) { return dump(object) + '\n'; }

template <class T>
void set_if_known(OrderedJson& object, const char* key, const std::optional<T>& value) {
  if (value) object[key] = *value;
}

void set_if_known(OrderedJson& object, const char* key,
                  const std::optional<std::chrono::milliseconds>& value) {
  if (value) object[key] = value->count();
}

OrderedJson to_json(const KernelName& name) {
  OrderedJson object;
  for (const auto& [key, text] : kKernelTexts) object[key] = name.*text;
  return object;
}

OrderedJson names_of(const MetricGroups& groups) {
  OrderedJson names = OrderedJson::array();
  for (std::size_t i = 0; i < kMetricGroupNames.size(); ++i) {
    const auto group = static_cast<MetricGroup>(i);
    if (groups.has(group)) names.push_back(kMetricGroupNames[group]);
  }
  return names;
}

// ---- decoding

/// Reads the fields of one message, and remembers what is wrong with the first that is wrong.
class FieldReader {
 public:
  explicit FieldReader(const Json& object) : object_(object) {}

  /// Null when the message has no such field.
  [[nodiscard]] const Json* find(const char* name) const {
    const auto field = object_.find(name);
    return field == object_.end() ? nullptr : &*field;
  }

  /// Says that a field is not what it must be.
  void reject(const char* name, const std::string& requirement) {
    if (!fault_) fault_.emplace(RefusalCode::bad_field, name + (" must be " + requirement));
  }

  [[nodiscard]] std::optional<std::string> optional_text(const char* name,
                                                         std::size_t max_bytes = kMaxTextBytes) {
    const Json* field = find(name);
    if (field == nullptr) return std::nullopt;
    if (field->is_string() && is_showable_within(max_bytes, field->get_ref<const std::string&>())) {
      return field->get<std::string>();
    }
    reject(name,
           "a text of at most " + std::to_string(max_bytes) + " bytes without control characters");
    return std::nullopt;
  }

  [[nodiscard]] std::string text(const char* name, std::size_t max_bytes = kMaxTextBytes) {
    std::optional<std::string> value = optional_text(name, max_bytes);
    if (!value) reject(name, "there");
    return std::move(value).value_or(std::string());
  }

  [[nodiscard]] std::optional<std::uint64_t> optional_integer(const char* name, std::uint64_t min,
                                                              std::uint64_t max) {
    const Json* field = find(name);
    if (field == nullptr) return std::nullopt;
    if (field->is_number_unsigned()) {
      const auto value = field->get<std::uint64_t>();
      if (value >= min && value <= max) return value;
    }
    reject(name, "an integer from " + std::to_string(min) + " to " + std::to_string(max));
    return std::nullopt;
  }

  [[nodiscard]] std::optional<std::chrono::milliseconds> optional_milliseconds(
      const char* name, std::chrono::milliseconds min, std::chrono::milliseconds max) {
    const auto count = optional_integer(name, static_cast<std::uint64_t>(min.count()),
                                        static_cast<std::uint64_t>(max.count()));
    if (!count) return std::nullopt;
    return std::chrono::milliseconds(*count);
  }

  [[nodiscard]] const std::optional<Error<RefusalCode>>& fault() const { return fault_; }

 private:
  const Json& object_;
  std::optional<Error<RefusalCode>> fault_;
};

std::optional<Error<RefusalCode>> check_protocol(const FieldReader& fields) {
  const std::string ours = std::to_string(kProtocolVersion);
  const Json* protocol = fields.find("protocol");
  if (protocol == nullptr || !protocol->is_number_integer()) {
    return Error(RefusalCode::bad_field, "protocol must be an integer, the version: " + ours);
  }
  if (*protocol == kProtocolVersion) return std::nullopt;
  return Error(RefusalCode::unsupported_protocol, "this side speaks protocol " + ours +
                                                      ", the other side " + protocol->dump() +
                                                      "; install the same release on both");
}

std::string read_endpoint(FieldReader& fields) {
  const Json* field = fields.find("endpoint");
  if (field != nullptr && field->is_string() &&
      is_valid_endpoint(field->get_ref<const std::string&>())) {
    return field->get<std::string>();
  }
  fields.reject("endpoint",
                "a name of 1 to 128 letters, digits, dots, hyphens and underscores that begins and "
                "ends with a letter or digit");
  return {};
}

bool is_valid_label(const std::string& name, const Json& value) {
  return is_valid_label_name(name) && value.is_string() &&
         is_showable_text(value.get_ref<const std::string&>());
}

std::map<std::string, std::string> read_labels(FieldReader& fields) {
  const Json* field = fields.find("labels");
  std::map<std::string, std::string> labels;
  if (field == nullptr) return labels;
  bool is_valid = field->is_object() && field->size() <= kMaxLabels;
  if (is_valid) {
    for (const auto& [name, value] : field->items()) {
      is_valid = is_valid && is_valid_label(name, value);
      if (is_valid) labels.emplace(name, value.get<std::string>());
    }
  }
  if (!is_valid) {
    fields.reject("labels",
                  "an object of at most 16 labels, names of 1 to 32 of a-z, 0-9 and _ that do not "
                  "begin with a digit, values of at most 128 bytes without control characters");
  }
  return labels;
}

bool read_showable(const Json& object, const char* key, std::string& text) {
  const auto field = object.find(key);
  if (field == object.end() || !field->is_string()) return false;
  text = field->get<std::string>();
  return is_showable_text(text);
}

std::optional<KernelName> read_host(FieldReader& fields) {
  const Json* field = fields.find("host");
  if (field == nullptr) return std::nullopt;
  KernelName name;
  const auto is_there = [&](const KernelText& entry) {
    return read_showable(*field, entry.key, name.*entry.text);
  };
  if (field->is_object() && std::all_of(kKernelTexts.begin(), kKernelTexts.end(), is_there)) {
    return name;
  }
  fields.reject("host",
                "an object of sysname, release, version, machine, nodename and domainname, texts "
                "of at most 128 bytes without control characters");
  return std::nullopt;
}

/// An exporter that names no groups wants what there is.
MetricGroups read_groups(FieldReader& fields) {
  const Json* field = fields.find("groups");
  if (field == nullptr) return MetricGroups::usual();
  MetricGroups groups;
  const auto is_string = [](const Json& name) { return name.is_string(); };
  if (!field->is_array() || !std::all_of(field->begin(), field->end(), is_string)) {
    fields.reject("groups", "an array of names");
    return groups;
  }
  for (const Json& name : *field) {
    if (const auto group = kMetricGroupNames.find(name.get_ref<const std::string&>())) {
      groups.add(*group);
    }
  }
  return groups;
}

/// The rest of decoding a message, once its fields are read.
template <class AnyMessage, class Message>
Decoded<AnyMessage> conclude(const FieldReader& fields, Message message) {
  if (fields.fault()) return *fields.fault();
  return AnyMessage(std::move(message));
}

Decoded<AgentMessage> decode_hello(const Json& object) {
  FieldReader fields(object);
  if (auto error = check_protocol(fields)) return *std::move(error);
  Hello hello;
  hello.endpoint = read_endpoint(fields);
  hello.boot_id = fields.optional_text("boot_id");
  hello.session = fields.optional_text("session");
  hello.token = fields.optional_text("token");
  hello.agent_version = fields.optional_text("agent_version");
  hello.ticks_per_second =
      static_cast<std::uint32_t>(fields.optional_integer("ticks_per_second", 1, kMaxTicksPerSecond)
                                     .value_or(kDefaultTicksPerSecond));
  hello.push_interval =
      fields.optional_milliseconds("push_interval_ms", kMinPushInterval, kMaxPushInterval)
          .value_or(kDefaultPushInterval);
  hello.sample_interval =
      fields.optional_milliseconds("sample_interval_ms", kMinSampleInterval, kMaxSampleInterval);
  hello.labels = read_labels(fields);
  hello.host = read_host(fields);
  hello.proc_filesystem = fields.optional_text("proc_filesystem");
  return conclude<AgentMessage>(fields, std::move(hello));
}

Decoded<ExporterMessage> decode_welcome(const Json& object, ScannedLine scanned) {
  FieldReader fields(object);
  if (auto error = check_protocol(fields)) return *std::move(error);
  if (scanned.fault) return *std::move(scanned.fault);
  Welcome welcome;
  welcome.exporter_version = fields.optional_text("exporter_version").value_or(std::string());
  welcome.max_line_bytes = static_cast<std::size_t>(
      fields.optional_integer("max_line_bytes", 1, kMaxUint32).value_or(kMaxLineBytes));
  welcome.max_cpus = static_cast<std::uint32_t>(
      fields.optional_integer("max_cpus", 1, kMaxUint32).value_or(kMaxCpus));
  welcome.idle_timeout =
      fields.optional_milliseconds("idle_timeout_ms", std::chrono::milliseconds(0), kMaxIdleTimeout)
          .value_or(std::chrono::milliseconds(0));
  welcome.groups = read_groups(fields);
  welcome.peak_window =
      fields.optional_milliseconds("peak_window_ms", kMinPeakWindow, kMaxPeakWindow)
          .value_or(kDefaultPeakWindow);
  welcome.resume = std::move(scanned.resume);
  return conclude<ExporterMessage>(fields, std::move(welcome));
}

Decoded<ExporterMessage> decode_ack(const Json& object) {
  FieldReader fields(object);
  const auto sequence = fields.optional_integer("sequence", 1, kMaxWireInteger);
  if (!sequence) fields.reject("sequence", "there");
  return conclude<ExporterMessage>(fields, Ack{sequence.value_or(0)});
}

std::optional<std::chrono::milliseconds> read_retry_after(FieldReader& fields) {
  return fields.optional_milliseconds("retry_after_ms", std::chrono::milliseconds(0),
                                      kMaxRetryAfter);
}

Decoded<ExporterMessage> decode_refusal(const Json& object) {
  FieldReader fields(object);
  Refusal refusal;
  refusal.code = fields.text("code");
  refusal.message = fields.text("message", kMaxRefusalMessageBytes);
  refusal.retry_after = read_retry_after(fields);
  return conclude<ExporterMessage>(fields, std::move(refusal));
}

template <class AnyMessage>
Decoded<AnyMessage> decode_goodbye(const Json& object) {
  FieldReader fields(object);
  Goodbye goodbye;
  goodbye.reason = fields.text("reason");
  goodbye.retry_after = read_retry_after(fields);
  return conclude<AnyMessage>(fields, std::move(goodbye));
}

Decoded<AgentMessage> to_sample(ScannedLine scanned) {
  if (scanned.fault) return *std::move(scanned.fault);
  return AgentMessage(std::move(scanned.sample));
}

Decoded<AgentMessage> decode_facts(std::string_view line) {
  Decoded<CpuFacts> facts = parse_facts(line);
  if (!facts) return facts.error();
  return AgentMessage(*std::move(facts));
}

AgentMessage decode_recording(std::string_view line) {
  Decoded<Recording> recording = parse_recording(line);
  if (!recording) return UnusableRecording{recording.error().detail};
  return *std::move(recording);
}

/// Asked for more than an agent has, it answers with what it has.
Decoded<ExporterMessage> decode_request(const Json& object) {
  FieldReader fields(object);
  const auto request_id = fields.optional_integer("request_id", 1, kMaxWireInteger);
  if (!request_id) fields.reject("request_id", "there");
  const auto last = fields.optional_integer("last_ms", 1, kMaxWireInteger);
  if (!last) fields.reject("last_ms", "there");
  return conclude<ExporterMessage>(
      fields,
      RecordingRequest{request_id.value_or(0), std::chrono::milliseconds(last.value_or(0))});
}

Error<RefusalCode> no_type() {
  return {RefusalCode::bad_field, "type must be a string, the kind of the message"};
}

/// REQUIRES: scan_line found nothing wrong with the line as a whole.
Json parse(std::string_view line) { return Json::parse(line.begin(), line.end()); }

}  // namespace

std::string encode(const Hello& hello) {
  OrderedJson object{
      {"type", "hello"}, {"protocol", kProtocolVersion}, {"endpoint", hello.endpoint}};
  set_if_known(object, "boot_id", hello.boot_id);
  set_if_known(object, "session", hello.session);
  set_if_known(object, "token", hello.token);
  set_if_known(object, "agent_version", hello.agent_version);
  object["ticks_per_second"] = hello.ticks_per_second;
  object["push_interval_ms"] = hello.push_interval.count();
  set_if_known(object, "sample_interval_ms", hello.sample_interval);
  if (!hello.labels.empty()) object["labels"] = hello.labels;
  if (hello.host) object["host"] = to_json(*hello.host);
  set_if_known(object, "proc_filesystem", hello.proc_filesystem);
  return to_line(object);
}

std::string encode(const Welcome& welcome) {
  const OrderedJson object{{"type", "welcome"},
                           {"protocol", kProtocolVersion},
                           {"exporter_version", welcome.exporter_version},
                           {"max_line_bytes", welcome.max_line_bytes},
                           {"max_cpus", welcome.max_cpus},
                           {"idle_timeout_ms", welcome.idle_timeout.count()},
                           {"groups", names_of(welcome.groups)},
                           {"peak_window_ms", welcome.peak_window.count()}};
  if (!welcome.resume) return to_line(object);

  std::string line = dump(object);
  line.pop_back();  // the closing brace, to come again behind resume
  line.append(R"(,"resume":{"uptime_ms":)");
  line.append(std::to_string(welcome.resume->uptime.count())).append(R"(,"cpu":)");
  append_cpu(line, welcome.resume->cpu);
  return line.append("}}\n");
}

std::string encode(const Ack& ack) {
  return R"({"type":"ack","sequence":)" + std::to_string(ack.sequence) + "}\n";
}

std::string encode(const Refusal& refusal) {
  OrderedJson object{{"type", "refusal"}, {"code", refusal.code}, {"message", refusal.message}};
  set_if_known(object, "retry_after_ms", refusal.retry_after);
  return to_line(object);
}

std::string encode(const Goodbye& goodbye) {
  OrderedJson object{{"type", "goodbye"}, {"reason", goodbye.reason}};
  set_if_known(object, "retry_after_ms", goodbye.retry_after);
  return to_line(object);
}

std::string encode(const CpuFacts& facts) {
  std::string line;
  append_facts(line, facts);
  line += '\n';
  return line;
}

std::string encode(const CpuSample& sample) {
  std::string line;
  append_sample(line, sample);
  line += '\n';
  return line;
}

std::string encode(const RecordingRequest& request) {
  return R"({"type":"request","request_id":)" + std::to_string(request.request_id) +
         R"(,"last_ms":)" + std::to_string(request.last.count()) + "}\n";
}

std::string encode(const Recording& recording) {
  std::string line;
  append_recording(line, recording);
  line += '\n';
  return line;
}

Decoded<AgentMessage> decode_agent_message(std::string_view line, CpuSample spare) {
  Decoded<ScannedLine> scanned = scan_line(line, Sender::agent, std::move(spare));
  if (!scanned) return scanned.error();
  if (!scanned->type) return no_type();
  const std::string& type = *scanned->type;
  if (type == "sample") return to_sample(*std::move(scanned));
  if (type == "facts") return decode_facts(line);
  if (type == "recording") return decode_recording(line);
  if (type == "hello") return decode_hello(parse(line));
  if (type == "goodbye") return decode_goodbye<AgentMessage>(parse(line));
  return AgentMessage(UnknownMessage{});
}

Decoded<ExporterMessage> decode_exporter_message(std::string_view line) {
  Decoded<ScannedLine> scanned = scan_line(line, Sender::exporter);
  if (!scanned) return scanned.error();
  if (!scanned->type) return no_type();
  const std::string& type = *scanned->type;
  if (type == "ack") return decode_ack(parse(line));
  if (type == "request") return decode_request(parse(line));
  if (type == "welcome") return decode_welcome(parse(line), *std::move(scanned));
  if (type == "refusal") return decode_refusal(parse(line));
  if (type == "goodbye") return decode_goodbye<ExporterMessage>(parse(line));
  return ExporterMessage(UnknownMessage{});
}

bool is_valid_endpoint(std::string_view name) {
  if (name.empty() || name.size() > kMaxTextBytes) return false;
  if (!is_alphanumeric(name.front()) || !is_alphanumeric(name.back())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_alphanumeric(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_valid_label_name(std::string_view name) {
  if (name.empty() || name.size() > kMaxLabelNameBytes || is_digit(name.front())) return false;
  return std::all_of(name.begin(), name.end(),
                     [](char c) { return is_lower(c) || is_digit(c) || c == '_'; });
}

bool is_showable_text(std::string_view text) { return is_showable_within(kMaxTextBytes, text); }

}  // namespace cpu_monitor
