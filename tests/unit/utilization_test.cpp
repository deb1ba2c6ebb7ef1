#include "agent/utilization.hpp"

#include <gtest/gtest.h>

namespace cpu_monitor::agent {
namespace {

using namespace std::chrono_literals;

constexpr Ticks kHz = 100;

TEST(UtilizationMeter, TellsTheMachineAndItsBusiestCpu) {
  UtilizationMeter meter(kHz, 100ms);
  const auto found = meter.add(
      TickDelta{12, 28},
      {{0, TickDelta{1, 9}}, {1, TickDelta{10, 0}}, {2, TickDelta{0, 10}}, {3, TickDelta{1, 9}}},
      100ms);
  ASSERT_TRUE(found.machine);
  EXPECT_DOUBLE_EQ(found.machine->busy, 0.3);
  EXPECT_EQ(found.busiest_core, 1.0);
}

TEST(UtilizationMeter, WithoutCpuLinesThereIsNoBusiestCpu) {
  UtilizationMeter meter(kHz, 100ms);
  const auto found = meter.add(TickDelta{1, 9}, {}, 100ms);
  EXPECT_TRUE(found.machine);
  EXPECT_EQ(found.busiest_core, std::nullopt);
}

TEST(UtilizationMeter, ACpuThatSaysNothingDoesNotHideTheOthers) {
  UtilizationMeter meter(kHz, 100ms);
  const auto found = meter.add(std::nullopt, {{0, std::nullopt}, {1, TickDelta{4, 6}}}, 100ms);
  EXPECT_FALSE(found.machine);
  EXPECT_EQ(found.busiest_core, 0.4);
}

TEST(UtilizationMeter, AnUnusableReadingForgetsWhatWaited) {
  UtilizationMeter meter(kHz, 100ms);
  EXPECT_FALSE(meter.add(TickDelta{1, 0}, {{0, TickDelta{1, 0}}}, 100ms).machine);
  EXPECT_FALSE(meter.add(std::nullopt, {{0, std::nullopt}}, 100ms).machine);
  const auto found = meter.add(TickDelta{0, 10}, {{0, TickDelta{0, 10}}}, 100ms);
  EXPECT_DOUBLE_EQ(found.machine->busy, 0);
  EXPECT_EQ(found.busiest_core, 0.0);
}

TEST(UtilizationMeter, ACpuThatComesBackGoesOn) {
  UtilizationMeter meter(kHz, 100ms);
  EXPECT_EQ(meter.add(TickDelta{5, 5}, {{7, TickDelta{5, 5}}}, 100ms).busiest_core, 0.5);
  EXPECT_EQ(meter.add(TickDelta{5, 5}, {}, 100ms).busiest_core, std::nullopt);
  EXPECT_EQ(meter.add(TickDelta{5, 5}, {{7, TickDelta{9, 1}}}, 100ms).busiest_core, 0.9);
}

TEST(UtilizationMeter, IdleTimeThatComesLateOnOneCpuMakesNoCpuBusy) {
  UtilizationMeter meter(kHz, 100ms);
  const auto early =
      meter.add(TickDelta{1, 10}, {{0, TickDelta{1, 0}}, {1, TickDelta{0, 10}}}, 100ms);
  EXPECT_FALSE(early.machine);
  EXPECT_EQ(early.busiest_core, 0.0) << "CPU 0 waits for its idle time";
  const auto late =
      meter.add(TickDelta{0, 29}, {{0, TickDelta{0, 19}}, {1, TickDelta{0, 10}}}, 100ms);
  EXPECT_DOUBLE_EQ(late.machine->busy, 0.025);
  EXPECT_EQ(late.busiest_core, 0.05);
}

TEST(UtilizationMeter, ASleepingCpuThatBooksItsIdleTimeEveryThreeSecondsMakesNoMachineBusy) {
  UtilizationMeter meter(kHz, 100ms);
  for (int i = 1; i <= 300; ++i) {
    const std::int64_t idle = i % 30 == 0 ? 300 : 0;
    const auto found =
        meter.add(TickDelta{10, idle}, {{0, TickDelta{10, 0}}, {1, TickDelta{0, idle}}}, 100ms);
    if (found.machine) {
      EXPECT_DOUBLE_EQ(found.machine->busy, 0.5) << i;
    }
  }
}

TEST(UtilizationMeter, TimeWithheldFromAllCpusIsTakenAfterASecond) {
  UtilizationMeter meter(kHz, 100ms);
  int shares = 0;
  for (int i = 1; i <= 30; ++i) {
    const auto found =
        meter.add(TickDelta{8, 0}, {{0, TickDelta{4, 0}}, {1, TickDelta{4, 0}}}, 100ms);
    shares += found.machine ? 1 : 0;
  }
  EXPECT_EQ(shares, 3);
}

TEST(UtilizationMeter, WhatWaitedOfACpuThatLeftIsForgotten) {
  UtilizationMeter meter(kHz, 100ms);
  EXPECT_EQ(meter.add(TickDelta{5, 5}, {{7, TickDelta{1, 0}}}, 100ms).busiest_core, std::nullopt);
  static_cast<void>(meter.add(TickDelta{5, 5}, {}, 100ms));
  EXPECT_EQ(meter.add(TickDelta{5, 5}, {{7, TickDelta{0, 10}}}, 100ms).busiest_core, 0.0);
}

}  // namespace
}  // namespace cpu_monitor::agent
