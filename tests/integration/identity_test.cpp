// Who may report under which name: TLS, tokens and certificates at a real ingest port, and what a
// reload changes.

#include <signal.h>
#include <sys/stat.h>

#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

#include "common/hex.hpp"
#include "common/messages.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/test_certificates.hpp"
#include "tests/support/tls_client.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using namespace std::string_literals;

/// The refusal a line is, or none.
std::optional<Refusal> refusal_in(const std::optional<std::string>& line) {
  if (!line) return std::nullopt;
  const auto message = decode_exporter_message(*line);
  if (!message) return std::nullopt;
  const auto* const said = std::get_if<Refusal>(&*message);
  return said != nullptr ? std::optional(*said) : std::nullopt;
}

std::string code_in(const std::optional<std::string>& line) {
  const auto refusal = refusal_in(line);
  return refusal ? refusal->code : "no refusal: " + line.value_or("(the end)");
}

bool is_welcome(const std::optional<std::string>& line) {
  return line && line->starts_with(R"({"type":"welcome")");
}

std::string with_token(std::string_view endpoint, std::string_view token) {
  return hello_line(endpoint, R"(,"token":")" + std::string(token) + "\"");
}

std::string refused(std::string_view reason) {
  return "cpu_monitor_exporter_connections_refused_total{reason=\"" + std::string(reason) + "\"}";
}

/// An alert of TLS may come before it is counted.
void expect_refused(const RunningExporter& exporter, std::string_view reason) {
  EXPECT_TRUE(eventually([&] { return exporter.value(refused(reason)) == "1"; })) << reason;
}

constexpr std::string_view kReloadSuccessful = "cpu_monitor_exporter_config_last_reload_successful";

class IdentityTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    folder_.put(name, text);
    const std::string path = (folder_.path() / name).string();
    ::chmod(path.c_str(), 0600);
    return path;
  }

  /// As a person would, the file is replaced as a whole.
  void replace(const std::string& name, const std::string& text) {
    const std::string fresh = file(name + ".new", text);
    ASSERT_EQ(::rename(fresh.c_str(), (folder_.path() / name).c_str()), 0);
  }

  void show(const TestCertificate& certificate) {
    replace("exporter.pem", certificate.certificate_pem());
    replace("exporter-key.pem", certificate.key_pem());
  }

  exporter::ExporterOptions with_tls() {
    const TestCertificate own(server(), &ca_);
    exporter::ExporterOptions options;
    options.ingest_tls.emplace();
    options.ingest_tls->cert_file = file("exporter.pem", own.certificate_pem());
    options.ingest_tls->key_file = file("exporter-key.pem", own.key_pem());
    return options;
  }

  exporter::ExporterOptions with_client_certificates(const std::string& more = "") {
    auto options = with_tls();
    options.ingest_tls->client_ca_file = file("clients.pem", ca_.certificate_pem() + more);
    return options;
  }

  exporter::ExporterOptions with_tokens(const std::string& tokens) {
    auto options = with_tls();
    options.tokens_file = file("tokens", tokens);
    return options;
  }

  TlsClient::Own own_of(const TestCertificate& certificate, const std::string& name = "client") {
    return {file(name + ".pem", certificate.certificate_pem()),
            file(name + "-key.pem", certificate.key_pem()), false};
  }

  static std::string line_of(std::string_view endpoint, std::string_view token,
                             std::string_view more = "") {
    return std::string(endpoint) + " " + format_hex(exporter::digest_of_token(token)) +
           std::string(more) + "\n";
  }

  TempFolder folder_;
  TestCertificate ca_{authority("ca")};
};

// The two kinds of port.

TEST_F(IdentityTest, TlsCarriesSamples) {
  RunningExporter exporter(with_tls());
  TlsClient agent(exporter.ingest_port());
  ASSERT_TRUE(agent.send(hello_line("a") + sample_line(1)));
  EXPECT_TRUE(is_welcome(agent.read_line()));
  EXPECT_EQ(agent.read_line(), R"({"type":"ack","sequence":1})");
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="a",method="reported"})"), "14.6");
}

