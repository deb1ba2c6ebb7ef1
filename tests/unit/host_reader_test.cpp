#include "agent/host_reader.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstddef>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <ostream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.hpp"
#include "tests/support/without_root.hpp"

namespace cpu_monitor::agent {
namespace {

namespace fs = std::filesystem;

/// A procfs of our own, in a fresh directory for each test.
class HostReaderTest : public testing::Test {
 protected:
  [[nodiscard]] std::string procfs() const { return root_.string(); }
  [[nodiscard]] std::string sysfs() const { return (root_ / "sys").string(); }
  [[nodiscard]] fs::path stat_path() const { return root_ / "stat"; }

  void write(std::string_view text) const {
    std::ofstream(stat_path(), std::ios::binary | std::ios::trunc) << text;
  }
  /// As editors and configuration managers do.
  void replace(std::string_view text) const {
    const fs::path fresh = root_ / "fresh";
    std::ofstream(fresh, std::ios::binary) << text;
    fs::rename(fresh, stat_path());
  }

  void put(const fs::path& name, std::string_view text) const { folder_.put(name, text); }

  tests::TempFolder folder_;
  const fs::path& root_ = folder_.path();
};

std::size_t open_descriptors() {
  const fs::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

void expect_text(HostReader& reader, std::string_view text) {
  const auto read = reader.read_stat();
  ASSERT_TRUE(read) << read.error().detail;
  EXPECT_EQ(*read, text);
}

void expect_fault(HostReader& reader, DiscardReason reason) {
  const auto read = reader.read_stat();
  ASSERT_FALSE(read);
  EXPECT_EQ(kDiscardReasonNames[read.error().code], kDiscardReasonNames[reason]);
  EXPECT_NE(read.error().detail.find(reader.stat_path()), std::string::npos) << read.error().detail;
}

TEST_F(HostReaderTest, ReadsTheWholeText) {
  write("cpu  1 2 3 4\nintr 5\n");
  HostReader reader(procfs(), sysfs());
  expect_text(reader, "cpu  1 2 3 4\nintr 5\n");
}

TEST_F(HostReaderTest, ReadsStatOfTheProcFileSystemItIsGiven) {
  EXPECT_EQ(HostReader("/proc", "/sys").stat_path(), "/proc/stat");
}

TEST_F(HostReaderTest, ReadsThisMachine) {
  HostReader reader("/proc", "/sys");
  for (int i = 0; i < 3; ++i) {
    const auto text = reader.read_stat();
    ASSERT_TRUE(text) << text.error().detail;
    EXPECT_TRUE(text->starts_with("cpu ")) << text->substr(0, 80);
    EXPECT_TRUE(text->ends_with("\n"));
  }
}

TEST_F(HostReaderTest, EachReadingBeginsAtTheStart) {
  write("one");
  HostReader reader(procfs(), sysfs());
  expect_text(reader, "one");
  expect_text(reader, "one");
}

TEST_F(HostReaderTest, EachReadingIsNew) {
  write("one");
  HostReader reader(procfs(), sysfs());
  expect_text(reader, "one");
  write("a longer text");
  expect_text(reader, "a longer text");
  write("2");
  expect_text(reader, "2");
}

TEST_F(HostReaderTest, KeepsOneDescriptorOpen) {
  write("one");
  const std::size_t before = open_descriptors();
  {
    HostReader reader(procfs(), sysfs());
    for (int i = 0; i < 100; ++i) expect_text(reader, "one");
    EXPECT_EQ(open_descriptors(), before + 1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HostReaderTest, FailuresLeakNoDescriptor) {
  fs::create_directory(stat_path());
  HostReader reader(procfs(), sysfs());
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) expect_fault(reader, DiscardReason::not_a_file);
  fs::remove(stat_path());
  for (int i = 0; i < 100; ++i) expect_fault(reader, DiscardReason::missing);
  write("");
  for (int i = 0; i < 100; ++i) expect_fault(reader, DiscardReason::empty);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HostReaderTest, NoFileIsMissing) {
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, NoDirectoryIsMissing) {
  HostReader reader(procfs() + "/nowhere", sysfs());
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, AFileInPlaceOfTheDirectoryIsMissing) {
  write("");
  HostReader reader(stat_path().string(), sysfs());
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, ADanglingLinkIsMissing) {
  fs::create_symlink(root_ / "nothing", stat_path());
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, ALinkToItselfIsUnreadable) {
  fs::create_symlink("stat", stat_path());
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, AFileWithoutPermissionIsUnreadable) {
  write("one");
  tests::let_anybody_in(root_);
  {
    const tests::WithoutRoot nobody;
    HostReader reader(procfs(), sysfs());
    expect_text(reader, "one");
  }
  fs::permissions(stat_path(), fs::perms::none);
  const tests::WithoutRoot nobody;
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, APathThatIsTooLongIsUnreadable) {
  HostReader reader("/" + std::string(5000, 'x'), sysfs());
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, AFailingReadIsUnreadable) {
  // The kernel refuses to read address 0 of a process, as EIO.
  fs::create_symlink("/proc/self/mem", stat_path());
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, ADirectoryIsNoFile) {
  fs::create_directory(stat_path());
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::not_a_file);
}

TEST_F(HostReaderTest, AFifoIsNoFileAndStopsNobody) {
  ASSERT_EQ(::mkfifo(stat_path().c_str(), 0600), 0);
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::not_a_file);
}

TEST_F(HostReaderTest, ADeviceIsNoFile) {
  fs::create_symlink("/dev/zero", stat_path());
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::not_a_file);
}

TEST_F(HostReaderTest, ASocketIsNoFile) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(stat_path().string().size(), sizeof address.sun_path);
  stat_path().string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::not_a_file);
  ::close(fd);
}

