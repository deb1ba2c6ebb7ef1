#include "exporter/enrolment.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "exporter/credentials.hpp"
#include "exporter/enrolment_files.hpp"
#include "tests/support/temp_folder.hpp"

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;
using Names = std::vector<std::string>;

const Time kNow = std::chrono::sys_days(2026y / 11 / 24) + 12h;

bool contains(const std::string& text, const std::string& what) {
  return text.find(what) != std::string::npos;
}

std::string fault_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "";
}

EnrolmentTerms usual_terms() {
  EnrolmentTerms terms;
  terms.address = {"10.0.0.5", 8080};
  return terms;
}

class EnrolmentTest : public testing::Test {
 protected:
  std::vector<Enrolled> enroll(const Names& names, const EnrolmentTerms& terms = usual_terms(),
                               Time now = kNow) {
    return Enrolment(directory_).enroll(names, terms, now);
  }

  JoinLine enroll_one(const std::string& name, const EnrolmentTerms& terms = usual_terms()) {
    return enroll({name}, terms).at(0).line;
  }

  [[nodiscard]] std::string text_of(const char* file) const {
    std::ifstream input(path_in(directory_, file), std::ios::binary);
    std::ostringstream text;
    text << input.rdbuf();
    return text.str();
  }

  void put(const char* file, const std::string& text) const {
    std::ofstream(path_in(directory_, file), std::ios::binary | std::ios::trunc) << text;
    ::chmod(path_in(directory_, file).c_str(), 0600);
  }

  void remove(const char* file) const { std::filesystem::remove(path_in(directory_, file)); }

  /// How the exporter judges the token of a line under some name.
  [[nodiscard]] Result<Proof, RefusalCode> judged(const JoinLine& line, const std::string& name,
                                                  Time now = kNow) const {
    const auto credentials = Credentials::parse(text_of(kTokensFile));
    EXPECT_TRUE(credentials) << credentials.error().detail;
    return credentials->judge(name, digest_of_token(line.token), now);
  }

  [[nodiscard]] bool is_taken(const JoinLine& line, Time now = kNow) const {
    const auto proof = judged(line, line.endpoint, now);
    return proof && *proof == Proof::exact;
  }

  tests::TempFolder folder_;
  std::string directory_ = (folder_.path() / "state").string();
};

TEST_F(EnrolmentTest, GivesALineThatTheExporterTakes) {
  const JoinLine line = enroll_one("web-1");
  EXPECT_EQ(line.exporter, (HostPort{"10.0.0.5", 8080}));
  EXPECT_EQ(line.endpoint, "web-1");
  EXPECT_EQ(line.token.size(), 43U);  // 32 bytes, six bits a character
  EXPECT_EQ(line.last_day, std::nullopt);
  EXPECT_TRUE(is_taken(line));
  EXPECT_EQ(parse_join_line(encode_join_line(line)).value(), line);
}

TEST_F(EnrolmentTest, PinsItsAuthority) {
  const JoinLine line = enroll_one("web-1");
  EXPECT_EQ(line.ca_pin, inspect_certificate(text_of(kAuthorityFile)).fingerprint);
  EXPECT_TRUE(contains(text_of(kServerFile), text_of(kAuthorityFile)));
  const CertificateFacts server = inspect_certificate(text_of(kServerFile));
  EXPECT_EQ(server.names, (Names{std::string(kEnrolledServerName), "10.0.0.5"}));
}

TEST_F(EnrolmentTest, KeepsItsFilesForItsOwner) {
  enroll_one("web-1");
  std::set<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    struct stat status {};
    ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 07777, 0600U) << entry.path();
    EXPECT_EQ(status.st_uid, ::geteuid());
    names.insert(entry.path().filename());
  }
  EXPECT_EQ(names, (std::set<std::string>{".lock", kAddressFile, kAuthorityFile, kAuthorityKeyFile,
                                          kServerFile, kTokensFile}));
}

