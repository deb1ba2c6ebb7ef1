#include "agent/joining.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.hpp"

namespace cpu_monitor::agent {
namespace {

struct stat status_of(const std::filesystem::path& path) {
  struct stat status {};
  EXPECT_EQ(::stat(path.c_str(), &status), 0) << path;
  return status;
}

class JoinFileTest : public testing::Test {
 protected:
  tests::TempFolder folder_;
  std::string directory_ = (folder_.path() / "state").string();
  std::filesystem::path file_ = folder_.path() / "state" / kJoinFile;
};

TEST_F(JoinFileTest, IsNoneBeforeTheMachineJoined) {
  EXPECT_EQ(recall_join_line(directory_), std::nullopt);
  EXPECT_FALSE(std::filesystem::exists(directory_));
}

TEST_F(JoinFileTest, KeepsALineForItsOwnerAlone) {
  keep_join_line(directory_, "a line");
  EXPECT_EQ(recall_join_line(directory_), "a line\n");
  EXPECT_EQ(status_of(directory_).st_mode & 07777, 0700U);
  EXPECT_EQ(status_of(file_).st_mode & 07777, 0600U);
}

TEST_F(JoinFileTest, LeavesTheSameLineUntouched) {
  keep_join_line(directory_, "a line");
  const struct stat before = status_of(file_);
  keep_join_line(directory_, "a line");
  EXPECT_EQ(status_of(file_).st_ino, before.st_ino);
  EXPECT_EQ(status_of(file_).st_mtim.tv_nsec, before.st_mtim.tv_nsec);
}

TEST_F(JoinFileTest, ReplacesAnotherLine) {
  keep_join_line(directory_, "a long first line");
  keep_join_line(directory_, "another");
  EXPECT_EQ(recall_join_line(directory_), "another\n");
}

TEST_F(JoinFileTest, KeepsTheFirstLineAtOnce) {
  EXPECT_TRUE(keep_first_join_line(directory_, "a line"));
  EXPECT_EQ(recall_join_line(directory_), "a line\n");
  EXPECT_TRUE(keep_first_join_line(directory_, "a line"));
}

TEST_F(JoinFileTest, KeepsAnotherLineOnlyWhenToldTo) {
  keep_join_line(directory_, "a line");
  EXPECT_FALSE(keep_first_join_line(directory_, "another"));
  EXPECT_EQ(recall_join_line(directory_), "a line\n");
}

TEST_F(JoinFileTest, RefusesWhatOthersCanRead) {
  keep_join_line(directory_, "a line");
  ::chmod(file_.c_str(), 0644);
  EXPECT_THROW(static_cast<void>(recall_join_line(directory_)), std::runtime_error);
}

/// What a test pastes, in place of stdin.
class PastedLine : public testing::Test {
 protected:
  void SetUp() override {
    saved_ = ::dup(STDIN_FILENO);
    std::array<int, 2> ends{};
    ASSERT_EQ(::pipe(ends.data()), 0);
    ::dup2(ends[0], STDIN_FILENO);
    ::close(ends[0]);
    writer_ = ends[1];
  }
  void TearDown() override {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
    ::close(writer_);
  }

  void paste(const std::string& text) {
    ASSERT_EQ(::write(writer_, text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }

  void end() { ::close(std::exchange(writer_, -1)); }

  int saved_ = -1;
  int writer_ = -1;
};

TEST_F(PastedLine, IsReadToItsEndAndNoFurther) {
  paste("first\nsecond\n");
  EXPECT_EQ(read_pasted_line(), "first");
  EXPECT_EQ(read_pasted_line(), "second");
}

TEST_F(PastedLine, MayLackAnEnd) {
  paste("first");
  end();
  EXPECT_EQ(read_pasted_line(), "first");
}

TEST_F(PastedLine, MayBeNone) {
  end();
  EXPECT_EQ(read_pasted_line(), "");
}

TEST_F(PastedLine, IsNotReadForEver) {
  paste(std::string(10'000, 'x'));
  const std::string line = read_pasted_line();
  EXPECT_GT(line.size(), kMaxJoinLineBytes);
  EXPECT_LT(line.size(), 10'000U);
}

TEST_F(PastedLine, IsAFaultWithoutStdin) {
  ::close(STDIN_FILENO);
  EXPECT_THROW(static_cast<void>(read_pasted_line()), std::runtime_error);
}

}  // namespace
}  // namespace cpu_monitor::agent
