#include "agent/slow_reader.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/messages.hpp"

namespace cpu_monitor::agent {
namespace {

namespace fs = std::filesystem;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""h;

using Cpus = std::vector<std::uint32_t>;

/// A procfs and a sysfs of our own, in a fresh directory for each test.
class SlowReaderTest : public testing::Test {
 protected:
  SlowReaderTest() {
    std::string name = testing::TempDir() + "slow_reader_XXXXXX";
    root_ = ::mkdtemp(name.data());
    fs::create_directories(root_ / "proc");
    fs::create_directories(cpus());
    fs::create_directories(zones());
  }
  ~SlowReaderTest() override { fs::remove_all(root_); }

  [[nodiscard]] fs::path cpus() const { return root_ / "sys/devices/system/cpu"; }
  [[nodiscard]] fs::path zones() const { return root_ / "sys/class/thermal"; }
  [[nodiscard]] fs::path cpu(std::uint32_t n) const { return cpus() / ("cpu" + std::to_string(n)); }
  [[nodiscard]] fs::path zone(std::uint32_t n) const {
    return zones() / ("thermal_zone" + std::to_string(n));
  }
  [[nodiscard]] SlowReader reader() const {
    return {(root_ / "proc").string(), (root_ / "sys").string()};
  }

  static void write(const fs::path& path, std::string_view text) {
    fs::create_directories(path.parent_path());
    std::ofstream(path, std::ios::binary | std::ios::trunc) << text;
  }
  void add_cpus(std::uint32_t count) const {
    for (std::uint32_t n = 0; n < count; ++n) fs::create_directories(cpu(n));
  }
  static void write_cpufreq(const fs::path& directory, const std::string& scaling_khz,
                            const std::string& governor = "schedutil") {
    write(directory / "scaling_cur_freq", scaling_khz + "\n");
    write(directory / "cpuinfo_cur_freq", "2000001\n");
    write(directory / "cpuinfo_min_freq", "800000\n");
    write(directory / "cpuinfo_max_freq", "3900000\n");
    write(directory / "scaling_min_freq", "1000000\n");
    write(directory / "scaling_max_freq", "3000000\n");
    write(directory / "scaling_governor", governor + "\n");
    write(directory / "scaling_available_governors", "performance schedutil \n");
  }
  void write_throttles(std::uint32_t n, const std::string& package, const std::string& core,
                       const std::string& core_count, const std::string& package_count) const {
    write(cpu(n) / "topology/physical_package_id", package + "\n");
    write(cpu(n) / "topology/core_id", core + "\n");
    write(cpu(n) / "thermal_throttle/core_throttle_count", core_count + "\n");
    write(cpu(n) / "thermal_throttle/package_throttle_count", package_count + "\n");
  }
  void write_zone(std::uint32_t n, const std::string& type, const std::string& temperature) const {
    write(zone(n) / "type", type + "\n");
    write(zone(n) / "policy", "step_wise\n");
    write(zone(n) / "temp", temperature + "\n");
  }
  void write_cpuinfo(std::string_view text) const { write(root_ / "proc/cpuinfo", text); }

