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

namespace cpu_monitor::agent {
namespace {

namespace fs = std::filesystem;

/// A procfs of our own, in a fresh directory for each test.
class HostReaderTest : public testing::Test {
 protected:
  HostReaderTest() {
    std::string name = testing::TempDir() + "host_reader_XXXXXX";
    root_ = ::mkdtemp(name.data());
  }
  ~HostReaderTest() override { fs::remove_all(root_); }

  [[nodiscard]] std::string procfs() const { return root_.string(); }
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

  fs::path root_;
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
  HostReader reader(procfs());
  expect_text(reader, "cpu  1 2 3 4\nintr 5\n");
}

TEST_F(HostReaderTest, ReadsStatOfTheProcFileSystemItIsGiven) {
  EXPECT_EQ(HostReader("/proc").stat_path(), "/proc/stat");
}

TEST_F(HostReaderTest, ReadsThisMachine) {
  HostReader reader("/proc");
  for (int i = 0; i < 3; ++i) {
    const auto text = reader.read_stat();
    ASSERT_TRUE(text) << text.error().detail;
    EXPECT_TRUE(text->starts_with("cpu ")) << text->substr(0, 80);
    EXPECT_TRUE(text->ends_with("\n"));
  }
}

TEST_F(HostReaderTest, EachReadingBeginsAtTheStart) {
  write("one");
  HostReader reader(procfs());
  expect_text(reader, "one");
  expect_text(reader, "one");
}

TEST_F(HostReaderTest, EachReadingIsNew) {
  write("one");
  HostReader reader(procfs());
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
    HostReader reader(procfs());
    for (int i = 0; i < 100; ++i) expect_text(reader, "one");
    EXPECT_EQ(open_descriptors(), before + 1);
  }
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HostReaderTest, FailuresLeakNoDescriptor) {
  fs::create_directory(stat_path());
  HostReader reader(procfs());
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 100; ++i) expect_fault(reader, DiscardReason::not_a_file);
  fs::remove(stat_path());
  for (int i = 0; i < 100; ++i) expect_fault(reader, DiscardReason::missing);
  write("");
  for (int i = 0; i < 100; ++i) expect_fault(reader, DiscardReason::empty);
  EXPECT_EQ(open_descriptors(), before);
}

TEST_F(HostReaderTest, NoFileIsMissing) {
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, NoDirectoryIsMissing) {
  HostReader reader(procfs() + "/nowhere");
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, AFileInPlaceOfTheDirectoryIsMissing) {
  write("");
  HostReader reader(stat_path().string());
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, ADanglingLinkIsMissing) {
  fs::create_symlink(root_ / "nothing", stat_path());
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::missing);
}

TEST_F(HostReaderTest, ALinkToItselfIsUnreadable) {
  fs::create_symlink("stat", stat_path());
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, AFileWithoutPermissionIsUnreadable) {
  if (::geteuid() == 0) GTEST_SKIP() << "root may read everything";
  write("one");
  fs::permissions(stat_path(), fs::perms::none);
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, APathThatIsTooLongIsUnreadable) {
  HostReader reader("/" + std::string(5000, 'x'));
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, AFailingReadIsUnreadable) {
  // The kernel refuses to read address 0 of a process, as EIO.
  fs::create_symlink("/proc/self/mem", stat_path());
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::unreadable);
}

TEST_F(HostReaderTest, ADirectoryIsNoFile) {
  fs::create_directory(stat_path());
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::not_a_file);
}

TEST_F(HostReaderTest, AFifoIsNoFileAndStopsNobody) {
  ASSERT_EQ(::mkfifo(stat_path().c_str(), 0600), 0);
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::not_a_file);
}

TEST_F(HostReaderTest, ADeviceIsNoFile) {
  fs::create_symlink("/dev/zero", stat_path());
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::not_a_file);
}

TEST_F(HostReaderTest, ASocketIsNoFile) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  ASSERT_LT(stat_path().string().size(), sizeof address.sun_path);
  stat_path().string().copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::not_a_file);
  ::close(fd);
}

TEST_F(HostReaderTest, NoBytesAreEmpty) {
  write("");
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::empty);
}

TEST_F(HostReaderTest, SaysInWordsWhatTheSystemSaid) {
  HostReader reader(procfs());
  const auto read = reader.read_stat();
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().detail, stat_path().string() + ": No such file or directory");
}

TEST_F(HostReaderTest, ReadsAFileThatAppearsLater) {
  HostReader reader(procfs());
  expect_fault(reader, DiscardReason::missing);
  write("one");
  expect_text(reader, "one");
}

TEST_F(HostReaderTest, NoticesThatTheFileWasRemoved) {
  write("one");
  HostReader reader(procfs());
  expect_text(reader, "one");
  fs::remove(stat_path());
  expect_fault(reader, DiscardReason::missing);
  write("two");
  expect_text(reader, "two");
}

TEST_F(HostReaderTest, FollowsAFileThatWasReplaced) {
  write("one");
  HostReader reader(procfs());
  expect_text(reader, "one");
  replace("two");
  expect_text(reader, "two");
}

TEST_F(HostReaderTest, NoticesThatTheFileBecameAFifo) {
  write("one");
  HostReader reader(procfs());
  expect_text(reader, "one");
  fs::remove(stat_path());
  ASSERT_EQ(::mkfifo(stat_path().c_str(), 0600), 0);
  expect_fault(reader, DiscardReason::not_a_file);
  replace("two");
  expect_text(reader, "two");
}

TEST_F(HostReaderTest, ReadsOnAfterTheFileWasEmptyForAWhile) {
  write("one");
  HostReader reader(procfs());
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
  HostReader reader(procfs());
  const auto read = reader.read_stat();
  ASSERT_TRUE(read);
  EXPECT_TRUE(*read == text) << read->size();
}

std::string length_name(const testing::TestParamInfo<std::size_t>& info) {
  return "Bytes" + std::to_string(info.param);
}

constexpr std::size_t kFirst = HostReader::kFirstBufferBytes;
constexpr std::size_t kMax = HostReader::kMaxBufferBytes;

INSTANTIATE_TEST_SUITE_P(Lengths, HostReaderLength,
                         testing::Values(1, 4096, kFirst - 1, kFirst, kFirst + 1, 2 * kFirst,
                                         5 * kFirst + 3, kMax - 1, kMax),
                         length_name);

TEST_F(HostReaderTest, ALongerFileIsCutAtItsEnd) {
  write("cpu  1 2 3 4\n" + std::string(HostReader::kMaxBufferBytes, 'x'));
  HostReader reader(procfs());
  for (int i = 0; i < 2; ++i) {
    const auto read = reader.read_stat();
    ASSERT_TRUE(read);
    EXPECT_EQ(read->size(), HostReader::kMaxBufferBytes);
    EXPECT_TRUE(read->starts_with("cpu  1 2 3 4\n"));
  }
}

TEST_F(HostReaderTest, AShortTextBehindALongOneHasNoRemains) {
  write(std::string(100'000, 'x'));
  HostReader reader(procfs());
  ASSERT_TRUE(reader.read_stat());
  write("short");
  expect_text(reader, "short");
}

}  // namespace
}  // namespace cpu_monitor::agent
