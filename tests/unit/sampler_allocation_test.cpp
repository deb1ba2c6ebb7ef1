#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "agent/sampler.hpp"

// Counts what this program allocates.  Not under a sanitizer, which has an operator new of its own.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {
std::atomic<std::size_t> allocations{0};
}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  if (void* memory = std::malloc(bytes == 0 ? 1 : bytes)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t /*bytes*/) noexcept { std::free(memory); }

namespace cpu_monitor::agent {
namespace {

TEST(SamplerAllocation, NothingIsAllocatedPerTick) {
  HostReader reader("/proc", "/sys");
  Sampler sampler(reader, 100, std::chrono::milliseconds(100));
  const auto begin = uptime_now();
  const auto tick = [&](int number) {
    sampler.tick(begin + number * std::chrono::milliseconds(100));
  };
  for (int i = 0; i < 3; ++i) tick(i);
  const std::size_t before = allocations;
  for (int i = 3; i < 1003; ++i) tick(i);
  EXPECT_EQ(allocations - before, 0U);
}

}  // namespace
}  // namespace cpu_monitor::agent

#endif