  fs::path root_;
};

// What may stand in the place of a file.

void remove_file(const fs::path& path) { fs::remove(path); }

void put_directory(const fs::path& path) {
  fs::remove(path);
  fs::create_directories(path);
}

void put_fifo(const fs::path& path) {
  fs::remove(path);
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
}

/// The kernel refuses to read address 0 of a process, as EIO.
void put_failing_file(const fs::path& path) {
  fs::remove(path);
  fs::create_symlink("/proc/self/mem", path);
}

SlowReader read_whole(SlowReader reader) {
  EXPECT_TRUE(reader.step(1h));
  return reader;
}

std::size_t open_descriptors() {
  const fs::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

int count_steps(SlowReader& reader, SlowReader::Clock::duration budget) {
  int steps = 1;
  while (!reader.step(budget)) ++steps;
  return steps;
}

void expect_nothing(const SlowReader& reader) {
  EXPECT_EQ(reader.frequencies(), Frequencies{});
  EXPECT_EQ(reader.throttles(), Throttles{});
  EXPECT_TRUE(reader.temperatures().empty());
  EXPECT_EQ(reader.facts(), CpuFacts{});
}

TEST_F(SlowReaderTest, KnowsNothingBeforeTheFirstPass) { expect_nothing(reader()); }

TEST_F(SlowReaderTest, EmptyDirectoriesSayNothing) { expect_nothing(read_whole(reader())); }

TEST_F(SlowReaderTest, MissingDirectoriesSayNothing) {
  const std::string nowhere = (root_ / "nowhere").string();
  expect_nothing(read_whole(SlowReader(nowhere, nowhere)));
}

TEST_F(SlowReaderTest, FilesInPlaceOfDirectoriesSayNothing) {
  write(root_ / "file", "x");
  const std::string file = (root_ / "file").string();
  expect_nothing(read_whole(SlowReader(file, file)));
}

TEST_F(SlowReaderTest, ReadsThisMachine) {
  const SlowReader done = read_whole(SlowReader("/proc", "/sys"));
  EXPECT_FALSE(done.facts().cpus.empty());
}

// ---- online, offline, isolated

TEST_F(SlowReaderTest, ADirectoryThatIsNotOnlineIsOffline) {
  add_cpus(4);
  write(cpus() / "online", "0,2-3\n");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.facts().online, (Cpus{0, 2, 3}));
  EXPECT_EQ(done.facts().offline, Cpus{1});
}

TEST_F(SlowReaderTest, AnOnlineCpuWithoutADirectoryIsNoFact) {
  add_cpus(2);
  write(cpus() / "online", "0-7\n");
  EXPECT_EQ(read_whole(reader()).facts().online, (Cpus{0, 1}));
}

TEST_F(SlowReaderTest, WithoutTheOnlineListNobodyIsOnlineOrOffline) {
  add_cpus(2);
  const SlowReader done = read_whole(reader());
  EXPECT_TRUE(done.facts().online.empty());
  EXPECT_TRUE(done.facts().offline.empty());
}

TEST_F(SlowReaderTest, AMalformedOnlineListIsNone) {
  add_cpus(2);
  for (const char* text : {"0-", "all", "1-0", "0-99999"}) {
    write(cpus() / "online", text);
    const SlowReader done = read_whole(reader());
    EXPECT_TRUE(done.facts().online.empty()) << text;
    EXPECT_TRUE(done.facts().offline.empty()) << text;
  }
}

TEST_F(SlowReaderTest, OtherEntriesAreNoCpus) {
  add_cpus(1);
  for (const char* name : {"cpufreq", "cpuidle", "cpu", "cpu1x", "cpu01", "cpu70000", "xcpu2"}) {
    fs::create_directories(cpus() / name);
  }
  write(cpus() / "online", "0-65535\n");
  EXPECT_EQ(read_whole(reader()).facts().online, Cpus{0});
}

TEST_F(SlowReaderTest, ReadsTheIsolatedCpus) {
  write(cpus() / "isolated", "2-3,5\n");
  EXPECT_EQ(read_whole(reader()).facts().isolated, (Cpus{2, 3, 5}));
}

TEST_F(SlowReaderTest, AnEmptyOrMalformedIsolatedListIsEmpty) {
  for (const char* text : {"", "\n", "(null)\n"}) {
    write(cpus() / "isolated", text);
    EXPECT_TRUE(read_whole(reader()).facts().isolated.empty()) << text;
  }
}

TEST_F(SlowReaderTest, ReadsAsManyCpusAsTheLimit) {
  add_cpus(kMaxCpus + 3);
  write(cpus() / "online", "0-2000\n");
  write(cpus() / "isolated", "0-2000\n");
  const SlowReader done = read_whole(reader());
  ASSERT_EQ(done.facts().online.size(), kMaxCpus);
  EXPECT_EQ(done.facts().online.back(), kMaxCpus - 1);
  EXPECT_EQ(done.facts().isolated.size(), kMaxCpus);
}

// ---- cpufreq

TEST_F(SlowReaderTest, ReadsCpufreq) {
  write_cpufreq(cpu(0) / "cpufreq", "1500000");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies(), (Frequencies{{{0, 1500000}}, {{0, 2000001}}}));
  EXPECT_EQ(done.facts().frequency_limits,
            (std::vector{FrequencyLimits{0, 800000, 3900000, 1000000, 3000000}}));
  EXPECT_EQ(done.facts().governors,
            (std::vector{GovernorChoice{{0}, {"performance", "schedutil"}, "schedutil"}}));
}

TEST_F(SlowReaderTest, FollowsTheLinkToAPolicy) {
  add_cpus(2);
  write_cpufreq(cpus() / "cpufreq/policy0", "1500000");
  fs::create_directory_symlink("../cpufreq/policy0", cpu(0) / "cpufreq");
  fs::create_directory_symlink("../cpufreq/policy0", cpu(1) / "cpufreq");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies().scaling, (std::vector<CoreFrequency>{{0, 1500000}, {1, 1500000}}));
  ASSERT_EQ(done.facts().governors.size(), 1u);
  EXPECT_EQ(done.facts().governors[0].cpus, (Cpus{0, 1}));
}

