#include "exporter/basic_auth.hpp"

#include <array>
#include <atomic>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/base64.hpp"
#include "tests/support/bcrypt_hashes.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::exporter {

void PrintTo(BasicAuth::Verdict verdict, std::ostream* out) {
  constexpr std::array<const char*, 3> kWords{"allowed", "denied", "busy"};
  *out << kWords.at(static_cast<std::size_t>(verdict));
}

namespace {

using tests::basic;
using Verdict = BasicAuth::Verdict;

// With a hash of ours: the hash of `x` is `x` and what makes it as long as one of bcrypt.

std::string hash_of(const std::string& password, const std::string& cost = "10") {
  std::string hash = "$2b$" + cost + "$" + password;
  hash.resize(60, '.');
  return hash;
}

/// Counts, and lets a test hold the one that runs.
class Hasher {
 public:
  BasicAuth::HashCheck check() {
    return [this](const std::string& password, const std::string& hash) {
      std::unique_lock lock(mutex_);
      checked_.emplace_back(password, hash);
      threads_.push_back(std::this_thread::get_id());
      changed_.notify_all();
      changed_.wait(lock, [this] { return permits_ > 0; });
      --permits_;
      return hash == hash_of(password, hash.substr(4, 2));
    };
  }

  /// Lets this many more run to their ends.
  void permit(std::size_t runs) {
    const std::lock_guard lock(mutex_);
    permits_ += runs;
    changed_.notify_all();
  }
  void permit_all() { permit(1'000'000); }

  /// Until the n-th run has begun.
  void await_run(std::size_t n) {
    std::unique_lock lock(mutex_);
    ASSERT_TRUE(changed_.wait_for(lock, std::chrono::seconds(10),
                                  [this, n] { return checked_.size() >= n; }));
  }

  std::vector<std::pair<std::string, std::string>> checked() {
    const std::lock_guard lock(mutex_);
    return checked_;
  }
  std::size_t runs() { return checked().size(); }

  std::vector<std::thread::id> threads() {
    const std::lock_guard lock(mutex_);
    return threads_;
  }

  std::vector<std::string> passwords() {
    std::vector<std::string> passwords;
    for (const auto& [password, hash] : checked()) passwords.push_back(password);
    return passwords;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, std::string>> checked_;
  std::vector<std::thread::id> threads_;
  std::size_t permits_ = 0;
};

/// What became of the questions of a test, in the order of the answers.
class Verdicts {
 public:
  BasicAuth::OnVerdict note(std::string who) {
    return [this, who = std::move(who)](Verdict verdict) {
      const std::lock_guard lock(mutex_);
      all_.emplace_back(who, verdict);
      changed_.notify_all();
    };
  }

  std::vector<std::pair<std::string, Verdict>> all() {
    const std::lock_guard lock(mutex_);
    return all_;
  }

  /// The first n.
  std::vector<std::pair<std::string, Verdict>> await(std::size_t n) {
    std::unique_lock lock(mutex_);
    EXPECT_TRUE(
        changed_.wait_for(lock, std::chrono::seconds(10), [this, n] { return all_.size() >= n; }));
    return all_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::pair<std::string, Verdict>> all_;
};

const BasicAuth::Users kUsers{{"alice", hash_of("right")}, {"bob", hash_of("word")}};

class Judging : public testing::Test {
 protected:
  void TearDown() override { hasher_.permit_all(); }

  /// Asks, and waits for the answer.
  Verdict judge(std::string_view authorization, const std::string& address = "10.0.0.1") {
    const std::size_t before = verdicts_.all().size();
    auth_->judge(address, authorization, verdicts_.note(""));
    return verdicts_.await(before + 1).back().second;
  }

  void ask(const std::string& address, const std::string& user, const std::string& password) {
    auth_->judge(address, basic(user, password), verdicts_.note(password));
  }

  void restart(BasicAuth::Users users) {
    auth_ = std::make_unique<BasicAuth>(std::move(users), auth_.get(), hasher_.check());
  }