TEST_F(EnrolmentTest, KeepsNoToken) {
  const JoinLine line = enroll_one("web-1");
  for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
    EXPECT_FALSE(contains(text_of(entry.path().filename().c_str()), line.token)) << entry.path();
  }
}

TEST_F(EnrolmentTest, RefusesTheTokenUnderAnotherName) {
  const JoinLine line = enroll_one("web-1");
  enroll_one("web-2");
  const auto proof = judged(line, "web-2");
  ASSERT_FALSE(proof);
  EXPECT_EQ(proof.error().code, RefusalCode::endpoint_denied);
}

TEST_F(EnrolmentTest, EndsATokenAfterItsLastDay) {
  EnrolmentTerms terms = usual_terms();
  terms.last_day = std::chrono::sys_days(2026y / 12 / 31);
  const JoinLine line = enroll_one("web-1", terms);
  EXPECT_EQ(line.last_day, terms.last_day);
  EXPECT_TRUE(is_taken(line, *terms.last_day + 23h + 59min));
  const auto proof = judged(line, "web-1", *terms.last_day + 24h);
  ASSERT_FALSE(proof);
  EXPECT_TRUE(contains(proof.error().detail, "expired on 2026-12-31")) << proof.error().detail;
}

TEST_F(EnrolmentTest, KeepsTheAuthorityAndItsKeyFromThenOn) {
  const JoinLine first = enroll_one("web-1");
  const std::string authority = text_of(kAuthorityFile) + text_of(kAuthorityKeyFile);
  const std::string server = text_of(kServerFile);
  const JoinLine second = enroll_one("web-2");
  EXPECT_EQ(second.ca_pin, first.ca_pin);
  EXPECT_EQ(text_of(kAuthorityFile) + text_of(kAuthorityKeyFile), authority);
  EXPECT_EQ(text_of(kServerFile), server);
  EXPECT_TRUE(is_taken(first));
  EXPECT_TRUE(is_taken(second));
}

TEST_F(EnrolmentTest, GivesEachMachineATokenOfItsOwn) {
  EXPECT_NE(enroll_one("web-1").token, enroll_one("web-2").token);
}

TEST_F(EnrolmentTest, KeepsTheTokenBeforeTheLast) {
  const JoinLine first = enroll_one("web-1");
  const Enrolled second = enroll({"web-1"}).at(0);
  EXPECT_TRUE(second.had_token);
  EXPECT_EQ(second.dropped, 0U);
  EXPECT_TRUE(is_taken(first));
  const Enrolled third = enroll({"web-1"}).at(0);
  EXPECT_EQ(third.dropped, 1U);
  EXPECT_FALSE(is_taken(first));
  EXPECT_TRUE(is_taken(second.line));
  EXPECT_TRUE(is_taken(third.line));
}

TEST_F(EnrolmentTest, LetsLabelsGoOn) {
  EnrolmentTerms terms = usual_terms();
  terms.labels = {{"rack", "r7"}, {"site", "zürich"}};
  enroll_one("web-1", terms);
  const JoinLine again = enroll_one("web-1");
  const auto credentials = Credentials::parse(text_of(kTokensFile));
  EXPECT_EQ(credentials->labels("web-1", digest_of_token(again.token)), terms.labels);
}

TEST_F(EnrolmentTest, LetsLabelsOfALineOfWindowsGoOn) {
  enroll_one("web-1");
  put(kTokensFile, "web-1 " + std::string(64, 'a') + " rack=r7\r\n");
  enroll_one("web-1");
  EXPECT_TRUE(text_of(kTokensFile).ends_with(" rack=r7\n")) << text_of(kTokensFile);
  EXPECT_TRUE(text_of(kTokensFile).starts_with("web-1 " + std::string(64, 'a') + " rack=r7\r\n"));
}

TEST_F(EnrolmentTest, ReplacesLabelsByThoseItIsGiven) {
  EnrolmentTerms terms = usual_terms();
  terms.labels = {{"rack", "r7"}};
  enroll_one("web-1", terms);
  terms.labels = {{"site", "bern"}};
  const JoinLine again = enroll_one("web-1", terms);
  const auto credentials = Credentials::parse(text_of(kTokensFile));
  EXPECT_EQ(credentials->labels("web-1", digest_of_token(again.token)), terms.labels);
}