TEST_F(SlowReaderTest, ADanglingPolicyLinkSaysNothing) {
  add_cpus(1);
  fs::create_directory_symlink("../cpufreq/policy0", cpu(0) / "cpufreq");
  expect_nothing(read_whole(reader()));
}

TEST_F(SlowReaderTest, SortsFrequenciesByNumber) {
  for (const std::uint32_t n : {0U, 1U, 2U, 10U, 11U}) {
    write_cpufreq(cpu(n) / "cpufreq", std::to_string(1000 + n));
  }
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies().scaling,
            (std::vector<CoreFrequency>{{0, 1000}, {1, 1001}, {2, 1002}, {10, 1010}, {11, 1011}}));
  ASSERT_EQ(done.facts().frequency_limits.size(), 5u);
  EXPECT_EQ(done.facts().frequency_limits[2].cpu, 2u);
  ASSERT_EQ(done.facts().governors.size(), 1u);
  EXPECT_EQ(done.facts().governors[0].cpus, (Cpus{0, 1, 2, 10, 11}));
}

TEST_F(SlowReaderTest, GroupsCpusByTheirGovernors) {
  write_cpufreq(cpu(0) / "cpufreq", "1", "performance");
  write_cpufreq(cpu(1) / "cpufreq", "1", "schedutil");
  write_cpufreq(cpu(2) / "cpufreq", "1", "performance");
  write_cpufreq(cpu(10) / "cpufreq", "1", "schedutil");
  write_cpufreq(cpu(3) / "cpufreq", "1", "performance");
  write(cpu(3) / "cpufreq/scaling_available_governors", "performance\n");
  const std::vector<std::string> both{"performance", "schedutil"};
  EXPECT_EQ(read_whole(reader()).facts().governors,
            (std::vector{GovernorChoice{{0, 2}, both, "performance"},
                         GovernorChoice{{1, 10}, both, "schedutil"},
                         GovernorChoice{{3}, {"performance"}, "performance"}}));
}

TEST_F(SlowReaderTest, AnOfflineCpuHasNoFrequency) {
  write_cpufreq(cpu(0) / "cpufreq", "1500000");
  write_cpufreq(cpu(1) / "cpufreq", "1500000");
  write(cpus() / "offline", "1-7\n");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies().scaling, (std::vector<CoreFrequency>{{0, 1500000}}));
  EXPECT_EQ(done.frequencies().hardware.size(), 1u);
  EXPECT_EQ(done.facts().frequency_limits.size(), 1u);
  ASSERT_EQ(done.facts().governors.size(), 1u);
  EXPECT_EQ(done.facts().governors[0].cpus, Cpus{0});
}

TEST_F(SlowReaderTest, AMalformedOfflineListLeavesNobodyOut) {
  write_cpufreq(cpu(0) / "cpufreq", "1500000");
  write(cpus() / "offline", "everyone\n");
  EXPECT_EQ(read_whole(reader()).frequencies().scaling.size(), 1u);
}

TEST_F(SlowReaderTest, EachFrequencyFileMayBeMissing) {
  write_cpufreq(cpu(0) / "cpufreq", "1500000");
  fs::remove(cpu(0) / "cpufreq/cpuinfo_cur_freq");
  fs::remove(cpu(0) / "cpufreq/scaling_max_freq");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies(), (Frequencies{{{0, 1500000}}, {}}));
  EXPECT_EQ(done.facts().frequency_limits,
            (std::vector{FrequencyLimits{0, 800000, 3900000, 1000000, std::nullopt}}));
}

