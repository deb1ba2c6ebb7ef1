#include "exporter/known_passwords.hpp"

#include <cstddef>
#include <optional>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

constexpr std::size_t kMostWrong = 3;

PasswordDigest digest(const std::string& user, const std::string& password) {
  return digest_of({user, password}, "hash");
}

class KnownPasswordsTest : public testing::Test {
 protected:
  void add(const std::string& user, const std::string& password, bool is_right) {
    known_.add(user, digest(user, password), is_right);
  }

  std::optional<bool> is_right(const std::string& user, const std::string& password) const {
    return known_.is_right(user, digest(user, password));
  }

  KnownPasswords known_{kMostWrong};
};

TEST(PasswordDigest, TellsItsPartsFromEachOther) {
  const PasswordDigest one = digest_of({"ab", "c"}, "d");
  EXPECT_EQ(one, digest_of({"ab", "c"}, "d"));
  EXPECT_NE(one, digest_of({"a", "bc"}, "d"));
  EXPECT_NE(one, digest_of({"ab", ""}, "cd"));
  EXPECT_NE(one, digest_of({"abc", ""}, "d"));
  EXPECT_NE(one, digest_of({"ab", "c"}, "e"));
  EXPECT_NE(one, digest_of({"", ""}, ""));
}

TEST_F(KnownPasswordsTest, AreNoneAtFirst) {
  EXPECT_EQ(is_right("alice", "a"), std::nullopt);
  EXPECT_EQ(is_right("", ""), std::nullopt);
}

TEST_F(KnownPasswordsTest, AreThoseThatWereJudged) {
  add("alice", "a", true);
  add("alice", "b", false);
  EXPECT_EQ(is_right("alice", "a"), true);
  EXPECT_EQ(is_right("alice", "b"), false);
  EXPECT_EQ(is_right("alice", "c"), std::nullopt);
  EXPECT_EQ(is_right("bob", "a"), std::nullopt);
}

TEST_F(KnownPasswordsTest, AreRightForTheirUserAlone) {
  add("alice", "a", true);
  EXPECT_EQ(known_.is_right("bob", digest("alice", "a")), std::nullopt);
}

TEST_F(KnownPasswordsTest, AreTheLastRightOneOfAUser) {
  add("alice", "a", true);
  add("alice", "A", true);
  EXPECT_EQ(is_right("alice", "A"), true);
  EXPECT_EQ(is_right("alice", "a"), std::nullopt);
}

TEST_F(KnownPasswordsTest, AreTheLastWrongOnes) {
  for (const char* const password : {"1", "2", "3", "4"}) add("alice", password, false);
  EXPECT_EQ(is_right("alice", "1"), std::nullopt);
  for (const char* const password : {"2", "3", "4"}) EXPECT_EQ(is_right("alice", password), false);
}

TEST_F(KnownPasswordsTest, CountAWrongOneOnce) {
  add("alice", "1", false);
  for (int i = 0; i < 10; ++i) add("alice", "2", false);
  EXPECT_EQ(is_right("alice", "1"), false);
}

TEST_F(KnownPasswordsTest, KeepTheRightOneThroughAnyNumberOfWrongOnes) {
  add("alice", "a", true);
  for (int i = 0; i < 100; ++i) add(i % 2 == 0 ? "alice" : "bob", std::to_string(i), false);
  EXPECT_EQ(is_right("alice", "a"), true);
}

TEST_F(KnownPasswordsTest, AreTakenOverWhereUserAndHashStay) {
  const UserHashes before{{"alice", "hash"}, {"bob", "hash"}, {"eve", "hash"}, {"ida", "hash"}};
  for (const auto& [user, hash] : before) add(user, "right", true);
  add("alice", "wrong", false);
  KnownPasswords after(kMostWrong);
  after.take_over(known_, before, {{"alice", "hash"}, {"bob", "other"}, {"new", "hash"}});
  EXPECT_EQ(after.is_right("alice", digest("alice", "right")), true);
  EXPECT_EQ(after.is_right("alice", digest("alice", "wrong")), std::nullopt);
  for (const char* const user : {"bob", "eve", "ida", "new"}) {
    EXPECT_EQ(after.is_right(user, digest(user, "right")), std::nullopt) << user;
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
