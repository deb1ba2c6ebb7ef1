#include "agent/small_file.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.hpp"
#include "tests/support/without_root.hpp"

namespace cpu_monitor::agent {
namespace {

namespace fs = std::filesystem;

/// One file in a fresh directory for each test.
class SmallFileTest : public testing::Test {
 protected:
  [[nodiscard]] std::string path() const { return (root_ / "file").string(); }
  void write(std::string_view text) const { std::ofstream(path(), std::ios::binary) << text; }

  tests::TempFolder folder_;
  const fs::path& root_ = folder_.path();
};

std::size_t open_descriptors() {
  const fs::directory_iterator descriptors("/proc/self/fd");
  return static_cast<std::size_t>(std::distance(begin(descriptors), end(descriptors)));
}

TEST_F(SmallFileTest, IsReadWhole) {
  write("performance\n");
  EXPECT_EQ(read_small_file(path()), "performance\n");
}

TEST_F(SmallFileTest, MayBeEmpty) {
  write("");
  EXPECT_EQ(read_small_file(path()), "");
}

TEST_F(SmallFileTest, MayHoldAnyBytes) {
  const std::string text("a\0b\xff\n", 5);
  write(text);
  EXPECT_EQ(read_small_file(path()), text);
}

TEST_F(SmallFileTest, MayBeBehindALink) {
  write("1");
  fs::create_symlink("file", root_ / "link");
  EXPECT_EQ(read_small_file((root_ / "link").string()), "1");
}

TEST_F(SmallFileTest, MayBeAsLongAsTheLimit) {
  const std::string text(4096, 'x');
  write(text);
  EXPECT_EQ(read_small_file(path()), text);
}

TEST_F(SmallFileTest, IsNoneWithOneByteTooMuch) {
  write(std::string(4097, 'x'));
  EXPECT_EQ(read_small_file(path()), std::nullopt);
}

TEST_F(SmallFileTest, TheLimitMayBeAnother) {
  const std::string text(100'000, 'x');
  write(text);
  EXPECT_EQ(read_small_file(path(), 100'000), text);
  EXPECT_EQ(read_small_file(path(), 99'999), std::nullopt);
  EXPECT_EQ(read_small_file(path(), 10), std::nullopt);
}

TEST_F(SmallFileTest, ReadsFilesOfProcThatComeInParts) {
  const auto text = read_small_file("/proc/self/smaps", std::size_t{64} * 1024 * 1024);
  ASSERT_TRUE(text);
  EXPECT_GT(text->size(), 4096u);
  EXPECT_TRUE(text->ends_with('\n'));
}

TEST_F(SmallFileTest, IsNoneWhenMissing) {
  EXPECT_EQ(read_small_file(path()), std::nullopt);
  EXPECT_EQ(read_small_file(path() + "/below"), std::nullopt);
  EXPECT_EQ(read_small_file(""), std::nullopt);
}

TEST_F(SmallFileTest, IsNoneBehindADanglingLink) {
  fs::create_symlink("nothing", path());
  EXPECT_EQ(read_small_file(path()), std::nullopt);
}

TEST_F(SmallFileTest, IsNoneBehindALinkToItself) {
  fs::create_symlink("file", path());
  EXPECT_EQ(read_small_file(path()), std::nullopt);
}

TEST_F(SmallFileTest, IsNoneWithoutPermission) {
  write("1");
  tests::let_anybody_in(root_);
  {
    const tests::WithoutRoot nobody;
    EXPECT_EQ(read_small_file(path()), "1");
  }
  fs::permissions(path(), fs::perms::none);
  const tests::WithoutRoot nobody;
  EXPECT_EQ(read_small_file(path()), std::nullopt);
}

TEST_F(SmallFileTest, IsNoneWhenReadingFails) {
  // The kernel refuses to read address 0 of a process, as EIO.
  EXPECT_EQ(read_small_file("/proc/self/mem"), std::nullopt);
}

TEST_F(SmallFileTest, IsNoDirectory) {
  fs::create_directory(path());
  EXPECT_EQ(read_small_file(path()), std::nullopt);
}

TEST_F(SmallFileTest, IsNoFifoAndWaitsForNobody) {
  ASSERT_EQ(::mkfifo(path().c_str(), 0600), 0);
  EXPECT_EQ(read_small_file(path()), std::nullopt);
}

TEST_F(SmallFileTest, IsNoDevice) { EXPECT_EQ(read_small_file("/dev/zero"), std::nullopt); }

TEST_F(SmallFileTest, LeaksNoDescriptor) {
  write(std::string(5000, 'x'));
  const std::size_t before = open_descriptors();
  for (int i = 0; i < 50; ++i) {
    EXPECT_FALSE(read_small_file(path()));
    EXPECT_FALSE(read_small_file(root_.string()));
    EXPECT_FALSE(read_small_file("/proc/self/mem"));
    EXPECT_TRUE(read_small_file(path(), 5000));
  }
  EXPECT_EQ(open_descriptors(), before);
}

}  // namespace
}  // namespace cpu_monitor::agent