TEST_F(SlowReaderTest, ACpuWithoutAnyLimitHasNone) {
  write(cpu(0) / "cpufreq/scaling_cur_freq", "5\n");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies().scaling.size(), 1u);
  EXPECT_TRUE(done.facts().frequency_limits.empty());
  EXPECT_TRUE(done.facts().governors.empty());
}

struct BadValue {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const BadValue& v) { return out << v.name; }
};

std::string bad_value_name(const testing::TestParamInfo<BadValue>& info) { return info.param.name; }

class SlowReaderBadValue : public SlowReaderTest, public testing::WithParamInterface<BadValue> {};

TEST_P(SlowReaderBadValue, IsAbsentAndSpoilsNothingElse) {
  write_cpufreq(cpu(0) / "cpufreq", GetParam().text);
  write_throttles(0, "0", "0", GetParam().text, "4");
  write_zone(0, "x86_pkg_temp", GetParam().text);
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies(), (Frequencies{{}, {{0, 2000001}}}));
  EXPECT_EQ(done.throttles(), (Throttles{{}, {{0, 4}}}));
  EXPECT_TRUE(done.temperatures().empty());
  EXPECT_EQ(done.facts().frequency_limits.size(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Values, SlowReaderBadValue,
                         testing::Values(BadValue{"NoBytes", ""}, BadValue{"Letters", "x"},
                                         BadValue{"Unsupported", "<unsupported>"},
                                         BadValue{"Fraction", "1.5"}, BadValue{"Two", "1 2"},
                                         BadValue{"TwoToThe64", "18446744073709551616"},
                                         BadValue{"TooLong", std::string(5000, '1')},
                                         BadValue{"HighByte", "\xff"}),
                         bad_value_name);

struct BadFile {
  const char* name;
  void (*put)(const fs::path&);
  friend std::ostream& operator<<(std::ostream& out, const BadFile& f) { return out << f.name; }
};

std::string bad_file_name(const testing::TestParamInfo<BadFile>& info) { return info.param.name; }

class SlowReaderBadFile : public SlowReaderTest, public testing::WithParamInterface<BadFile> {};

TEST_P(SlowReaderBadFile, IsAbsentAndSpoilsNothingElse) {
  write_cpufreq(cpu(0) / "cpufreq", "1500000");
  write_throttles(0, "0", "0", "3", "4");
  write_zone(0, "x86_pkg_temp", "45000");
  GetParam().put(cpu(0) / "cpufreq/scaling_cur_freq");
  GetParam().put(cpu(0) / "cpufreq/scaling_governor");
  GetParam().put(cpu(0) / "thermal_throttle/core_throttle_count");
  GetParam().put(zone(0) / "temp");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.frequencies(), (Frequencies{{}, {{0, 2000001}}}));
  EXPECT_TRUE(done.facts().governors.empty());
  EXPECT_EQ(done.throttles(), (Throttles{{}, {{0, 4}}}));
  EXPECT_TRUE(done.temperatures().empty());
}

TEST_P(SlowReaderBadFile, LeavesOutAZoneByItsTypeOrPolicy) {
  write_zone(0, "a", "1000");
  write_zone(1, "b", "2000");
  write_zone(2, "c", "3000");
  GetParam().put(zone(0) / "type");
  GetParam().put(zone(1) / "policy");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.facts().thermal_zones, (std::vector{ThermalZone{2, "c"}}));
  EXPECT_EQ(done.temperatures(), (std::vector<ZoneTemperature>{{2, 3000}}));
}

TEST_P(SlowReaderBadFile, LeavesOutAThrottledCpuByItsPlace) {
  write_throttles(0, "0", "0", "1", "2");
  write_throttles(1, "0", "1", "3", "4");
  write_throttles(2, "0", "2", "5", "6");
  GetParam().put(cpu(0) / "topology/physical_package_id");
  GetParam().put(cpu(1) / "topology/core_id");
  EXPECT_EQ(read_whole(reader()).throttles(), (Throttles{{{0, 2, 5}}, {{0, 6}}}));
}

TEST_P(SlowReaderBadFile, ListsOfCpusAreEmpty) {
  add_cpus(2);
  for (const char* name : {"online", "isolated", "offline"}) {
    write(cpus() / name, "0-1\n");
    GetParam().put(cpus() / name);
  }
  write_cpuinfo("processor\t: 0\n");
  GetParam().put(root_ / "proc/cpuinfo");
  expect_nothing(read_whole(reader()));
}

