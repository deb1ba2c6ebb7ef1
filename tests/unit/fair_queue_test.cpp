#include "exporter/fair_queue.hpp"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

class FairQueueTest : public testing::Test {
 protected:
  bool push(const std::string& place, std::string job) { return queue_.push(place, job); }

  std::string pop_all() {
    std::string jobs;
    while (!queue_.empty()) jobs += queue_.pop();
    return jobs;
  }

  FairQueue<std::string> queue_{6, 3};
};

TEST_F(FairQueueTest, IsEmptyAtFirst) { EXPECT_TRUE(queue_.empty()); }

TEST_F(FairQueueTest, KeepsTheOrderOfOnePlace) {
  for (const char* const job : {"1", "2", "3"}) EXPECT_TRUE(push("a", job));
  EXPECT_EQ(pop_all(), "123");
}

TEST_F(FairQueueTest, GivesEachPlaceItsTurn) {
  for (const char* const job : {"1", "2", "3"}) EXPECT_TRUE(push("a", job));
  for (const char* const job : {"4", "5"}) EXPECT_TRUE(push("b", job));
  EXPECT_TRUE(push("c", "6"));
  EXPECT_EQ(pop_all(), "146253");
}

TEST_F(FairQueueTest, PutsWhoWasServedBehindTheOthers) {
  EXPECT_TRUE(push("a", "1"));
  EXPECT_TRUE(push("b", "2"));
  EXPECT_EQ(queue_.pop(), "1");
  EXPECT_TRUE(push("a", "3"));
  EXPECT_EQ(pop_all(), "23");
}

TEST_F(FairQueueTest, RefusesWhatIsTooMuchForAPlace) {
  for (const char* const job : {"1", "2", "3"}) EXPECT_TRUE(push("a", job));
  EXPECT_FALSE(push("a", "4"));
  EXPECT_FALSE(push("a", "5"));
  EXPECT_TRUE(push("b", "6"));
  EXPECT_EQ(pop_all(), "1623");
}

TEST_F(FairQueueTest, RefusesWhatIsTooMuchInAll) {
  for (const char* const place : {"a", "b", "c", "d", "e", "f"}) EXPECT_TRUE(push(place, place));
  EXPECT_FALSE(push("g", "g"));
  EXPECT_FALSE(push("a", "A"));
  EXPECT_EQ(pop_all(), "abcdef") << "and keeps nothing of it";
}

TEST_F(FairQueueTest, HasRoomAgain) {
  for (const char* const job : {"1", "2", "3"}) EXPECT_TRUE(push("a", job));
  EXPECT_EQ(pop_all(), "123");
  for (const char* const job : {"4", "5", "6"}) EXPECT_TRUE(push("a", job));
  EXPECT_FALSE(push("a", "7"));
  for (const char* const job : {"8", "9", "0"}) EXPECT_TRUE(push("b", job));
  EXPECT_FALSE(push("c", "x"));
  EXPECT_EQ(queue_.pop(), "4");
  EXPECT_TRUE(push("c", "x"));
}

TEST(FairQueue, LeavesARefusedJobAsItWas) {
  FairQueue<std::unique_ptr<int>> queue(1, 1);
  auto first = std::make_unique<int>(1);
  auto second = std::make_unique<int>(2);
  ASSERT_TRUE(queue.push("a", first));
  EXPECT_FALSE(queue.push("a", second));
  EXPECT_FALSE(queue.push("b", second));
  ASSERT_TRUE(second);
  EXPECT_EQ(*second, 2);
  EXPECT_EQ(*queue.pop(), 1);
}

}  // namespace
}  // namespace cpu_monitor::exporter
