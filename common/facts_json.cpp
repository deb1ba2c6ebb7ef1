#include "common/facts_json.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace cpu_monitor {
namespace {

using OrderedJson = nlohmann::ordered_json;
using Json = nlohmann::json;

struct ModelText {
  const char* key;
  std::string CpuModel::*text;
};

constexpr std::array kModelTexts{
    ModelText{"vendor", &CpuModel::vendor},       ModelText{"family", &CpuModel::family},
    ModelText{"model", &CpuModel::model},         ModelText{"model_name", &CpuModel::model_name},
    ModelText{"microcode", &CpuModel::microcode}, ModelText{"stepping", &CpuModel::stepping},
    ModelText{"cachesize", &CpuModel::cache_size}};

// ---- writing

OrderedJson to_json(const CpuModel& model) {
  OrderedJson object = OrderedJson::object();
  for (const auto& [key, text] : kModelTexts) {
    if (!(model.*text).empty()) object[key] = model.*text;
  }
  return object;
}

OrderedJson to_json(const CpuPlace& place) {
  return OrderedJson::array({place.cpu, place.model, place.package, place.core});
}

OrderedJson to_json(const std::optional<std::uint64_t>& khz) {
  return khz ? OrderedJson(*khz) : OrderedJson();
}

OrderedJson to_json(const FrequencyLimits& limits) {
  return OrderedJson::array({limits.cpu, to_json(limits.min_khz), to_json(limits.max_khz),
                             to_json(limits.scaling_min_khz), to_json(limits.scaling_max_khz)});
}

OrderedJson to_json(const GovernorChoice& choice) {
  OrderedJson object{{"cpus", choice.cpus}};
  if (!choice.available.empty()) object["available"] = choice.available;
  if (!choice.current.empty()) object["current"] = choice.current;
  return object;
}

OrderedJson to_json(const ThermalZone& zone) { return OrderedJson::array({zone.zone, zone.type}); }

OrderedJson to_json(std::uint32_t cpu) { return cpu; }

template <class T>
void set_unless_empty(OrderedJson& object, const char* key, const std::vector<T>& list) {
  if (list.empty()) return;
  OrderedJson& array = object[key] = OrderedJson::array();
  for (const T& element : list) array.push_back(to_json(element));
}

// ---- what must stand where, in words for the peer

constexpr const char* kModelsRequirement =
    "models must be at most 1024 objects of vendor, family, model, model_name, microcode, stepping "
    "and cachesize, texts of at most 128 bytes without control characters";
constexpr const char* kCpusRequirement =
    "cpus must be at most 1024 arrays, each of a CPU from 0 to 65535 that comes once, the index of "
    "its model in models, and its package and core, texts of at most 128 bytes without control "
    "characters";
constexpr const char* kOnlineRequirement =
    "online must be an array of at most 1024 CPUs, integers from 0 to 65535 that come once";
constexpr const char* kOfflineRequirement =
    "offline must be an array of at most 1024 CPUs, integers from 0 to 65535 that come once and "
    "are not online";
constexpr const char* kIsolatedRequirement =
    "isolated must be an array of at most 1024 CPUs, integers from 0 to 65535 that come once";
constexpr const char* kFrequencyLimitsRequirement =
    "frequency_limits must be at most 1024 arrays, each of a CPU from 0 to 65535 that comes once, "
    "then 4 times kHz, an integer from 0 to 18446744073709551615 or null";
constexpr const char* kGovernorsRequirement =
    "governors must be at most 1024 objects, each with cpus, at least one from 0 to 65535 that "
    "comes in no other and no more than 1024 in all, and perhaps available, at most 32 different "
    "texts, and current, a text; texts of at most 128 bytes without control characters";
constexpr const char* kThermalZonesRequirement =
    "thermal_zones must be at most 256 arrays, each of a zone from 0 to 65535 that comes once and "
    "its type, a text of at most 128 bytes without control characters";

// ---- reading: false when it isn't one

bool read(const Json& value, std::string& text) {
  if (!value.is_string() || !is_showable_text(value.get_ref<const std::string&>())) return false;
  text = value.get_ref<const std::string&>();
  return true;
}

bool read_integer(const Json& value, std::uint64_t max, std::uint32_t& integer) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > max) return false;
  integer = value.get<std::uint32_t>();
  return true;
}

