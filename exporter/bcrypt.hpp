#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

namespace cpu_monitor::exporter {

using UserHashes = std::map<std::string, std::string, std::less<>>;  ///< user -> bcrypt hash

/// Of a password, for every bcrypt; what stands behind them makes no difference.
inline constexpr std::size_t kBcryptPasswordBytes = 72;

/// Whether `password` has the bcrypt hash `hash`.  Takes from 1 ms (cost 4) to 0.65 s (cost 14);
/// false as well for what is not a bcrypt hash.  Threads: any, at once.
[[nodiscard]] bool has_bcrypt_hash(const std::string& password, const std::string& hash);

/// A hash of no known password, as dear as the dearest of the users': for those who do not exist.
/// Nobody is to get in with it, even who finds a password of it.
[[nodiscard]] std::string nobodys_hash(const UserHashes& users);

}  // namespace cpu_monitor::exporter