INSTANTIATE_TEST_SUITE_P(Files, SlowReaderBadFile,
                         testing::Values(BadFile{"Missing", remove_file},
                                         BadFile{"Directory", put_directory},
                                         BadFile{"Fifo", put_fifo},
                                         BadFile{"FailingRead", put_failing_file}),
                         bad_file_name);

TEST_F(SlowReaderTest, AGovernorThatIsListedTwiceIsOne) {
  write(cpu(0) / "cpufreq/scaling_governor", "powersave\n");
  write(cpu(0) / "cpufreq/scaling_available_governors", "powersave performance powersave\n");
  const SlowReader read = read_whole(reader());
  ASSERT_EQ(read.facts().governors.size(), 1u);
  EXPECT_EQ(read.facts().governors[0].available,
            (std::vector<std::string>{"performance", "powersave"}));
}

TEST_F(SlowReaderTest, ATemperatureThatNoThermometerShowsIsAbsent) {
  for (const char* text :
       {"-2147483648", "2147483647", "1000001", "-1000001", "-9223372036854775808"}) {
    write_zone(0, "acpitz", text);
    EXPECT_TRUE(read_whole(reader()).temperatures().empty()) << text;
  }
}

TEST_F(SlowReaderTest, AZoneThatTheExporterWouldRefuseIsNone) {
  write_zone(65535, "acpitz", "1");
  write_zone(65536, "acpitz", "1");
  EXPECT_EQ(read_whole(reader()).temperatures(), (std::vector<ZoneTemperature>{{65535, 1}}));
}

TEST_F(SlowReaderTest, ARestartedPassBeginsAnew) {
  add_cpus(3);
  for (std::uint32_t n = 0; n < 3; ++n) write(cpu(n) / "cpufreq/scaling_cur_freq", "1\n");
  SlowReader read = reader();
  EXPECT_FALSE(read.step(0s));
  for (std::uint32_t n = 0; n < 3; ++n) write(cpu(n) / "cpufreq/scaling_cur_freq", "2\n");
  read.restart();
  EXPECT_TRUE(read.step(1h));
  EXPECT_EQ(read.frequencies().scaling, (std::vector<CoreFrequency>{{0, 2}, {1, 2}, {2, 2}}));
}

TEST_F(SlowReaderTest, AnIdThatTheExporterWouldRefuseIsNone) {
  write_throttles(0, "2147483648", "0", "1", "1");
  EXPECT_EQ(read_whole(reader()).throttles(), Throttles{});
}

TEST_F(SlowReaderTest, AnEmptyGovernorIsNone) {
  write_cpufreq(cpu(0) / "cpufreq", "1", "");
  EXPECT_TRUE(read_whole(reader()).facts().governors.empty());
}

TEST_F(SlowReaderTest, AGovernorThatCannotBeShownIsNone) {
  write_cpufreq(cpu(0) / "cpufreq", "1", "a\x01z");
  EXPECT_TRUE(read_whole(reader()).facts().governors.empty());
}

TEST_F(SlowReaderTest, TheAvailableGovernorsMayBeMissing) {
  write_cpufreq(cpu(0) / "cpufreq", "1");
  fs::remove(cpu(0) / "cpufreq/scaling_available_governors");
  EXPECT_EQ(read_whole(reader()).facts().governors,
            (std::vector{GovernorChoice{{0}, {}, "schedutil"}}));
}

// ---- throttles

TEST_F(SlowReaderTest, ReadsThrottlesOncePerCoreAndPackage) {
  write_throttles(0, "0", "0", "1", "10");
  write_throttles(1, "0", "1", "2", "20");
  write_throttles(2, "0", "0", "3", "30");  // the second thread of core 0
  write_throttles(3, "1", "0", "4", "40");
  EXPECT_EQ(read_whole(reader()).throttles(),
            (Throttles{{{0, 0, 1}, {0, 1, 2}, {1, 0, 4}}, {{0, 10}, {1, 40}}}));
}

TEST_F(SlowReaderTest, TheFirstCpuIsFirstByItsName) {
  write_throttles(2, "0", "0", "2", "20");
  write_throttles(10, "0", "0", "10", "100");
  EXPECT_EQ(read_whole(reader()).throttles(), (Throttles{{{0, 0, 10}}, {{0, 100}}}));
}

