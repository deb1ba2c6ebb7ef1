#include "exporter/bcrypt.hpp"

#include <crypt.h>
#include <string.h>

#include <algorithm>
#include <memory>
#include <string_view>

#include <openssl/crypto.h>

namespace cpu_monitor::exporter {
namespace {

constexpr std::size_t kHashBytes = 60;
constexpr std::size_t kDigestAt = 29;  ///< behind `$2y$10$` and the salt
constexpr std::size_t kCostAt = 4;
constexpr std::size_t kCostDigits = 2;

constexpr std::string_view kNobodysHash =
    "$2b$10$NoSuchUserNoSuchUserNu2MmGcmuXnM2yg7VR4hVJbAUdIwGhUTO";

}  // namespace

bool has_bcrypt_hash(const std::string& password, const std::string& hash) {
  if (hash.size() != kHashBytes || !hash.starts_with("$2")) return false;
  const std::string key = password.substr(0, kBcryptPasswordBytes);
  const auto memory = std::make_unique<crypt_data>();
  const char* const made = ::crypt_r(key.c_str(), hash.c_str(), memory.get());
  // libcrypt writes the last digit of a salt as it should be, some programs did not: only what
  // stands behind it is compared.
  const bool is_equal =
      made != nullptr && ::strlen(made) == kHashBytes &&
      CRYPTO_memcmp(made + kDigestAt, hash.c_str() + kDigestAt, kHashBytes - kDigestAt) == 0;
  OPENSSL_cleanse(memory.get(), sizeof(crypt_data));
  return is_equal;
}

std::string nobodys_hash(const UserHashes& users) {
  std::string hash(kNobodysHash);
  std::string cost;
  for (const auto& [user, users_hash] : users) {
    if (users_hash.size() == kHashBytes) {
      cost = std::max(cost, users_hash.substr(kCostAt, kCostDigits));
    }
  }
  if (!cost.empty()) hash.replace(kCostAt, kCostDigits, cost);
  return hash;
}

}  // namespace cpu_monitor::exporter