TEST_F(IdentityTest, SeveralMessagesInOneRecordAreAllRead) {
  RunningExporter exporter(with_tls());
  TlsClient agent(exporter.ingest_port());
  std::string lines = hello_line("a");
  for (int i = 1; i <= 15; ++i) lines += sample_line(static_cast<std::uint64_t>(i)) + std::string();
  lines.insert(lines.size() - 1, std::string(8000, ' '));  // more than one read takes
  ASSERT_TRUE(agent.send(lines));
  EXPECT_TRUE(is_welcome(agent.read_line()));
  std::optional<std::string> last;
  while (last != R"({"type":"ack","sequence":15})") {
    last = agent.read_line();
    ASSERT_TRUE(last);
  }
}

TEST_F(IdentityTest, PlainAgentOnATlsPortIsToldToUseTls) {
  RunningExporter exporter(with_tls());
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send(hello_line("a")));
  const auto refusal = refusal_in(agent.read_line());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "tls_required");
  EXPECT_NE(refusal->message.find("--tls"), std::string::npos);
  EXPECT_TRUE(agent.is_closed_by_peer());
  expect_refused(exporter, "tls_required");
}

TEST_F(IdentityTest, HttpOnATlsPortIsToldWhereThePagesAre) {
  RunningExporter exporter(with_tls());
  TcpClient browser = exporter.connect();
  ASSERT_TRUE(browser.send("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_EQ(code_in(browser.read_line()), "bad_json");
}

TEST_F(IdentityTest, LegacyClientsOfAllowedAddressesStayPlain) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a")));
  TcpClient client = exporter.connect();
  ASSERT_TRUE(client.send(R"({"The Perecentage Of CPU USAGE": 14.6})"));
  EXPECT_EQ(client.read_exactly(39), R"({"THE PERECENTAGE OF CPU USAGE": 14.6})");
}

TEST_F(IdentityTest, TlsAgentOnAPlainPortIsTold) {
  RunningExporter exporter;
  TlsClient agent(exporter.ingest_port());
  EXPECT_EQ(agent.fault(), "wrong version number");
  expect_refused(exporter, "tls_unexpected");
}

TEST_F(IdentityTest, OlderTlsIsRefused) {
  RunningExporter exporter(with_tls());
  const TlsClient agent(exporter.ingest_port(), {"", "", true});
  EXPECT_NE(agent.fault(), "");
  expect_refused(exporter, "tls_handshake");
}

TEST_F(IdentityTest, GarbageInAHandshakeIsRefused) {
  RunningExporter exporter(with_tls());
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send("\x16\x03\x01\x00\x10" + std::string(64, 'x')));
  expect_refused(exporter, "tls_handshake");
}

TEST_F(IdentityTest, HalfAHandshakeEndsInTime) {
  exporter::SessionLimits limits;
  limits.handshake_timeout = std::chrono::milliseconds(300);
  RunningExporter exporter(with_tls(), limits);
  TcpClient agent = exporter.connect();
  ASSERT_TRUE(agent.send("\x16\x03\x01\x02\x00"s));
  EXPECT_TRUE(agent.is_closed_by_peer());
  expect_refused(exporter, "handshake_timeout");
}

TEST_F(IdentityTest, AHandshakeWithoutAHelloEndsInTime) {
  exporter::SessionLimits limits;
  limits.handshake_timeout = std::chrono::milliseconds(300);
  RunningExporter exporter(with_tls(), limits);
  TlsClient agent(exporter.ingest_port());
  EXPECT_EQ(code_in(agent.read_line()), "handshake_timeout");
}

TEST_F(IdentityTest, StoppingSaysGoodbyeOverTlsAndEndsHandshakes) {
  RunningExporter exporter(with_tls());
  TcpClient half = exporter.connect();
  ASSERT_TRUE(half.send("\x16\x03\x01\x02\x00"s));
  TlsClient agent(exporter.ingest_port());
  ASSERT_TRUE(agent.send(hello_line("a")));
  ASSERT_TRUE(is_welcome(agent.read_line()));
  exporter.stop();
  const auto last = agent.read_line();
  ASSERT_TRUE(last);
  EXPECT_TRUE(last->starts_with(R"({"type":"goodbye","reason":"stop")")) << *last;
  EXPECT_FALSE(agent.read_line());
  EXPECT_EQ(agent.fault(), "end");
  EXPECT_TRUE(half.is_closed_by_peer());
}

TEST_F(IdentityTest, TheEndOfTheCertificatesIsShown) {
  RunningExporter exporter(with_client_certificates());
  const std::string family = "cpu_monitor_exporter_certificate_not_after_timestamp_seconds";
  EXPECT_NE(exporter.value(family + R"({certificate="ingest"})"), "");
  EXPECT_NE(exporter.value(family + R"({certificate="ingest_client_ca"})"), "");
  EXPECT_EQ(exporter.value(family + R"({certificate="web"})"), "");
}