TEST_F(HostReaderTest, NoBytesAreEmpty) {
  write("");
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::empty);
}

TEST_F(HostReaderTest, SaysInWordsWhatTheSystemSaid) {
  HostReader reader(procfs(), sysfs());
  const auto read = reader.read_stat();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail, stat_path().string() + ": No such file or directory");
}

TEST_F(HostReaderTest, ReadsAFileThatAppearsLater) {
  HostReader reader(procfs(), sysfs());
  expect_fault(reader, DiscardReason::missing);
  write("one");
  expect_text(reader, "one");
}

TEST_F(HostReaderTest, NoticesThatTheFileWasRemoved) {
  write("one");
  HostReader reader(procfs(), sysfs());
  expect_text(reader, "one");
  fs::remove(stat_path());
  expect_fault(reader, DiscardReason::missing);
  write("two");
  expect_text(reader, "two");
}

TEST_F(HostReaderTest, FollowsAFileThatWasReplaced) {
  write("one");
  HostReader reader(procfs(), sysfs());
  expect_text(reader, "one");
  replace("two");
  expect_text(reader, "two");
}

TEST_F(HostReaderTest, NoticesThatTheFileBecameAFifo) {
  write("one");
  HostReader reader(procfs(), sysfs());
  expect_text(reader, "one");
  fs::remove(stat_path());
  ASSERT_EQ(::mkfifo(stat_path().c_str(), 0600), 0);
  expect_fault(reader, DiscardReason::not_a_file);
  replace("two");
  expect_text(reader, "two");
}

TEST_F(HostReaderTest, ReadsOnAfterTheFileWasEmptyForAWhile) {
  write("one");
  HostReader reader(procfs(), sysfs());
  expect_text(reader, "one");
  write("");
  expect_fault(reader, DiscardReason::empty);
  write("two");
  expect_text(reader, "two");
}

class HostReaderLength : public HostReaderTest, public testing::WithParamInterface<std::size_t> {};

TEST_P(HostReaderLength, FitsWhole) {
  std::string text(GetParam(), 'x');
  text.back() = 'z';
  write(text);
  HostReader reader(procfs(), sysfs());
  const auto read = reader.read_stat();
  ASSERT_TRUE(read);
  EXPECT_TRUE(*read == text) << read->size();
}

std::string length_name(const testing::TestParamInfo<std::size_t>& info) {
  return "Bytes" + std::to_string(info.param);
}

constexpr std::size_t kFirst = KeptFile::kFirstBufferBytes;
constexpr std::size_t kMax = KeptFile::kMaxBufferBytes;

INSTANTIATE_TEST_SUITE_P(Lengths, HostReaderLength,
                         testing::Values(1, 4096, kFirst - 1, kFirst, kFirst + 1, 2 * kFirst,
                                         5 * kFirst + 3, kMax - 1, kMax),
                         length_name);

TEST_F(HostReaderTest, ALongerFileIsCutAtItsEnd) {
  write("cpu  1 2 3 4\n" + std::string(KeptFile::kMaxBufferBytes, 'x'));
  HostReader reader(procfs(), sysfs());
  for (int i = 0; i < 2; ++i) {
    const auto read = reader.read_stat();
    ASSERT_TRUE(read);
    EXPECT_EQ(read->size(), KeptFile::kMaxBufferBytes);
    EXPECT_TRUE(read->starts_with("cpu  1 2 3 4\n"));
  }
}

