#include "agent/slow_reader.hpp"

#include <dirent.h>
#include <sys/stat.h>

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>

#include "agent/proc_cpuinfo.hpp"
#include "agent/small_file.hpp"
#include "agent/sys_cpu.hpp"
#include "agent/text_scan.hpp"
#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

/// 1024 CPUs of x86 take about 2 MiB.
constexpr std::size_t kMaxCpuinfoBytes = std::size_t{8} * 1024 * 1024;

std::optional<std::uint64_t> read_unsigned(const std::string& path) {
  const auto text = read_small_file(path);
  return text ? parse_unsigned(*text) : std::nullopt;
}

/// None as well when the exporter would not take it.
std::optional<std::uint32_t> read_id(const std::string& path) {
  const auto text = read_small_file(path);
  const auto id = text ? parse_number<std::uint32_t>(trim(*text)) : std::nullopt;
  return id && *id <= kMaxTopologyId ? id : std::nullopt;
}

/// In thousandths of a degree.  None as well when no thermometer shows that: some firmware answers
/// -2^31 for "not now".
std::optional<std::int64_t> read_temperature(const std::string& path) {
  const auto text = read_small_file(path);
  const auto value = text ? parse_signed(*text) : std::nullopt;
  const bool is_sound = value && *value >= -kMaxMillicelsius && *value <= kMaxMillicelsius;
  return is_sound ? value : std::nullopt;
}

std::optional<std::vector<std::uint32_t>> read_cpu_list(const std::string& path) {
  const auto text = read_small_file(path);
  return text ? parse_cpu_list(*text) : std::nullopt;
}

/// None as well when it can't be shown.
std::optional<std::string> read_text(const std::string& path) {
  const auto text = read_small_file(path);
  if (!text || !is_showable_text(trim(*text))) return std::nullopt;
  return std::string(trim(*text));
}

bool is_directory(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && S_ISDIR(status.st_mode);
}

/// The numbers of the entries that begin with `stem`, the lowest `limit` of them, sorted.
std::vector<std::uint32_t> list_numbered(const std::string& directory, std::string_view stem,
                                         std::size_t limit) {
  std::vector<std::uint32_t> numbers;
  const auto close = [](DIR* open) { ::closedir(open); };
  const std::unique_ptr<DIR, decltype(close)> entries(::opendir(directory.c_str()));
  while (const dirent* entry = entries ? ::readdir(entries.get()) : nullptr) {
    if (const auto number = parse_numbered_name(entry->d_name, stem)) numbers.push_back(*number);
  }
  std::sort(numbers.begin(), numbers.end());
  // The exporter takes no higher ones, of CPUs or of zones.
  while (!numbers.empty() && numbers.back() > kMaxCpuId) numbers.pop_back();
  if (numbers.size() > limit) numbers.resize(limit);
  return numbers;
}

/// As a shell sorts cpu0, cpu1, cpu10, cpu2, but the first of them last.  node_exporter reads in
/// this order and takes the count of a package from the first CPU that has it.
void sort_as_text_backwards(std::vector<std::uint32_t>& numbers) {
  std::sort(numbers.begin(), numbers.end(),
            [](std::uint32_t a, std::uint32_t b) { return std::to_string(a) > std::to_string(b); });
}

bool contains(const std::vector<std::uint32_t>& sorted, std::uint32_t number) {
  return std::binary_search(sorted.begin(), sorted.end(), number);
}

template <class Numbered, class Number>
void sort_by(std::vector<Numbered>& list, Number Numbered::*number) {
  std::sort(list.begin(), list.end(),
            [number](const Numbered& a, const Numbered& b) { return a.*number < b.*number; });
}

void sort_governors(std::vector<GovernorChoice>& choices) {
  for (GovernorChoice& choice : choices) std::sort(choice.cpus.begin(), choice.cpus.end());
  sort_by(choices, &GovernorChoice::cpus);
}

}  // namespace

SlowReader::SlowReader(const std::string& procfs, const std::string& sysfs)
    : cpuinfo_path_(procfs + "/cpuinfo"),
      cpus_path_(sysfs + "/devices/system/cpu"),
      thermal_path_(sysfs + "/class/thermal") {}

bool SlowReader::step(Clock::duration budget) {
  const auto begin = Clock::now();
  if (!progress_) begin_pass();
  do {
    read_next();
    if (progress_->cpus.empty() && progress_->zones.empty()) {
      finish_pass();
      return true;
    }
  } while (Clock::now() - begin < budget);
  return false;
}

void SlowReader::begin_pass() {
  running_ = {};
  progress_.emplace();
  progress_->cpus = list_numbered(cpus_path_, "cpu", kMaxCpus);
  progress_->zones = list_numbered(thermal_path_, "thermal_zone", kMaxThermalZones);
  std::reverse(progress_->zones.begin(), progress_->zones.end());
  read_cpu_lists(progress_->cpus);
  sort_as_text_backwards(progress_->cpus);
}

void SlowReader::read_next() {
  if (!progress_->cpus.empty()) {
    const std::uint32_t cpu = progress_->cpus.back();
    progress_->cpus.pop_back();
    read_cpufreq(cpu);
    read_throttles(cpu);
  } else if (!progress_->zones.empty()) {
    const std::uint32_t zone = progress_->zones.back();
    progress_->zones.pop_back();
    read_zone(zone);
  }
}

