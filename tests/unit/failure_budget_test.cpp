#include "exporter/failure_budget.hpp"

#include <chrono>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr FailureBudget::Clock::time_point kStart{};

FailureBudget three_failures() { return {1, 3, 4}; }

void fail(FailureBudget& budget, const std::string& place, int times,
          FailureBudget::Clock::time_point now = kStart) {
  for (int i = 0; i < times; ++i) budget.count(place, now);
}

TEST(FailureBudget, IsNotSpentByWhoNeverFailed) {
  FailureBudget budget = three_failures();
  EXPECT_FALSE(budget.is_spent("a", kStart));
  EXPECT_EQ(budget.size(), 0U);
}

TEST(FailureBudget, IsSpentAtItsLimitAndNotBefore) {
  FailureBudget budget = three_failures();
  fail(budget, "a", 2);
  EXPECT_FALSE(budget.is_spent("a", kStart));
  fail(budget, "a", 1);
  EXPECT_TRUE(budget.is_spent("a", kStart));
}

TEST(FailureBudget, IsOfOnePlace) {
  FailureBudget budget = three_failures();
  fail(budget, "a", 100);
  EXPECT_FALSE(budget.is_spent("b", kStart));
}

TEST(FailureBudget, ComesBackWithTime) {
  FailureBudget budget = three_failures();
  fail(budget, "a", 3);
  EXPECT_TRUE(budget.is_spent("a", kStart + milliseconds(999)));
  EXPECT_FALSE(budget.is_spent("a", kStart + seconds(1)));
  fail(budget, "a", 1, kStart + seconds(1));
  EXPECT_TRUE(budget.is_spent("a", kStart + seconds(1)));
}

TEST(FailureBudget, NeverGrowsBeyondItsBurst) {
  FailureBudget budget = three_failures();
  fail(budget, "a", 1);
  fail(budget, "a", 3, kStart + seconds(1000));
  EXPECT_TRUE(budget.is_spent("a", kStart + seconds(1000)));
}

TEST(FailureBudget, ForgetsPlacesThatRecoveredWhenThereAreTooMany) {
  FailureBudget budget = three_failures();
  for (const char* place : {"a", "b", "c", "d"}) fail(budget, place, 1);
  EXPECT_EQ(budget.size(), 4U);
  fail(budget, "e", 1, kStart + seconds(1));
  EXPECT_EQ(budget.size(), 1U);
}

TEST(FailureBudget, KeepsTheWorstWhenThereAreTooMany) {
  FailureBudget budget = three_failures();
  fail(budget, "a", 3);
  fail(budget, "b", 1);
  fail(budget, "c", 3);
  fail(budget, "d", 3);
  fail(budget, "e", 1);
  EXPECT_EQ(budget.size(), 4U);
  for (const char* place : {"a", "c", "d"}) EXPECT_TRUE(budget.is_spent(place, kStart)) << place;
}

TEST(FailureBudget, HoldsAsManyPlacesAsItMayAndNoMore) {
  FailureBudget budget(1, 3, 100);
  for (int i = 0; i < 1000; ++i) fail(budget, std::to_string(i), 2);
  EXPECT_EQ(budget.size(), 100U);
}

}  // namespace
}  // namespace cpu_monitor::exporter