TEST_F(IdentityTest, LegacyProtocolIsNotSpokenOverTls) {
  RunningExporter exporter(with_tls());
  TlsClient client(exporter.ingest_port());
  ASSERT_TRUE(client.send(R"({"The Perecentage Of CPU USAGE": 14.6})"));
  EXPECT_EQ(code_in(client.read_line()), "bad_json");
  EXPECT_EQ(exporter.value("cpu_monitor_exporter_legacy_connections"), "0");
}

TEST_F(IdentityTest, TlsWithinTlsIsRefused) {
  RunningExporter exporter(with_tls());
  TlsClient client(exporter.ingest_port());
  ASSERT_TRUE(client.send("\x16\x03\x01\x02\x00"s));
  EXPECT_EQ(code_in(client.read_line()), "bad_json");
}

TEST_F(IdentityTest, NothingIsSaidInPlainTextBeforeItsPeerHasSpoken) {
  exporter::SessionLimits limits;
  limits.handshake_timeout = std::chrono::milliseconds(300);
  RunningExporter exporter(with_tls(), limits);
  TcpClient silent = exporter.connect();
  EXPECT_EQ(silent.read_all(), "");
  expect_refused(exporter, "handshake_timeout");
  TcpClient also_silent = exporter.connect();
  TlsClient agent(exporter.ingest_port());  // accepted after it
  exporter.stop();
  EXPECT_EQ(also_silent.read_all(), "");
}

TEST_F(IdentityTest, CertificatesMayBeGoodForVeryLong) {
  CertificateSpec spec = client("a");
  spec.ends = std::chrono::hours(24) * 365 * 400;
  auto options = with_client_certificates();
  RunningExporter exporter(options);
  const TestCertificate own(spec, &ca_);
  TlsClient agent(exporter.ingest_port(), own_of(own));
  ASSERT_TRUE(agent.send(hello_line("a", R"(,"push_interval_ms":20000)")));
  ASSERT_TRUE(is_welcome(agent.read_line()));
  ::raise(SIGHUP);  // it is judged again
  replace("exporter.pem.touched", "");
  ASSERT_TRUE(agent.send(sample_line(1)));
  EXPECT_EQ(agent.read_line(), R"({"type":"ack","sequence":1})");
  EXPECT_FALSE(eventually([&] { return exporter.value(refused("unauthorized")) != "0"; },
                          std::chrono::milliseconds(500)));
}

// Tokens.

struct TokenCase {
  const char* name;
  std::string hello;
  const char* code;  ///< none: welcome
};

std::ostream& operator<<(std::ostream& out, const TokenCase& token) { return out << token.name; }

class TokenTest : public IdentityTest, public ::testing::WithParamInterface<TokenCase> {};

TEST_P(TokenTest, IsJudgedAtTheHello) {
  RunningExporter exporter(
      with_tokens(line_of("a", "token-a") + line_of("b", "token-b") + line_of("*", "token-all") +
                  line_of("old", "token-old", " expires=2020-01-01") + "listed -\n"));
  TlsClient agent(exporter.ingest_port());
  ASSERT_TRUE(agent.send(GetParam().hello + sample_line(1)));
  const auto first = agent.read_line();
  if (GetParam().code == nullptr) {
    EXPECT_TRUE(is_welcome(first)) << first.value_or("(the end)");
    return;
  }
  EXPECT_EQ(code_in(first), GetParam().code);
  expect_refused(exporter, GetParam().code);
  EXPECT_EQ(exporter.scrape().find("token-"), std::string::npos);
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="b",method="reported"})"), "");
}

