#include "agent/proc_mounts.hpp"

#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

std::string mount_line(const std::string& point, const std::string& type) {
  return "21 26 0:20 / " + point + " rw,relatime shared:5 - " + type + " none rw\n";
}

const std::string kHost = mount_line("/", "ext4") + mount_line("/proc", "proc") +
                          mount_line("/sys", "sysfs") + mount_line("/dev", "devtmpfs");

TEST(FileSystemFinder, TakesTheLongestMountPoint) {
  EXPECT_EQ(find_file_system(kHost, "/proc/stat"), "proc");
  EXPECT_EQ(find_file_system(kHost, "/sys/devices"), "sysfs");
  EXPECT_EQ(find_file_system(kHost, "/home/stat"), "ext4");
}

TEST(FileSystemFinder, TakesAMountPointThatIsTheFileItself) {
  EXPECT_EQ(find_file_system(kHost + mount_line("/proc/stat", "fuse.lxcfs"), "/proc/stat"),
            "fuse.lxcfs");
  EXPECT_EQ(find_file_system(kHost + mount_line("/proc/stat", "fuse.lxcfs"), "/proc/loadavg"),
            "proc");
}

TEST(FileSystemFinder, TheOrderOfTheLinesDoesNotMatter) {
  EXPECT_EQ(find_file_system(mount_line("/proc/stat", "fuse.lxcfs") + kHost, "/proc/stat"),
            "fuse.lxcfs");
}

TEST(FileSystemFinder, TakesTheLastOfTwoOnOnePoint) {
  EXPECT_EQ(find_file_system(kHost + mount_line("/proc", "tmpfs"), "/proc/stat"), "tmpfs");
}

TEST(FileSystemFinder, ComparesWholeComponents) {
  EXPECT_EQ(find_file_system(kHost, "/procfs/stat"), "ext4");
  EXPECT_EQ(find_file_system(kHost + mount_line("/proc/sta", "tmpfs"), "/proc/stat"), "proc");
}

TEST(FileSystemFinder, ReadsLinesWithoutOptionalFields) {
  EXPECT_EQ(find_file_system("21 26 0:20 / /proc rw - proc proc rw\n", "/proc/stat"), "proc");
}

TEST(FileSystemFinder, ReadsLinesWithManyOptionalFields) {
  EXPECT_EQ(find_file_system("21 26 0:20 / /proc rw shared:1 master:2 propagate_from:3 unbindable "
                             "- proc proc rw\n",
                             "/proc/stat"),
            "proc");
}

TEST(FileSystemFinder, ReadsALastLineWithoutANewline) {
  EXPECT_EQ(find_file_system("21 26 0:20 / /proc rw - proc proc rw", "/proc/stat"), "proc");
}

TEST(FileSystemFinder, AHyphenInTheOptionsIsNoSeparator) {
  EXPECT_EQ(find_file_system("21 26 0:20 /- /proc -,rw -x - proc - rw\n", "/proc/stat"), "proc");
}

struct Escape {
  const char* name;
  const char* point;
  const char* path;
  friend std::ostream& operator<<(std::ostream& out, const Escape& e) { return out << e.name; }
};

std::string escape_name(const testing::TestParamInfo<Escape>& info) { return info.param.name; }

class FileSystemEscape : public testing::TestWithParam<Escape> {};

TEST_P(FileSystemEscape, IsUndone) {
  EXPECT_EQ(find_file_system(mount_line(GetParam().point, "tmpfs"), GetParam().path), "tmpfs");
}

INSTANTIATE_TEST_SUITE_P(Points, FileSystemEscape,
                         testing::Values(Escape{"Blank", "/a\\040b", "/a b/stat"},
                                         Escape{"Tab", "/a\\011b", "/a\tb"},
                                         Escape{"Newline", "/a\\012b", "/a\nb"},
                                         Escape{"Backslash", "/a\\134040b", "/a\\040b/c"},
                                         Escape{"AtTheEnd", "/a\\040", "/a /b"},
                                         Escape{"TooShortToBeOne", "/a\\04", "/a\\04/b"},
                                         Escape{"NotOctal", "/a\\048", "/a\\048/b"},
                                         Escape{"AboveAByte", "/a\\440", "/a\\440/b"}),
                         escape_name);

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

class FileSystemUnknown : public testing::TestWithParam<Case> {};

TEST_P(FileSystemUnknown, IsNone) {
  EXPECT_EQ(find_file_system(GetParam().text, "/proc/stat"), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, FileSystemUnknown,
    testing::Values(Case{"NoBytes", ""}, Case{"EmptyLines", "\n\n"},
                    Case{"OnlyOtherPoints", mount_line("/sys", "sysfs")},
                    Case{"PointBelowThePath", mount_line("/proc/stat/x", "tmpfs")},
                    Case{"PartOfAComponent", mount_line("/pro", "tmpfs")},
                    Case{"NoSeparator", "21 26 0:20 / /proc rw,relatime shared:5 proc proc rw\n"},
                    Case{"NothingBehindTheSeparator", "21 26 0:20 / /proc rw -\n"},
                    Case{"NoType", "21 26 0:20 / /proc rw - \n"},
                    Case{"ShortLine", "21 26 0:20 /\n"}, Case{"NoPoint", "21 26 0:20 / \n"},
                    Case{"RelativePoint", mount_line("proc", "proc")},
                    Case{"FormOfMounts", "proc /proc proc rw,relatime 0 0\n"},
                    Case{"Words", "what is this\n"}),
    case_name);

TEST(FileSystemFinder, ARelativePathLiesNowhere) {
  EXPECT_EQ(find_file_system(kHost, "proc/stat"), std::nullopt);
  EXPECT_EQ(find_file_system(kHost, ""), std::nullopt);
}

}  // namespace
}  // namespace cpu_monitor::agent
