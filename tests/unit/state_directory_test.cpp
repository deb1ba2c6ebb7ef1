#include "common/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.hpp"
#include "tests/support/without_root.hpp"

namespace cpu_monitor {
namespace {

constexpr std::size_t kMaxBytes = 1000;

struct stat status_of(const std::string& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status;
}

mode_t mode_of(const std::string& path) { return status_of(path).st_mode & 07777; }

std::string fault_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "";
}

bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

class StateDirectoryTest : public testing::Test {
 protected:
  [[nodiscard]] std::string in_folder(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  tests::TempFolder folder_;
};

TEST_F(StateDirectoryTest, IsMadeWithTheFoldersAboveIt) {
  const StateDirectory files(in_folder("a/b/state"));
  EXPECT_EQ(mode_of(in_folder("a/b/state")), 0700U);
  EXPECT_TRUE(std::filesystem::is_directory(in_folder("a/b")));
}

TEST_F(StateDirectoryTest, IsFoundWhereItIs) {
  { const StateDirectory made(in_folder("state")); }
  const StateDirectory found(in_folder("state"));
  EXPECT_EQ(found.read("x", kMaxBytes), std::nullopt);
}

TEST_F(StateDirectoryTest, KeepsAFileForItsOwnerAlone) {
  ::umask(0);
  const StateDirectory files(in_folder("state"));
  files.write("x", "secret");
  EXPECT_EQ(files.read("x", kMaxBytes), "secret");
  EXPECT_EQ(mode_of(in_folder("state/x")), 0600U);
  ::umask(022);
}

TEST_F(StateDirectoryTest, ReplacesAFileAsAWhole) {
  const StateDirectory files(in_folder("state"));
  files.write("x", "a long first text");
  const ino_t first = status_of(in_folder("state/x")).st_ino;
  files.write("x", "short");
  EXPECT_EQ(files.read("x", kMaxBytes), "short");
  EXPECT_NE(status_of(in_folder("state/x")).st_ino, first);
}

TEST_F(StateDirectoryTest, LeavesNothingElseBehind) {
  const StateDirectory files(in_folder("state"));
  folder_.put("state/.x.new", "of somebody who was killed");
  files.write("x", "1");
  files.write("x", "2");
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(in_folder("state"))) {
    names.push_back(entry.path().filename());
  }
  EXPECT_EQ(names, std::vector<std::string>{"x"});
}

TEST_F(StateDirectoryTest, KeepsTheModeOfAFileItReplaces) {
  const StateDirectory files(in_folder("state"));
  files.write("x", "1");
  ::chmod(in_folder("state/x").c_str(), 0640);
  files.write("x", "2");
  EXPECT_EQ(mode_of(in_folder("state/x")), 0640U);
}

TEST_F(StateDirectoryTest, DoesNotFollowALinkInPlaceOfTheNewFile) {
  folder_.put("victim", "untouched");
  const StateDirectory files(in_folder("state"));
  ASSERT_EQ(::symlink(in_folder("victim").c_str(), in_folder("state/.x.new").c_str()), 0);
  files.write("x", "1");
  EXPECT_EQ(std::filesystem::file_size(in_folder("victim")), std::string("untouched").size());
}

TEST_F(StateDirectoryTest, HasOneHolderAtATime) {
  StateDirectory one(in_folder("state"));
  StateDirectory other(in_folder("state"));
  ASSERT_TRUE(one.try_lock());
  EXPECT_FALSE(other.try_lock());
}

TEST_F(StateDirectoryTest, IsFreeWhenItsHolderIsGone) {
  StateDirectory other(in_folder("state"));
  {
    StateDirectory one(in_folder("state"));
    one.lock();
  }
  EXPECT_TRUE(other.try_lock());
}

TEST_F(StateDirectoryTest, WaitsForItsHolder) {
  auto one = std::make_unique<StateDirectory>(in_folder("state"));
  one->lock();
  std::thread waiting([this] {
    StateDirectory other(in_folder("state"));
    other.lock();
    EXPECT_EQ(other.read("x", kMaxBytes), "1");
  });
  one->write("x", "1");
  one.reset();
  waiting.join();
}

TEST_F(StateDirectoryTest, BelongsToNobodyElse) {
  for (const mode_t mode : {0770U, 0702U, 0777U}) {
    const std::string path = in_folder("state" + std::to_string(mode));
    { const StateDirectory made(path); }
    ::chmod(path.c_str(), mode);
    const std::string fault = fault_of([&] { const StateDirectory refused(path); });
    EXPECT_TRUE(contains(fault, "run: chmod go-w " + path)) << fault;
  }
}

TEST_F(StateDirectoryTest, MayBeSeenByOthers) {
  { const StateDirectory made(in_folder("state")); }
  ::chmod(in_folder("state").c_str(), 0755);
  EXPECT_EQ(fault_of([&] { const StateDirectory fine(in_folder("state")); }), "");
}

TEST_F(StateDirectoryTest, IsNoFile) {
  folder_.put("state", "");
  const std::string fault = fault_of([&] { const StateDirectory refused(in_folder("state")); });
  EXPECT_TRUE(contains(fault, "Not a directory")) << fault;
}

TEST_F(StateDirectoryTest, RefusesAFileThatOthersCanRead) {
  const StateDirectory files(in_folder("state"));
  files.write("x", "1");
  ::chmod(in_folder("state/x").c_str(), 0644);
  const std::string fault = fault_of([&] { static_cast<void>(files.read("x", kMaxBytes)); });
  EXPECT_TRUE(contains(fault, "chmod 600 " + in_folder("state/x"))) << fault;
}

TEST_F(StateDirectoryTest, RefusesAFileThatIsTooLong) {
  const StateDirectory files(in_folder("state"));
  files.write("x", std::string(kMaxBytes + 1, 'x'));
  EXPECT_NE(fault_of([&] { static_cast<void>(files.read("x", kMaxBytes)); }), "");
}

TEST_F(StateDirectoryTest, SaysWhereAUserMayPutIt) {
  tests::let_anybody_in(folder_.path());
  if (::geteuid() != 0) ::chmod(folder_.path().c_str(), 0500);
  const tests::WithoutRoot nobody;
  const std::string fault = fault_of([&] { const StateDirectory refused(in_folder("state")); });
  EXPECT_TRUE(contains(fault, "--state.directory")) << fault;
  EXPECT_TRUE(contains(fault, "~/.local/state/cpu-monitor")) << fault;
}

TEST_F(StateDirectoryTest, SaysWhoOwnsItWhenItCannotBeEntered) {
  { const StateDirectory made(in_folder("state")); }
  tests::let_anybody_in(folder_.path());
  if (::geteuid() != 0) ::chmod(in_folder("state").c_str(), 0);
  const tests::WithoutRoot nobody;
  const std::string fault = fault_of([&] { const StateDirectory refused(in_folder("state")); });
  ::chmod(in_folder("state").c_str(), 0700);  // so that its owner can remove it
  EXPECT_TRUE(contains(fault, "as its owner")) << fault;
}

TEST_F(StateDirectoryTest, GivesANewFileToTheOwnerOfTheFolder) {
  constexpr uid_t kNobody = 65534;
  const StateDirectory files(in_folder("state"));
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(in_folder("state").c_str(), kNobody, kNobody), 0);
  }
  files.write("x", "1");
  files.write("x", "2");
  EXPECT_EQ(status_of(in_folder("state/x")).st_uid, status_of(in_folder("state")).st_uid);
}