INSTANTIATE_TEST_SUITE_P(
    , TokenTest,
    ::testing::ValuesIn(std::vector<TokenCase>{
        {"Right", with_token("a", "token-a"), nullptr},
        {"OfAnyName", with_token("z", "token-all"), nullptr},
        {"OfAnyNameForAListedOne", with_token("listed", "token-all"), nullptr},
        {"OfAnyNameForOneWithATokenOfItsOwn", with_token("b", "token-all"), "endpoint_denied"},
        {"Missing", hello_line("a"), "unauthorized"},
        {"Empty", with_token("a", ""), "unauthorized"},
        {"Wrong", with_token("a", "token-x"), "unauthorized"},
        {"OtherCase", with_token("a", "TOKEN-A"), "unauthorized"},
        {"Longer", with_token("a", "token-a "), "unauthorized"},
        {"Prefix", with_token("a", "token-"), "unauthorized"},
        {"OfAnotherName", with_token("b", "token-a"), "endpoint_denied"},
        {"OfAnUnknownName", with_token("c", "token-a"), "endpoint_denied"},
        {"Expired", with_token("old", "token-old"), "unauthorized"},
        {"HashInItsPlace", with_token("a", std::string(64, '0')), "unauthorized"},
    }),
    [](const auto& test) { return std::string(test.param.name); });

// Certificates.

TEST_F(IdentityTest, CertificateOpensItsOwnName) {
  RunningExporter exporter(with_client_certificates());
  const TestCertificate own(client("a"), &ca_);
  TlsClient agent(exporter.ingest_port(), own_of(own));
  ASSERT_TRUE(agent.send(hello_line("a")));
  EXPECT_TRUE(is_welcome(agent.read_line()));
}

TEST_F(IdentityTest, CertificateByUriOpensItsOwnName) {
  CertificateSpec spec = client("a");
  spec.dns = {};
  spec.uris = {"cpu-monitor://agent/a"};
  RunningExporter exporter(with_client_certificates());
  const TestCertificate own(spec, &ca_);
  TlsClient agent(exporter.ingest_port(), own_of(own));
  ASSERT_TRUE(agent.send(hello_line("a")));
  EXPECT_TRUE(is_welcome(agent.read_line()));
}

struct NameCase {
  const char* name;
  std::vector<std::string> dns;
  std::vector<std::string> uris;
  std::string common_name;
};

std::ostream& operator<<(std::ostream& out, const NameCase& name) { return out << name.name; }

class WrongNameTest : public IdentityTest, public ::testing::WithParamInterface<NameCase> {};

TEST_P(WrongNameTest, IsDeniedAndHarmsNobody) {
  RunningExporter exporter(with_client_certificates());
  const TestCertificate of_b(client("b.example"), &ca_);
  TlsClient holder(exporter.ingest_port(), own_of(of_b, "b"));
  ASSERT_TRUE(holder.send(hello_line("b.example") + sample_line(1)));
  ASSERT_TRUE(is_welcome(holder.read_line()));
  ASSERT_TRUE(holder.read_line());

  CertificateSpec spec = client("x");
  spec.dns = GetParam().dns;
  spec.uris = GetParam().uris;
  spec.common_name = GetParam().common_name;
  const TestCertificate own(spec, &ca_);
  TlsClient agent(exporter.ingest_port(), own_of(own));
  ASSERT_TRUE(agent.send(hello_line("b.example") + sample_line(1, "99")));
  EXPECT_EQ(code_in(agent.read_line()), "endpoint_denied");
  expect_refused(exporter, "endpoint_denied");

  ASSERT_TRUE(holder.send(sample_line(2, "15.5")));
  EXPECT_EQ(holder.read_line(), R"({"type":"ack","sequence":2})");
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="b.example",method="reported"})"), "15.5");
}

INSTANTIATE_TEST_SUITE_P(, WrongNameTest,
                         ::testing::ValuesIn(std::vector<NameCase>{
                             {"AnotherName", {"a.example"}, {}, "x"},
                             {"Wildcard", {"*.example"}, {}, "x"},
                             {"CommonName", {}, {}, "b.example"},
                             {"OtherCase", {"B.example"}, {}, "x"},
                             {"Parent", {"example"}, {}, "x"},
                             {"TrailingDot", {"b.example."}, {}, "x"},
                             {"UriOfAnother", {}, {"cpu-monitor://agent/a.example"}, "x"},
                             {"UriOfAnotherScheme", {}, {"spiffe://agent/b.example"}, "x"},
                             {"UriLonger", {}, {"cpu-monitor://agent/b.example/x"}, "x"},
                         }),
                         [](const auto& test) { return std::string(test.param.name); });

class EitherProofTest : public IdentityTest {
 protected:
  exporter::ExporterOptions with_both() {
    auto options = with_client_certificates();
    options.tokens_file = file("tokens", line_of("a", "token-a"));
    return options;
  }
};

