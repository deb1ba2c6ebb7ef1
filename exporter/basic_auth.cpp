#include "exporter/basic_auth.hpp"

#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <openssl/crypto.h>

#include "exporter/basic_authorization.hpp"
#include "exporter/fair_queue.hpp"
#include "exporter/known_passwords.hpp"

namespace cpu_monitor::exporter {
namespace {

/// Somebody who asks to be let in.
struct Candidate {
  UserPassword credentials;  ///< with the part of the password that counts
  std::string hash;          ///< of the user, or nobody's
  bool is_user = false;
  PasswordDigest digest{};  ///< of all three
};

}  // namespace

/// All there is; shared with its thread, which may outlive the BasicAuth.
class BasicAuth::Worker {
 public:
  Worker(Users users, const Worker* predecessor, HashCheck check)
      : users_(std::move(users)), nobodys_hash_(nobodys_hash(users_)), check_(std::move(check)) {
    if (predecessor == nullptr) return;
    const std::lock_guard lock(predecessor->mutex_);
    known_.take_over(predecessor->known_, predecessor->users_, users_);
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

  [[nodiscard]] std::optional<Verdict> known_locked(const Candidate& candidate) const {
    const auto is_right = known_.is_right(candidate.credentials.user, candidate.digest);
    if (!is_right) return std::nullopt;
    return *is_right ? Verdict::allowed : Verdict::denied;
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
    known_.add(candidate.credentials.user, candidate.digest, is_right);
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
  FairQueue<Job> queue_{kMaxWaiting, kMaxWaitingOfAddress};
  KnownPasswords known_{kMaxKnownWrong};
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
