#include "exporter/trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <functional>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "common/hex.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/test_certificates.hpp"
#include "tests/support/tls_meeting.hpp"
#include "tests/support/without_root.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::chrono_literals;
using exporter::Proof;
using exporter::Trust;
using exporter::TrustFiles;
using Names = std::vector<std::string>;

const auto kNow = std::chrono::sys_days(2026y / 11 / 24) + 12h;

std::string line_of(std::string_view endpoint, std::string_view token, std::string_view more = "") {
  return std::string(endpoint) + " " + format_hex(exporter::digest_of_token(token)) +
         std::string(more) + "\n";
}

std::string fault_of(const std::function<void()>& act) {
  try {
    act();
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "";
}

/// Whose certificates and keys all files are; made once, since keys take long.
struct Made {
  TestCertificate ca{authority("ca")};
  TestCertificate other_ca{authority("other")};
  TestCertificate own{server(), &ca};
  TestCertificate other{server(), &ca};
  TestCertificate web_1{client("web-1"), &ca};
};

const Made& made() {
  static const Made certificates;
  return certificates;
}

class TrustTest : public ::testing::Test {
 protected:
  TrustTest() { let_anybody_in(folder_.path()); }

  [[nodiscard]] std::string path(const std::string& name) const { return folder_.path() / name; }

  std::string put(const std::string& name, std::string_view text, mode_t mode = 0600) {
    folder_.put(name, text);
    EXPECT_EQ(::chmod(path(name).c_str(), mode), 0);
    return path(name);
  }

  void use_tls() {
    files_.tls.emplace();
    files_.tls->cert_file = put("own.pem", made().own.certificate_pem());
    files_.tls->key_file = put("key.pem", made().own.key_pem());
  }

  void use_clients(const std::string& text = made().ca.certificate_pem()) {
    if (!files_.tls) use_tls();
    files_.tls->client_ca_file = put("clients.pem", text);
  }

  void use_tokens(const std::string& text) { files_.tokens_file = put("tokens", text); }

  [[nodiscard]] std::string fault() const {
    return fault_of([this] { static_cast<void>(Trust(files_)); });
  }
  [[nodiscard]] std::string fault_after(const Trust& before) const {
    return fault_of([&] { static_cast<void>(Trust(files_, before)); });
  }

  TempFolder folder_;
  TrustFiles files_;
};

// Its files.

TEST_F(TrustTest, KnowsNoFilesOfPlainText) { EXPECT_EQ(files_of(files_), Names()); }

TEST_F(TrustTest, KnowsTheFilesThatAreToBeWatched) {
  use_clients();
  use_tokens("");
  EXPECT_EQ(files_of(files_),
            (Names{path("own.pem"), path("key.pem"), path("clients.pem"), path("tokens")}));
  files_.tls->client_ca_file = "";
  EXPECT_EQ(files_of(files_), (Names{path("own.pem"), path("key.pem"), path("tokens")}));
  files_.tls.reset();
  EXPECT_EQ(files_of(files_), Names{path("tokens")});
}

TEST_F(TrustTest, ReadsThemAll) {
  use_clients();
  use_tokens(line_of("web-1", "token"));
  const Trust trust(files_);
  ASSERT_TRUE(trust.tls());
  EXPECT_TRUE(trust.tls()->certificate_not_after());
  EXPECT_TRUE(trust.tls()->ca_not_after());
  EXPECT_FALSE(trust.tls()->has_revocation_lists());
}

TEST_F(TrustTest, SpeaksPlainTextWithoutFiles) {
  EXPECT_FALSE(Trust().tls());
  EXPECT_FALSE(Trust(files_).tls());
  use_tokens("");
  EXPECT_FALSE(Trust(files_).tls());
}

/// What is wrong with one of the four files, all of which are good otherwise.
struct BadFile {
  const char* name;
  const char* file;
  std::optional<std::string> text;  ///< none: there is no such file
  mode_t mode = 0600;
};

std::ostream& operator<<(std::ostream& out, const BadFile& bad) { return out << bad.name; }

class BadTrustFile : public TrustTest, public ::testing::WithParamInterface<BadFile> {
 protected:
  BadTrustFile() {
    use_clients();
    use_tokens(line_of("web-1", "token"));
  }

  void spoil() {
    const BadFile& bad = GetParam();
    if (bad.text) {
      put(bad.file, *bad.text, bad.mode);
    } else {
      std::filesystem::remove(path(bad.file));
    }
  }
};

TEST_P(BadTrustFile, IsRefusedByItsName) {
  spoil();
  const std::string said = fault();
  EXPECT_TRUE(said.starts_with(path(GetParam().file) + ": ")) << said;
}

TEST_P(BadTrustFile, IsRefusedAtAReloadAndHarmsNothing) {
  const Trust before(files_);
  spoil();
  const std::string said = fault_after(before);
  EXPECT_TRUE(said.starts_with(path(GetParam().file) + ": ")) << said;
  EXPECT_EQ(before.listed(), Names{"web-1"});
  EXPECT_TRUE(before.identify("web-1", {}, exporter::digest_of_token("token"), kNow));
}

INSTANTIATE_TEST_SUITE_P(
    , BadTrustFile,
    ::testing::ValuesIn(std::vector<BadFile>{
        {"CertificateMissing", "own.pem", std::nullopt},
        {"CertificateEmpty", "own.pem", ""},
        {"CertificateOfNoPem", "own.pem", "0\x82"},
        {"CertificateCutShort", "own.pem", made().own.certificate_pem().substr(0, 300)},
        {"CertificateIsAKey", "own.pem", made().own.key_pem()},
        {"KeyMissing", "key.pem", std::nullopt},
        {"KeyEmpty", "key.pem", ""},
        {"KeyCutShort", "key.pem", made().own.key_pem().substr(0, 60)},
        {"KeyIsACertificate", "key.pem", made().own.certificate_pem()},
        {"KeyOfAnotherCertificate", "key.pem", made().other.key_pem()},
        {"KeyThatAllMayRead", "key.pem", made().own.key_pem(), 0644},
        {"KeyThatTheGroupMayWrite", "key.pem", made().own.key_pem(), 0660},
        {"ClientsMissing", "clients.pem", std::nullopt},
        {"ClientsEmpty", "clients.pem", ""},
        {"ClientsCutShort", "clients.pem", made().ca.certificate_pem().substr(0, 300)},
        {"ClientsAreAKey", "clients.pem", made().ca.key_pem()},
        {"ClientsAreListsAlone", "clients.pem", made().ca.revocation_list({})},
        {"TokensMissing", "tokens", std::nullopt},
        {"TokensOfABadLine", "tokens", line_of("web-1", "token") + "web-2\n"},
        {"TokensCutShort", "tokens", line_of("web-1", "token").substr(0, 40)},
        {"TokensInPlainText", "tokens", "web-1 token\n"},
        {"TokensThatAllMayRead", "tokens", line_of("web-1", "token"), 0604},
        {"TokensThatTheGroupMayWrite", "tokens", line_of("web-1", "token"), 0620},
        {"TokensOfTooManyBytes", "tokens", std::string(exporter::kMaxTokensFileBytes, '\n') + "#"},
    }),
    [](const auto& test) { return std::string(test.param.name); });

/// Each of the four in turn.
class TrustFile : public TrustTest, public ::testing::WithParamInterface<const char*> {
 protected:
  TrustFile() {
    use_clients();
    use_tokens("");
  }

  /// Who WithoutRoot is.
  static void give_to_nobody(const std::string& file) {
    constexpr uid_t kNobody = 65534;
    if (::geteuid() != 0) return;
    ASSERT_EQ(::chown(file.c_str(), kNobody, static_cast<gid_t>(-1)), 0);
  }
};

TEST_P(TrustFile, IsRefusedWhenItCannotBeRead) {
  for (const std::string& file : files_of(files_)) give_to_nobody(file);
  const std::string file = path(GetParam());
  ASSERT_EQ(::chmod(file.c_str(), 0), 0);
  const WithoutRoot nobody;
  const std::string said = fault();
  EXPECT_TRUE(said.starts_with(file + ": ")) << said;
}

TEST_P(TrustFile, IsRefusedWhenItIsAFolder) {
  const std::string file = path(GetParam());
  std::filesystem::remove(file);
  std::filesystem::create_directory(file);
  EXPECT_TRUE(fault().starts_with(file + ": ")) << fault();
}

INSTANTIATE_TEST_SUITE_P(, TrustFile,
                         ::testing::Values("own.pem", "key.pem", "clients.pem", "tokens"),
                         [](const auto& test) {
                           const std::string name = test.param;
                           return name.substr(0, name.find('.'));
                         });

// Reading anew.

class TrustReload : public TrustTest {
 protected:
  /// What `then` says in place of `now` in the tokens file.
  std::string tokens_fault(const std::string& then, const std::string& now) {
    use_tokens(then);
    const Trust before(files_);
    use_tokens(now);
    return fault_after(before);
  }

  /// The same of the authorities' file.
  std::string clients_fault(const std::string& then, const std::string& now) {
    use_clients(then);
    const Trust before(files_);
    use_clients(now);
    return fault_after(before);
  }

  const std::string ca_ = made().ca.certificate_pem();
  const std::string list_ = made().ca.revocation_list({});
};

TEST_F(TrustReload, RefusesAnEmptiedTokensFile) {
  const std::string said = tokens_fault(line_of("web-1", "token"), "");
  EXPECT_TRUE(said.starts_with(path("tokens") + ": is empty now")) << said;
}

TEST_F(TrustReload, RefusesAnEmptiedTokensFileThatOnlyListed) {
  EXPECT_NE(tokens_fault("web-1 -\n", ""), "");
}

TEST_F(TrustReload, RefusesAnEmptiedTokensFileThatHadOnlyAComment) {
  EXPECT_NE(tokens_fault("# nobody\n", ""), "");
}

TEST_F(TrustReload, RefusesAnEmptiedTokensFileThoughAnybodyIsLetIn) {
  files_.allow_anonymous = true;
  EXPECT_NE(tokens_fault(line_of("web-1", "token"), ""), "")
      << "names with a token would be anybody's";
}

TEST_F(TrustReload, RefusesItEachTime) {
  use_tokens(line_of("web-1", "token"));
  const Trust before(files_);
  use_tokens("");
  EXPECT_NE(fault_after(before), "");
  EXPECT_NE(fault_after(before), "");
}

TEST_F(TrustReload, TakesATokensFileWithNothingButAComment) {
  use_tokens(line_of("web-1", "token"));
  const Trust before(files_);
  use_tokens("# nobody\n");
  const Trust after(files_, before);
  EXPECT_EQ(after.listed(), Names());
  EXPECT_FALSE(after.identify("web-1", {}, exporter::digest_of_token("token"), kNow));
  EXPECT_FALSE(after.identify("web-1", {}, {}, kNow));
}

TEST_F(TrustReload, TakesATokensFileThatWasAlwaysEmpty) { EXPECT_EQ(tokens_fault("", ""), ""); }

TEST_F(TrustReload, TakesATokensFileThatIsFilled) {
  use_tokens("");
  const Trust before(files_);
  use_tokens(line_of("web-1", "token"));
  EXPECT_EQ(Trust(files_, before).listed(), Names{"web-1"});
}

TEST_F(TrustReload, RefusesAuthoritiesWhoseListsAreGone) {
  const std::string said = clients_fault(ca_ + list_, ca_);
  EXPECT_TRUE(said.starts_with(path("clients.pem") + ": holds no revocation list any more"))
      << said;
}

TEST_F(TrustReload, RefusesAListThatIsCutShort) {
  EXPECT_NE(clients_fault(ca_ + list_, ca_ + list_.substr(0, 100)), "");
}

TEST_F(TrustReload, RefusesOtherAuthoritiesWithoutAList) {
  EXPECT_NE(clients_fault(ca_ + list_, made().other_ca.certificate_pem()), "");
}

TEST_F(TrustReload, RefusesListsWithoutTheirAuthorities) {
  EXPECT_NE(clients_fault(ca_ + list_, list_), "");
}

TEST_F(TrustReload, TakesAnotherList) {
  EXPECT_EQ(clients_fault(ca_ + list_, ca_ + made().ca.revocation_list({&made().web_1})), "");
}

TEST_F(TrustReload, TakesAFirstList) {
  use_clients();
  const Trust before(files_);
  use_clients(ca_ + list_);
  EXPECT_TRUE(Trust(files_, before).tls()->has_revocation_lists());
}

TEST_F(TrustReload, TakesAuthoritiesThatNeverHadAList) {
  EXPECT_EQ(clients_fault(ca_, made().other_ca.certificate_pem()), "");
}

// The machines that are expected.

TEST_F(TrustTest, ExpectsNobodyWithoutATokensFile) {
  EXPECT_EQ(Trust().listed(), Names());
  use_clients();
  EXPECT_EQ(Trust(files_).listed(), Names());
}

TEST_F(TrustTest, ExpectsAllNamesOfTheTokensFile) {
  use_tokens(line_of("web-2", "b") + line_of("*", "any") + "# web-0 -\nweb-1 -\n" +
             line_of("old", "c", " expires=2020-01-01") + line_of("web-2", "d"));
  EXPECT_EQ(Trust(files_).listed(), (Names{"old", "web-1", "web-2"}));
}

// Who a peer is.

/// What is asked for, what a peer that calls itself web-1 shows, and what it is then.
struct Peer {
  const char* name;
  bool has_tokens;
  bool has_clients;
  bool allow_anonymous;
  std::optional<net::PeerNames> certificate;
  const char* token;
  std::optional<Proof> proof;                    ///< none: refused
  RefusalCode code = RefusalCode::unauthorized;  ///< then
};

std::ostream& operator<<(std::ostream& out, const Peer& peer) { return out << peer.name; }

class TrustedPeer : public TrustTest, public ::testing::WithParamInterface<Peer> {};

TEST_P(TrustedPeer, IsWhoItProvesToBe) {
  const Peer& peer = GetParam();
  use_tls();
  if (peer.has_tokens) {
    use_tokens(line_of("web-1", "own") + line_of("web-2", "foreign") +
               line_of("web-1", "old", " expires=2026-11-23"));
  }
  if (peer.has_clients) use_clients();
  files_.allow_anonymous = peer.allow_anonymous;
  std::optional<exporter::TokenDigest> token;
  if (peer.token != nullptr) token = exporter::digest_of_token(peer.token);
  const auto identity = Trust(files_).identify("web-1", peer.certificate, token, kNow);
  ASSERT_EQ(identity.has_value(), peer.proof.has_value());
  if (identity) {
    EXPECT_EQ(identity->proof, peer.proof);
  } else {
    EXPECT_EQ(identity.error().code, peer.code);
    EXPECT_FALSE(identity.error().detail.empty());
  }
}

const net::PeerNames kOwn{{"web-1"}, {}};
const net::PeerNames kOwnUri{{}, {"cpu-monitor://agent/web-1"}};
const net::PeerNames kForeign{{"web-2"}, {"cpu-monitor://agent/web-2"}};
const net::PeerNames kNameless{};
constexpr auto kDenied = RefusalCode::endpoint_denied;

INSTANTIATE_TEST_SUITE_P(
    OfAnOpenPort, TrustedPeer,
    ::testing::ValuesIn(std::vector<Peer>{
        {"Anybody", false, false, false, {}, nullptr, Proof::none},
        {"TokenThatNobodyAskedFor", false, false, false, {}, "own", Proof::none},
        {"CertificateThatNobodyAskedFor", false, false, false, kForeign, nullptr, Proof::none},
    }),
    [](const auto& test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    OfTokens, TrustedPeer,
    ::testing::ValuesIn(std::vector<Peer>{
        {"Own", true, false, false, {}, "own", Proof::exact},
        {"None", true, false, false, {}, nullptr, {}},
        {"Unknown", true, false, false, {}, "unknown", {}},
        {"Expired", true, false, false, {}, "old", {}},
        {"Foreign", true, false, false, {}, "foreign", {}, kDenied},
        {"CertificateInItsPlace", true, false, false, kOwn, nullptr, {}},
        {"AnonymousForANameWithAToken", true, false, true, {}, nullptr, {}},
        {"AnonymousWithAnUnknownToken", true, false, true, {}, "unknown", {}},
        {"AnonymousWithAForeignToken", true, false, true, {}, "foreign", {}, kDenied},
    }),
    [](const auto& test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    OfCertificates, TrustedPeer,
    ::testing::ValuesIn(std::vector<Peer>{
        {"Own", false, true, false, kOwn, nullptr, Proof::exact},
        {"OwnByUri", false, true, false, kOwnUri, nullptr, Proof::exact},
        {"Foreign", false, true, false, kForeign, nullptr, {}, kDenied},
        {"Nameless", false, true, false, kNameless, nullptr, {}, kDenied},
        {"None", false, true, false, {}, nullptr, {}},
        {"TokenInItsPlace", false, true, false, {}, "own", {}},
        {"AnonymousWithNone", false, true, true, {}, nullptr, Proof::none},
        {"AnonymousWithAForeignOne", false, true, true, kForeign, nullptr, {}, kDenied},
    }),
    [](const auto& test) { return std::string(test.param.name); });

INSTANTIATE_TEST_SUITE_P(
    OfEither, TrustedPeer,
    ::testing::ValuesIn(std::vector<Peer>{
        {"Token", true, true, false, {}, "own", Proof::exact},
        {"Certificate", true, true, false, kOwn, nullptr, Proof::exact},
        {"Both", true, true, false, kOwn, "own", Proof::exact},
        {"Neither", true, true, false, {}, nullptr, {}},
        {"UnknownToken", true, true, false, {}, "unknown", {}},
        {"UnknownTokenWithACertificate", true, true, false, kOwn, "unknown", {}},
        {"ExpiredTokenWithACertificate", true, true, false, kOwn, "old", {}},
        {"ForeignTokenWithACertificate", true, true, false, kOwn, "foreign", {}, kDenied},
        {"ForeignCertificateWithAToken", true, true, false, kForeign, "own", {}, kDenied},
        {"NamelessCertificateWithAToken", true, true, false, kNameless, "own", {}, kDenied},
        {"AnonymousForANameWithAToken", true, true, true, {}, nullptr, {}},
    }),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(TrustTest, TakesEverybodyInPlainTextWithoutProof) {
  const auto identity = Trust().identify("web-1", kOwn, exporter::digest_of_token("own"), kNow);
  ASSERT_TRUE(identity);
  EXPECT_EQ(identity->proof, Proof::none);
}

TEST_F(TrustTest, LetsStrangersHaveNamesWithoutAToken) {
  use_tokens(line_of("web-1", "token") + "web-2 - rack=7\n");
  files_.allow_anonymous = true;
  const Trust trust(files_);
  const auto listed = trust.identify("web-2", {}, {}, kNow);
  ASSERT_TRUE(listed);
  EXPECT_EQ(listed->proof, Proof::none);
  EXPECT_EQ(listed->labels, (exporter::Credentials::Labels{{"rack", "7"}}));
  EXPECT_TRUE(trust.identify("web-3", {}, {}, kNow));
  EXPECT_FALSE(trust.identify("web-1", {}, {}, kNow));
}

/// Whether a handshake needs a certificate of the client.
class TrustHandshake : public TrustTest {
 protected:
  [[nodiscard]] bool is_stranger_let_in() {
    const Trust trust(files_);
    net::TlsClientSettings stranger;
    stranger.ca_file = put("ca.pem", made().ca.certificate_pem());
    stranger.server_name = "localhost";
    return !meet(trust.tls(), net::TlsContext::of_client(stranger)).first.handshake;
  }
};

TEST_F(TrustHandshake, NeedsACertificateWhenNothingElseWillDo) {
  use_clients();
  EXPECT_FALSE(is_stranger_let_in());
}

TEST_F(TrustHandshake, NeedsNoneWhenATokenWillDo) {
  use_clients();
  use_tokens(line_of("web-1", "token"));
  EXPECT_TRUE(is_stranger_let_in());
}

TEST_F(TrustHandshake, NeedsNoneWhenNothingWillDo) {
  use_clients();
  files_.allow_anonymous = true;
  EXPECT_TRUE(is_stranger_let_in());
}

}  // namespace
}  // namespace cpu_monitor::tests
