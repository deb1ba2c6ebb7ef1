// TLS on a Stream: who believes whom, and what is said when not.

#include <signal.h>
#include <sys/stat.h>

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <ostream>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "common/net/asio.hpp"
#include "common/net/stream.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/test_certificates.hpp"
#include "tests/support/tls_meeting.hpp"

namespace cpu_monitor::tests {
namespace {

using net::Stream;
using net::TlsContext;
using net::TlsFailure;
using tcp = asio::ip::tcp;

class TlsTest : public ::testing::Test {
 protected:
  TlsTest() { ::signal(SIGPIPE, SIG_IGN); }

  /// Writes a private file and returns its path.
  std::string file(const std::string& name, const std::string& text) {
    folder_.put(name, text);
    const std::string path = (folder_.path() / name).string();
    ::chmod(path.c_str(), 0600);
    return path;
  }

  net::TlsServerSettings server_files(const TestCertificate& own, const std::string& more = "") {
    net::TlsServerSettings settings;
    settings.cert_file = file("server.pem", own.certificate_pem() + more);
    settings.key_file = file("server-key.pem", own.key_pem());
    return settings;
  }

  net::TlsClientSettings client_files(const TestCertificate& ca, const std::string& name) {
    net::TlsClientSettings settings;
    settings.ca_file = file("client-ca.pem", ca.certificate_pem());
    settings.server_name = name;
    return settings;
  }

  void show(net::TlsClientSettings& settings, const TestCertificate& own,
            const std::string& more = "") {
    settings.cert_file = file("client.pem", own.certificate_pem() + more);
    settings.key_file = file("client-key.pem", own.key_pem());
  }