TEST_F(EnrolmentTest, LeavesWhatAPersonWrote) {
  enroll_one("web-1");
  const std::string mine =
      "# mine\n\n  web-2   -  rack=r7   # expected\r\n* " + std::string(64, 'a') + "\n";
  put(kTokensFile, mine + text_of(kTokensFile));
  enroll_one("web-2");
  EXPECT_TRUE(contains(text_of(kTokensFile), mine.substr(0, 10)));
  EXPECT_TRUE(text_of(kTokensFile).starts_with(mine)) << text_of(kTokensFile);
}

TEST_F(EnrolmentTest, AddsToALastLineWithoutAnEnd) {
  enroll_one("web-1");
  put(kTokensFile, "web-9 -");
  EXPECT_TRUE(is_taken(enroll_one("web-2")));
  EXPECT_TRUE(text_of(kTokensFile).starts_with("web-9 -\nweb-2 "));
}

TEST_F(EnrolmentTest, KnowsWhoHasNoToken) {
  enroll({"web-1", "web-2"});
  put(kTokensFile, text_of(kTokensFile) + "web-3 -\n");
  EXPECT_EQ(Enrolment(directory_).without_token({"web-4", "web-1", "web-3"}),
            (Names{"web-4", "web-3"}));
}

TEST_F(EnrolmentTest, RevokesAllOfAName) {
  const JoinLine one = enroll_one("web-1");
  const JoinLine other = enroll_one("web-2");
  enroll_one("web-1");
  put(kTokensFile, text_of(kTokensFile) + "web-1 -\n");
  Enrolment(directory_).revoke({"web-1"});
  EXPECT_FALSE(contains(text_of(kTokensFile), "web-1"));
  EXPECT_FALSE(is_taken(one));
  EXPECT_TRUE(is_taken(other));
}

TEST_F(EnrolmentTest, RevokesNobodyWhenANameIsNotThere) {
  const JoinLine one = enroll_one("web-1");
  const std::string fault = fault_of([this] { Enrolment(directory_).revoke({"web-1", "wbe-2"}); });
  EXPECT_TRUE(contains(fault, "'wbe-2'")) << fault;
  EXPECT_TRUE(is_taken(one));
}

TEST_F(EnrolmentTest, RemembersTheAddress) {
  EXPECT_EQ(Enrolment(directory_).last_address(), std::nullopt);
  EnrolmentTerms terms = usual_terms();
  terms.address = {"2001:db8::5", 443};
  enroll_one("web-1", terms);
  EXPECT_EQ(Enrolment(directory_).last_address(), terms.address);
}

TEST_F(EnrolmentTest, CertifiesEveryAddressItWasSaid) {
  enroll_one("web-1");
  EnrolmentTerms terms = usual_terms();
  terms.address = {"monitor.example.org", 8080};
  const JoinLine line = enroll_one("web-2", terms);
  EXPECT_EQ(inspect_certificate(text_of(kServerFile)).names,
            (Names{std::string(kEnrolledServerName), "monitor.example.org", "10.0.0.5"}));
  EXPECT_EQ(line.ca_pin, inspect_certificate(text_of(kAuthorityFile)).fingerprint);
}

TEST_F(EnrolmentTest, ForgetsTheOldestOfManyAddresses) {
  EnrolmentTerms terms = usual_terms();
  for (int i = 0; i < 40; ++i) {
    terms.address.host = "10.0.0." + std::to_string(i);
    enroll_one("web-1", terms);
  }
  const Names names = inspect_certificate(text_of(kServerFile)).names;
  EXPECT_EQ(names.size(), 16U);
  EXPECT_EQ(names.at(0), kEnrolledServerName);
  EXPECT_EQ(names.at(1), "10.0.0.39");
}

