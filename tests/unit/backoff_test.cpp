#include "common/backoff.hpp"

#include <cstdint>
#include <limits>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

using Milliseconds = Backoff::Milliseconds;

/// The longest wait at each of the first `attempts` attempts, over many backoffs: close to the
/// ceiling, never above it.
std::vector<std::int64_t> longest_waits(Milliseconds base, Milliseconds cap, std::size_t attempts) {
  std::mt19937_64 generator(1);
  std::vector<std::int64_t> longest(attempts, 0);
  for (int run = 0; run < 2000; ++run) {
    Backoff backoff(base, cap);
    for (std::int64_t& wait : longest) wait = std::max(wait, backoff.next(generator).count());
  }
  return longest;
}

TEST(Backoff, DoublesTheCeilingUpToTheCap) {
  const std::vector<std::int64_t> ceilings{5000, 10000, 20000, 30000, 30000, 30000};
  const std::vector<std::int64_t> longest =
      longest_waits(Milliseconds(5000), Milliseconds(30000), ceilings.size());
  for (std::size_t i = 0; i < ceilings.size(); ++i) {
    EXPECT_LE(longest[i], ceilings[i]) << "attempt " << i;
    EXPECT_GE(longest[i], ceilings[i] * 95 / 100) << "attempt " << i;
  }
}

TEST(Backoff, UsesTheWholeRangeFromZero) {
  std::mt19937_64 generator(2);
  int short_waits = 0;
  for (int run = 0; run < 1000; ++run) {
    Backoff backoff(Milliseconds(1000), Milliseconds(1000));
    if (backoff.next(generator) < Milliseconds(100)) ++short_waits;
  }
  EXPECT_GT(short_waits, 50);
  EXPECT_LT(short_waits, 200);
}

TEST(Backoff, StartsOverAfterReset) {
  std::mt19937_64 generator(3);
  Backoff backoff(Milliseconds(10), Milliseconds(100000));
  for (int attempt = 0; attempt < 12; ++attempt) static_cast<void>(backoff.next(generator));
  backoff.reset();
  EXPECT_LE(backoff.next(generator), Milliseconds(10));
  EXPECT_LE(backoff.next(generator), Milliseconds(20));
}

TEST(Backoff, NeverExceedsACapBelowTheBase) {
  for (const std::int64_t wait : longest_waits(Milliseconds(5000), Milliseconds(7), 4)) {
    EXPECT_LE(wait, 7);
  }
}

TEST(Backoff, DoesNotWaitWhenTheBaseIsZero) {
  for (const std::int64_t wait : longest_waits(Milliseconds(0), Milliseconds(0), 4)) {
    EXPECT_EQ(wait, 0);
  }
}

TEST(Backoff, SurvivesManyFailures) {
  std::mt19937_64 generator(4);
  const Milliseconds cap(std::numeric_limits<std::int64_t>::max());
  Backoff backoff(Milliseconds(1), cap);
  for (int attempt = 0; attempt < 1000; ++attempt) {
    EXPECT_GE(backoff.next(generator), Milliseconds(0)) << "attempt " << attempt;
  }
}

}  // namespace
}  // namespace cpu_monitor
