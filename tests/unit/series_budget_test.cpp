#include "exporter/series_budget.hpp"

#include <optional>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

TEST(SeriesShare, TakesUpToTheLimitAndNotOneMore) {
  SeriesBudget budget(100);
  SeriesShare share(budget);
  EXPECT_TRUE(share.grow_to(100));
  EXPECT_FALSE(share.grow_to(101));
  EXPECT_EQ(budget.used(), 100U);
}

TEST(SeriesShare, TakesOnlyWhatItGrowsBy) {
  SeriesBudget budget(100);
  SeriesShare share(budget);
  EXPECT_TRUE(share.grow_to(60));
  EXPECT_TRUE(share.grow_to(60));
  EXPECT_TRUE(share.grow_to(90));
  EXPECT_EQ(budget.used(), 90U);
}

TEST(SeriesShare, KeepsWhatItHad) {
  SeriesBudget budget(100);
  SeriesShare share(budget);
  EXPECT_TRUE(share.grow_to(60));
  EXPECT_TRUE(share.grow_to(1));
  EXPECT_EQ(budget.used(), 60U);
}

TEST(SeriesShare, TakesNothingWhenThereIsTooLittle) {
  SeriesBudget budget(100);
  SeriesShare first(budget);
  SeriesShare second(budget);
  EXPECT_TRUE(first.grow_to(70));
  EXPECT_FALSE(second.grow_to(31));
  EXPECT_TRUE(second.grow_to(30));
}

TEST(SeriesShare, GivesAllBackAtItsEnd) {
  SeriesBudget budget(100);
  std::optional<SeriesShare> share(std::in_place, budget);
  EXPECT_TRUE(share->grow_to(100));
  share.reset();
  EXPECT_EQ(budget.used(), 0U);
  SeriesShare next(budget);
  EXPECT_TRUE(next.grow_to(100));
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
