#include "common/secret_file.hpp"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <ostream>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.hpp"
#include "tests/support/without_root.hpp"

namespace cpu_monitor {
namespace {

using tests::TempFolder;
using tests::WithoutRoot;

constexpr std::size_t kMaxBytes = 100;

/// What `action` throws, or nothing.
template <class Action>
std::string fault_of(Action action) {
  try {
    action();
  } catch (const std::runtime_error& error) {
    return error.what();
  }
  return {};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

/// A folder with a file `token`, which holds "hunter2" and belongs to whom the test reads it as.
class SecretFileTest : public testing::Test {
 protected:
  SecretFileTest() {
    folder_.put("token", "hunter2\n");
    tests::let_anybody_in(folder_.path());
    own("token");
  }

  /// Makes nobody the owner, when the test runs as root; else it is the test's already.
  void own(const std::string& name) const {
    if (::geteuid() == 0) {
      EXPECT_EQ(::lchown(path(name).c_str(), 65534, ::getegid()), 0);
    }
    set_mode(name, 0600);
  }

  void set_mode(const std::string& name, mode_t mode) const {
    EXPECT_EQ(::chmod(path(name).c_str(), mode), 0);
  }

  void set_group(const std::string& name, gid_t group) const {
    EXPECT_EQ(::chown(path(name).c_str(), static_cast<uid_t>(-1), group), 0);
  }

  [[nodiscard]] std::string path(const std::string& name = "token") const {
    return (folder_.path() / name).string();
  }

  /// Both say the same of a file; returns it.
  [[nodiscard]] std::string fault(const std::string& name = "token") const {
    const WithoutRoot nobody;
    const std::string of_reading =
        fault_of([&] { static_cast<void>(read_secret_file(path(name), kMaxBytes)); });
    EXPECT_EQ(fault_of([&] { require_private(path(name)); }), of_reading);
    if (!of_reading.empty()) {
      EXPECT_TRUE(of_reading.starts_with(path(name) + ": ")) << of_reading;
      EXPECT_FALSE(contains(of_reading, "hunter2")) << of_reading;
    }
    return of_reading;
  }

  TempFolder folder_;
};

TEST_F(SecretFileTest, IsReadWhole) {
  const WithoutRoot nobody;
  EXPECT_EQ(read_secret_file(path(), kMaxBytes), "hunter2\n");
}

TEST_F(SecretFileTest, MayBeEmpty) {
  folder_.put("empty", "");
  own("empty");
  const WithoutRoot nobody;
  EXPECT_EQ(read_secret_file(path("empty"), kMaxBytes), "");
}

TEST_F(SecretFileTest, MayHoldAnyByte) {
  folder_.put("bytes", std::string("\0\xFF\r\n", 4));
  own("bytes");
  const WithoutRoot nobody;
  EXPECT_EQ(read_secret_file(path("bytes"), kMaxBytes), std::string("\0\xFF\r\n", 4));
}

TEST_F(SecretFileTest, MayBeAsLongAsTheLimit) {
  folder_.put("long", std::string(10'000, 'x'));
  own("long");
  const WithoutRoot nobody;
  EXPECT_EQ(read_secret_file(path("long"), 10'000).size(), 10'000U);
}

TEST_F(SecretFileTest, IsRefusedWhenItIsLonger) {
  folder_.put("long", std::string(10'000, 'x'));
  own("long");
  const WithoutRoot nobody;
  const std::string fault =
      fault_of([&] { static_cast<void>(read_secret_file(path("long"), 9'999)); });
  EXPECT_TRUE(contains(fault, path("long") + ": is longer than 9999 bytes")) << fault;
}

struct ModeCase {
  const char* name;
  mode_t mode;
  bool is_taken;
};

std::ostream& operator<<(std::ostream& out, const ModeCase& tested) { return out << tested.name; }

class SecretFileMode : public SecretFileTest, public testing::WithParamInterface<ModeCase> {};

TEST_P(SecretFileMode, IsJudged) {
  set_mode("token", GetParam().mode);
  const std::string said = fault();
  EXPECT_EQ(said.empty(), GetParam().is_taken) << said;
  if (GetParam().is_taken) return;
  EXPECT_TRUE(contains(said, "run: chmod 600 " + path())) << said;
}

INSTANTIATE_TEST_SUITE_P(
    OfOurOwnGroup, SecretFileMode,
    testing::Values(ModeCase{"OwnerReads", 0400, true}, ModeCase{"OwnerReadsAndWrites", 0600, true},
                    ModeCase{"OwnerDoesAll", 0700, true}, ModeCase{"GroupReads", 0640, true},
                    ModeCase{"AllOfThemOnlyRead", 0440, true}, ModeCase{"GroupWrites", 0620, false},
                    ModeCase{"GroupReadsAndWrites", 0660, false},
                    ModeCase{"GroupRuns", 0610, false}, ModeCase{"GroupReadsAndRuns", 0650, false},
                    ModeCase{"OthersRead", 0604, false}, ModeCase{"OthersWrite", 0602, false},
                    ModeCase{"OthersRun", 0601, false}, ModeCase{"Usual", 0644, false},
                    ModeCase{"Usual2", 0664, false}, ModeCase{"Everybody", 0777, false},
                    ModeCase{"EverybodyReads", 0444, false}),
    [](const auto& param) { return param.param.name; });

TEST_F(SecretFileTest, SaysWhichModeItHas) {
  set_mode("token", 0644);
  EXPECT_TRUE(contains(fault(), "its mode is 0644")) << fault();
}

constexpr gid_t kForeignGroup = 54321;

TEST_F(SecretFileTest, OfAForeignGroupIsForItsOwnerOnly) {
  if (::geteuid() != 0) return;  // only root can make such a file
  set_group("token", kForeignGroup);
  EXPECT_EQ(fault(), "");
  set_mode("token", 0640);
  EXPECT_TRUE(contains(fault(), "its group is none of this process; run: chmod 600 ")) << fault();
}

/// A supplementary group, until the end of scope.
class WithGroup {
 public:
  explicit WithGroup(gid_t group) { is_set_ = ::setgroups(1, &group) == 0; }
  ~WithGroup() {
    if (is_set_) ::setgroups(0, nullptr);
  }
  WithGroup(const WithGroup&) = delete;
  WithGroup& operator=(const WithGroup&) = delete;

 private:
  bool is_set_ = false;
};

TEST_F(SecretFileTest, OfASupplementaryGroupMayBeReadByIt) {
  if (::geteuid() != 0) return;  // only root can join a group
  set_group("token", kForeignGroup);
  set_mode("token", 0640);
  const WithGroup group(kForeignGroup);
  EXPECT_EQ(fault(), "");
}

TEST_F(SecretFileTest, MayBeALink) {
  std::filesystem::create_symlink("token", path("link"));
  EXPECT_EQ(fault("link"), "");
  const WithoutRoot nobody;
  EXPECT_EQ(read_secret_file(path("link"), kMaxBytes), "hunter2\n");
}

TEST_F(SecretFileTest, IsJudgedByWhatALinkLeadsTo) {
  std::filesystem::create_symlink("token", path("link"));
  set_mode("token", 0644);
  EXPECT_TRUE(contains(fault("link"), "its mode is 0644")) << fault("link");
}

TEST_F(SecretFileTest, IsRefusedWhenItIsNotThere) {
  EXPECT_TRUE(contains(fault("missing"), "there is no such file")) << fault("missing");
  EXPECT_TRUE(contains(fault("token/x"), "there is no such file")) << fault("token/x");
}

TEST_F(SecretFileTest, IsRefusedWhenALinkLeadsNowhere) {
  std::filesystem::create_symlink("missing", path("link"));
  EXPECT_TRUE(contains(fault("link"), "there is no such file")) << fault("link");
}

TEST_F(SecretFileTest, IsRefusedWhenALinkLeadsToItself) {
  std::filesystem::create_symlink("link", path("link"));
  EXPECT_TRUE(contains(fault("link"), "cannot be opened")) << fault("link");
}

TEST_F(SecretFileTest, IsRefusedWithoutPermission) {
  set_mode("token", 0000);
  EXPECT_TRUE(contains(fault(), "let the user that runs this own it")) << fault();
}

TEST_F(SecretFileTest, IsRefusedInAClosedFolder) {
  folder_.put("closed/token", "hunter2");
  own("closed/token");
  set_mode("closed", 0000);
  EXPECT_TRUE(contains(fault("closed/token"), "cannot be opened")) << fault("closed/token");
  set_mode("closed", 0700);
}

TEST_F(SecretFileTest, IsNoFolder) {
  folder_.put("folder/token", "hunter2");
  tests::let_anybody_in(folder_.path() / "folder");
  EXPECT_TRUE(contains(fault("folder"), "is a folder")) << fault("folder");
}

TEST_F(SecretFileTest, IsNoFifoAndDoesNotWaitForOne) {
  ASSERT_EQ(::mkfifo(path("fifo").c_str(), 0600), 0);
  own("fifo");
  EXPECT_TRUE(contains(fault("fifo"), "is no regular file")) << fault("fifo");
}

TEST_F(SecretFileTest, IsNoDevice) {
  const std::string said =
      fault_of([] { static_cast<void>(read_secret_file("/dev/null", kMaxBytes)); });
  EXPECT_TRUE(contains(said, "/dev/null: is no regular file")) << said;
}

TEST_F(SecretFileTest, HasAPath) {
  const std::string said = fault_of([] { static_cast<void>(read_secret_file("", kMaxBytes)); });
  EXPECT_TRUE(contains(said, "there is no such file")) << said;
}

}  // namespace
}  // namespace cpu_monitor
