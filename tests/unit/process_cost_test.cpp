#include "agent/process_cost.hpp"

#include <cstdint>

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

TEST(ProcessCost, IsWhatThisProcessUsed) {
  const auto first = process_cost();
  ASSERT_TRUE(first);
  EXPECT_GE(first->resident_bytes, 256U * 1024);
  EXPECT_LE(first->resident_bytes, std::uint64_t{1} << 40);
  volatile unsigned work = 0;
  for (unsigned i = 0; i < 5'000'000; ++i) work = work + i;
  const auto second = process_cost();
  ASSERT_TRUE(second);
  EXPECT_GT(second->cpu_seconds, first->cpu_seconds);
  EXPECT_LT(second->cpu_seconds, 600);
}

}  // namespace
}  // namespace cpu_monitor::agent