TEST_F(EnrolmentTest, EnrolsAThousandAtOnce) {
  Names names;
  for (int i = 0; i < 1000; ++i) names.push_back("web-" + std::to_string(i));
  const auto enrolled = enroll(names);
  ASSERT_EQ(enrolled.size(), names.size());
  const auto credentials = Credentials::parse(text_of(kTokensFile));
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->listed().size(), names.size());
  std::set<std::string> tokens;
  for (const Enrolled& one : enrolled) tokens.insert(one.line.token);
  EXPECT_EQ(tokens.size(), names.size());
  EXPECT_TRUE(Enrolment(directory_).without_token(names).empty());
}

TEST_F(EnrolmentTest, LosesNobodyWhenManyEnrolAtOnce) {
  constexpr int kAtOnce = 8;
  constexpr int kEach = 5;
  std::vector<std::vector<JoinLine>> lines(kAtOnce);
  std::vector<std::thread> threads;
  for (int i = 0; i < kAtOnce; ++i) {
    threads.emplace_back([this, i, &mine = lines[static_cast<std::size_t>(i)]] {
      for (int j = 0; j < kEach; ++j) {
        mine.push_back(enroll_one("web-" + std::to_string(i) + "-" + std::to_string(j)));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::set<std::string> pins;
  for (const auto& mine : lines) {
    ASSERT_EQ(mine.size(), std::size_t{kEach});
    for (const JoinLine& line : mine) {
      EXPECT_TRUE(is_taken(line)) << line.endpoint;
      pins.insert(line.ca_pin);
    }
  }
  EXPECT_EQ(pins.size(), 1U);
}

// Renewal.

TEST_F(EnrolmentTest, RenewsTheServerUnderTheSameAuthority) {
  const JoinLine line = enroll_one("web-1");
  const CertificateFacts before = inspect_certificate(text_of(kServerFile));
  EXPECT_FALSE(renew_if_due(directory_, kNow + days(200)));
  EXPECT_TRUE(renew_if_due(directory_, kNow + days(300)));
  const CertificateFacts after = inspect_certificate(text_of(kServerFile));
  EXPECT_GT(after.not_after, before.not_after + days(250));
  EXPECT_NE(after.fingerprint, before.fingerprint);
  EXPECT_EQ(after.names, before.names);
  EXPECT_TRUE(contains(text_of(kServerFile), text_of(kAuthorityFile)));
  EXPECT_EQ(inspect_certificate(text_of(kAuthorityFile)).fingerprint, line.ca_pin);
  EXPECT_FALSE(renew_if_due(directory_, kNow + days(301)));
}

TEST_F(EnrolmentTest, RenewsWhatHasExpired) {
  enroll_one("web-1");
  const Time late = kNow + days(5 * 365);
  EXPECT_TRUE(renew_if_due(directory_, late));
  EXPECT_GT(inspect_certificate(text_of(kServerFile)).not_after, late);
}

TEST_F(EnrolmentTest, RenewsAtTheNextEnrolmentToo) {
  enroll_one("web-1");
  enroll({"web-2"}, usual_terms(), kNow + days(300));
  EXPECT_GT(inspect_certificate(text_of(kServerFile)).not_after, kNow + days(600));
}

TEST_F(EnrolmentTest, LeavesRenewalToWhoeverEnrolsJustNow) {
  enroll_one("web-1");
  const Enrolment other(directory_);
  EXPECT_FALSE(renew_if_due(directory_, kNow + days(300)));
}

TEST_F(EnrolmentTest, HasNothingToRenewWhereNobodyWasEnrolled) {
  EXPECT_FALSE(renew_if_due(directory_, kNow));
  EXPECT_FALSE(std::filesystem::exists(directory_));
}

TEST_F(EnrolmentTest, SaysThatItCannotRenewWithoutTheAuthoritysKey) {
  enroll_one("web-1");
  remove(kAuthorityKeyFile);
  EXPECT_FALSE(renew_if_due(directory_, kNow));
  const std::string fault = fault_of([this] { renew_if_due(directory_, kNow + days(300)); });
  EXPECT_TRUE(contains(fault, kAuthorityKeyFile)) << fault;
}

// What is not there, or is not what it should be.

TEST_F(EnrolmentTest, EnrolsWithoutTheAuthoritysKeyWhileTheCertificateIsGood) {
  enroll_one("web-1");
  remove(kAuthorityKeyFile);
  EXPECT_TRUE(is_taken(enroll_one("web-2")));
}

TEST_F(EnrolmentTest, CertifiesTheServerAnewWhenItsFileIsGone) {
  const JoinLine line = enroll_one("web-1");
  remove(kServerFile);
  EXPECT_EQ(enroll_one("web-2").ca_pin, line.ca_pin);
  EXPECT_TRUE(is_certified(text_of(kServerFile), std::string(kEnrolledServerName)));
}

TEST_F(EnrolmentTest, NeverChangesTheAuthorityBehindTheMachinesBacks) {
  enroll_one("web-1");
  remove(kAuthorityFile);
  const std::string fault = fault_of([this] { enroll_one("web-2"); });
  EXPECT_TRUE(contains(fault, "put it back")) << fault;
  EXPECT_FALSE(contains(text_of(kTokensFile), "web-2"));
}

TEST_F(EnrolmentTest, BeginsAnewWhenAPersonSaysSo) {
  const JoinLine old = enroll_one("web-1");
  remove(kAuthorityFile);
  remove(kServerFile);
  EXPECT_NE(enroll_one("web-1").ca_pin, old.ca_pin);
}

TEST_F(EnrolmentTest, FinishesWhatAKilledEnrolmentBegan) {
  { const Enrolment made(directory_); }
  put(kAuthorityKeyFile, "the key of an authority that was never used");
  EXPECT_TRUE(is_taken(enroll_one("web-1")));
}

struct Damage {
  const char* name;
  const char* file;
  std::string text;
  std::string told;
};

class EnrolmentWithDamage : public EnrolmentTest, public testing::WithParamInterface<Damage> {};

TEST_P(EnrolmentWithDamage, NamesTheFileAndChangesNothing) {
  enroll_one("web-1");
  put(GetParam().file, GetParam().text);
  const std::string before = text_of(kTokensFile);
  const std::string fault = fault_of([this] { enroll_one("web-2"); });
  EXPECT_TRUE(contains(fault, path_in(directory_, GetParam().file))) << fault;
  EXPECT_TRUE(contains(fault, GetParam().told)) << fault;
  EXPECT_EQ(text_of(kTokensFile), before);
}

INSTANTIATE_TEST_SUITE_P(
    Files, EnrolmentWithDamage,
    testing::Values(Damage{"TokensWithABadLine", kTokensFile, "web-1 hash\n", "line 1"},
                    Damage{"TokensWithABadName", kTokensFile, "# x\nweb/1 -\n", "line 2"},
                    Damage{"TokensWithABadDay", kTokensFile,
                           "web-1 " + std::string(64, 'a') + " expires=2026-02-30\n", "line 1"},
                    Damage{"TokensTooLong", kTokensFile, std::string(kMaxTokensFileBytes + 1, '\n'),
                           "longer"},
                    Damage{"EmptyAuthority", kAuthorityFile, "", "no certificate"},
                    Damage{"AuthorityOfWords", kAuthorityFile, "hello\n", "no certificate"},
                    Damage{"HugeAuthority", kAuthorityFile, std::string(100'000, 'x'), "longer"},
                    Damage{"ServerOfWords", kServerFile, "hello\n", "no certificate"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(EnrolmentTest, RefusesFilesThatOthersCanRead) {
  enroll_one("web-1");
  for (const char* const file : {kTokensFile, kAuthorityFile, kServerFile}) {
    ::chmod(path_in(directory_, file).c_str(), 0644);
    const std::string fault = fault_of([this] { enroll_one("web-2"); });
    EXPECT_TRUE(contains(fault, "chmod 600 " + path_in(directory_, file))) << fault;
    ::chmod(path_in(directory_, file).c_str(), 0600);
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
