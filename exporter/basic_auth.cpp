#include "exporter/basic_auth.hpp"

#include <crypt.h>
#include <string.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace cpu_monitor::exporter {
namespace {

using Digest = std::array<unsigned char, 32>;

constexpr std::size_t kBcryptPasswordBytes = 72;
constexpr std::size_t kBcryptHashBytes = 60;
constexpr std::size_t kBcryptDigestAt = 29;  ///< behind `$2y$10$` and the salt
constexpr std::size_t kBcryptCostAt = 4;

/// Of no known password.  Nobody gets in with it, even who finds one.
constexpr std::string_view kNobodysHash =
    "$2b$10$NoSuchUserNoSuchUserNu2MmGcmuXnM2yg7VR4hVJbAUdIwGhUTO";

// The header.

/// The value of a Base64 digit, or 64.
unsigned digit_value(char digit) {
  if (digit >= 'A' && digit <= 'Z') return static_cast<unsigned>(digit - 'A');
  if (digit >= 'a' && digit <= 'z') return static_cast<unsigned>(digit - 'a') + 26;
  if (digit >= '0' && digit <= '9') return static_cast<unsigned>(digit - '0') + 52;
  if (digit == '+') return 62;
  return digit == '/' ? 63 : 64;
}

std::optional<std::string> decode_base64(std::string_view text) {
  if (text.empty() || text.size() % 4 != 0) return std::nullopt;
  const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
  text.remove_suffix(padding);

  std::string bytes;
  std::uint32_t bits = 0;  // of the digits read, those that no byte took
  unsigned count = 0;
  for (const char digit : text) {
    const unsigned value = digit_value(digit);
    if (value == 64) return std::nullopt;
    bits = (bits << 6) | value;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count);
    bits &= (1U << count) - 1;
  }
  if (bits != 0) return std::nullopt;
  return bytes;
}

bool is_basic(std::string_view scheme) {
  constexpr std::string_view kScheme = "basic";
  const auto equal_but_for_case = [](char a, char b) { return (a | 0x20) == b; };
  return std::ranges::equal(scheme, kScheme, equal_but_for_case);
}

// What is judged.

Digest sha256(std::string_view text) {
  Digest digest{};
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

/// Somebody who asks to be let in.
struct Candidate {
  UserPassword credentials;  ///< with the part of the password that counts
  std::string hash;          ///< of the user, or nobody's
  bool is_user = false;
  Digest digest{};  ///< of all three
};

Digest digest_of(const UserPassword& credentials, const std::string& hash) {
  std::string text;
  append_with_length(text, credentials.user);
  append_with_length(text, credentials.password);
  append_with_length(text, hash);
  const Digest digest = sha256(text);
  OPENSSL_cleanse(text.data(), text.size());
  return digest;
}

/// nobody's hash, as dear as the dearest of the users'.
std::string nobodys_hash(const BasicAuth::Users& users) {
  std::string cost;
  for (const auto& [user, hash] : users) {
    if (hash.size() == kBcryptHashBytes) cost = std::max(cost, hash.substr(kBcryptCostAt, 2));
  }
  std::string hash(kNobodysHash);
  if (!cost.empty()) hash.replace(kBcryptCostAt, cost.size(), cost);
  return hash;
}

/// Those who wait, each address in its turn.  At most BasicAuth::kMaxWaiting in all.
template <class Job>
class FairQueue {
 public:
  [[nodiscard]] bool empty() const { return turns_.empty(); }

  /// False when there is no room for it; then `job` is as it was.
  [[nodiscard]] bool push(const std::string& address, Job& job) {
    if (size_ == BasicAuth::kMaxWaiting) return false;
    const auto turn = std::ranges::find(turns_, address, &Turn::address);
    if (turn == turns_.end()) {
      turns_.push_back({address, {}});
      turns_.back().jobs.push_back(std::move(job));
    } else {
      if (turn->jobs.size() == BasicAuth::kMaxWaitingOfAddress) return false;
      turn->jobs.push_back(std::move(job));
    }
    ++size_;
    return true;
  }

  /// Of the address whose turn it is, which goes to the end of the line.  Not when empty.
  [[nodiscard]] Job pop() {
    Turn turn = std::move(turns_.front());
    turns_.pop_front();
    Job job = std::move(turn.jobs.front());
    turn.jobs.pop_front();
    if (!turn.jobs.empty()) turns_.push_back(std::move(turn));
    --size_;
    return job;
  }

 private:
  struct Turn {
    std::string address;
    std::deque<Job> jobs;
  };

  std::deque<Turn> turns_;
  std::size_t size_ = 0;
};

/// The last of the wrong ones.
class KnownWrong {
 public:
  [[nodiscard]] bool holds(const Digest& digest) const { return digests_.contains(digest); }

  void add(const Digest& digest) {
    if (!digests_.insert(digest).second) return;
    order_.push_back(digest);
    if (order_.size() <= BasicAuth::kMaxKnownWrong) return;
    digests_.erase(order_.front());
    order_.pop_front();
  }

 private:
  std::set<Digest> digests_;
  std::deque<Digest> order_;
};

}  // namespace