TEST(StateFile, IsNoneWithoutAFolder) {
  const tests::TempFolder folder;
  EXPECT_EQ(read_state_file((folder.path() / "none").string(), "x", kMaxBytes), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "none"));
}

TEST(StateFile, IsRefusedNotNoneWhenItCannotBeReached) {
  const tests::TempFolder folder;
  const std::string path = (folder.path() / "state").string();
  {
    const StateDirectory files(path);
    files.write("x", "1");
  }
  tests::let_anybody_in(folder.path());
  if (::geteuid() != 0) ::chmod(path.c_str(), 0);
  const tests::WithoutRoot nobody;
  EXPECT_NE(fault_of([&] { static_cast<void>(read_state_file(path, "x", kMaxBytes)); }), "");
  ::chmod(path.c_str(), 0700);  // so that its owner can remove it
}

TEST(StateDirectoryLock, IsNotWaitedForForEver) {
  const tests::TempFolder folder;
  StateDirectory one(folder.path() / "state");
  StateDirectory other(folder.path() / "state");
  one.lock();
  EXPECT_THROW(other.lock(std::chrono::milliseconds(100)), std::runtime_error);
}

TEST(StateDirectoryLock, CannotBeTakenByALockOnTheFolder) {
  const tests::TempFolder folder;
  StateDirectory state(folder.path() / "state");
  const int stranger = ::open((folder.path() / "state").c_str(), O_RDONLY | O_DIRECTORY);
  ASSERT_EQ(::flock(stranger, LOCK_EX), 0);
  EXPECT_TRUE(state.try_lock());
  ::close(stranger);
}

TEST(StateDirectoryFolder, IsTheOwnersAloneBehindASlash) {
  const tests::TempFolder folder;
  const StateDirectory state((folder.path() / "above" / "state").string() + "//");
  struct stat status {};
  ASSERT_EQ(::stat((folder.path() / "above" / "state").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, mode_t{0700});
}

TEST(StateDirectoryFile, IsNotPutInThePlaceOfALink) {
  const tests::TempFolder folder;
  StateDirectory state(folder.path() / "state");
  folder.put("elsewhere", "old");
  ASSERT_EQ(::symlink((folder.path() / "elsewhere").c_str(),
                      (folder.path() / "state" / "tokens").c_str()),
            0);
  state.lock();
  EXPECT_THROW(state.write("tokens", "new"), std::runtime_error);
}

}  // namespace
}  // namespace cpu_monitor