/// The number of a CPU or a thermal zone.
bool read(const Json& value, std::uint32_t& id) { return read_integer(value, kMaxCpuId, id); }

bool read(const Json& value, std::optional<std::uint64_t>& khz) {
  if (value.is_null()) return true;
  if (!value.is_number_unsigned()) return false;
  khz = value.get<std::uint64_t>();
  return true;
}

bool read(const Json& value, CpuModel& model) {
  if (!value.is_object()) return false;
  return std::all_of(kModelTexts.begin(), kModelTexts.end(), [&](const ModelText& field) {
    const auto text = value.find(field.key);
    return text == value.end() || read(*text, model.*field.text);
  });
}

/// Newer agents may append to a row.
bool is_row(const Json& value, std::size_t min_size) {
  return value.is_array() && value.size() >= min_size;
}

bool read(const Json& value, CpuPlace& place) {
  return is_row(value, 4) && read(value[0], place.cpu) &&
         read_integer(value[1], kMaxCpus - 1, place.model) && read(value[2], place.package) &&
         read(value[3], place.core);
}

bool read(const Json& value, FrequencyLimits& limits) {
  return is_row(value, 5) && read(value[0], limits.cpu) && read(value[1], limits.min_khz) &&
         read(value[2], limits.max_khz) && read(value[3], limits.scaling_min_khz) &&
         read(value[4], limits.scaling_max_khz);
}

bool read(const Json& value, ThermalZone& zone) {
  return is_row(value, 2) && read(value[0], zone.zone) && read(value[1], zone.type);
}

bool read(const Json& value, GovernorChoice& choice);

template <class T>
bool read_list(const Json& value, std::size_t max_size, std::vector<T>& list) {
  if (!value.is_array() || value.size() > max_size) return false;
  list.resize(value.size());
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (!read(value[i], list[i])) return false;
  }
  return true;
}

/// Sorts by `number`, a member or the element itself.  False if one comes twice.
template <class T, class Number>
bool sort_by(std::vector<T>& list, Number number) {
  const auto of = [&number](const T& element) -> const auto& {
    return std::invoke(number, element);
  };
  const auto is_before = [&of](const T& a, const T& b) { return of(a) < of(b); };
  const auto is_same = [&of](const T& a, const T& b) { return of(a) == of(b); };
  std::sort(list.begin(), list.end(), is_before);
  return std::adjacent_find(list.begin(), list.end(), is_same) == list.end();
}

bool has_repeats(std::vector<std::string> texts) { return !sort_by(texts, std::identity()); }

bool read(const Json& value, GovernorChoice& choice) {
  if (!value.is_object()) return false;
  const auto cpus = value.find("cpus");
  const auto available = value.find("available");
  const auto current = value.find("current");
  if (cpus == value.end() || !read_list(*cpus, kMaxCpus, choice.cpus)) return false;
  if (available != value.end() && !read_list(*available, kMaxGovernors, choice.available)) {
    return false;
  }
  if (current != value.end() && !read(*current, choice.current)) return false;
  return !choice.cpus.empty() && sort_by(choice.cpus, std::identity()) &&
         !has_repeats(choice.available);
}

/// Reads the lists of a message, and remembers what is wrong with the first that is wrong.
class FactsReader {
 public:
  explicit FactsReader(const Json& object) : object_(object) {}

  void require(bool is_met, const char* requirement) {
    if (!is_met && !fault_) fault_.emplace(RefusalCode::bad_field, requirement);
  }