  TempFolder folder_;
  TestCertificate ca_{authority("ca")};
};

TEST_F(TlsTest, CarriesBytesBothWays) {
  const TestCertificate own(server(), &ca_);
  const auto [called, caller] = meet(server_files(own), client_files(ca_, "localhost"));
  EXPECT_FALSE(called.handshake) << called.handshake->reason;
  EXPECT_FALSE(caller.handshake) << caller.handshake->reason;
  EXPECT_EQ(called.heard, "hello");
  EXPECT_EQ(caller.heard, "hello");
  EXPECT_FALSE(called.names);
  ASSERT_TRUE(caller.names);
  EXPECT_EQ(caller.names->dns, std::vector<std::string>{"localhost"});
}

TEST_F(TlsTest, TellsTheNamesOfAClient) {
  CertificateSpec spec = client("web-1");
  spec.uris = {"cpu-monitor://agent/web-1"};
  const TestCertificate own(server(), &ca_);
  const TestCertificate clients(spec, &ca_);
  auto settings = server_files(own);
  settings.client_ca_file = file("ca.pem", ca_.certificate_pem());
  auto of_client = client_files(ca_, "localhost");
  show(of_client, clients);
  const auto [called, caller] = meet(settings, of_client);
  ASSERT_TRUE(called.names);
  EXPECT_EQ(called.names->dns, std::vector<std::string>{"web-1"});
  EXPECT_EQ(called.names->uris, std::vector<std::string>{"cpu-monitor://agent/web-1"});
  EXPECT_EQ(caller.heard, "hello");
}

TEST_F(TlsTest, BelievesAnAddress) {
  CertificateSpec spec = server();
  spec.addresses = {"192.0.2.7"};
  const TestCertificate own(spec, &ca_);
  EXPECT_EQ(meet(server_files(own), client_files(ca_, "192.0.2.7")).second.heard, "hello");
  EXPECT_EQ(meet(server_files(own), client_files(ca_, "192.0.2.8")).second.heard, "");
}

TEST_F(TlsTest, BelievesAPinnedAuthorityThatIsSentAlong) {
  const TestCertificate own(server("cpu-monitor-exporter"), &ca_);
  net::TlsClientSettings settings;
  settings.ca_pin = ca_.fingerprint();
  settings.server_name = "cpu-monitor-exporter";
  EXPECT_EQ(meet(server_files(own, ca_.certificate_pem()), settings).second.heard, "hello");
}

TEST_F(TlsTest, BelievesANewLeafOfAPinnedAuthority) {
  net::TlsClientSettings settings;
  settings.ca_pin = ca_.fingerprint();
  settings.server_name = "cpu-monitor-exporter";
  for (int i = 0; i < 2; ++i) {
    const TestCertificate leaf(server("cpu-monitor-exporter"), &ca_);
    EXPECT_EQ(meet(server_files(leaf, ca_.certificate_pem()), settings).second.heard, "hello");
  }
}

TEST_F(TlsTest, DoesNotBelieveAnotherAuthorityThanThePinnedOne) {
  const TestCertificate other(authority("ca"));
  const TestCertificate own(server("cpu-monitor-exporter"), &other);
  net::TlsClientSettings settings;
  settings.ca_pin = ca_.fingerprint();
  settings.server_name = "cpu-monitor-exporter";
  // The right authority's certificate is no secret: sending it along proves nothing.
  const std::string sent = other.certificate_pem() + ca_.certificate_pem();
  const auto [called, caller] = meet(server_files(own, sent), settings);
  ASSERT_TRUE(caller.handshake);
  EXPECT_EQ(caller.handshake->kind, TlsFailure::Kind::certificate);
  EXPECT_EQ(called.heard, "");
}

TEST_F(TlsTest, DoesNotBelieveALeafWhoseOwnDigestIsNotThePinnedOne) {
  const TestCertificate own(server("cpu-monitor-exporter"));
  net::TlsClientSettings settings;
  settings.ca_pin = ca_.fingerprint();
  settings.server_name = "cpu-monitor-exporter";
  const auto [called, caller] = meet(server_files(own), settings);
  ASSERT_TRUE(caller.handshake);
  EXPECT_EQ(caller.handshake->kind, TlsFailure::Kind::certificate);
}

TEST_F(TlsTest, ChecksTheNameUnderAPinToo) {
  const TestCertificate own(server("localhost"), &ca_);
  net::TlsClientSettings settings;
  settings.ca_pin = ca_.fingerprint();
  settings.server_name = "cpu-monitor-exporter";
  const auto [called, caller] = meet(server_files(own, ca_.certificate_pem()), settings);
  ASSERT_TRUE(caller.handshake);
  EXPECT_EQ(caller.handshake->kind, TlsFailure::Kind::certificate);
  EXPECT_EQ(caller.handshake->reason, "hostname mismatch");
}

TEST_F(TlsTest, GoesThroughAnIntermediateAuthority) {
  const TestCertificate between(authority("between"), &ca_);
  const TestCertificate own(server(), &between);
  const auto sent = between.certificate_pem();
  EXPECT_EQ(meet(server_files(own, sent), client_files(ca_, "localhost")).second.heard, "hello");
  EXPECT_EQ(meet(server_files(own), client_files(ca_, "localhost")).second.heard, "");
}

TEST_F(TlsTest, CutsABigMessageIntoRecordsAndKeepsItsOrder) {
  const TestCertificate own(server(), &ca_);
  asio::io_context io{1};
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  tcp::socket calling(io);
  calling.connect(acceptor.local_endpoint());
  const auto called = std::make_shared<Stream>(acceptor.accept());
  const auto caller = std::make_shared<Stream>(std::move(calling));
  std::string message(std::size_t{8} << 20, '\0');
  for (std::size_t i = 0; i < message.size(); ++i) message[i] = static_cast<char>(i * 31 % 251);
  std::string heard;
  const auto rethrow = [](const std::exception_ptr& failure) {
    if (failure) std::rethrow_exception(failure);
  };
  const auto serve = [&]() -> asio::awaitable<void> {
    co_await called->secure(TlsContext::of_server(server_files(own)));
    called->send(std::string_view(message).substr(0, 5'000'000));
    called->send(std::string_view(message).substr(5'000'000));
    called->finish();
    co_await called->drained();
  };
  const auto read = [&]() -> asio::awaitable<void> {
    co_await caller->secure(TlsContext::of_client(client_files(ca_, "localhost")));
    std::array<char, 3000> chunk{};
    for (;;) {
      if (!caller->has_pending()) co_await caller->readable();
      std::error_code ec;
      const auto bytes = caller->read_available(asio::buffer(chunk), ec);
      if (ec == asio::error::would_block) continue;
      if (ec) break;
      heard.append(chunk.data(), bytes);
    }
  };
  asio::co_spawn(io, serve(), rethrow);
  asio::co_spawn(io, read(), rethrow);
  io.run_for(std::chrono::seconds(30));
  EXPECT_TRUE(heard == message) << heard.size();
}

TEST_F(TlsTest, DoesNotBelieveAClientOfARevokedAuthorityInBetween) {
  const TestCertificate between(authority("between"), &ca_);
  const TestCertificate own(client("web-1"), &between);
  const TestCertificate servers(server(), &ca_);
  auto of_server = server_files(servers);
  auto of_client = client_files(ca_, "localhost");
  show(of_client, own, between.certificate_pem());
  const auto believing = [&](const std::string& lists) {
    of_server.client_ca_file = file("ca.pem", ca_.certificate_pem() + lists);
    return meet(of_server, of_client).first;
  };
  EXPECT_EQ(believing("").heard, "hello");
  EXPECT_EQ(believing(ca_.revocation_list({}) + between.revocation_list({})).heard, "hello");
  const auto revoked = believing(ca_.revocation_list({&between}) + between.revocation_list({}));
  ASSERT_TRUE(revoked.handshake);
  EXPECT_EQ(revoked.handshake->reason, "certificate revoked");
}

TEST_F(TlsTest, TakesEveryEndThatACertificateMayHave) {
  for (const std::chrono::hours years :
       {std::chrono::hours(24) * 365 * 240, std::chrono::hours(24) * 365 * 7900}) {
    CertificateSpec spec = server();
    spec.ends = years;
    const TestCertificate own(spec, &ca_);
    const auto context = TlsContext::of_server(server_files(own));
    ASSERT_TRUE(context->certificate_not_after());
    EXPECT_GT(*context->certificate_not_after(), std::chrono::system_clock::now());
  }
}

TEST_F(TlsTest, AsksForANameOfTheServer) {
  net::TlsClientSettings settings = client_files(ca_, "");
  EXPECT_THROW(static_cast<void>(TlsContext::of_client(settings)), std::runtime_error);
}

// A bad certificate of either side.

struct BadCertificate {
  const char* name;
  std::function<void(CertificateSpec&)> spoil;
  bool is_self_signed = false;
  bool is_of_another_authority = false;
  bool is_revoked = false;
  bool is_missing = false;
  const char* reason;  ///< of whoever judges it
};

std::ostream& operator<<(std::ostream& out, const BadCertificate& bad) { return out << bad.name; }

void leave(CertificateSpec& /*spec*/) {}
void expire(CertificateSpec& spec) { spec.ends = std::chrono::seconds(-60); }
void begin_tomorrow(CertificateSpec& spec) { spec.begins = std::chrono::hours(24); }
void weaken(CertificateSpec& spec) { spec.has_weak_key = true; }
void be_for_the_other_side(CertificateSpec& spec) {
  spec.purpose = spec.purpose == "serverAuth" ? "clientAuth" : "serverAuth";
}
void name_another(CertificateSpec& spec) { spec.dns = {"other.example"}; }
void name_nobody(CertificateSpec& spec) {
  spec.common_name = spec.dns.at(0);
  spec.dns = {};
}

class BadServerCertificateTest : public TlsTest,
                                 public ::testing::WithParamInterface<BadCertificate> {};

TEST_P(BadServerCertificateTest, IsNotBelieved) {
  const BadCertificate& bad = GetParam();
  const TestCertificate other(authority("other"));
  CertificateSpec spec = server();
  bad.spoil(spec);
  const TestCertificate* const issuer =
      bad.is_self_signed ? nullptr : (bad.is_of_another_authority ? &other : &ca_);
  const TestCertificate own(spec, issuer);
  auto of_client = client_files(ca_, "localhost");
  if (bad.is_revoked) {
    of_client.ca_file = file("ca-crl.pem", ca_.certificate_pem() + ca_.revocation_list({&own}));
  }
  const auto [called, caller] = meet(server_files(own), of_client);
  ASSERT_TRUE(caller.handshake);
  EXPECT_EQ(caller.handshake->kind, TlsFailure::Kind::certificate);
  EXPECT_EQ(caller.handshake->reason, bad.reason);
  EXPECT_EQ(called.heard, "");
  EXPECT_EQ(caller.heard, "");
}

INSTANTIATE_TEST_SUITE_P(
    , BadServerCertificateTest,
    ::testing::ValuesIn(std::vector<BadCertificate>{
        {.name = "Expired", .spoil = expire, .reason = "certificate has expired"},
        {.name = "NotYetValid", .spoil = begin_tomorrow, .reason = "certificate is not yet valid"},
        {.name = "SelfSigned",
         .spoil = leave,
         .is_self_signed = true,
         .reason = "self-signed certificate"},
        {.name = "UnknownAuthority",
         .spoil = leave,
         .is_of_another_authority = true,
         .reason = "unable to get local issuer certificate"},
        {.name = "ForClients",
         .spoil = be_for_the_other_side,
         .reason = "unsuitable certificate purpose"},
        {.name = "OfAnotherName", .spoil = name_another, .reason = "hostname mismatch"},
        {.name = "CommonNameOnly", .spoil = name_nobody, .reason = "hostname mismatch"},
        {.name = "Revoked", .spoil = leave, .is_revoked = true, .reason = "certificate revoked"},
        {.name = "PartialWildcard",
         .spoil = [](CertificateSpec& spec) { spec.dns = {"local*"}; },
         .reason = "hostname mismatch"},
    }),
    [](const auto& test) { return std::string(test.param.name); });

class BadClientCertificateTest : public TlsTest,
                                 public ::testing::WithParamInterface<BadCertificate> {};

TEST_P(BadClientCertificateTest, IsNotBelieved) {
  const BadCertificate& bad = GetParam();
  const TestCertificate other(authority("other"));
  const TestCertificate servers(server(), &ca_);
  CertificateSpec spec = client("web-1");
  bad.spoil(spec);
  const TestCertificate* const issuer =
      bad.is_self_signed ? nullptr : (bad.is_of_another_authority ? &other : &ca_);
  const TestCertificate own(spec, issuer);
  auto of_server = server_files(servers);
  of_server.client_ca_file =
      file("ca.pem",
           ca_.certificate_pem() + (bad.is_revoked ? ca_.revocation_list({&own}) : std::string()));
  auto of_client = client_files(ca_, "localhost");
  if (!bad.is_missing) show(of_client, own);
  const auto [called, caller] = meet(of_server, of_client);
  ASSERT_TRUE(called.handshake);
  EXPECT_EQ(called.handshake->kind, TlsFailure::Kind::certificate);
  EXPECT_EQ(called.handshake->reason, bad.reason);
  // In TLS 1.3 the client has finished before the server has judged it: the alert comes later.
  EXPECT_FALSE(caller.handshake);
  ASSERT_TRUE(caller.reading);
  EXPECT_EQ(caller.reading->kind, TlsFailure::Kind::refused);
  EXPECT_EQ(called.heard, "");
  EXPECT_EQ(caller.heard, "");
}

INSTANTIATE_TEST_SUITE_P(
    , BadClientCertificateTest,
    ::testing::ValuesIn(std::vector<BadCertificate>{
        {.name = "Expired", .spoil = expire, .reason = "certificate has expired"},
        {.name = "NotYetValid", .spoil = begin_tomorrow, .reason = "certificate is not yet valid"},
        {.name = "SelfSigned",
         .spoil = leave,
         .is_self_signed = true,
         .reason = "self-signed certificate"},
        {.name = "UnknownAuthority",
         .spoil = leave,
         .is_of_another_authority = true,
         .reason = "unable to get local issuer certificate"},
        {.name = "ForServers",
         .spoil = be_for_the_other_side,
         .reason = "unsuitable certificate purpose"},
        {.name = "Revoked", .spoil = leave, .is_revoked = true, .reason = "certificate revoked"},
        {.name = "Missing",
         .spoil = leave,
         .is_missing = true,
         .reason = "no certificate was shown"},
    }),
    [](const auto& test) { return std::string(test.param.name); });

// Files that cannot be used.

TEST_F(TlsTest, RefusesFilesThatHoldNothing) {
  const TestCertificate own(server(), &ca_);
  auto settings = server_files(own);
  settings.cert_file = file("empty.pem", "");
  EXPECT_THROW(static_cast<void>(TlsContext::of_server(settings)), std::runtime_error);
  settings = server_files(own);
  settings.key_file = file("empty.pem", "");
  EXPECT_THROW(static_cast<void>(TlsContext::of_server(settings)), std::runtime_error);
  settings = server_files(own);
  settings.client_ca_file = file("empty.pem", "");
  EXPECT_THROW(static_cast<void>(TlsContext::of_server(settings)), std::runtime_error);
}

TEST_F(TlsTest, RefusesAKeyOfAnotherCertificate) {
  const TestCertificate own(server(), &ca_);
  auto settings = server_files(own);
  settings.key_file = file("other-key.pem", ca_.key_pem());
  EXPECT_THROW(static_cast<void>(TlsContext::of_server(settings)), std::runtime_error);
}

TEST_F(TlsTest, RefusesAWeakKey) {
  CertificateSpec spec = server();
  weaken(spec);
  const TestCertificate own(spec, &ca_);
  EXPECT_THROW(static_cast<void>(TlsContext::of_server(server_files(own))), std::runtime_error);
}

TEST_F(TlsTest, RefusesListsWithoutAnAuthority) {
  const TestCertificate own(server(), &ca_);
  auto settings = server_files(own);
  settings.client_ca_file = file("crl.pem", ca_.revocation_list({}));
  EXPECT_THROW(static_cast<void>(TlsContext::of_server(settings)), std::runtime_error);
}

TEST_F(TlsTest, NamesTheFileThatCannotBeUsed) {
  const TestCertificate own(server(), &ca_);
  auto settings = server_files(own);
  settings.key_file = "/nowhere/key.pem";
  try {
    static_cast<void>(TlsContext::of_server(settings));
    FAIL();
  } catch (const std::runtime_error& refused) {
    EXPECT_TRUE(std::string(refused.what()).starts_with("/nowhere/key.pem: ")) << refused.what();
  }
}

TEST_F(TlsTest, RefusesAFingerprintThatIsNone) {
  for (const std::string& pin : {std::string("abc"), std::string(64, 'g'), std::string(63, 'a'),
                                 std::string(65, 'a'), std::string(64, 'A')}) {
    net::TlsClientSettings settings;
    settings.ca_pin = pin;
    settings.server_name = "localhost";
    EXPECT_THROW(static_cast<void>(TlsContext::of_client(settings)), std::runtime_error) << pin;
  }
}

TEST_F(TlsTest, KnowsWhenItsCertificateEnds) {
  CertificateSpec spec = server();
  spec.ends = std::chrono::hours(48);
  const TestCertificate own(spec, &ca_);
  auto settings = server_files(own);
  settings.client_ca_file = file("ca.pem", ca_.certificate_pem());
  const auto context = TlsContext::of_server(settings);
  const auto now = std::chrono::system_clock::now();
  ASSERT_TRUE(context->certificate_not_after());
  EXPECT_NEAR(
      static_cast<double>((*context->certificate_not_after() - now) / std::chrono::seconds(1)),
      48 * 3600, 60);
  ASSERT_TRUE(context->ca_not_after());
  EXPECT_NEAR(static_cast<double>((*context->ca_not_after() - now) / std::chrono::seconds(1)),
              24 * 3600, 60);
}

}  // namespace
}  // namespace cpu_monitor::tests