TEST_F(EitherProofTest, TokenWillDo) {
  RunningExporter exporter(with_both());
  TlsClient agent(exporter.ingest_port());
  ASSERT_TRUE(agent.send(with_token("a", "token-a")));
  EXPECT_TRUE(is_welcome(agent.read_line()));
}

TEST_F(EitherProofTest, CertificateWillDo) {
  RunningExporter exporter(with_both());
  const TestCertificate own(client("b"), &ca_);
  TlsClient agent(exporter.ingest_port(), own_of(own));
  ASSERT_TRUE(agent.send(hello_line("b")));
  EXPECT_TRUE(is_welcome(agent.read_line()));
}

TEST_F(EitherProofTest, NeitherIsRefusedInWords) {
  RunningExporter exporter(with_both());
  TlsClient agent(exporter.ingest_port());
  ASSERT_TRUE(agent.send(hello_line("a")));
  EXPECT_EQ(code_in(agent.read_line()), "unauthorized");
}

TEST_F(EitherProofTest, CertificateOfAnotherNameSpoilsAToken) {
  RunningExporter exporter(with_both());
  const TestCertificate own(client("b"), &ca_);
  TlsClient agent(exporter.ingest_port(), own_of(own));
  ASSERT_TRUE(agent.send(with_token("a", "token-a")));
  EXPECT_EQ(code_in(agent.read_line()), "endpoint_denied");
}

TEST_F(EitherProofTest, CertificateThatIsNotBelievedIsRefusedAllTheSame) {
  RunningExporter exporter(with_both());
  const TestCertificate own(client("a"));
  TlsClient agent(exporter.ingest_port(), own_of(own));
  agent.send(with_token("a", "token-a"));
  EXPECT_FALSE(agent.read_line());
  expect_refused(exporter, "unauthorized");
}

TEST_F(IdentityTest, CertificateThatIsMissingIsCounted) {
  RunningExporter exporter(with_client_certificates());
  TlsClient agent(exporter.ingest_port());
  agent.send(hello_line("a"));
  EXPECT_FALSE(agent.read_line());
  EXPECT_EQ(agent.fault(), "tlsv13 alert certificate required");
  expect_refused(exporter, "unauthorized");
}

TEST_F(IdentityTest, CertificateThatExpiredIsCountedAndTold) {
  RunningExporter exporter(with_client_certificates());
  CertificateSpec spec = client("a");
  spec.ends = std::chrono::seconds(-10);
  const TestCertificate own(spec, &ca_);
  TlsClient agent(exporter.ingest_port(), own_of(own));
  agent.send(hello_line("a"));
  EXPECT_FALSE(agent.read_line());
  EXPECT_EQ(agent.fault(), "sslv3 alert certificate expired");
  expect_refused(exporter, "unauthorized");
}

// Reload.

class ReloadTest : public IdentityTest {
 protected:
  /// An agent that is in, with one sample shown.
  static std::unique_ptr<TlsClient> connected(const RunningExporter& exporter,
                                              std::string_view hello,
                                              const TlsClient::Own& own = {}) {
    auto agent = std::make_unique<TlsClient>(exporter.ingest_port(), own);
    agent->send(std::string(hello) + sample_line(1));
    EXPECT_TRUE(is_welcome(agent->read_line()));
    EXPECT_EQ(agent->read_line(), R"({"type":"ack","sequence":1})");
    return agent;
  }

  static bool is_still_in(TlsClient& agent) {
    return agent.send(sample_line(2)) && agent.read_line() == R"({"type":"ack","sequence":2})";
  }

  static void wait_for_reload(const RunningExporter& exporter, std::string_view successful) {
    EXPECT_TRUE(eventually([&] { return exporter.value(kReloadSuccessful) == successful; }));
    EXPECT_EQ(exporter.value(kReloadSuccessful), successful);
  }
};

TEST_F(ReloadTest, ARevokedTokenEndsItsConnectionAndNoOther) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a") + line_of("b", "token-b")));
  const auto a = connected(exporter, with_token("a", "token-a"));
  const auto b = connected(exporter, with_token("b", "token-b"));
  replace("tokens", line_of("b", "token-b"));
  ::raise(SIGHUP);
  const auto refusal = refusal_in(a->read_line());
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->code, "unauthorized");
  EXPECT_TRUE(is_still_in(*b));
}

TEST_F(ReloadTest, AChangedFileIsReadWithoutASignal) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a") + line_of("b", "token-b")));
  const auto a = connected(exporter, with_token("a", "token-a"));
  replace("tokens", line_of("b", "token-b"));
  EXPECT_EQ(code_in(a->read_line()), "unauthorized");
}