TEST_F(SlowReaderTest, TheFirstCpuThatHasACountGivesIt) {
  write_throttles(0, "0", "0", "x", "x");
  write_throttles(1, "0", "0", "5", "x");
  write_throttles(2, "0", "0", "6", "7");
  EXPECT_EQ(read_whole(reader()).throttles(), (Throttles{{{0, 0, 5}}, {{0, 7}}}));
}

TEST_F(SlowReaderTest, SortsThrottlesByPackageThenCore) {
  write_throttles(0, "10", "3", "1", "1");
  write_throttles(1, "2", "20", "2", "2");
  write_throttles(2, "2", "3", "3", "3");
  EXPECT_EQ(read_whole(reader()).throttles(),
            (Throttles{{{2, 3, 3}, {2, 20, 2}, {10, 3, 1}}, {{2, 2}, {10, 1}}}));
}

TEST_F(SlowReaderTest, APackageThatIsNotKnownLeavesTheCpuOut) {
  write_throttles(0, "-1", "0", "1", "1");
  write_throttles(1, "4294967296", "0", "1", "1");
  write_throttles(2, "0", "-1", "1", "1");
  EXPECT_EQ(read_whole(reader()).throttles(), Throttles{});
}

// ---- thermal zones

TEST_F(SlowReaderTest, ReadsTemperatures) {
  write_zone(0, "x86_pkg_temp", "45000");
  write_zone(1, "acpitz", "-12500");
  write_zone(10, "wifi", "0");
  write_zone(2, "nvme", "200");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.temperatures(),
            (std::vector<ZoneTemperature>{{0, 45000}, {1, -12500}, {2, 200}, {10, 0}}));
  EXPECT_EQ(
      done.facts().thermal_zones,
      (std::vector<ThermalZone>{{0, "x86_pkg_temp"}, {1, "acpitz"}, {2, "nvme"}, {10, "wifi"}}));
}

TEST_F(SlowReaderTest, LeavesOutDisabledZones) {
  write_zone(0, "a", "1000");
  write_zone(1, "b", "2000");
  write_zone(2, "c", "3000");
  write(zone(0) / "mode", "disabled\n");
  write(zone(1) / "mode", "enabled\n");
  write(zone(2) / "mode", "\n");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(done.temperatures(), (std::vector<ZoneTemperature>{{1, 2000}, {2, 3000}}));
  EXPECT_EQ(done.facts().thermal_zones, (std::vector<ThermalZone>{{1, "b"}, {2, "c"}}));
}

TEST_F(SlowReaderTest, AZoneThatIsSilentJustNowStaysAFact) {
  write_zone(0, "iwlwifi", "40000");
  SlowReader slow = read_whole(reader());
  put_failing_file(zone(0) / "temp");
  EXPECT_TRUE(slow.step(1h));
  EXPECT_TRUE(slow.temperatures().empty());
  EXPECT_EQ(slow.facts().thermal_zones, (std::vector{ThermalZone{0, "iwlwifi"}}));
}

TEST_F(SlowReaderTest, LeavesOutAZoneWhoseTypeCannotBeShown) {
  write_zone(0, "a\x1b[0m", "1000");
  write_zone(1, std::string(kMaxTextBytes + 1, 'x'), "1000");
  const SlowReader done = read_whole(reader());
  EXPECT_TRUE(done.temperatures().empty());
  EXPECT_TRUE(done.facts().thermal_zones.empty());
}

TEST_F(SlowReaderTest, FollowsTheLinkToAZone) {
  write(root_ / "sys/devices/zone/type", "a\n");
  write(root_ / "sys/devices/zone/policy", "user_space\n");
  write(root_ / "sys/devices/zone/temp", "7\n");
  fs::create_directory_symlink("../../devices/zone", zone(3));
  EXPECT_EQ(read_whole(reader()).temperatures(), (std::vector<ZoneTemperature>{{3, 7}}));
}

TEST_F(SlowReaderTest, CoolingDevicesAreNoZones) {
  write(zones() / "cooling_device0/type", "Fan\n");
  write(zones() / "cooling_device0/policy", "x\n");
  expect_nothing(read_whole(reader()));
}

