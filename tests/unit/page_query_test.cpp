#include "exporter/page_query.hpp"

#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using namespace std::string_view_literals;

MetricGroups groups_of(std::initializer_list<MetricGroup> list) {
  MetricGroups groups;
  for (const MetricGroup group : list) groups.add(group);
  return groups;
}

struct GoodCase {
  const char* name;
  std::string_view query;
  std::vector<MetricGroup> groups;  ///< none: all that is collected
};

void PrintTo(const GoodCase& tested, std::ostream* out) { *out << tested.query; }

class PageQuery : public testing::TestWithParam<GoodCase> {};

TEST_P(PageQuery, ChoosesGroups) {
  MetricGroups expected;
  for (const MetricGroup group : GetParam().groups) expected.add(group);
  if (GetParam().groups.empty()) expected = MetricGroups::all();
  const auto groups = parse_page_query(GetParam().query, MetricGroups::all());
  ASSERT_TRUE(groups) << groups.error().detail;
  EXPECT_EQ(*groups, expected);
}

INSTANTIATE_TEST_SUITE_P(
    Good, PageQuery,
    testing::Values(
        GoodCase{"Nothing", "", {}}, GoodCase{"One", "collect[]=cpu", {MetricGroup::cpu}},
        GoodCase{
            "Two", "collect[]=percent&collect[]=agent", {MetricGroup::percent, MetricGroup::agent}},
        GoodCase{"Repeated", "collect[]=cpu&collect[]=cpu", {MetricGroup::cpu}},
        GoodCase{"All",
                 "collect[]=percent&collect[]=cpu&collect[]=load&collect[]=burst&collect[]=detail&"
                 "collect[]=agent&collect[]=exporter",
                 {}},
        GoodCase{"EncodedKey", "collect%5B%5D=load", {MetricGroup::load}},
        GoodCase{"EncodedKeyInLowerCase", "collect%5b%5d=load", {MetricGroup::load}},
        GoodCase{"EncodedValue", "collect[]=%63%70%75", {MetricGroup::cpu}},
        GoodCase{"EncodedLetterInKey", "%63ollect[]=cpu", {MetricGroup::cpu}},
        GoodCase{"OtherParameterFirst", "x=1&collect[]=cpu", {MetricGroup::cpu}},
        GoodCase{"OtherParameterLast", "collect[]=cpu&x=1", {MetricGroup::cpu}},
        GoodCase{"OnlyOtherParameters", "x=1&y&z=", {}},
        GoodCase{"KeyWithoutBrackets", "collect=nonsense", {}},
        GoodCase{"KeyInOtherCase", "Collect[]=nonsense", {}},
        GoodCase{"KeyWithIndex", "collect[0]=nonsense", {}},
        GoodCase{"EmptyParts", "&&collect[]=cpu&&", {MetricGroup::cpu}},
        GoodCase{"Ampersand", "&", {}}, GoodCase{"EqualsSign", "=", {}}),
    [](const auto& param) { return param.param.name; });

struct BadCase {
  const char* name;
  std::string_view query;
  QueryFault fault;
};

void PrintTo(const BadCase& tested, std::ostream* out) { *out << tested.query; }

class PageQueryFault : public testing::TestWithParam<BadCase> {};

TEST_P(PageQueryFault, IsRefused) {
  const MetricGroups collected = groups_of({MetricGroup::percent, MetricGroup::agent});
  const auto groups = parse_page_query(GetParam().query, collected);
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error().code, GetParam().fault);
}

INSTANTIATE_TEST_SUITE_P(
    Bad, PageQueryFault,
    testing::Values(BadCase{"Unknown", "collect[]=memory", QueryFault::unknown_group},
                    BadCase{"UnknownBehindAKnown", "collect[]=agent&collect[]=memory",
                            QueryFault::unknown_group},
                    BadCase{"UnknownBeforeAKnown", "collect[]=memory&collect[]=agent",
                            QueryFault::unknown_group},
                    BadCase{"Empty", "collect[]=", QueryFault::unknown_group},
                    BadCase{"NoValue", "collect[]", QueryFault::unknown_group},
                    BadCase{"OtherCase", "collect[]=CPU", QueryFault::unknown_group},
                    BadCase{"Comma", "collect[]=percent,agent", QueryFault::unknown_group},
                    BadCase{"SpaceBehind", "collect[]=agent%20", QueryFault::unknown_group},
                    BadCase{"PlusIsASpace", "collect[]=agent+", QueryFault::unknown_group},
                    BadCase{"TwoEqualsSigns", "collect[]=agent=", QueryFault::unknown_group},
                    BadCase{"PrefixOfAName", "collect[]=age", QueryFault::unknown_group},
                    BadCase{"LongerThanAName", "collect[]=agents", QueryFault::unknown_group},
                    BadCase{"Zero", "collect[]=agent%00", QueryFault::unknown_group},
                    BadCase{"RawZero", "collect[]=agent\0"sv, QueryFault::unknown_group},
                    BadCase{"DoubleEncoded", "collect[]=%2561gent", QueryFault::unknown_group},
                    BadCase{"NotCollected", "collect[]=cpu", QueryFault::group_not_collected},
                    BadCase{"NotCollectedBehindACollected", "collect[]=agent&collect[]=load",
                            QueryFault::group_not_collected},
                    BadCase{"PercentAlone", "collect[]=%", QueryFault::bad_encoding},
                    BadCase{"OneDigit", "collect[]=%6", QueryFault::bad_encoding},
                    BadCase{"NoHexDigits", "collect[]=%zz", QueryFault::bad_encoding},
                    BadCase{"SecondIsNoHexDigit", "collect[]=%6g", QueryFault::bad_encoding},
                    BadCase{"SignIsNoHexDigit", "collect[]=%-1", QueryFault::bad_encoding},
                    BadCase{"CutByTheNextParameter", "collect[]=%6&1", QueryFault::bad_encoding},
                    BadCase{"InTheKey", "collect%5=agent", QueryFault::bad_encoding},
                    BadCase{"InAnotherKey", "%=agent", QueryFault::bad_encoding}),
    [](const auto& param) { return param.param.name; });

TEST(PageQueryWords, NameTheGroupsToChooseFrom) {
  const MetricGroups collected = groups_of({MetricGroup::percent, MetricGroup::agent});
  for (const std::string_view query : {"collect[]=memory"sv, "collect[]=cpu"sv}) {
    const auto groups = parse_page_query(query, collected);
    ASSERT_FALSE(groups);
    EXPECT_NE(groups.error().detail.find("choose from: percent, agent"), std::string::npos);
  }
}

TEST(PageQueryWords, NameTheGroupThatIsNotCollectedAndItsFlag) {
  const auto groups = parse_page_query("collect[]=cpu", groups_of({MetricGroup::agent}));
  ASSERT_FALSE(groups);
  EXPECT_NE(groups.error().detail.find("collect[]=cpu"), std::string::npos);
  EXPECT_NE(groups.error().detail.find("--web.collect"), std::string::npos);
}

TEST(PageQueryWords, RepeatNothingAStrangerWrote) {
  const auto groups = parse_page_query("collect[]=<script>", MetricGroups::all());
  ASSERT_FALSE(groups);
  EXPECT_EQ(groups.error().detail.find("script"), std::string::npos);
}

TEST(PageQueryDefault, IsWhatIsCollected) {
  const MetricGroups collected = groups_of({MetricGroup::cpu, MetricGroup::exporter});
  const auto groups = parse_page_query("", collected);
  ASSERT_TRUE(groups);
  EXPECT_EQ(*groups, collected);
}

}  // namespace
}  // namespace cpu_monitor::exporter