std::optional<UserPassword> parse_basic_authorization(std::string_view authorization) {
  if (authorization.size() > kMaxAuthorizationBytes) return std::nullopt;
  const std::size_t space = authorization.find(' ');
  if (space == std::string_view::npos || !is_basic(authorization.substr(0, space))) {
    return std::nullopt;
  }
  authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', space),  //
                                       authorization.size()));
  const auto decoded = decode_base64(authorization);
  if (!decoded || decoded->find('\0') != std::string::npos) return std::nullopt;
  const std::size_t colon = decoded->find(':');
  if (colon == std::string::npos) return std::nullopt;
  return UserPassword{decoded->substr(0, colon), decoded->substr(colon + 1)};
}

bool has_bcrypt_hash(const std::string& password, const std::string& hash) {
  if (hash.size() != kBcryptHashBytes || !hash.starts_with("$2")) return false;
  const std::string key = password.substr(0, kBcryptPasswordBytes);
  const auto memory = std::make_unique<crypt_data>();
  const char* const made = ::crypt_r(key.c_str(), hash.c_str(), memory.get());
  // libcrypt writes the last digit of a salt as it should be, some programs did not: only what
  // stands behind it is compared.
  const bool is_equal = made != nullptr && ::strlen(made) == kBcryptHashBytes &&
                        CRYPTO_memcmp(made + kBcryptDigestAt, hash.c_str() + kBcryptDigestAt,
                                      kBcryptHashBytes - kBcryptDigestAt) == 0;
  OPENSSL_cleanse(memory.get(), sizeof(crypt_data));
  return is_equal;
}

/// All there is; shared with its thread, which may outlive the BasicAuth.
class BasicAuth::Worker {
 public:
  Worker(Users users, const Worker* predecessor, HashCheck check)
      : users_(std::move(users)), nobodys_hash_(nobodys_hash(users_)), check_(std::move(check)) {
    if (predecessor != nullptr) take_over(*predecessor);
  }

  /// None when the header is not one of basic authentication.
  [[nodiscard]] std::optional<Candidate> candidate_of(std::string_view authorization) const {
    auto credentials = parse_basic_authorization(authorization);
    if (!credentials) return std::nullopt;
    if (credentials->password.size() > kBcryptPasswordBytes) {
      credentials->password.resize(kBcryptPasswordBytes);
    }
    const auto user = users_.find(credentials->user);
    Candidate candidate;
    candidate.is_user = user != users_.end();
    candidate.hash = candidate.is_user ? user->second : nobodys_hash_;
    candidate.credentials = std::move(*credentials);
    candidate.digest = digest_of(candidate.credentials, candidate.hash);
    return candidate;
  }

  [[nodiscard]] std::optional<Verdict> known(const Candidate& candidate) const {
    const std::lock_guard lock(mutex_);
    return known_locked(candidate);
  }

  /// The verdict if there is one at once; otherwise `on_verdict` was taken.
  [[nodiscard]] std::optional<Verdict> ask(const std::string& address, Candidate candidate,
                                           OnVerdict& on_verdict) {
    const std::lock_guard lock(mutex_);
    if (const auto verdict = known_locked(candidate)) return verdict;
    if (is_stopping_) return Verdict::busy;
    Job job{std::move(candidate), std::move(on_verdict)};
    if (!queue_.push(address, job)) {
      on_verdict = std::move(job.on_verdict);
      return Verdict::busy;
    }
    changed_.notify_one();
    return std::nullopt;
  }

