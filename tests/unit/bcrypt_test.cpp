#include "exporter/bcrypt.hpp"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/bcrypt_hashes.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace tests;

TEST(Bcrypt, KnowsThePasswordOfAHash) {
  EXPECT_TRUE(has_bcrypt_hash("secret", kSecret2b));
  EXPECT_TRUE(has_bcrypt_hash("secret", kSecret2y));
  EXPECT_TRUE(has_bcrypt_hash("", kEmpty2a));
  EXPECT_TRUE(has_bcrypt_hash("fakepassword", kFake2y));
}

TEST(Bcrypt, KnowsAHashWhoseSaltHasUnusedBits) {
  EXPECT_TRUE(has_bcrypt_hash("secret", kSecretOddSalt));
  EXPECT_FALSE(has_bcrypt_hash("Secret", kSecretOddSalt));
}

TEST(Bcrypt, TellsAPasswordFromOthers) {
  for (const std::string password : {"", "Secret", "secret ", " secret", "secre", "secretsecret"}) {
    EXPECT_FALSE(has_bcrypt_hash(password, kSecret2b)) << password;
  }
}

TEST(Bcrypt, LooksAtTheFirst72BytesOnly) {
  EXPECT_TRUE(has_bcrypt_hash(long_password(), kLong2b));
  EXPECT_TRUE(has_bcrypt_hash(long_password() + "z", kLong2b));
  EXPECT_TRUE(has_bcrypt_hash(long_password() + std::string(5000, 'z'), kLong2b));
  EXPECT_FALSE(has_bcrypt_hash(long_password().substr(0, 71), kLong2b));
}

TEST(Bcrypt, MatchesNothingThatIsNoHash) {
  for (const std::string hash :
       {"", "*0", "secret", "$2b$04$", "$6$salt$x", "$2z$04$aaaaaaaaaaaa"}) {
    EXPECT_FALSE(has_bcrypt_hash("secret", hash)) << hash;
  }
  EXPECT_FALSE(has_bcrypt_hash("secret", "$2b$04$" + std::string(53, '_')));
  EXPECT_FALSE(has_bcrypt_hash("secret", "$2b$xx$" + std::string(53, 'a')));
  EXPECT_FALSE(has_bcrypt_hash("secret", "$2b$04$" + std::string(53, 'a')));
}

TEST(Bcrypt, OfNobodyIsAsDearAsTheDearestUser) {
  const auto cost = [](const UserHashes& users) { return nobodys_hash(users).substr(0, 7); };
  EXPECT_EQ(cost({}), "$2b$10$");
  EXPECT_EQ(cost({{"a", kSecret2b}}), "$2b$04$");
  EXPECT_EQ(cost({{"a", kFake2y}, {"b", kSecret2b}}), "$2b$10$");
  EXPECT_EQ(cost({{"a", kSecret2b}, {"b", "$2b$14$ that is no hash"}}), "$2b$04$");
}

TEST(Bcrypt, OfNobodyIsAHash) {
  const std::string hash = nobodys_hash({{"a", kSecret2b}});
  EXPECT_EQ(hash.size(), kSecret2b.size());
  for (const std::string password : {"", "secret", "nobody"}) {
    EXPECT_FALSE(has_bcrypt_hash(password, hash)) << password;
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