TEST_F(HostReaderTest, AShortTextBehindALongOneHasNoRemains) {
  write(std::string(100'000, 'x'));
  HostReader reader(procfs(), sysfs());
  ASSERT_TRUE(reader.read_stat());
  write("short");
  expect_text(reader, "short");
}

// --- the files that not every machine has

class HostFilesTest : public HostReaderTest {};

TEST_F(HostFilesTest, AreWhereTheKernelHasThem) {
  put("loadavg", "load");
  put("pressure/cpu", "cpu pressure");
  put("pressure/irq", "irq pressure");
  put("schedstat", "sched");
  HostReader reader(procfs(), sysfs());
  EXPECT_EQ(reader.read(HostFile::loadavg), "load");
  EXPECT_EQ(reader.read(HostFile::cpu_pressure), "cpu pressure");
  EXPECT_EQ(reader.read(HostFile::irq_pressure), "irq pressure");
  EXPECT_EQ(reader.read(HostFile::schedstat), "sched");
}

TEST_F(HostFilesTest, ThatAreMissingAreNone) {
  HostReader reader(procfs(), sysfs());
  for (const auto file :
       {HostFile::loadavg, HostFile::cpu_pressure, HostFile::irq_pressure, HostFile::schedstat,
        HostFile::cgroup_cpu_stat, HostFile::cgroup_cpu_max}) {
    EXPECT_EQ(reader.read(file), std::nullopt);
  }
}

TEST_F(HostFilesTest, MayComeLater) {
  HostReader reader(procfs(), sysfs());
  EXPECT_EQ(reader.read(HostFile::loadavg), std::nullopt);
  put("loadavg", "0.1");
  EXPECT_EQ(reader.read(HostFile::loadavg), "0.1");
}

TEST_F(HostFilesTest, DoNotDisturbTheTextOfStat) {
  write("cpu  1 2 3 4\nintr 1\n");
  put("loadavg", std::string(100'000, 'x'));
  HostReader reader(procfs(), sysfs());
  const auto stat = reader.read_stat();
  ASSERT_TRUE(stat);
  EXPECT_EQ(reader.read(HostFile::loadavg)->size(), 100'000U);
  EXPECT_EQ(*stat, "cpu  1 2 3 4\nintr 1\n");
}

TEST_F(HostFilesTest, OfTheCgroupAreThoseOfTheOwnOne) {
  put("self/cgroup", "0::/system.slice/agent.service\n");
  put("sys/fs/cgroup/cgroup.controllers", "cpu memory\n");
  put("sys/fs/cgroup/system.slice/agent.service/cpu.stat", "usage_usec 1\n");
  put("sys/fs/cgroup/system.slice/agent.service/cpu.max", "max 100000\n");
  HostReader reader(procfs(), sysfs());
  EXPECT_EQ(reader.read(HostFile::cgroup_cpu_stat), "usage_usec 1\n");
  EXPECT_EQ(reader.read(HostFile::cgroup_cpu_max), "max 100000\n");
}

TEST_F(HostFilesTest, OfTheCgroupStandAtTheTopInAContainer) {
  put("self/cgroup", "0::/\n");
  put("sys/fs/cgroup/cgroup.controllers", "cpu\n");
  put("sys/fs/cgroup/cpu.max", "50000 100000\n");
  HostReader reader(procfs(), sysfs());
  EXPECT_EQ(reader.read(HostFile::cgroup_cpu_max), "50000 100000\n");
}

TEST_F(HostFilesTest, OfTheCgroupAreFoundBesideVersionOne) {
  put("self/cgroup", "4:memory:/other\n1:cpu:/third\n0::/mine\n");
  put("sys/fs/cgroup/unified/cgroup.controllers", "\n");
  put("sys/fs/cgroup/unified/mine/cpu.stat", "usage_usec 2\n");
  HostReader reader(procfs(), sysfs());
  EXPECT_EQ(reader.read(HostFile::cgroup_cpu_stat), "usage_usec 2\n");
}

// --- files the kernel hands out a page at a time

TEST(KeptFileForm, APiecewiseFileIsReadToItsEnd) {
  // A record for each symbol, as /proc/schedstat has one for each CPU.
  KeptFile pieces("/proc/kallsyms", KeptFile::Form::in_pieces);
  KeptFile whole("/proc/kallsyms", KeptFile::Form::whole);
  std::vector<char> buffer;
  const auto first_page = whole.read(buffer);
  ASSERT_TRUE(first_page);
  ASSERT_LT(first_page->size(), KeptFile::kFirstBufferBytes);
  const auto all = pieces.read(buffer);
  ASSERT_TRUE(all);
  EXPECT_EQ(all->size(), KeptFile::kMaxBufferBytes) << "millions of bytes, cut at the limit";
  const auto again = pieces.read(buffer);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->size(), KeptFile::kMaxBufferBytes);
}

TEST_F(HostFilesTest, AShortPiecewiseFileIsReadOnce) {
  put("schedstat", "cpu0 0 0 0 0 0 0 1 2 3\n");
  HostReader reader(procfs(), sysfs());
  EXPECT_EQ(reader.read(HostFile::schedstat), "cpu0 0 0 0 0 0 0 1 2 3\n");
  EXPECT_EQ(reader.read(HostFile::schedstat), "cpu0 0 0 0 0 0 0 1 2 3\n");
}

}  // namespace
}  // namespace cpu_monitor::agent
