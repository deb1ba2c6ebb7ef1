// The agent's link over TLS: whom it believes, what it tells to whom, and what a reload does.

#include <sys/stat.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "agent/openssl.hpp"
#include "exporter/credentials.hpp"
#include "tests/support/running_exporter.hpp"
#include "tests/support/running_link.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/test_certificates.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

std::string refused(const RunningExporter& exporter, std::string_view reason) {
  return exporter.value("cpu_monitor_exporter_connections_refused_total{reason=\"" +
                        std::string(reason) + "\"}");
}

/// The agent's unit stands in for OpenSSL in this program, also for what the tests themselves use.
const bool kIsLoaded = (agent::load_openssl(), true);

class SecureLinkTest : public ::testing::Test {
 protected:
  std::string file(const std::string& name, const std::string& text) {
    folder_.put(name, text);
    const std::string path = (folder_.path() / name).string();
    ::chmod(path.c_str(), 0600);
    return path;
  }

  exporter::ExporterOptions exporter_of(const TestCertificate& own) {
    exporter::ExporterOptions options;
    options.ingest_tls.emplace();
    options.ingest_tls->cert_file = file("exporter.pem", own.certificate_pem());
    options.ingest_tls->key_file = file("exporter-key.pem", own.key_pem());
    return options;
  }

  net::TlsClientSettings believing(const TestCertificate& authority) {
    net::TlsClientSettings settings;
    settings.ca_file = file("ca.pem", authority.certificate_pem());
    settings.server_name = "localhost";
    return settings;
  }

  static agent::ExporterLink::Settings settings_for(const RunningExporter& exporter,
                                                    net::TlsClientSettings tls,
                                                    std::optional<std::string> token = {}) {
    auto settings = quick_settings(exporter.ingest_port());
    settings.welcome_timeout = std::chrono::seconds(5);
    settings.proofs = [tls = std::move(tls), token = std::move(token)] {
      agent::Proofs proofs;
      proofs.tls = net::TlsContext::of_client(tls);
      proofs.token = token;
      return proofs;
    };
    return settings;
  }

  TempFolder folder_;
  TestCertificate ca_{authority("ca")};
  TestCertificate own_{server(), &ca_};
};

TEST_F(SecureLinkTest, PushesOverTls) {
  RunningExporter exporter(exporter_of(own_));
  RunningLink link(settings_for(exporter, believing(ca_)));
  link.offer(42.5);
  EXPECT_TRUE(eventually([&] { return link.acknowledged().size() == 1; }));
  EXPECT_EQ(exporter.value(R"(my_cpu_percents{endpoint="link-1",method="reported"})"), "42.5");
}

TEST_F(SecureLinkTest, ShowsItsToken) {
  auto options = exporter_of(own_);
  std::string hash;
  for (const std::uint8_t byte : exporter::digest_of_token("secret")) {
    hash += "0123456789abcdef"[byte >> 4U];
    hash += "0123456789abcdef"[byte & 15U];
  }
  options.tokens_file = file("tokens", "link-1 " + hash + "\n");
  RunningExporter exporter(options);
  {
    const RunningLink link(settings_for(exporter, believing(ca_), "wrong"));
    EXPECT_TRUE(eventually([&] { return refused(exporter, "unauthorized") != "0"; }));
    EXPECT_EQ(link.welcomes, 0);
  }
  const RunningLink link(settings_for(exporter, believing(ca_), "secret"));
  EXPECT_TRUE(eventually([&] { return link.welcomes == 1; }));
}

TEST_F(SecureLinkTest, TellsNothingToAnExporterItDoesNotBelieve) {
  const TestCertificate other(authority("other"));
  RunningExporter exporter(exporter_of(own_));
  const RunningLink link(settings_for(exporter, believing(other), "secret"));
  EXPECT_TRUE(eventually([&] { return refused(exporter, "tls_handshake") != "0"; }));
  EXPECT_EQ(link.welcomes, 0);
  EXPECT_EQ(exporter.value("cpu_monitor_exporter_received_bytes_total"), "0");
}

TEST_F(SecureLinkTest, TellsNothingToAPlainPort) {
  RunningExporter exporter;
  const RunningLink link(settings_for(exporter, believing(ca_), "secret"));
  EXPECT_TRUE(eventually([&] { return refused(exporter, "tls_unexpected") != "0"; }));
  EXPECT_EQ(link.welcomes, 0);
}

TEST_F(SecureLinkTest, GoesOnTryingPlainTextAtATlsPort) {
  RunningExporter exporter(exporter_of(own_));
  const RunningLink link(quick_settings(exporter.ingest_port()));
  EXPECT_TRUE(eventually([&] { return std::stoi("0" + refused(exporter, "tls_required")) >= 3; }));
}

TEST_F(SecureLinkTest, ConnectsAnewAfterAReloadWithNewFiles) {
  auto options = exporter_of(own_);
  options.ingest_tls->client_ca_file = file("clients.pem", ca_.certificate_pem());
  RunningExporter exporter(options);
  auto tls = believing(ca_);
  const TestCertificate first(client("link-1"), &ca_);
  tls.cert_file = file("agent.pem", first.certificate_pem());
  tls.key_file = file("agent-key.pem", first.key_pem());
  auto settings = settings_for(exporter, tls);
  settings.backoff_base = std::chrono::minutes(1);  // the next attempt is due at once all the same
  RunningLink link(settings);
  ASSERT_TRUE(eventually([&] { return link.welcomes == 1; }));

  const TestCertificate second(client("link-1"), &ca_);
  file("agent.pem", second.certificate_pem());
  file("agent-key.pem", second.key_pem());
  link.reload();
  EXPECT_TRUE(eventually([&] { return link.welcomes == 2; }));
  link.offer(7);
  EXPECT_TRUE(eventually([&] { return link.acknowledged().size() == 1; }));
}

TEST_F(SecureLinkTest, KeepsItsConnectionWhenTheNewFilesAreBad) {
  RunningExporter exporter(exporter_of(own_));
  const auto tls = believing(ca_);
  RunningLink link(settings_for(exporter, tls));
  ASSERT_TRUE(eventually([&] { return link.welcomes == 1; }));
  file("ca.pem", "garbage");
  link.reload();
  link.offer(7);
  EXPECT_TRUE(eventually([&] { return link.acknowledged().size() == 1; }));
  EXPECT_EQ(link.welcomes, 1);
  EXPECT_EQ(link.disconnects, 0);
}

TEST_F(SecureLinkTest, DoesNotStartWithBadFiles) {
  auto settings = quick_settings(1);
  net::TlsClientSettings tls;
  tls.ca_file = "/nowhere";
  settings.proofs = [tls] { return agent::Proofs{net::TlsContext::of_client(tls), {}}; };
  EXPECT_THROW(const RunningLink link(settings), std::runtime_error);
}

TEST_F(SecureLinkTest, StopsWhileAHandshakeHangs) {
  asio::io_context io{1};
  asio::ip::tcp::acceptor silent(io, {asio::ip::address_v4::loopback(), 0});
  auto settings = quick_settings(silent.local_endpoint().port());
  settings.proofs = [tls = believing(ca_)] {
    return agent::Proofs{net::TlsContext::of_client(tls), {}};
  };
  const auto begin = std::chrono::steady_clock::now();
  {
    const RunningLink link(settings);
    const auto socket = silent.accept();
  }
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(5));
}

}  // namespace
}  // namespace cpu_monitor::tests
