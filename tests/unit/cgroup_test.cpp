#include "agent/cgroup.hpp"

#include <limits>
#include <ostream>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

struct Case {
  const char* name;
  std::string text;
  friend std::ostream& operator<<(std::ostream& out, const Case& c) { return out << c.name; }
};

std::string case_name(const testing::TestParamInfo<Case>& info) { return info.param.name; }

TEST(CgroupPath, IsThatOfVersion2) {
  EXPECT_EQ(parse_cgroup_path("0::/user.slice/session-3.scope\n"), "/user.slice/session-3.scope");
}

TEST(CgroupPath, MayBeTheRoot) { EXPECT_EQ(parse_cgroup_path("0::/\n"), "/"); }

TEST(CgroupPath, IsFoundBehindVersion1) {
  EXPECT_EQ(parse_cgroup_path("9:name=systemd:/a\n4:memory:/b\n1:cpu,cpuacct:/c\n0::/d\n"), "/d");
}

TEST(CgroupPath, KeepsBlanksAndColons) {
  EXPECT_EQ(parse_cgroup_path("0::/a b:c (deleted)\n"), "/a b:c (deleted)");
}

TEST(CgroupPath, MayLieOutsideOfTheNamespace) {
  EXPECT_EQ(parse_cgroup_path("0::/../../x\n"), "/../../x");
}

class CgroupPathMissing : public testing::TestWithParam<Case> {};

TEST_P(CgroupPathMissing, IsNone) { EXPECT_EQ(parse_cgroup_path(GetParam().text), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(
    Texts, CgroupPathMissing,
    testing::Values(Case{"NoBytes", ""}, Case{"OnlyVersion1", "4:memory:/a\n1:cpu:/b\n"},
                    Case{"NoPath", "0::\n"}, Case{"RelativePath", "0::a\n"},
                    Case{"OneColon", "0:/a\n"}, Case{"HierarchyTen", "10::/a\n"},
                    Case{"AController", "0:cpu:/a\n"}, Case{"BlankBefore", " 0::/a\n"},
                    Case{"CutOff", "0::/half"}, Case{"EmptyLines", "\n\n"}),
    case_name);

const std::string kUsage = "usage_usec 300\nuser_usec 200\nsystem_usec 100\n";
const std::string kThrottling = "nr_periods 40\nnr_throttled 5\nthrottled_usec 6000\n";

CgroupCpuStat with_usage() { return {300, 200, 100, {}, {}, {}}; }

TEST(CgroupCpuStatParser, ReadsACgroupWithTheCpuController) {
  EXPECT_EQ(parse_cgroup_cpu_stat(kUsage + kThrottling),
            (CgroupCpuStat{300, 200, 100, 40, 5, 6000}));
}

TEST(CgroupCpuStatParser, ReadsACgroupWithoutTheCpuController) {
  EXPECT_EQ(parse_cgroup_cpu_stat(kUsage), with_usage());
}

TEST(CgroupCpuStatParser, TheOrderOfTheLinesIsFree) {
  EXPECT_EQ(parse_cgroup_cpu_stat(kThrottling + kUsage),
            (CgroupCpuStat{300, 200, 100, 40, 5, 6000}));
}

TEST(CgroupCpuStatParser, NewLinesDoNotMatter) {
  EXPECT_EQ(parse_cgroup_cpu_stat("nice_usec 1\n" + kUsage + "nr_bursts 0\nburst_usec 0\n"),
            with_usage());
}

TEST(CgroupCpuStatParser, ReadsTheLargestNumber) {
  const auto stat =
      parse_cgroup_cpu_stat("usage_usec 18446744073709551615\nuser_usec 0\nsystem_usec 0\n");
  ASSERT_TRUE(stat);
  EXPECT_EQ(stat->usage_us, std::numeric_limits<std::uint64_t>::max());
}

TEST(CgroupCpuStatParser, ABadThrottlingLineIsAbsent) {
  EXPECT_EQ(parse_cgroup_cpu_stat(kUsage + "nr_periods x\nnr_throttled -1\nthrottled_usec 1.5\n"),
            with_usage());
}

TEST(CgroupCpuStatParser, AThrottlingLineThatIsCutOffIsAbsent) {
  EXPECT_EQ(parse_cgroup_cpu_stat(kUsage + "nr_periods 4"), with_usage());
}

class CgroupCpuStatMalformed : public testing::TestWithParam<Case> {};

TEST_P(CgroupCpuStatMalformed, IsNone) {
  EXPECT_EQ(parse_cgroup_cpu_stat(GetParam().text), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    Texts, CgroupCpuStatMalformed,
    testing::Values(Case{"NoBytes", ""}, Case{"OnlyThrottling", kThrottling},
                    Case{"NoUsage", "user_usec 200\nsystem_usec 100\n"},
                    Case{"NoUser", "usage_usec 300\nsystem_usec 100\n"},
                    Case{"NoSystem", "usage_usec 300\nuser_usec 200\n"},
                    Case{"SystemCutOff", "usage_usec 300\nuser_usec 200\nsystem_usec 10"},
                    Case{"NoNumber", "usage_usec\nuser_usec 200\nsystem_usec 100\n"},
                    Case{"Letters", "usage_usec x\nuser_usec 200\nsystem_usec 100\n"},
                    Case{"Negative", "usage_usec -3\nuser_usec 200\nsystem_usec 100\n"},
                    Case{"Fraction", "usage_usec 3.5\nuser_usec 200\nsystem_usec 100\n"},
                    Case{"TwoToThe64",
                         "usage_usec 18446744073709551616\nuser_usec 200\nsystem_usec 100\n"},
                    Case{"TwoNumbers", "usage_usec 3 4\nuser_usec 200\nsystem_usec 100\n"},
                    Case{"TwoBlanks", "usage_usec  3\nuser_usec 200\nsystem_usec 100\n"},
                    Case{"OtherUnit", "usage_nsec 3\nuser_usec 200\nsystem_usec 100\n"}),
    case_name);

TEST(CpuMaxParser, DividesQuotaByPeriod) {
  EXPECT_EQ(parse_cpu_max("150000 100000\n"), 1.5);
  EXPECT_EQ(parse_cpu_max("1000 1000000\n"), 0.001);
  EXPECT_EQ(parse_cpu_max("6400000 100000"), 64.0);
}

class CpuMaxNone : public testing::TestWithParam<Case> {};

TEST_P(CpuMaxNone, IsNoQuota) { EXPECT_EQ(parse_cpu_max(GetParam().text), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(
    Texts, CpuMaxNone,
    testing::Values(Case{"NoLimit", "max 100000\n"}, Case{"NoBytes", ""}, Case{"Newline", "\n"},
                    Case{"OnlyAQuota", "150000\n"}, Case{"NoPeriod", "150000 \n"},
                    Case{"PeriodZero", "150000 0\n"}, Case{"QuotaZero", "0 100000\n"},
                    Case{"PeriodMax", "150000 max\n"}, Case{"Negative", "-1 100000\n"},
                    Case{"NegativePeriod", "150000 -1\n"}, Case{"Fraction", "1.5 100000\n"},
                    Case{"ThreeNumbers", "1 2 3\n"}, Case{"TwoBlanks", "150000  100000\n"},
                    Case{"Letters", "a b\n"}, Case{"LettersBehind", "150000 100000us\n"},
                    Case{"TwoToThe64", "18446744073709551616 100000\n"},
                    Case{"TwoLines", "150000 100000\n150000 100000\n"}),
    case_name);

}  // namespace
}  // namespace cpu_monitor::agent