void SlowReader::finish_pass() {
  sort_by(running_.frequencies.scaling, &CoreFrequency::cpu);
  sort_by(running_.frequencies.hardware, &CoreFrequency::cpu);
  sort_by(running_.facts.frequency_limits, &FrequencyLimits::cpu);
  sort_governors(running_.facts.governors);
  for (const auto& [place, count] : progress_->core_throttles) {
    running_.throttles.cores.push_back({place.first, place.second, count});
  }
  for (const auto& [package, count] : progress_->package_throttles) {
    running_.throttles.packages.push_back({package, count});
  }
  last_ = std::move(running_);
  progress_.reset();
}

void SlowReader::read_cpu_lists(const std::vector<std::uint32_t>& cpus) {
  CpuFacts& facts = running_.facts;
  const auto online = read_cpu_list(cpus_path_ + "/online");
  if (online) {
    for (const std::uint32_t cpu : cpus) {
      (contains(*online, cpu) ? facts.online : facts.offline).push_back(cpu);
    }
  }
  facts.isolated = read_cpu_list(cpus_path_ + "/isolated").value_or(facts.isolated);
  if (facts.isolated.size() > kMaxCpus) facts.isolated.resize(kMaxCpus);
  progress_->without_cpufreq =
      read_cpu_list(cpus_path_ + "/offline").value_or(progress_->without_cpufreq);
  read_cpuinfo();
}

void SlowReader::read_cpuinfo() {
  CpuFacts& facts = running_.facts;
  if (online_at_cpuinfo_ == facts.online) {
    facts.models = last_.facts.models;
    facts.cpus = last_.facts.cpus;
    return;
  }
  online_at_cpuinfo_.reset();
  const auto text = read_small_file(cpuinfo_path_, kMaxCpuinfoBytes);
  if (!text) return;
  online_at_cpuinfo_ = facts.online;
  CpuInfo info = parse_cpuinfo(*text);
  facts.models = std::move(info.models);
  facts.cpus = std::move(info.cpus);
}

void SlowReader::read_cpufreq(std::uint32_t cpu) {
  if (contains(progress_->without_cpufreq, cpu)) return;
  const std::string directory = cpu_path(cpu) + "/cpufreq";
  if (!is_directory(directory)) return;

  if (const auto khz = read_unsigned(directory + "/scaling_cur_freq")) {
    running_.frequencies.scaling.push_back({cpu, *khz});
  }
  if (const auto khz = read_unsigned(directory + "/cpuinfo_cur_freq")) {
    running_.frequencies.hardware.push_back({cpu, *khz});
  }
  FrequencyLimits limits;
  limits.cpu = cpu;
  limits.min_khz = read_unsigned(directory + "/cpuinfo_min_freq");
  limits.max_khz = read_unsigned(directory + "/cpuinfo_max_freq");
  limits.scaling_min_khz = read_unsigned(directory + "/scaling_min_freq");
  limits.scaling_max_khz = read_unsigned(directory + "/scaling_max_freq");
  if (limits.min_khz || limits.max_khz || limits.scaling_min_khz || limits.scaling_max_khz) {
    running_.facts.frequency_limits.push_back(limits);
  }
  read_governor(cpu, directory);
}

void SlowReader::read_governor(std::uint32_t cpu, const std::string& directory) {
  auto current = read_text(directory + "/scaling_governor");
  if (!current || current->empty()) return;
  const auto words = read_small_file(directory + "/scaling_available_governors");
  auto available = words ? parse_words(*words) : std::vector<std::string>{};
  std::sort(available.begin(), available.end());
  available.erase(std::unique(available.begin(), available.end()), available.end());
  if (available.size() > kMaxGovernors) available.resize(kMaxGovernors);

  auto& choices = running_.facts.governors;
  const auto same = std::find_if(choices.begin(), choices.end(), [&](const GovernorChoice& choice) {
    return choice.available == available && choice.current == *current;
  });
  if (same != choices.end()) {
    same->cpus.push_back(cpu);
  } else {
    choices.push_back({{cpu}, std::move(available), *std::move(current)});
  }
}

void SlowReader::read_throttles(std::uint32_t cpu) {
  const std::string directory = cpu_path(cpu);
  const auto package = read_id(directory + "/topology/physical_package_id");
  const auto core = read_id(directory + "/topology/core_id");
  if (!package || !core) return;

  auto& cores = progress_->core_throttles;
  if (!cores.contains({*package, *core})) {
    const auto count = read_unsigned(directory + "/thermal_throttle/core_throttle_count");
    if (count) cores.emplace(std::pair(*package, *core), *count);
  }
  auto& packages = progress_->package_throttles;
  if (!packages.contains(*package)) {
    const auto count = read_unsigned(directory + "/thermal_throttle/package_throttle_count");
    if (count) packages.emplace(*package, *count);
  }
}

void SlowReader::read_zone(std::uint32_t zone) {
  const std::string directory = thermal_path_ + "/thermal_zone" + std::to_string(zone);
  auto type = read_text(directory + "/type");
  if (!type || !read_small_file(directory + "/policy")) return;
  if (read_text(directory + "/mode") == "disabled") return;
  running_.facts.thermal_zones.push_back({zone, *std::move(type)});
  if (const auto temperature = read_temperature(directory + "/temp")) {
    running_.temperatures.push_back({zone, *temperature});
  }
}

std::string SlowReader::cpu_path(std::uint32_t cpu) const {
  return cpus_path_ + "/cpu" + std::to_string(cpu);
}

}  // namespace cpu_monitor::agent