TEST_F(ReloadTest, ANewTokenIsTakenBesideTheOldOne) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a")));
  const auto a = connected(exporter, with_token("a", "token-a"));
  replace("tokens", line_of("a", "token-a") + line_of("a", "token-a2") + line_of("c", "token-c"));
  ::raise(SIGHUP);
  // A machine that is listed is expected: that shows that the file was read.
  EXPECT_TRUE(eventually([&] {
    TlsClient agent(exporter.ingest_port());
    return agent.send(with_token("c", "token-c")) && is_welcome(agent.read_line());
  }));
  EXPECT_TRUE(is_still_in(*a));
}

TEST_F(ReloadTest, ABadTokensFileChangesNothing) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a")));
  EXPECT_EQ(exporter.value(kReloadSuccessful), "1");
  const auto a = connected(exporter, with_token("a", "token-a"));
  replace("tokens", "a not-a-hash\n");
  ::raise(SIGHUP);
  wait_for_reload(exporter, "0");
  EXPECT_TRUE(is_still_in(*a));
  TlsClient again(exporter.ingest_port());
  ASSERT_TRUE(again.send(with_token("b", "token-a")));
  EXPECT_EQ(code_in(again.read_line()), "endpoint_denied");

  replace("tokens", line_of("a", "token-a") + line_of("b", "token-b"));
  wait_for_reload(exporter, "1");
  const auto b = connected(exporter, with_token("b", "token-b"));
}

TEST_F(ReloadTest, AnEmptiedTokensFileChangesNothing) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a")));
  const auto a = connected(exporter, with_token("a", "token-a"));
  file("tokens", "");
  wait_for_reload(exporter, "0");
  EXPECT_TRUE(is_still_in(*a));
}

TEST_F(ReloadTest, ATokensFileWithNothingButACommentLetsNobodyIn) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a")));
  const auto a = connected(exporter, with_token("a", "token-a"));
  replace("tokens", "# nobody\n");
  EXPECT_EQ(code_in(a->read_line()), "unauthorized");
}

TEST_F(ReloadTest, AuthoritiesWithoutTheirListsChangeNothing) {
  const TestCertificate of_a(client("a"), &ca_);
  RunningExporter exporter(with_client_certificates(ca_.revocation_list({&of_a})));
  replace("clients.pem", ca_.certificate_pem());
  wait_for_reload(exporter, "0");
  TlsClient agent(exporter.ingest_port(), own_of(of_a));
  agent.send(hello_line("a"));
  EXPECT_FALSE(agent.read_line());
}

TEST_F(ReloadTest, AMissingTokensFileChangesNothing) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a")));
  const auto a = connected(exporter, with_token("a", "token-a"));
  ASSERT_EQ(::unlink((folder_.path() / "tokens").c_str()), 0);
  wait_for_reload(exporter, "0");
  EXPECT_TRUE(is_still_in(*a));
}

TEST_F(ReloadTest, ATokensFileThatOthersMayReadChangesNothing) {
  RunningExporter exporter(with_tokens(line_of("a", "token-a")));
  ASSERT_EQ(::chmod((folder_.path() / "tokens").c_str(), 0644), 0);
  wait_for_reload(exporter, "0");
}

TEST_F(ReloadTest, ANewCertificateIsShownToNewcomersAndTheOthersStay) {
  RunningExporter exporter(with_tls());
  const auto a = connected(exporter, hello_line("a"));
  CertificateSpec spec = server();
  spec.ends = std::chrono::hours(1);
  const TestCertificate fresh(spec, &ca_);
  const std::string series =
      R"(cpu_monitor_exporter_certificate_not_after_timestamp_seconds{certificate="ingest"})";
  const std::string before = exporter.value(series);
  show(fresh);
  ::raise(SIGHUP);
  EXPECT_TRUE(eventually([&] { return exporter.value(series) != before; }));
  EXPECT_NE(exporter.value(series), before);
  EXPECT_TRUE(is_still_in(*a));
  const auto b = connected(exporter, hello_line("b"));
}

TEST_F(ReloadTest, AKeyOfAnotherCertificateChangesNothing) {
  RunningExporter exporter(with_tls());
  replace("exporter-key.pem", ca_.key_pem());
  ::raise(SIGHUP);
  wait_for_reload(exporter, "0");
  const auto a = connected(exporter, hello_line("a"));
}

