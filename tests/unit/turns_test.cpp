#include "exporter/turns.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

class TurnsOfTwo : public testing::Test {
 protected:
  /// A ticket whose calls are noted in `called_`.
  std::unique_ptr<Turns::Ticket> ticket(int name, const std::string& place = "a") {
    return std::make_unique<Turns::Ticket>(turns_, place,
                                           [this, name] { called_.push_back(name); });
  }

  Turns turns_{2};
  std::vector<int> called_;
};

TEST_F(TurnsOfTwo, LetAsManyInAtOnceWithoutACall) {
  const auto first = ticket(1);
  const auto second = ticket(2);
  const auto third = ticket(3);
  EXPECT_TRUE(first->is_turn());
  EXPECT_TRUE(second->is_turn());
  EXPECT_FALSE(third->is_turn());
  EXPECT_TRUE(called_.empty());
}

TEST_F(TurnsOfTwo, CallTheOthersInOrder) {
  auto first = ticket(1);
  auto second = ticket(2);
  const auto third = ticket(3);
  const auto fourth = ticket(4);
  second.reset();
  EXPECT_EQ(called_, std::vector<int>{3});
  EXPECT_TRUE(third->is_turn());
  EXPECT_FALSE(fourth->is_turn());
  first.reset();
  EXPECT_EQ(called_, (std::vector<int>{3, 4}));
}

TEST_F(TurnsOfTwo, ForgetWhoLeavesTheLine) {
  auto first = ticket(1);
  const auto second = ticket(2);
  auto third = ticket(3);
  const auto fourth = ticket(4);
  third.reset();
  first.reset();
  EXPECT_EQ(called_, std::vector<int>{4});
}

TEST_F(TurnsOfTwo, KeepTheirNumberWhenNobodyWaits) {
  for (int round = 0; round < 3; ++round) {
    const auto first = ticket(1);
    const auto second = ticket(2);
    EXPECT_TRUE(second->is_turn());
    EXPECT_FALSE(ticket(3)->is_turn());
  }
}

TEST_F(TurnsOfTwo, CallThePlaceWithFewestInsideFirst) {
  auto first = ticket(1);
  const auto second = ticket(2);
  const auto third = ticket(3);
  const auto of_another = ticket(4, "b");
  first.reset();
  EXPECT_EQ(called_, std::vector<int>{4});
}

}  // namespace
}  // namespace cpu_monitor::exporter