  Hasher hasher_;
  Verdicts verdicts_;
  std::unique_ptr<BasicAuth> auth_ = std::make_unique<BasicAuth>(kUsers, nullptr, hasher_.check());
};

TEST_F(Judging, AllowsTheRightPassword) {
  hasher_.permit_all();
  EXPECT_EQ(judge(basic("alice", "right")), Verdict::allowed);
  EXPECT_EQ(judge(basic("bob", "word")), Verdict::allowed);
}

TEST_F(Judging, DeniesEverythingElse) {
  hasher_.permit_all();
  EXPECT_EQ(judge(basic("alice", "word")), Verdict::denied);
  EXPECT_EQ(judge(basic("bob", "right")), Verdict::denied);
  EXPECT_EQ(judge(basic("Alice", "right")), Verdict::denied);
  EXPECT_EQ(judge(basic("alice", "")), Verdict::denied);
  EXPECT_EQ(judge(basic("", "")), Verdict::denied);
  EXPECT_EQ(judge(basic("eve", "right")), Verdict::denied);
}

TEST_F(Judging, DeniesWithoutBcryptWhatIsNoBasicAuthorization) {
  for (const std::string text : {"", "Bearer x", "Basic !", "Basic YWI="}) {
    EXPECT_EQ(auth_->known(text), Verdict::denied) << text;
    EXPECT_EQ(judge(text), Verdict::denied) << text;
  }
  EXPECT_EQ(hasher_.runs(), 0U);
}

TEST_F(Judging, KnowsNobodyAtFirst) {
  EXPECT_EQ(auth_->known(basic("alice", "right")), std::nullopt);
  EXPECT_EQ(auth_->known(basic("eve", "right")), std::nullopt);
}

TEST_F(Judging, KnowsWhatItHasJudged) {
  hasher_.permit_all();
  judge(basic("alice", "right"));
  judge(basic("alice", "wrong"));
  judge(basic("eve", "right"));
  EXPECT_EQ(auth_->known(basic("alice", "right")), Verdict::allowed);
  EXPECT_EQ(auth_->known(basic("alice", "wrong")), Verdict::denied);
  EXPECT_EQ(auth_->known(basic("eve", "right")), Verdict::denied);
  EXPECT_EQ(judge(basic("alice", "right")), Verdict::allowed);
  EXPECT_EQ(judge(basic("alice", "wrong")), Verdict::denied);
  EXPECT_EQ(hasher_.runs(), 3U);
}

TEST_F(Judging, TellsPartsFromEachOther) {
  hasher_.permit_all();
  restart({{"a", hash_of("bc")}, {"ab", hash_of("c!")}});
  EXPECT_EQ(judge(basic("a", "bc")), Verdict::allowed);
  EXPECT_EQ(judge(basic("ab", "c")), Verdict::denied);
  EXPECT_EQ(hasher_.runs(), 2U);
}

TEST_F(Judging, ChecksAnUnknownUserLikeTheDearestOne) {
  hasher_.permit_all();
  restart(
      {{"alice", hash_of("a", "05")}, {"bob", hash_of("b", "12")}, {"eve", hash_of("e", "09")}});
  judge(basic("mallory", "x"));
  const std::string hash = hasher_.checked().at(0).second;
  EXPECT_EQ(hash.size(), 60U);
  EXPECT_EQ(hash.substr(0, 7), "$2b$12$");
}

TEST_F(Judging, DeniesAnUnknownUserEvenWhenThePasswordFits) {
  BasicAuth auth(kUsers, nullptr, [](const std::string&, const std::string&) { return true; });
  auth.judge("a", basic("eve", "x"), verdicts_.note("eve"));
  EXPECT_EQ(verdicts_.await(1).back().second, Verdict::denied);
  EXPECT_EQ(auth.known(basic("eve", "x")), Verdict::denied);
}

TEST_F(Judging, DeniesEverybodyWithoutUsers) {
  hasher_.permit_all();
  restart({});
  EXPECT_EQ(judge(basic("alice", "right")), Verdict::denied);
  EXPECT_EQ(judge(basic("", "")), Verdict::denied);
  EXPECT_EQ(hasher_.checked().at(0).second.substr(0, 7), "$2b$10$");
}

TEST_F(Judging, TakesPasswordsOver72BytesForTheirBeginning) {
  hasher_.permit_all();
  const std::string password(72, 'p');
  EXPECT_EQ(judge(basic("alice", password)), Verdict::denied);
  EXPECT_EQ(judge(basic("alice", password + "q")), Verdict::denied);
  EXPECT_EQ(hasher_.passwords(), std::vector<std::string>{password});
}

TEST_F(Judging, CostsNoScrapeOfTheRightPasswordWhateverTheWrongOnes) {
  hasher_.permit(1);
  ASSERT_EQ(judge(basic("alice", "right")), Verdict::allowed);
  // None of these runs ends, and still the right one is allowed in between, each time at once.
  for (int i = 0; i < 1000; ++i) {
    ask("10.0.0." + std::to_string(i % 200), "alice", "wrong" + std::to_string(i));
    ASSERT_EQ(auth_->known(basic("alice", "right")), Verdict::allowed);
    auth_->judge("10.0.0.1", basic("alice", "right"), verdicts_.note("right"));
    const auto last = verdicts_.all().back();
    ASSERT_EQ(last.first, "right");
    ASSERT_EQ(last.second, Verdict::allowed);
  }
  hasher_.await_run(2);
  EXPECT_EQ(hasher_.runs(), 2U);
}

TEST_F(Judging, KeepsTheRightPasswordThroughAnyNumberOfWrongOnes) {
  hasher_.permit_all();
  judge(basic("alice", "right"));
  for (std::size_t i = 0; i < 2 * BasicAuth::kMaxKnownWrong; ++i) {
    judge(basic("alice", "wrong" + std::to_string(i)));
  }
  EXPECT_EQ(auth_->known(basic("alice", "right")), Verdict::allowed);
}

TEST_F(Judging, ForgetsTheOldestOfTheWrongPasswords) {
  hasher_.permit_all();
  for (std::size_t i = 0; i <= BasicAuth::kMaxKnownWrong; ++i) {
    judge(basic("alice", "wrong" + std::to_string(i)));
  }
  EXPECT_EQ(auth_->known(basic("alice", "wrong0")), std::nullopt);
  EXPECT_EQ(auth_->known(basic("alice", "wrong1")), Verdict::denied);
}

TEST_F(Judging, RunsOneAtATimeOnAThreadOfItsOwn) {
  for (const std::string address : {"a", "b", "c"}) ask(address, "alice", address);
  hasher_.await_run(1);
  EXPECT_EQ(hasher_.runs(), 1U);
  hasher_.permit_all();
  verdicts_.await(3);
  for (const std::thread::id thread : hasher_.threads()) {
    EXPECT_NE(thread, std::this_thread::get_id());
    EXPECT_EQ(thread, hasher_.threads().front());
  }
}

TEST_F(Judging, ServesAddressesInTurn) {
  ask("a", "alice", "a0");
  hasher_.await_run(1);
  for (const std::string password : {"a1", "a2"}) ask("a", "alice", password);
  for (const std::string password : {"b1", "b2"}) ask("b", "alice", password);
  ask("c", "alice", "c1");
  hasher_.permit_all();
  verdicts_.await(6);
  EXPECT_EQ(hasher_.passwords(), (std::vector<std::string>{"a0", "a1", "b1", "c1", "a2", "b2"}));
}

TEST_F(Judging, LetsANewcomerWaitForEachAddressOnceAtMost) {
  ask("flood", "alice", "f0");
  hasher_.await_run(1);
  for (int i = 1; i < 1000; ++i) ask("flood", "alice", "f" + std::to_string(i));
  ask("prometheus", "alice", "right");
  hasher_.permit(3);
  hasher_.await_run(4);
  EXPECT_EQ(hasher_.passwords(), (std::vector<std::string>{"f0", "f1", "right", "f2"}));
  EXPECT_EQ(auth_->known(basic("alice", "right")), Verdict::allowed);
}

TEST_F(Judging, LetsAFloodThatNeverStopsHaveEverySecondTurnOnly) {
  ask("flood", "alice", "f0");
  ask("flood", "alice", "f1");
  hasher_.await_run(1);
  for (std::size_t i = 0; i < 20; ++i) {
    ask("flood", "alice", "f" + std::to_string(i + 2));
    ask("other", "alice", "o" + std::to_string(i));
    hasher_.permit(1);
    hasher_.await_run(i + 2);
  }
  std::size_t others = 0;
  for (const std::string& password : hasher_.passwords()) others += password.starts_with('o');
  EXPECT_EQ(others, 10U);
}

TEST_F(Judging, IsBusyWhenTwoOfAnAddressWait) {
  ask("a", "alice", "runs");
  hasher_.await_run(1);
  ask("a", "alice", "waits1");
  ask("a", "alice", "waits2");
  EXPECT_EQ(verdicts_.all().size(), 0U);
  ask("a", "alice", "third");
  EXPECT_EQ(verdicts_.all(),
            (std::vector<std::pair<std::string, Verdict>>{{"third", Verdict::busy}}));
  hasher_.permit_all();
  verdicts_.await(4);
  EXPECT_EQ(hasher_.passwords(), (std::vector<std::string>{"runs", "waits1", "waits2"}));
}

TEST_F(Judging, IsBusyWhen64Wait) {
  ask("first", "alice", "runs");
  hasher_.await_run(1);
  for (std::size_t i = 0; i < BasicAuth::kMaxWaiting; ++i) {
    ask("address" + std::to_string(i), "alice", std::to_string(i));
  }
  EXPECT_EQ(verdicts_.all().size(), 0U);
  ask("late", "alice", "right");
  EXPECT_EQ(verdicts_.all(),
            (std::vector<std::pair<std::string, Verdict>>{{"right", Verdict::busy}}));
  EXPECT_EQ(auth_->known(basic("alice", "right")), std::nullopt);  // busy is no verdict
  hasher_.permit_all();
  verdicts_.await(BasicAuth::kMaxWaiting + 2);
  EXPECT_EQ(hasher_.runs(), BasicAuth::kMaxWaiting + 1);
}

TEST_F(Judging, HasRoomAgainAfterItWasBusy) {
  ask("a", "alice", "runs");
  hasher_.await_run(1);
  for (int i = 0; i < 3; ++i) ask("a", "alice", std::to_string(i));
  hasher_.permit_all();
  verdicts_.await(4);
  EXPECT_EQ(judge(basic("alice", "right"), "a"), Verdict::allowed);
}

TEST_F(Judging, RunsOnceForAllWhoAskTheSame) {
  for (int i = 0; i < 20; ++i) ask("address" + std::to_string(i), "alice", "right");
  hasher_.permit_all();
  for (const auto& [who, verdict] : verdicts_.await(20)) EXPECT_EQ(verdict, Verdict::allowed);
  EXPECT_EQ(hasher_.runs(), 1U);
}

TEST_F(Judging, RemembersRightPasswordsOfTheConfigurationBefore) {
  hasher_.permit_all();
  judge(basic("alice", "right"));
  judge(basic("bob", "word"));
  BasicAuth::Users users = kUsers;
  users["bob"] = hash_of("new");
  users["eve"] = hash_of("apple");
  restart(users);
  EXPECT_EQ(auth_->known(basic("alice", "right")), Verdict::allowed);
  EXPECT_EQ(auth_->known(basic("bob", "word")), std::nullopt);
  EXPECT_EQ(judge(basic("bob", "word")), Verdict::denied);
  EXPECT_EQ(judge(basic("bob", "new")), Verdict::allowed);
}

TEST_F(Judging, ForgetsUsersWhoAreGone) {
  hasher_.permit_all();
  judge(basic("alice", "right"));
  restart({{"bob", hash_of("word")}});
  EXPECT_EQ(auth_->known(basic("alice", "right")), std::nullopt);
  EXPECT_EQ(judge(basic("alice", "right")), Verdict::denied);
  restart(kUsers);
  EXPECT_EQ(auth_->known(basic("alice", "right")), std::nullopt);
}

TEST_F(Judging, JudgesAnewAUserWhoWasUnknownBefore) {
  hasher_.permit_all();
  EXPECT_EQ(judge(basic("eve", "apple")), Verdict::denied);
  restart({{"eve", hash_of("apple")}});
  EXPECT_EQ(judge(basic("eve", "apple")), Verdict::allowed);
}

TEST_F(Judging, EndsAfterTheOneThatRuns) {
  ask("a", "alice", "right");
  hasher_.await_run(1);
  std::atomic<bool> has_ended = false;
  std::thread end([&] {
    auth_.reset();
    has_ended = true;
  });
  EXPECT_FALSE(has_ended);
  hasher_.permit(1);
  end.join();
  EXPECT_EQ(verdicts_.all(),
            (std::vector<std::pair<std::string, Verdict>>{{"right", Verdict::allowed}}));
}

TEST_F(Judging, IsBusyForThoseWhoWaitWhenItEnds) {
  auth_->judge("a", basic("alice", "right"), [this](Verdict) { auth_.reset(); });
  hasher_.await_run(1);
  for (int i = 0; i < 5; ++i) ask("address" + std::to_string(i), "alice", std::to_string(i));
  hasher_.permit_all();
  for (const auto& [who, verdict] : verdicts_.await(5)) EXPECT_EQ(verdict, Verdict::busy) << who;
  EXPECT_EQ(hasher_.runs(), 1U);
}

TEST_F(Judging, EndsAtOnceWhenNothingRuns) {
  auth_.reset();
  EXPECT_EQ(hasher_.runs(), 0U);
}

TEST_F(Judging, MayEndInTheMiddleOfItsOwnAnswer) {
  hasher_.permit_all();
  std::atomic<bool> is_over = false;
  auth_->judge("a", basic("alice", "right"), [&](Verdict) {
    auth_.reset();
    is_over = true;
  });
  EXPECT_TRUE(tests::eventually([&] { return is_over.load(); }));
}

TEST_F(Judging, MayBeAskedAgainFromAnAnswer) {
  hasher_.permit_all();
  auth_->judge("a", basic("alice", "wrong"), [this](Verdict) { ask("a", "alice", "right"); });
  EXPECT_EQ(verdicts_.await(1).front().second, Verdict::allowed);
}

TEST_F(Judging, AnswersEachOfManyThreadsOnce) {
  hasher_.permit_all();
  std::atomic<int> answers = 0;
  std::atomic<int> wrong_answers = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 500; ++i) {
        const bool is_right = i % 5 == 0;
        const std::string password = is_right ? "right" : std::to_string(t * 1000 + i);
        auth_->judge("thread" + std::to_string(t), basic("alice", password),
                     [&, is_right](Verdict v) {
                       ++answers;
                       if (v != Verdict::busy && (v == Verdict::allowed) != is_right)
                         ++wrong_answers;
                     });
        static_cast<void>(auth_->known(basic("alice", password)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_TRUE(tests::eventually([&] { return answers == 2000; }));
  EXPECT_EQ(wrong_answers, 0);
}

TEST(JudgingWithBcrypt, AllowsThePasswordOfEachKindOfHash) {
  Verdicts verdicts;
  BasicAuth auth({{"a", tests::kEmpty2a},
                  {"b", tests::kSecret2b},
                  {"y", tests::kSecret2y},
                  {"long", tests::kLong2b}});
  auth.judge("1", basic("a", ""), verdicts.note("a"));
  auth.judge("2", basic("b", "secret"), verdicts.note("b"));
  auth.judge("3", basic("y", "secret"), verdicts.note("y"));
  auth.judge("4", basic("long", tests::long_password() + "more"), verdicts.note("long"));
  for (const auto& [who, verdict] : verdicts.await(4)) EXPECT_EQ(verdict, Verdict::allowed) << who;
}

TEST(JudgingWithBcrypt, DeniesOtherPasswordsAndOtherUsers) {
  Verdicts verdicts;
  BasicAuth auth({{"a", tests::kSecret2b}});
  auth.judge("1", basic("a", "secreT"), verdicts.note("wrong"));
  auth.judge("2", basic("b", "secret"), verdicts.note("unknown"));
  auth.judge("3", basic("a", ""), verdicts.note("empty"));
  for (const auto& [who, verdict] : verdicts.await(3)) EXPECT_EQ(verdict, Verdict::denied) << who;
}

}  // namespace
}  // namespace cpu_monitor::exporter