TEST_F(ReloadTest, ARevokedCertificateEndsItsConnectionAndNoOther) {
  RunningExporter exporter(with_client_certificates(ca_.revocation_list({})));
  const TestCertificate of_a(client("a"), &ca_);
  const TestCertificate of_b(client("b"), &ca_);
  const auto a = connected(exporter, hello_line("a"), own_of(of_a, "a"));
  const auto b = connected(exporter, hello_line("b"), own_of(of_b, "b"));
  replace("clients.pem", ca_.certificate_pem() + ca_.revocation_list({&of_a}));
  ::raise(SIGHUP);
  EXPECT_EQ(code_in(a->read_line()), "unauthorized");
  EXPECT_TRUE(is_still_in(*b));
  TlsClient again(exporter.ingest_port(), own_of(of_a, "a"));
  again.send(hello_line("a"));
  EXPECT_FALSE(again.read_line());
  EXPECT_EQ(again.fault(), "sslv3 alert certificate revoked");
}

TEST_F(ReloadTest, ACertificateIsJudgedAtTheHelloAsItIsTrustedThen) {
  RunningExporter exporter(with_client_certificates(ca_.revocation_list({})));
  const TestCertificate of_a(client("a"), &ca_);
  const TestCertificate of_b(client("b"), &ca_);
  const auto b = connected(exporter, hello_line("b"), own_of(of_b, "b"));
  TlsClient waiting(exporter.ingest_port(), own_of(of_a, "a"));
  ASSERT_EQ(waiting.fault(), "");
  // Both are out now, but one has said nothing yet.
  replace("clients.pem", ca_.certificate_pem() + ca_.revocation_list({&of_a, &of_b}));
  ::raise(SIGHUP);
  ASSERT_EQ(code_in(b->read_line()), "unauthorized");
  ASSERT_TRUE(waiting.send(hello_line("a") + sample_line(1)));
  EXPECT_EQ(code_in(waiting.read_line()), "unauthorized");
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="a",method="reported"})"), "");
}

TEST_F(ReloadTest, AnotherAuthorityEndsTheConnectionsOfTheFirst) {
  RunningExporter exporter(with_client_certificates());
  const TestCertificate other(authority("other"));
  const TestCertificate of_a(client("a"), &ca_);
  const TestCertificate of_b(client("b"), &other);
  const auto a = connected(exporter, hello_line("a"), own_of(of_a, "a"));
  replace("clients.pem", ca_.certificate_pem() + other.certificate_pem());
  ::raise(SIGHUP);
  EXPECT_TRUE(eventually([&] {
    TlsClient agent(exporter.ingest_port(), own_of(of_b, "b"));
    return agent.send(hello_line("b")) && is_welcome(agent.read_line());
  }));
  EXPECT_TRUE(is_still_in(*a));
  replace("clients.pem", other.certificate_pem());
  ::raise(SIGHUP);
  EXPECT_EQ(code_in(a->read_line()), "unauthorized");
}

TEST_F(ReloadTest, ACertificateThatEndsEndsItsConnection) {
  RunningExporter exporter(with_client_certificates());
  CertificateSpec spec = client("a");
  spec.ends = std::chrono::seconds(3);
  const TestCertificate own(spec, &ca_);
  const auto a = connected(exporter, hello_line("a"), own_of(own));
  std::optional<std::string> last;
  for (int i = 0; i < 2 && !last; ++i) last = a->read_line();  // each waits for 10 s
  EXPECT_EQ(code_in(last), "unauthorized");
}

// Start.

TEST_F(IdentityTest, ABadFileAtTheStartIsSaidByItsName) {
  auto options = with_tokens("a not-a-hash\n");
  try {
    const RunningExporter exporter(options);
    FAIL();
  } catch (const std::runtime_error& refused) {
    EXPECT_TRUE(std::string(refused.what()).starts_with(options.tokens_file + ": "))
        << refused.what();
    EXPECT_EQ(std::string(refused.what()).find("not-a-hash"), std::string::npos);
  }
}

TEST_F(IdentityTest, AKeyThatOthersMayReadIsRefusedAtTheStart) {
  auto options = with_tls();
  ::chmod(options.ingest_tls->key_file.c_str(), 0644);
  EXPECT_THROW(const RunningExporter exporter(options), std::runtime_error);
}

}  // namespace
}  // namespace cpu_monitor::tests
