#include "exporter/known_passwords.hpp"

#include <cstdint>
#include <new>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace cpu_monitor::exporter {
namespace {

PasswordDigest sha256(std::string_view text) {
  PasswordDigest digest{};
  if (EVP_Digest(text.data(), text.size(), digest.data(), nullptr, EVP_sha256(), nullptr) != 1) {
    throw std::bad_alloc();  // OpenSSL knows no other reason here
  }
  return digest;
}

void append_with_length(std::string& text, std::string_view part) {
  const std::uint64_t length = part.size();
  for (unsigned shift = 0; shift < 64; shift += 8) {
    text += static_cast<char>((length >> shift) & 0xFF);
  }
  text += part;
}

}  // namespace

PasswordDigest digest_of(const UserPassword& credentials, const std::string& hash) {
  std::string text;
  append_with_length(text, credentials.user);
  append_with_length(text, credentials.password);
  append_with_length(text, hash);
  const PasswordDigest digest = sha256(text);
  OPENSSL_cleanse(text.data(), text.size());
  return digest;
}

std::optional<bool> KnownPasswords::is_right(const std::string& user,
                                             const PasswordDigest& digest) const {
  const auto right = right_.find(user);
  if (right != right_.end() &&
      CRYPTO_memcmp(right->second.data(), digest.data(), digest.size()) == 0) {
    return true;
  }
  if (wrong_.contains(digest)) return false;
  return std::nullopt;
}

void KnownPasswords::add(const std::string& user, const PasswordDigest& digest, bool is_right) {
  if (is_right) {
    right_.insert_or_assign(user, digest);
  } else {
    add_wrong(digest);
  }
}

void KnownPasswords::add_wrong(const PasswordDigest& digest) {
  if (!wrong_.insert(digest).second) return;
  wrong_in_order_.push_back(digest);
  if (wrong_in_order_.size() <= most_wrong_) return;
  wrong_.erase(wrong_in_order_.front());
  wrong_in_order_.pop_front();
}

void KnownPasswords::take_over(const KnownPasswords& before, const UserHashes& hashes_before,
                               const UserHashes& hashes) {
  for (const auto& [user, digest] : before.right_) {
    const auto now = hashes.find(user);
    if (now != hashes.end() && now->second == hashes_before.at(user)) right_.emplace(user, digest);
  }
}

}  // namespace cpu_monitor::exporter
