#include "tests/support/text_format_checker.hpp"

#include <ostream>

#include <gtest/gtest.h>

namespace cpu_monitor::tests {
namespace {

const std::string kGauge = "# HELP g A gauge.\n# TYPE g gauge\n";
const std::string kCounter = "# HELP c_total A counter.\n# TYPE c_total counter\n";
const std::string kHistogram = "# HELP h A histogram.\n# TYPE h histogram\n";
const std::string kBuckets = "h_bucket{le=\"1\"} 2\nh_bucket{le=\"+Inf\"} 3\n";
const std::string kSumAndCount = "h_sum 4\nh_count 3\n";

TEST(TextFormatChecker, TakesWhatIsRight) {
  for (const std::string& page : {
           std::string(),
           kGauge + "g 1\n",
           kGauge + "g{a=\"b\"} -1.5e-07\ng{a=\"c\"} 1e+300\n",
           kGauge + "g{a=\"\\\\ \\\" \\n } {\",b=\"\xc3\xa9\"} 0\n",
           kGauge + "g 1\n" + kCounter + "c_total 0\n",
           kHistogram + kBuckets + kSumAndCount,
           kHistogram + "h_bucket{a=\"x\",le=\"+Inf\"} 0\nh_sum{a=\"x\"} 0\nh_count{a=\"x\"} 0\n" +
               kBuckets + kSumAndCount,
       }) {
    EXPECT_EQ(fault_of_page(page), std::nullopt) << page;
  }
}

struct BadPage {
  const char* name;
  std::string page;
  const char* fault;
};

std::ostream& operator<<(std::ostream& out, const BadPage& bad) { return out << bad.name; }

class BadPages : public ::testing::TestWithParam<BadPage> {};

TEST_P(BadPages, AreFound) { EXPECT_EQ(fault_of_page(GetParam().page), GetParam().fault); }

const BadPage kBadPages[] = {
    {"NoNewline", kGauge + "g 1", "line 3: the last line has no newline"},
    {"BlankLine", kGauge + "g 1\n\n", "line 4: a name is missing"},
    {"Comment", "# hello\n", "line 1: a comment"},
    {"CarriageReturn", kGauge + "g 1\r\n", "line 3: a control character"},
    {"InvalidUtf8", kGauge + "g{a=\"\xff\"} 1\n", "line 3: a byte that is not UTF-8"},
    {"NoHead", "g 1\n", "line 1: a series without HELP and TYPE before it"},
    {"NoHelp", "# TYPE g gauge\ng 1\n", "line 1: a TYPE without its HELP before it"},
    {"NoType", "# HELP g A gauge.\ng 1\n", "line 2: a series without HELP and TYPE before it"},
    {"NoSeries", kGauge, "line 2: a family has no series: g"},
    {"HelpAlone", "# HELP g A gauge.\n", "line 1: a family has no TYPE: g"},
    {"TwoTypes", kGauge + "# TYPE g gauge\n", "line 3: a second TYPE"},
    {"UnknownType", "# HELP g A.\n# TYPE g gouge\n", "line 2: an unknown type"},
    {"FamilyTwice", kGauge + "g 1\n" + kGauge + "g 2\n", "line 4: a family comes twice"},
    {"ForeignSeries", kGauge + "f 1\n", "line 3: a series of another family"},
    {"SeriesTwice", kGauge + "g{a=\"1\",b=\"2\"} 1\ng{b=\"2\",a=\"1\"} 1\n",
     "line 4: a series comes twice"},
    {"LabelTwice", kGauge + "g{a=\"1\",a=\"2\"} 1\n", "line 3: a label comes twice"},
    {"LabelOfPrometheus", kGauge + "g{__name__=\"1\"} 1\n",
     "line 3: a label name is Prometheus's own"},
    {"LabelNameWithDash", kGauge + "g{a-b=\"1\"} 1\n", "line 3: there is no '='"},
    {"LabelNameBeginsWithDigit", kGauge + "g{1a=\"1\"} 1\n", "line 3: a name is missing"},
    {"NoQuotes", kGauge + "g{a=1} 1\n", "line 3: there is no '\"'"},
    {"NoEndOfLabel", kGauge + "g{a=\"1} 1\n", "line 3: a label value has no end"},
    {"BadEscape", kGauge + "g{a=\"\\t\"} 1\n", "line 3: an escape that is none"},
    {"BadEscapeInHelp", "# HELP g A \\t.\n", "line 1: an escape that is none"},
    {"NoValue", kGauge + "g \n", "line 3: a value is not a finite decimal number"},
    {"NotANumber", kGauge + "g NaN\n", "line 3: a value is not a finite decimal number"},
    {"Infinite", kGauge + "g +Inf\n", "line 3: a value is not a finite decimal number"},
    {"TooLarge", kGauge + "g 1e999\n", "line 3: a value is not a finite decimal number"},
    {"HalfANumber", kGauge + "g 1e\n", "line 3: a value is not a finite decimal number"},
    {"TimeStamp", kGauge + "g 1 1700000000000\n", "line 3: a value is not a finite decimal number"},
    {"NegativeCounter", kCounter + "c_total -1\n", "line 3: a counter is below 0"},
    {"FallingBounds", kHistogram + "h_bucket{le=\"2\"} 0\n" + kBuckets + kSumAndCount,
     "line 7: the bounds of a histogram do not rise"},
    {"FallingCounts", kHistogram + "h_bucket{le=\"0.5\"} 9\n" + kBuckets + kSumAndCount,
     "line 7: the counts of a histogram fall"},
    {"NoLastBucket", kHistogram + "h_bucket{le=\"1\"} 3\n" + kSumAndCount,
     "line 5: a histogram has no bucket +Inf"},
    {"NoBound", kHistogram + "h_bucket 3\n", "line 3: a bucket has no bound"},
    {"NoSum", kHistogram + kBuckets + "h_count 3\n", "line 5: a histogram has no sum"},
    {"WrongCount", kHistogram + kBuckets + "h_sum 4\nh_count 4\n",
     "line 6: the count of a histogram is not that of its bucket +Inf"},
    {"BareHistogram", kHistogram + "h 4\n", "line 3: a series of another family"},
};

INSTANTIATE_TEST_SUITE_P(TextFormatChecker, BadPages, ::testing::ValuesIn(kBadPages),
                         [](const auto& one) { return std::string(one.param.name); });

}  // namespace
}  // namespace cpu_monitor::tests