  void run() {
    while (auto job = next()) {
      const Verdict verdict = judge(job->candidate);
      OPENSSL_cleanse(job->candidate.credentials.password.data(),
                      job->candidate.credentials.password.size());
      job->on_verdict(verdict);
    }
    for (Job& job : leftovers()) job.on_verdict(Verdict::busy);
  }

  void stop() {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
    changed_.notify_one();
  }

  std::thread thread;  ///< of the BasicAuth, which starts it and waits for it

 private:
  struct Job {
    Candidate candidate;
    OnVerdict on_verdict;
  };

  void take_over(const Worker& predecessor) {
    const std::lock_guard lock(predecessor.mutex_);
    for (const auto& [user, digest] : predecessor.right_) {
      const auto now = users_.find(user);
      if (now != users_.end() && now->second == predecessor.users_.at(user)) {
        right_.emplace(user, digest);
      }
    }
  }

  [[nodiscard]] std::optional<Verdict> known_locked(const Candidate& candidate) const {
    const auto right = right_.find(candidate.credentials.user);
    if (right != right_.end() && CRYPTO_memcmp(right->second.data(), candidate.digest.data(),
                                               candidate.digest.size()) == 0) {
      return Verdict::allowed;
    }
    if (wrong_.holds(candidate.digest)) return Verdict::denied;
    return std::nullopt;
  }

  /// Waits for somebody who asks; none at the end.
  [[nodiscard]] std::optional<Job> next() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return is_stopping_ || !queue_.empty(); });
    if (is_stopping_) return std::nullopt;
    return queue_.pop();
  }

  [[nodiscard]] Verdict judge(const Candidate& candidate) {
    // The same may have been asked, and judged, since it began to wait.
    if (const auto verdict = known(candidate)) return *verdict;
    const bool is_right =
        check_(candidate.credentials.password, candidate.hash) && candidate.is_user;
    const std::lock_guard lock(mutex_);
    if (is_right) {
      right_.insert_or_assign(candidate.credentials.user, candidate.digest);
    } else {
      wrong_.add(candidate.digest);
    }
    return is_right ? Verdict::allowed : Verdict::denied;
  }

  [[nodiscard]] std::vector<Job> leftovers() {
    const std::lock_guard lock(mutex_);
    std::vector<Job> jobs;
    while (!queue_.empty()) jobs.push_back(queue_.pop());
    return jobs;
  }

  const Users users_;
  const std::string nobodys_hash_;
  const HashCheck check_;

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  bool is_stopping_ = false;
  FairQueue<Job> queue_;
  std::map<std::string, Digest, std::less<>> right_;  ///< one a user: no wrong one takes its place
  KnownWrong wrong_;
};

BasicAuth::BasicAuth(Users users, const BasicAuth* predecessor, HashCheck check)
    : worker_(std::make_shared<Worker>(
          std::move(users), predecessor == nullptr ? nullptr : predecessor->worker_.get(),
          std::move(check))) {
  worker_->thread = std::thread([worker = worker_] { worker->run(); });
}

BasicAuth::~BasicAuth() {
  worker_->stop();
  std::thread& thread = worker_->thread;
  if (thread.get_id() == std::this_thread::get_id()) {
    thread.detach();
  } else {
    thread.join();
  }
}

std::optional<BasicAuth::Verdict> BasicAuth::known(std::string_view authorization) const {
  const auto candidate = worker_->candidate_of(authorization);
  return candidate ? worker_->known(*candidate) : Verdict::denied;
}

void BasicAuth::judge(const std::string& client_address, std::string_view authorization,
                      OnVerdict on_verdict) {
  auto candidate = worker_->candidate_of(authorization);
  const auto verdict =
      candidate ? worker_->ask(client_address, std::move(*candidate), on_verdict) : Verdict::denied;
  if (verdict) on_verdict(*verdict);
}

}  // namespace cpu_monitor::exporter
