#include "common/token_bucket.hpp"

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

using namespace std::chrono_literals;
using Clock = TokenBucket::Clock;

const Clock::time_point kStart{};

TEST(TokenBucket, ABurstIsFree) {
  TokenBucket bucket(10, 20, kStart);
  for (int i = 0; i < 20; ++i) bucket.take(kStart);
  EXPECT_EQ(bucket.debt(kStart), Clock::duration::zero());
}

TEST(TokenBucket, OneMoreThanTheBurstIsPaidByWaiting) {
  TokenBucket bucket(10, 20, kStart);
  for (int i = 0; i < 21; ++i) bucket.take(kStart);
  EXPECT_EQ(bucket.debt(kStart), 100ms);
}

TEST(TokenBucket, DebtShrinksWithTime) {
  TokenBucket bucket(10, 20, kStart);
  for (int i = 0; i < 25; ++i) bucket.take(kStart);
  EXPECT_EQ(bucket.debt(kStart + 200ms), 300ms);
  EXPECT_EQ(bucket.debt(kStart + 500ms), Clock::duration::zero());
}

TEST(TokenBucket, TheSustainedRateIsFree) {
  TokenBucket bucket(10, 1, kStart);
  for (int i = 0; i < 1000; ++i) {
    const auto now = kStart + i * 100ms;
    bucket.take(now);
    ASSERT_EQ(bucket.debt(now), Clock::duration::zero()) << i;
  }
}

TEST(TokenBucket, TenPercentOverTheRateEndsInDebt) {
  TokenBucket bucket(10, 20, kStart);
  auto now = kStart;
  for (int i = 0; i < 1000; ++i) bucket.take(now += 90ms);
  EXPECT_GT(bucket.debt(now), 1s);
}

TEST(TokenBucket, SilenceSavesUpNoMoreThanTheBurst) {
  TokenBucket bucket(10, 20, kStart);
  const auto later = kStart + 24h;
  for (int i = 0; i < 21; ++i) bucket.take(later);
  EXPECT_GT(bucket.debt(later), Clock::duration::zero());
}

TEST(TokenBucket, WhatIsGivenBackMakesNoMoreThanTheBurst) {
  TokenBucket bucket(10, 20, kStart);
  bucket.give_back();
  EXPECT_EQ(bucket.tokens(kStart), 20);
  bucket.take(kStart);
  bucket.take(kStart);
  bucket.give_back();
  EXPECT_EQ(bucket.tokens(kStart), 19);
}

}  // namespace
}  // namespace cpu_monitor
