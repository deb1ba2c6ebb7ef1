#include "exporter/series_budget.hpp"

#include <chrono>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using std::chrono::seconds;

constexpr SeriesBudget::Time kStart{};

TEST(SeriesBudget, GivesUpToTheLimitAndNotOneMore) {
  SeriesBudget budget(100);
  EXPECT_TRUE(budget.grow("a", 1, 100));
  EXPECT_FALSE(budget.grow("a", 1, 101));
  EXPECT_FALSE(budget.grow("b", 2, 1));
  EXPECT_EQ(budget.used(), 100U);
}

TEST(SeriesBudget, CountsOnlyWhatANameGrowsBy) {
  SeriesBudget budget(100);
  EXPECT_TRUE(budget.grow("a", 1, 60));
  EXPECT_TRUE(budget.grow("a", 1, 60));
  EXPECT_TRUE(budget.grow("a", 1, 90));
  EXPECT_EQ(budget.used(), 90U);
}

TEST(SeriesBudget, KeepsWhatANameHad) {
  SeriesBudget budget(100);
  EXPECT_TRUE(budget.grow("a", 1, 60));
  EXPECT_TRUE(budget.grow("a", 1, 1));
  EXPECT_EQ(budget.used(), 60U);
}

TEST(SeriesBudget, GivesNothingWhenThereIsTooLittle) {
  SeriesBudget budget(100);
  EXPECT_TRUE(budget.grow("a", 1, 70));
  EXPECT_FALSE(budget.grow("b", 2, 31));
  EXPECT_TRUE(budget.grow("b", 2, 30));
}

TEST(SeriesBudget, CountsWhatIsStillShownAfterItsAgentLeft) {
  SeriesBudget budget(100);
  EXPECT_TRUE(budget.grow("a", 1, 100));
  budget.release("a", 1, kStart + seconds(15));
  budget.expire(kStart + seconds(14));
  EXPECT_FALSE(budget.grow("b", 2, 1));
  budget.expire(kStart + seconds(15));
  EXPECT_EQ(budget.used(), 0U);
  EXPECT_TRUE(budget.grow("b", 2, 100));
}

TEST(SeriesBudget, CountsAnAgentThatComesBackOnce) {
  SeriesBudget budget(100);
  EXPECT_TRUE(budget.grow("a", 1, 100));
  budget.release("a", 1, kStart + seconds(15));
  EXPECT_TRUE(budget.grow("a", 2, 100));
  budget.expire(kStart + seconds(99));
  EXPECT_EQ(budget.used(), 100U);
}

TEST(SeriesBudget, IsNotGivenBackByAHolderThatWasDisplaced) {
  SeriesBudget budget(100);
  EXPECT_TRUE(budget.grow("a", 1, 50));
  EXPECT_TRUE(budget.grow("a", 2, 60));
  budget.release("a", 1, kStart);
  budget.expire(kStart + seconds(99));
  EXPECT_EQ(budget.used(), 60U);
}

TEST(SeriesBudget, KnowsNothingOfWhoNeverBroughtAny) {
  SeriesBudget budget(100);
  budget.release("a", 1, kStart);
  budget.expire(kStart);
  EXPECT_EQ(budget.used(), 0U);
}

TEST(SeriesCount, GrowsWithTheCpus) {
  CpuSample one;
  one.cpu.emplace();
  one.cpu->cores.resize(1);
  CpuSample eight = one;
  eight.cpu->cores.resize(8);
  EXPECT_GT(series_of(one), series_of(CpuSample()));
  EXPECT_EQ(series_of(eight) - series_of(CpuSample()),
            8 * (series_of(one) - series_of(CpuSample())));
}

TEST(SeriesCount, KnowsTheSlowReadings) {
  CpuSample sample;
  const std::size_t before = series_of(sample);
  sample.slow.frequency.emplace();
  sample.slow.frequency->scaling.resize(3);
  sample.slow.frequency->hardware.resize(2);
  sample.slow.throttles.emplace();
  sample.slow.throttles->cores.resize(5);
  sample.slow.throttles->packages.resize(1);
  sample.slow.temperature.emplace(7);
  EXPECT_EQ(series_of(sample) - before, 18U);
}

TEST(SeriesCount, MultipliesGovernorsByTheirCpus) {
  CpuFacts facts;
  facts.governors.push_back({{0, 1, 2, 3}, {"performance", "powersave"}, "powersave"});
  EXPECT_EQ(series_of(facts), 8U);
  facts.governors.push_back({{4}, {}, "unknown"});
  EXPECT_EQ(series_of(facts), 9U);
}

TEST(SeriesCount, OfNoFactsIsNone) { EXPECT_EQ(series_of(CpuFacts()), 0U); }

}  // namespace
}  // namespace cpu_monitor::exporter
