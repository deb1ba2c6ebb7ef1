#pragma once

#include <array>
#include <cstddef>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "exporter/basic_authorization.hpp"
#include "exporter/bcrypt.hpp"

namespace cpu_monitor::exporter {

/// SHA-256: what is kept of a user, a password and the hash it was judged by.
using PasswordDigest = std::array<unsigned char, 32>;

[[nodiscard]] PasswordDigest digest_of(const UserPassword& credentials, const std::string& hash);

/// Which passwords were right and which were wrong when they were judged.
///
/// Of each user the last right one is kept, and no wrong one takes its place; of wrong ones the
/// last, whosever they are.  Threads: one at a time.
class KnownPasswords {
 public:
  explicit KnownPasswords(std::size_t most_wrong) : most_wrong_(most_wrong) {}

  /// Whether it is the right one; none when it was not judged yet.
  [[nodiscard]] std::optional<bool> is_right(const std::string& user,
                                             const PasswordDigest& digest) const;
  void add(const std::string& user, const PasswordDigest& digest, bool is_right);

  /// Takes over the right ones of `before` whose user has the same hash in both configurations.
  void take_over(const KnownPasswords& before, const UserHashes& hashes_before,
                 const UserHashes& hashes);

 private:
  void add_wrong(const PasswordDigest& digest);

  std::size_t most_wrong_;
  std::map<std::string, PasswordDigest> right_;  ///< by user
  std::set<PasswordDigest> wrong_;
  std::deque<PasswordDigest> wrong_in_order_;  ///< the same, the oldest first
};

}  // namespace cpu_monitor::exporter