TEST_F(SlowReaderTest, ReadsAsManyZonesAsTheLimit) {
  const auto limit = static_cast<std::uint32_t>(kMaxThermalZones);
  for (std::uint32_t n = 0; n <= limit; ++n) write_zone(n, "t", "1");
  const SlowReader done = read_whole(reader());
  ASSERT_EQ(done.temperatures().size(), limit);
  EXPECT_EQ(done.temperatures().back().zone, limit - 1);
  EXPECT_EQ(done.facts().thermal_zones.size(), limit);
}

// ---- /proc/cpuinfo

std::string model_of(const SlowReader& reader) {
  return reader.facts().models.empty() ? "none" : reader.facts().models[0].model_name;
}

TEST_F(SlowReaderTest, ReadsCpuinfo) {
  write_cpuinfo("processor\t: 0\nmodel name\t: a\ncore id\t: 5\n");
  const SlowReader done = read_whole(reader());
  EXPECT_EQ(model_of(done), "a");
  EXPECT_EQ(done.facts().cpus, (std::vector{CpuPlace{0, 0, "", "5"}}));
}

TEST_F(SlowReaderTest, ReadsALongCpuinfo) {
  std::string text;
  for (std::uint32_t n = 0; n < kMaxCpus; ++n) {
    text += "processor\t: " + std::to_string(n) + "\nflags\t: " + std::string(1500, 'x') + "\n\n";
  }
  write_cpuinfo(text);
  EXPECT_EQ(read_whole(reader()).facts().cpus.size(), kMaxCpus);
}

TEST_F(SlowReaderTest, KeepsWhatCpuinfoSaidWhileNoCpuComesOrGoes) {
  add_cpus(2);
  write(cpus() / "online", "0-1\n");
  write_cpuinfo("processor\t: 0\nmodel name\t: first\n");
  SlowReader slow = read_whole(reader());
  write_cpuinfo("processor\t: 0\nmodel name\t: second\n");
  EXPECT_TRUE(slow.step(1h));
  EXPECT_EQ(model_of(slow), "first");
  write(cpus() / "online", "0\n");
  EXPECT_TRUE(slow.step(1h));
  EXPECT_EQ(model_of(slow), "second");
}

TEST_F(SlowReaderTest, ReadsCpuinfoAgainAfterItFailed) {
  SlowReader slow = read_whole(reader());
  EXPECT_EQ(model_of(slow), "none");
  write_cpuinfo("processor\t: 0\nmodel name\t: late\n");
  EXPECT_TRUE(slow.step(1h));
  EXPECT_EQ(model_of(slow), "late");
}

// ---- steps and passes

TEST_F(SlowReaderTest, WithoutABudgetEachStepReadsOneCpuOrZone) {
  add_cpus(3);
  write_zone(0, "a", "1");
  write_zone(1, "b", "2");
  SlowReader slow = reader();
  EXPECT_EQ(count_steps(slow, 0s), 5);
  EXPECT_EQ(count_steps(slow, 0s), 5);
}

TEST_F(SlowReaderTest, ANegativeBudgetIsNone) {
  add_cpus(3);
  SlowReader slow = reader();
  EXPECT_EQ(count_steps(slow, -1s), 3);
}

TEST_F(SlowReaderTest, TheLargestBudgetIsEnough) {
  add_cpus(3);
  SlowReader slow = reader();
  EXPECT_EQ(count_steps(slow, SlowReader::Clock::duration::max()), 1);
}

TEST_F(SlowReaderTest, WithNothingToReadAPassIsOneStep) {
  SlowReader slow = reader();
  EXPECT_EQ(count_steps(slow, 0s), 1);
  EXPECT_EQ(count_steps(slow, 0s), 1);
}

TEST_F(SlowReaderTest, ShowsNothingOfAPassThatIsNotWhole) {
  write_cpufreq(cpu(0) / "cpufreq", "1");
  write_cpufreq(cpu(1) / "cpufreq", "2");
  write_zone(0, "a", "1");
  SlowReader slow = reader();
  EXPECT_FALSE(slow.step(0s));
  EXPECT_FALSE(slow.step(0s));
  expect_nothing(slow);
  EXPECT_TRUE(slow.step(0s));
  EXPECT_EQ(slow.frequencies().scaling, (std::vector<CoreFrequency>{{0, 1}, {1, 2}}));
}