  template <class T>
  [[nodiscard]] std::vector<T> list(const char* key, std::size_t max_size,
                                    const char* requirement) {
    std::vector<T> list;
    const auto value = object_.find(key);
    if (value != object_.end()) require(read_list(*value, max_size, list), requirement);
    return list;
  }

  /// A list of which each element has its own number.
  template <class T, class Number>
  [[nodiscard]] std::vector<T> sorted_list(const char* key, std::size_t max_size,
                                           const char* requirement, Number number) {
    std::vector<T> sorted = list<T>(key, max_size, requirement);
    require(sort_by(sorted, number), requirement);
    return sorted;
  }

  [[nodiscard]] const std::optional<Error<RefusalCode>>& fault() const { return fault_; }

 private:
  const Json& object_;
  std::optional<Error<RefusalCode>> fault_;
};

bool have_models(const CpuFacts& facts) {
  return std::all_of(facts.cpus.begin(), facts.cpus.end(),
                     [&facts](const CpuPlace& place) { return place.model < facts.models.size(); });
}

/// REQUIRES: both are sorted.
bool are_disjoint(const std::vector<std::uint32_t>& a, const std::vector<std::uint32_t>& b) {
  std::vector<std::uint32_t> common;
  std::set_intersection(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(common));
  return common.empty();
}

/// No more than kMaxCpus CPUs, each in one choice only.
bool have_different_cpus(const std::vector<GovernorChoice>& choices) {
  std::vector<std::uint32_t> cpus;
  for (const GovernorChoice& choice : choices) {
    cpus.insert(cpus.end(), choice.cpus.begin(), choice.cpus.end());
    if (cpus.size() > kMaxCpus) return false;
  }
  return sort_by(cpus, std::identity());
}

}  // namespace

void append_facts(std::string& line, const CpuFacts& facts) {
  OrderedJson object{{"type", "facts"}};
  set_unless_empty(object, "models", facts.models);
  set_unless_empty(object, "cpus", facts.cpus);
  set_unless_empty(object, "online", facts.online);
  set_unless_empty(object, "offline", facts.offline);
  set_unless_empty(object, "isolated", facts.isolated);
  set_unless_empty(object, "frequency_limits", facts.frequency_limits);
  set_unless_empty(object, "governors", facts.governors);
  set_unless_empty(object, "thermal_zones", facts.thermal_zones);
  line += object.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

Decoded<CpuFacts> parse_facts(std::string_view line) {
  const Json object = Json::parse(line.begin(), line.end());
  FactsReader reader(object);
  CpuFacts facts;
  facts.models = reader.list<CpuModel>("models", kMaxCpus, kModelsRequirement);
  facts.cpus = reader.sorted_list<CpuPlace>("cpus", kMaxCpus, kCpusRequirement, &CpuPlace::cpu);
  reader.require(have_models(facts), kCpusRequirement);
  facts.online =
      reader.sorted_list<std::uint32_t>("online", kMaxCpus, kOnlineRequirement, std::identity());
  facts.offline =
      reader.sorted_list<std::uint32_t>("offline", kMaxCpus, kOfflineRequirement, std::identity());
  reader.require(are_disjoint(facts.online, facts.offline), kOfflineRequirement);
  facts.isolated = reader.sorted_list<std::uint32_t>("isolated", kMaxCpus, kIsolatedRequirement,
                                                     std::identity());
  facts.frequency_limits = reader.sorted_list<FrequencyLimits>(
      "frequency_limits", kMaxCpus, kFrequencyLimitsRequirement, &FrequencyLimits::cpu);
  facts.governors = reader.sorted_list<GovernorChoice>("governors", kMaxCpus, kGovernorsRequirement,
                                                       &GovernorChoice::cpus);
  reader.require(have_different_cpus(facts.governors), kGovernorsRequirement);
  facts.thermal_zones = reader.sorted_list<ThermalZone>(
      "thermal_zones", kMaxThermalZones, kThermalZonesRequirement, &ThermalZone::zone);
  if (reader.fault()) return *reader.fault();
  return facts;
}

}  // namespace cpu_monitor
