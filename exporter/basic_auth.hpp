#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "exporter/bcrypt.hpp"

namespace cpu_monitor::exporter {

/// Judges the Authorization headers of web clients against users and the bcrypt hashes of their
/// passwords.
///
/// One bcrypt runs at a time, on a thread of its own.  Those who wait for it are served in turn by
/// client address, so that a flood from one address costs the others one bcrypt each.  A password
/// that was right is known from then on and never waits; the last wrong ones are known too, but
/// never in its place.  No password is kept, only SHA-256 of it with its user and hash.
/// A user who does not exist takes as long as one who does.
///
/// Never changes its users: a new configuration is a new object.
/// Threads: any may call; methods but the destructor never wait for a bcrypt.
class BasicAuth {
 public:
  enum class Verdict : unsigned char {
    allowed,
    denied,
    busy,  ///< nothing was judged: too many wait, or this is going away; may be tried again
  };
  using Users = UserHashes;
  using OnVerdict = std::function<void(Verdict)>;
  using HashCheck = std::function<bool(const std::string& password, const std::string& hash)>;

  /// Those who wait for the one that runs.
  static constexpr std::size_t kMaxWaitingOfAddress = 2;
  static constexpr std::size_t kMaxWaiting = 64;
  static constexpr std::size_t kMaxKnownWrong = 1024;

  /// Users as WebConfig has them; without any, everybody is denied.  `predecessor` is the object of
  /// the configuration before, whose right passwords stay known if user and hash are the same.
  /// `check` runs on the thread of this object.
  explicit BasicAuth(Users users, const BasicAuth* predecessor = nullptr,
                     HashCheck check = has_bcrypt_hash);

  /// Waits for the bcrypt that runs, if one does (unless it is called by an OnVerdict).  Those who
  /// wait are told that it is busy.
  ~BasicAuth();
  BasicAuth(const BasicAuth&) = delete;
  BasicAuth& operator=(const BasicAuth&) = delete;

  /// The verdict, when it needs no bcrypt: allowed or denied.  An absent header is an empty one,
  /// and denied.
  [[nodiscard]] std::optional<Verdict> known(std::string_view authorization) const;

  /// Calls `on_verdict` exactly once: before it returns, for what is known or busy, otherwise
  /// later, on the thread of this object, which waits for it.  `on_verdict` must not throw.
  /// `client_address` is what counts as one client: an IPv4 address, the first 64 bits of an IPv6
  /// one.
  void judge(const std::string& client_address, std::string_view authorization,
             OnVerdict on_verdict);

 private:
  class Worker;
  std::shared_ptr<Worker> worker_;
};

}  // namespace cpu_monitor::exporter