TEST_F(SlowReaderTest, ShowsTheLastPassWhileTheNextOneRuns) {
  write_cpufreq(cpu(0) / "cpufreq", "1");
  write_cpufreq(cpu(1) / "cpufreq", "2");
  SlowReader slow = read_whole(reader());
  write_cpufreq(cpu(0) / "cpufreq", "10");
  write_cpufreq(cpu(1) / "cpufreq", "20");
  EXPECT_FALSE(slow.step(0s));
  EXPECT_EQ(slow.frequencies().scaling, (std::vector<CoreFrequency>{{0, 1}, {1, 2}}));
  EXPECT_TRUE(slow.step(0s));
  EXPECT_EQ(slow.frequencies().scaling, (std::vector<CoreFrequency>{{0, 10}, {1, 20}}));
}

TEST_F(SlowReaderTest, SmallStepsAndOneLargeOneReadTheSame) {
  for (std::uint32_t n = 0; n < 12; ++n) {
    write_cpufreq(cpu(n) / "cpufreq", std::to_string(n), n % 2 == 0 ? "even" : "odd");
    write_throttles(n, std::to_string(n / 6), std::to_string(n / 2), std::to_string(n), "9");
    write_zone(n, "t", std::to_string(n));
  }
  write(cpus() / "online", "0-11\n");
  SlowReader slow = reader();
  EXPECT_EQ(count_steps(slow, 0s), 24);
  const SlowReader fast = read_whole(reader());
  EXPECT_EQ(slow.frequencies(), fast.frequencies());
  EXPECT_EQ(slow.throttles(), fast.throttles());
  EXPECT_EQ(slow.temperatures(), fast.temperatures());
  EXPECT_EQ(slow.facts(), fast.facts());
}

TEST_F(SlowReaderTest, NoticesCpusThatComeAndGoBetweenPasses) {
  write_cpufreq(cpu(0) / "cpufreq", "1");
  write_cpufreq(cpu(1) / "cpufreq", "2");
  write(cpus() / "online", "0-1\n");
  SlowReader slow = read_whole(reader());

  write(cpus() / "online", "0\n");
  write(cpus() / "offline", "1\n");
  EXPECT_TRUE(slow.step(1h));
  EXPECT_EQ(slow.facts().offline, Cpus{1});
  EXPECT_EQ(slow.frequencies().scaling, (std::vector<CoreFrequency>{{0, 1}}));

  fs::remove_all(cpu(1));
  write_cpufreq(cpu(2) / "cpufreq", "3");
  write(cpus() / "online", "0,2\n");
  write(cpus() / "offline", "\n");
  EXPECT_TRUE(slow.step(1h));
  EXPECT_EQ(slow.facts().online, (Cpus{0, 2}));
  EXPECT_TRUE(slow.facts().offline.empty());
  EXPECT_EQ(slow.frequencies().scaling, (std::vector<CoreFrequency>{{0, 1}, {2, 3}}));
}

TEST_F(SlowReaderTest, ACpuThatGoesDuringAPassIsAbsent) {
  write_cpufreq(cpu(0) / "cpufreq", "1");
  write_cpufreq(cpu(1) / "cpufreq", "2");
  SlowReader slow = reader();
  EXPECT_FALSE(slow.step(0s));
  fs::remove_all(cpu(1));
  EXPECT_TRUE(slow.step(0s));
  EXPECT_EQ(slow.frequencies().scaling, (std::vector<CoreFrequency>{{0, 1}}));
}

TEST_F(SlowReaderTest, ForgetsWhatHasGone) {
  write_cpufreq(cpu(0) / "cpufreq", "1");
  write_throttles(0, "0", "0", "1", "1");
  write_zone(0, "a", "1");
  SlowReader slow = read_whole(reader());
  fs::remove_all(cpu(0));
  fs::remove_all(zone(0));
  EXPECT_TRUE(slow.step(1h));
  expect_nothing(slow);
}

TEST_F(SlowReaderTest, KeepsNoDescriptorOpen) {
  write_cpufreq(cpu(0) / "cpufreq", "1");
  write_zone(0, "a", "1");
  put_failing_file(cpu(0) / "cpufreq/cpuinfo_cur_freq");
  SlowReader slow = reader();
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 20; ++i) {
    slow.step(0s);
    EXPECT_EQ(open_descriptors(), before);
  }
}

}  // namespace
}  // namespace cpu_monitor::agent
