#include <cctype>
#include <set>
#include <string>

#include <gtest/gtest.h>

#include "common/cpu_mode.hpp"
#include "common/discard_reason.hpp"
#include "common/log.hpp"
#include "common/messages.hpp"
#include "common/metric_group.hpp"
#include "common/name_table.hpp"

namespace cpu_monitor {
namespace {

/// Each table under test, with the last value of its enum.
struct CpuModes {
  static constexpr const auto& table = kCpuModeNames;
  static constexpr CpuMode last = CpuMode::guest_nice;
};
struct DiscardReasons {
  static constexpr const auto& table = kDiscardReasonNames;
  static constexpr DiscardReason last = DiscardReason::other;
};
struct MetricGroupNames {
  static constexpr const auto& table = kMetricGroupNames;
  static constexpr MetricGroup last = MetricGroup::exporter;
};
struct RefusalCodes {
  static constexpr const auto& table = kRefusalCodeNames;
  static constexpr RefusalCode last = RefusalCode::rate;
};
struct LogLevels {
  static constexpr const auto& table = log::kLevelNames;
  static constexpr log::Level last = log::Level::error;
};
struct LogFormats {
  static constexpr const auto& table = log::kFormatNames;
  static constexpr log::Format last = log::Format::json;
};

template <class Tested>
class NameTables : public testing::Test {};

using Tables =
    testing::Types<CpuModes, DiscardReasons, MetricGroupNames, RefusalCodes, LogLevels, LogFormats>;
TYPED_TEST_SUITE(NameTables, Tables);

TYPED_TEST(NameTables, EndWithTheEnum) {
  EXPECT_EQ(TypeParam::table.size(), static_cast<std::size_t>(TypeParam::last) + 1);
}

TYPED_TEST(NameTables, HoldNoNameTwice) {
  const std::set<std::string_view> names(TypeParam::table.names.begin(),
                                         TypeParam::table.names.end());
  EXPECT_EQ(names.size(), TypeParam::table.size());
}

TYPED_TEST(NameTables, HoldSnakeCaseOnly) {
  for (const std::string_view name : TypeParam::table.names) {
    EXPECT_FALSE(name.empty());
    EXPECT_EQ(name.find_first_not_of("abcdefghijklmnopqrstuvwxyz_"), std::string_view::npos)
        << name;
  }
}

TYPED_TEST(NameTables, FindWhatTheyName) {
  for (std::size_t i = 0; i < TypeParam::table.size(); ++i) {
    const auto value = static_cast<std::remove_cv_t<decltype(TypeParam::last)>>(i);
    EXPECT_EQ(TypeParam::table.find(TypeParam::table[value]), value);
  }
}

TYPED_TEST(NameTables, FindNothingElse) {
  EXPECT_FALSE(TypeParam::table.find("").has_value());
  EXPECT_FALSE(TypeParam::table.find("no such name").has_value());
  const std::string first(TypeParam::table.names.front());
  EXPECT_FALSE(TypeParam::table.find(first + ' ').has_value());
  EXPECT_FALSE(TypeParam::table.find(first.substr(1)).has_value());
  EXPECT_FALSE(TypeParam::table.find(static_cast<char>(std::toupper(first[0])) + first.substr(1))
                   .has_value());
}

TEST(MetricGroups, HoldWhatWasAdded) {
  MetricGroups groups;
  EXPECT_TRUE(groups.empty());
  groups.add(MetricGroup::load);
  EXPECT_TRUE(groups.has(MetricGroup::load));
  EXPECT_FALSE(groups.has(MetricGroup::cpu));
  EXPECT_FALSE(groups.empty());
}

TEST(MetricGroups, AllHasEveryGroup) {
  for (std::size_t i = 0; i < kMetricGroupNames.size(); ++i) {
    EXPECT_TRUE(MetricGroups::all().has(static_cast<MetricGroup>(i)));
  }
}

TEST(DiscardCounts, AddUpByReason) {
  DiscardCounts counts;
  EXPECT_FALSE(counts.any());
  counts.add(DiscardReason::torn);
  counts.add(DiscardReason::torn, 4);
  EXPECT_EQ(counts[DiscardReason::torn], 5U);
  EXPECT_EQ(counts[DiscardReason::empty], 0U);
  EXPECT_TRUE(counts.any());
}

}  // namespace
}  // namespace cpu_monitor
