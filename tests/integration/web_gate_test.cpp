// The door in front of civetweb: limits, slow clients, TLS, certificates, passwords.

#include <signal.h>
#include <sys/stat.h>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <asio/read.hpp>
#include <gtest/gtest.h>

#include "common/net/asio.hpp"
#include "tests/support/gunzip.hpp"
#include "tests/support/running_gate.hpp"
#include "tests/support/tcp_client.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/test_certificates.hpp"
#include "tests/support/tls_client.hpp"
#include "tests/support/wait.hpp"

namespace cpu_monitor::tests {
namespace {

using exporter::WebLimits;
using exporter::WebRefusal;
using std::chrono::milliseconds;

constexpr std::string_view kRequest = "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view kBigRequest =
    "GET /metrics?collect[]=cpu HTTP/1.1\r\nHost: localhost\r\n\r\n";
constexpr std::string_view kLastChunk = "\r\n0\r\n\r\n";

std::string request_of(std::size_t bytes) {
  std::string request = "GET /-/healthy HTTP/1.1\r\nX-Padding: ";
  request.append(bytes - request.size() - 4, 'x');
  return request + "\r\n\r\n";
}

RunningGate::Settings with(WebLimits limits) {
  RunningGate::Settings settings;
  settings.limits = limits;
  return settings;
}

// Requests.

TEST(WebGate, ServesARequestThatComesByteByByte) {
  RunningGate gate;
  TcpClient client(gate.port());
  for (const char byte : kRequest) ASSERT_TRUE(client.send({&byte, 1}));
  EXPECT_EQ(parse_answer(client.read_all()).status, 200);
}

TEST(WebGate, ServesAClientThatEndsItsHalfAtOnce) {
  RunningGate gate;
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send(kRequest));
  client.finish();
  EXPECT_EQ(parse_answer(client.read_all()).status, 200);
}

TEST(WebGate, AnswersOneRequestAConnection) {
  RunningGate gate;
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send(std::string(kRequest) + std::string(kRequest)));
  const std::string answer = client.read_all();
  EXPECT_EQ(answer.find("HTTP/1.1 "), answer.rfind("HTTP/1.1 ")) << answer;
  EXPECT_TRUE(parse_answer(answer).is_whole);
}

TEST(WebGate, ReadsNoBody) {
  RunningGate gate;
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send("POST /metrics HTTP/1.1\r\nContent-Length: 1000000\r\n\r\nhello"));
  EXPECT_EQ(parse_answer(client.read_all()).status, 413);
}

TEST(WebGate, LosesNoAnswerWhileTheClientStillSends) {
  RunningGate gate;
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send("POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"));
  client.send(std::string(std::size_t{1} << 20, 'x'));
  EXPECT_EQ(parse_answer(client.read_all()).status, 413);
}

TEST(WebGate, TakesTheLongestRequest) {
  RunningGate gate;
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send(request_of(exporter::kMaxRequestHeadBytes)));
  EXPECT_EQ(parse_answer(client.read_all()).status, 200);
  EXPECT_EQ(gate.refused(WebRefusal::head_too_large), 0U);
}

TEST(WebGate, RefusesOneByteMore) {
  RunningGate gate;
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send(request_of(exporter::kMaxRequestHeadBytes + 1)));
  EXPECT_EQ(parse_answer(client.read_all()).status, 431);
  EXPECT_EQ(gate.refused(WebRefusal::head_too_large), 1U);
}

TEST(WebGate, RefusesARequestWithoutEnd) {
  RunningGate gate;
  TcpClient client(gate.port());
  client.send(std::string(std::size_t{1} << 20, 'x'));
  EXPECT_EQ(parse_answer(client.read_all()).status, 431);
}

TEST(WebGate, PassesOnWhatCivetwebSaysOfNonsense) {
  RunningGate gate;
  for (const std::string_view request :
       {"GET / HTTP/9.9\r\n\r\n", "BREW / HTTP/1.1\r\n\r\n", "GET /\r\n\r\n",
        "GET /%00 HTTP/1.1\r\n\r\n", "GET /%zz HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\nno colon\n\n"}) {
    TcpClient client(gate.port());
    ASSERT_TRUE(client.send(request));
    const std::string answer = client.read_all();
    EXPECT_TRUE(answer.starts_with("HTTP/")) << request << answer;
  }
  EXPECT_EQ(http(gate.port(), "/-/healthy").status, 200);
  EXPECT_EQ(gate.refused(WebRefusal::page_failed), 0U);
}

TEST(WebGate, RefusesWhatAsksForNoPath) {
  RunningGate gate;
  std::size_t requests = 0;
  for (const std::string_view request :
       {"\r\n\r\n", "GET\r\n\r\n", "\x01\x02\r\n\r\n", "OPTIONS * HTTP/1.1\r\n\r\n",
        "GET http://localhost/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n",
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "CONNECT web-1:80 HTTP/1.1\r\n\r\n"}) {
    TcpClient client(gate.port());
    ASSERT_TRUE(client.send(request));
    EXPECT_EQ(parse_answer(client.read_all()).status, 400) << request;
    ++requests;
  }
  EXPECT_EQ(gate.refused(WebRefusal::bad_request), requests);
}

TEST(WebGate, ServesPlainlyWhoAsksForAnUpgrade) {
  RunningGate gate;
  for (const std::string_view protocol : {"websocket", "h2c"}) {
    TcpClient client(gate.port());
    ASSERT_TRUE(
        client.send("GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                    "Upgrade: " +
                    std::string(protocol) +
                    "\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"));
    EXPECT_EQ(parse_answer(client.read_all()).status, 200) << protocol;
  }
}

TEST(WebGate, TellsAClientOfTlsThatThePortIsPlain) {
  RunningGate gate;
  const TlsClient client(gate.port());
  EXPECT_NE(client.fault().find("alert handshake failure"), std::string::npos) << client.fault();
  EXPECT_EQ(gate.refused(WebRefusal::tls_unexpected), 1U);
}

// Limits.

WebLimits short_head_timeout() {
  WebLimits limits;
  limits.head_timeout = milliseconds(300);
  return limits;
}

TEST(WebGate, CutsRequestsThatNeverEnd) {
  RunningGate gate(with(short_head_timeout()));
  std::vector<std::unique_ptr<TcpClient>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<TcpClient>(gate.port()));
    slow.back()->send("GET / HTTP/1.1\r\n");
  }
  EXPECT_EQ(http(gate.port(), "/-/healthy").status, 200);
  // A byte now and then does not help.
  EXPECT_TRUE(eventually([&] {
    for (const auto& client : slow) client->send("X");
    return gate.refused(WebRefusal::head_timeout) == slow.size();
  }));
  EXPECT_EQ(http(gate.port(), "/-/healthy").status, 200);
}

TEST(WebGate, CutsSilence) {
  RunningGate gate(with(short_head_timeout()));
  TcpClient silent(gate.port());
  EXPECT_TRUE(silent.is_closed_by_peer());
  EXPECT_EQ(gate.refused(WebRefusal::head_timeout), 1U);
}

TEST(WebGate, HasAsManyConnectionsAsItMay) {
  WebLimits limits;
  limits.max_connections = 4;
  RunningGate gate(with(limits));
  std::vector<std::unique_ptr<TcpClient>> clients;
  for (std::size_t i = 0; i < limits.max_connections; ++i) {
    clients.push_back(std::make_unique<TcpClient>(gate.port()));
    clients.back()->send("GET /-/healthy HTTP/1.1\r\n");
  }
  for (const auto& client : clients) {
    EXPECT_TRUE(client->send("\r\n"));
    EXPECT_EQ(parse_answer(client->read_all()).status, 200);
  }
  EXPECT_EQ(gate.refused(WebRefusal::capacity), 0U);
}

TEST(WebGate, OneMoreTakesThePlaceOfTheOldestThatHasNotAsked) {
  WebLimits limits;
  limits.max_connections = 4;
  RunningGate gate(with(limits));
  std::vector<std::unique_ptr<TcpClient>> clients;
  for (std::size_t i = 0; i < limits.max_connections; ++i) {
    clients.push_back(std::make_unique<TcpClient>(gate.port()));
    clients.back()->send("GET /-/healthy HTTP/1.1\r\n");
  }
  EXPECT_EQ(http(gate.port(), "/-/healthy").status, 200);
  EXPECT_TRUE(clients[0]->is_closed_by_peer());
  EXPECT_EQ(gate.refused(WebRefusal::capacity), 1U);
  clients[1]->send("\r\n");
  EXPECT_EQ(parse_answer(clients[1]->read_all()).status, 200);
}

TEST(WebGate, AnAddressHasItsShareOnly) {
  WebLimits limits;
  limits.max_connections = 6;
  limits.max_connections_of_address = 3;
  RunningGate gate(with(limits));
  TcpClient other(gate.port(), "127.0.0.2");
  std::vector<std::unique_ptr<TcpClient>> flood;
  for (int i = 0; i < 20; ++i) flood.push_back(std::make_unique<TcpClient>(gate.port()));
  EXPECT_TRUE(eventually([&] { return gate.refused(WebRefusal::capacity) == 17U; }));
  other.send(kRequest);
  EXPECT_EQ(parse_answer(other.read_all()).status, 200);
}

TEST(WebGate, WhoHasMostMakesRoomForOthers) {
  WebLimits limits;
  limits.max_connections = 4;
  RunningGate gate(with(limits));
  TcpClient first(gate.port(), "127.0.0.2");
  std::vector<std::unique_ptr<TcpClient>> flood;
  for (int i = 0; i < 3; ++i) flood.push_back(std::make_unique<TcpClient>(gate.port()));
  TcpClient third(gate.port(), "127.0.0.3");
  EXPECT_TRUE(flood[0]->is_closed_by_peer());
  for (TcpClient* const client : {&first, &third}) {
    client->send(kRequest);
    EXPECT_EQ(parse_answer(client->read_all()).status, 200);
  }
}

TEST(WebGate, OfManyAddressesTheOldestThatHasNotAskedMakesRoom) {
  WebLimits limits;
  limits.max_connections = 4;
  RunningGate gate(with(limits));
  std::vector<std::unique_ptr<TcpClient>> flood;
  for (int i = 2; i <= 4; ++i) {
    flood.push_back(std::make_unique<TcpClient>(gate.port(), "127.0.0." + std::to_string(i)));
    flood.back()->send("GET");
  }
  TcpClient honest(gate.port(), "127.0.0.1");  // the address that comes first
  TcpClient newcomer(gate.port(), "127.0.0.9");
  EXPECT_TRUE(flood[0]->is_closed_by_peer());
  for (TcpClient* const client : {&honest, &newcomer}) {
    client->send(kRequest);
    EXPECT_EQ(parse_answer(client->read_all()).status, 200);
  }
}

// Clients that read slowly.

class WebGateBigPage : public testing::Test {
 protected:
  static constexpr std::size_t kBigMachines = 40;

  RunningGate::Settings settings_{.limits = {}, .config_file = "", .big_machines = kBigMachines};
};

TEST_F(WebGateBigPage, FiftySlowReadersHoldUpNobody) {
  settings_.limits.max_buffered_bytes = std::size_t{32} << 20;
  settings_.limits.progress_timeout = milliseconds(1000);
  RunningGate gate(settings_);
  std::vector<std::unique_ptr<TcpClient>> slow;
  for (int i = 0; i < 50; ++i) {
    slow.push_back(std::make_unique<TcpClient>(gate.port()));
    ASSERT_TRUE(slow.back()->send(kBigRequest));
  }
  for (int round = 0; round < 3; ++round) {
    EXPECT_TRUE(http(gate.port(), "/-/healthy").is_whole);
    EXPECT_TRUE(http(gate.port(), "/metrics?collect[]=cpu").is_whole);
  }
  EXPECT_TRUE(eventually([&] { return gate.refused(WebRefusal::slow_reader) == slow.size(); }));
  EXPECT_FALSE(slow.front()->read_all().ends_with(kLastChunk));
}

TEST_F(WebGateBigPage, MoreSlowReadersThanWorkersAndAlmostNoMemory) {
  settings_.limits.max_buffered_bytes = std::size_t{1} << 20;
  RunningGate gate(settings_);
  std::vector<std::unique_ptr<TcpClient>> slow;
  for (int i = 0; i < 20; ++i) {
    slow.push_back(std::make_unique<TcpClient>(gate.port()));
    ASSERT_TRUE(slow.back()->send(kBigRequest));
  }
  EXPECT_TRUE(http(gate.port(), "/metrics?collect[]=cpu").is_whole);
  EXPECT_GE(gate.refused(WebRefusal::slow_reader), 1U);
}

TEST_F(WebGateBigPage, WithoutMemoryAReaderGetsItAsFastAsItReads) {
  settings_.limits.max_buffered_bytes = 0;
  RunningGate gate(settings_);
  EXPECT_TRUE(http(gate.port(), "/metrics?collect[]=cpu").is_whole);
  EXPECT_EQ(gate.refused(WebRefusal::slow_reader), 0U);
}

TEST_F(WebGateBigPage, GoesOnForWhoReadsAtLeastSoMuch) {
  settings_.limits.progress_timeout = milliseconds(500);
  settings_.limits.min_progress_bytes = 4096;
  RunningGate gate(settings_);
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send(kBigRequest));
  // Slower than it is made, for longer than one timeout.
  const auto end = std::chrono::steady_clock::now() + milliseconds(1500);
  while (std::chrono::steady_clock::now() < end) {
    ASSERT_GT(client.read_some(milliseconds(1000)), 0U);
    std::this_thread::sleep_for(milliseconds(20));
  }
  EXPECT_TRUE(parse_answer(client.read_all()).is_whole);
  EXPECT_EQ(gate.refused(WebRefusal::slow_reader), 0U);
}

TEST_F(WebGateBigPage, EndsAtLastForWhoReadsTooSlowlyInAll) {
  settings_.limits.answer_timeout = milliseconds(600);
  settings_.limits.min_progress_bytes = 1;
  RunningGate gate(settings_);
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send(kBigRequest));
  std::size_t bytes = 0;
  EXPECT_TRUE(eventually([&] {
    bytes += client.read_some(milliseconds(10));
    return gate.refused(WebRefusal::slow_reader) == 1;
  }));
  EXPECT_GT(bytes, 0U);
  EXPECT_FALSE(client.read_all().ends_with(kLastChunk));
}

TEST_F(WebGateBigPage, AReaderMakesRoomForWhoIsQuicker) {
  settings_.limits.max_connections = 1;
  RunningGate gate(settings_);
  TcpClient slow(gate.port());
  ASSERT_TRUE(slow.send(kBigRequest));
  ASSERT_TRUE(slow.read_line());
  // Not before the slow one has left its page lying.
  EXPECT_TRUE(eventually([&] { return http(gate.port(), "/-/healthy").status == 200; }));
  EXPECT_GE(gate.refused(WebRefusal::capacity), 1U);
  EXPECT_FALSE(slow.read_all().ends_with(kLastChunk));
}

TEST_F(WebGateBigPage, StopsInTimeAndCutsVisiblyWhatIsUnderWay) {
  RunningGate gate(settings_);
  TcpClient slow(gate.port());
  ASSERT_TRUE(slow.send(kBigRequest));
  ASSERT_TRUE(slow.read_line());
  TcpClient silent(gate.port());
  const auto begin = std::chrono::steady_clock::now();
  gate.stop();
  EXPECT_LT(std::chrono::steady_clock::now() - begin, milliseconds(1500));
  EXPECT_EQ(gate.refused(WebRefusal::stopping), 1U);
  EXPECT_FALSE(slow.read_all().ends_with(kLastChunk));
  EXPECT_TRUE(silent.is_closed_by_peer());
}

TEST_F(WebGateBigPage, StopsWhenThePageUnderWayIsWhole) {
  RunningGate gate(settings_);
  TcpClient client(gate.port());
  ASSERT_TRUE(client.send(kBigRequest));
  const std::string begin = *client.read_line() + "\n";
  std::string rest;
  std::thread reader([&] { rest = client.read_all(); });
  gate.stop();
  reader.join();
  EXPECT_TRUE(parse_answer(begin + rest).is_whole);
  EXPECT_EQ(gate.refused(WebRefusal::stopping), 0U);
}

// The private port.

TEST(WebGatePrivatePort, AnswersNobodyElse) {
  RunningGate gate;
  for (const std::string& source : {std::string(), gate.server().peers().address()}) {
    for (const std::string_view request : {kRequest, kBigRequest}) {
      TcpClient stranger(gate.server().port(), source);
      stranger.send(request);
      stranger.finish();
      EXPECT_EQ(stranger.read_all(), "") << source;
    }
  }
  EXPECT_EQ(http(gate.port(), "/-/healthy").status, 200);
}

TEST(WebGatePrivatePort, StrangersTakeNoWorker) {
  RunningGate gate;
  std::vector<std::unique_ptr<TcpClient>> strangers;
  for (int i = 0; i < 40; ++i) {
    strangers.push_back(std::make_unique<TcpClient>(gate.server().port()));
  }
  EXPECT_EQ(http(gate.port(), "/-/healthy").status, 200);
  for (const auto& stranger : strangers) EXPECT_TRUE(stranger->is_closed_by_peer());
}

TEST(WebGatePrivatePort, IsPlainWhateverTheWebConfigurationSays) {
  const TempFolder folder;
  const TestCertificate ca(authority("web-ca"));
  const TestCertificate own(server(), &ca);
  folder.put("server.crt", own.certificate_pem());
  folder.put("server.key", own.key_pem());
  ::chmod((folder.path() / "server.key").c_str(), 0600);
  folder.put("web.yml", "tls_server_config: {cert_file: server.crt, key_file: server.key}\n");
  RunningGate::Settings settings;
  settings.config_file = folder.path() / "web.yml";
  RunningGate gate(settings);
  const TlsClient outside(gate.port());
  EXPECT_EQ(outside.fault(), "");
  const TlsClient inside(gate.server().port());
  EXPECT_NE(inside.fault(), "");
}

// Addresses.

/// The answer to kRequest, over IPv6 or IPv4.
std::string ask(const std::string& address, std::uint16_t port) {
  asio::io_context io;
  asio::ip::tcp::socket socket(io);
  socket.connect({asio::ip::make_address(address), port});
  asio::write(socket, asio::buffer(kRequest));
  std::string answer;
  std::error_code ec;
  asio::read(socket, asio::dynamic_buffer(answer), ec);
  return answer;
}

TEST(WebGateAddresses, MayBeOfIpv6) {
  RunningGate::Settings settings;
  settings.addresses = {{"::1", 0}};
  const RunningGate gate(settings);
  EXPECT_EQ(parse_answer(ask("::1", gate.port())).status, 200);
}

TEST(WebGateAddresses, MayBeAll) {
  RunningGate::Settings settings;
  settings.addresses = {{"", 0}};
  const RunningGate gate(settings);
  for (const char* const address : {"127.0.0.1", "127.0.0.2", "::1"}) {
    EXPECT_EQ(parse_answer(ask(address, gate.port())).status, 200) << address;
  }
}

TEST(WebGateAddresses, MayBeMany) {
  RunningGate::Settings settings;
  settings.addresses = {{"127.0.0.1", 0}, {"::1", 0}, {"localhost", 0}};
  RunningGate gate(settings);
  ASSERT_EQ(gate.gate().addresses().size(), 3U);
  for (const HostPort& address : gate.gate().addresses()) {
    EXPECT_EQ(parse_answer(ask(address.host, address.port)).status, 200);
  }
}

// TLS and passwords.

/// A folder with certificates, and a configuration made of lines.
class WebGateConfig : public testing::Test {
 protected:
  WebGateConfig() {
    ::signal(SIGPIPE, SIG_IGN);
    put_certificate("server", own_);
    folder_.put("ca.crt", ca_.certificate_pem());
  }

  void put_certificate(const std::string& name, const TestCertificate& certificate) {
    folder_.put(name + ".crt", certificate.certificate_pem());
    folder_.put(name + ".key", certificate.key_pem());
    ::chmod(path(name + ".key").c_str(), 0600);
  }

  [[nodiscard]] std::string path(const std::string& name) const {
    return (folder_.path() / name).string();
  }

  void configure(const std::string& text) { folder_.put("web.yml", text); }

  [[nodiscard]] RunningGate::Settings settings(WebLimits limits = {}) const {
    RunningGate::Settings settings;
    settings.limits = limits;
    settings.config_file = path("web.yml");
    return settings;
  }

  [[nodiscard]] TlsClient::Own showing(const std::string& name) const {
    return {path(name + ".crt"), path(name + ".key")};
  }

  static CertificateSpec named(const std::string& name) {
    CertificateSpec spec = server(name);
    spec.common_name = name;
    return spec;
  }

  static HttpAnswer ask(TlsClient& client, std::string_view request = kRequest) {
    client.send(request);
    return parse_answer(client.read_all());
  }

  static constexpr const char* kTls =
      "tls_server_config:\n"
      "  cert_file: server.crt\n"
      "  key_file: server.key\n";
  static constexpr const char* kClientCertificates =
      "  client_ca_file: ca.crt\n"
      "  client_auth_type: RequireAndVerifyClientCert\n";
  static constexpr const char* kPassword =
      "basic_auth_users:\n"
      "  ali: $2b$04$4JaLGSe7e2L6yfE6dehh3.feDEt1Pl3sZGVzQ7ncEYinKzl9Rpc62\n";  // sesame
  /// The same, of cost 12: about 0.2 s each.
  static constexpr const char* kDearPassword =
      "basic_auth_users:\n"
      "  ali: $2b$12$Hm.z8LluZRBX36roQBy99Omomgg.8piWKTBlh6Fsfc6MJDXUC7naG\n";
  static constexpr const char* kRight = "Authorization: Basic YWxpOnNlc2FtZQ==\r\n";
  static constexpr const char* kWrong = "Authorization: Basic YWxpOm9wZW4=\r\n";

  TempFolder folder_;
  const TestCertificate ca_{authority("web-ca")};
  const TestCertificate own_{named("first.example"), &ca_};
};

TEST_F(WebGateConfig, ServesTlsOfBothVersions) {
  configure(kTls);
  const RunningGate gate(settings());
  for (const bool speaks_old : {false, true}) {
    TlsClient client(gate.port(), TlsClient::Own{"", "", speaks_old});
    const HttpAnswer answer = ask(client);
    EXPECT_EQ(answer.status, 200) << client.fault();
    EXPECT_TRUE(answer.is_whole);
    EXPECT_EQ(client.fault(), "end");
  }
}

TEST_F(WebGateConfig, ServesOnlyTheVersionItIsToldTo) {
  configure(std::string(kTls) + "  min_version: TLS13\n");
  RunningGate gate(settings());
  const TlsClient client(gate.port(), TlsClient::Own{"", "", true});
  EXPECT_NE(client.fault(), "");
  EXPECT_TRUE(eventually([&] { return gate.refused(WebRefusal::tls_handshake) == 1; }));
}

TEST_F(WebGateConfig, TellsAPlainClientThatThePortSpeaksHttps) {
  configure(kTls);
  RunningGate gate(settings());
  const HttpAnswer answer = http(gate.port(), "/metrics");
  EXPECT_EQ(answer.status, 400);
  EXPECT_TRUE(answer.is_whole);
  EXPECT_NE(answer.body.find("HTTPS"), std::string::npos) << answer.body;
  EXPECT_EQ(gate.refused(WebRefusal::tls_required), 1U);
}

TEST_F(WebGateConfig, CutsHandshakesThatNeverEnd) {
  configure(kTls);
  WebLimits limits = short_head_timeout();
  RunningGate gate(settings(limits));
  std::vector<std::unique_ptr<TcpClient>> halves;
  for (int i = 0; i < 50; ++i) {
    halves.push_back(std::make_unique<TcpClient>(gate.port()));
    halves.back()->send(std::string("\x16\x03\x01\x02\x00\x01\x00", 7));
  }
  TlsClient quick(gate.port());
  EXPECT_EQ(ask(quick).status, 200);
  EXPECT_TRUE(eventually([&] { return gate.refused(WebRefusal::head_timeout) == halves.size(); }));
}

TEST_F(WebGateConfig, CutsAPageWithoutSayingThatItIsWhole) {
  configure(kTls);
  auto big = settings();
  big.big_machines = 40;
  big.limits.max_buffered_bytes = 0;          // so that civetweb waits for the client,
  big.civetweb_patience = milliseconds(300);  // and gives up
  RunningGate gate(big);
  TlsClient client(gate.port());
  ASSERT_TRUE(client.send(kBigRequest));
  ASSERT_TRUE(client.read_line());
  // civetweb looks at its deadlines every 2 s, and nobody sees it give up but who reads on.
  std::this_thread::sleep_for(milliseconds(3000));
  const std::string answer = client.read_all();
  EXPECT_FALSE(answer.empty());
  EXPECT_FALSE(answer.ends_with(kLastChunk));
  EXPECT_NE(client.fault(), "end");
  EXPECT_EQ(gate.refused(WebRefusal::page_failed), 1U);
}

TEST_F(WebGateConfig, AsksForClientCertificates) {
  configure(std::string(kTls) + kClientCertificates);
  const TestCertificate other_ca(authority("other-ca"));
  put_certificate("good", TestCertificate(client("prometheus"), &ca_));
  put_certificate("stranger", TestCertificate(client("prometheus"), &other_ca));
  RunningGate gate(settings());
  TlsClient good(gate.port(), showing("good"));
  EXPECT_EQ(ask(good).status, 200);
  TlsClient stranger(gate.port(), showing("stranger"));
  EXPECT_EQ(ask(stranger).status, 0);
  TlsClient nobody(gate.port());
  EXPECT_EQ(ask(nobody).status, 0);
  // The client hears the alert before it is counted.
  EXPECT_TRUE(eventually([&] { return gate.refused(WebRefusal::client_certificate) == 2; }));
}

TEST_F(WebGateConfig, LetsOnlyAllowedNamesIn) {
  configure(std::string(kTls) + kClientCertificates +
            "  client_allowed_sans: [prometheus, \"spiffe://web/grafana\"]\n");
  CertificateSpec grafana = client("grafana");
  grafana.uris = {"spiffe://web/grafana"};
  put_certificate("prometheus", TestCertificate(client("prometheus"), &ca_));
  put_certificate("grafana", TestCertificate(grafana, &ca_));
  put_certificate("other", TestCertificate(client("prometheus.example"), &ca_));
  RunningGate gate(settings());
  for (const char* const name : {"prometheus", "grafana"}) {
    TlsClient allowed(gate.port(), showing(name));
    EXPECT_EQ(ask(allowed).status, 200) << name;
  }
  TlsClient other(gate.port(), showing("other"));
  EXPECT_EQ(ask(other).status, 403);
  EXPECT_EQ(gate.refused(WebRefusal::client_certificate), 1U);
}

TEST_F(WebGateConfig, AsksForAPasswordOnEveryPath) {
  configure(kPassword);
  RunningGate gate(settings());
  for (const char* const path : {"/", "/metrics", "/-/healthy", "/-/ready", "/nothing"}) {
    const HttpAnswer answer = http(gate.port(), path);
    EXPECT_EQ(answer.status, 401) << path;
    EXPECT_NE(answer.head.find("\r\nWWW-Authenticate: Basic realm=\"cpu-monitor\""),
              std::string::npos);
    EXPECT_TRUE(answer.is_whole);
    EXPECT_EQ(http(gate.port(), path, "GET", kWrong).status, 401) << path;
    EXPECT_EQ(http(gate.port(), path, "POST").status, 401) << path;
  }
  EXPECT_EQ(http(gate.port(), "/metrics", "HEAD").body, "");
  EXPECT_EQ(gate.refused(WebRefusal::unauthorized), 16U);
  EXPECT_EQ(http(gate.port(), "/metrics", "GET", kRight).status, 200);
  EXPECT_EQ(gate.refused(WebRefusal::unauthorized), 16U);
}

TEST_F(WebGateConfig, AsksForAPasswordWithinTls) {
  configure(std::string(kTls) + kPassword);
  const RunningGate gate(settings());
  TlsClient nobody(gate.port());
  EXPECT_EQ(ask(nobody).status, 401);
  TlsClient ali(gate.port());
  EXPECT_EQ(ask(ali, "GET / HTTP/1.1\r\n" + std::string(kRight) + "\r\n").status, 200);
}

TEST_F(WebGateConfig, TakesTwoPasswordsForNone) {
  configure(kPassword);
  const RunningGate gate(settings());
  EXPECT_EQ(http(gate.port(), "/", "GET", std::string(kRight) + kRight).status, 401);
  EXPECT_EQ(http(gate.port(), "/", "GET", std::string(kWrong) + kRight).status, 401);
}

TEST_F(WebGateConfig, JudgesTheSamePasswordOnceForAllWhoSendIt) {
  configure(kDearPassword);
  RunningGate gate(settings());
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 20; ++i) {
    scrapers.emplace_back(
        [&gate] { EXPECT_EQ(http(gate.port(), "/-/healthy", "GET", kRight).status, 200); });
  }
  for (std::thread& scraper : scrapers) scraper.join();
  EXPECT_EQ(gate.refused(WebRefusal::busy), 0U);
}

TEST_F(WebGateConfig, WrongPasswordsHoldUpNobodyWhoseOwnWasRight) {
  configure(kDearPassword);
  RunningGate gate(settings());
  ASSERT_EQ(http(gate.port(), "/-/healthy", "GET", kRight).status, 200);
  std::vector<std::unique_ptr<TcpClient>> wrong;
  for (int i = 10; i < 60; ++i) {
    wrong.push_back(std::make_unique<TcpClient>(gate.port()));
    // "ali:" and two bytes that are different each time.
    wrong.back()->send("GET / HTTP/1.1\r\nAuthorization: Basic YWxpOm" + std::to_string(i) +
                       "\r\n\r\n");
  }
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(http(gate.port(), "/-/healthy", "GET", kRight).status, 200);
  }
  std::size_t busy = 0;
  for (const auto& client : wrong) {
    const HttpAnswer answer = parse_answer(client->read_all());
    EXPECT_TRUE(answer.status == 401 || answer.status == 503) << answer.status;
    if (answer.status != 503) continue;
    ++busy;
    EXPECT_NE(answer.head.find("\r\nRetry-After: "), std::string::npos) << answer.head;
  }
  EXPECT_GE(busy, 1U);
  EXPECT_EQ(gate.refused(WebRefusal::busy), busy);
  EXPECT_EQ(gate.refused(WebRefusal::unauthorized), wrong.size() - busy);
}

TEST_F(WebGateConfig, WhoWaitsForUsIsNotDisplaced) {
  configure(kDearPassword);
  WebLimits limits;
  limits.max_connections = 2;
  RunningGate gate(settings(limits));
  TcpClient waiting(gate.port());
  waiting.send("GET / HTTP/1.1\r\n" + std::string(kRight) + "\r\n");
  // Once this one has its answer, the request of the other has been read.
  EXPECT_EQ(http(gate.port(), "/").status, 401);
  std::vector<std::unique_ptr<TcpClient>> silent;
  for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<TcpClient>(gate.port()));
  EXPECT_EQ(parse_answer(waiting.read_all()).status, 200);
  EXPECT_TRUE(silent.front()->is_closed_by_peer());
}

TEST_F(WebGateConfig, LeavesInTimeWhileAPasswordIsJudged) {
  configure(kDearPassword);
  RunningGate gate(settings());
  std::vector<std::unique_ptr<TcpClient>> wrong;
  for (int i = 10; i < 13; ++i) {
    wrong.push_back(std::make_unique<TcpClient>(gate.port()));
    wrong.back()->send("GET / HTTP/1.1\r\nAuthorization: Basic YWxpOm" + std::to_string(i) +
                       "\r\n\r\n");
  }
  gate.stop();
  for (const auto& client : wrong) static_cast<void>(client->read_all());
}

TEST_F(WebGateConfig, SendsTheConfiguredHeadersWithEveryAnswer) {
  configure(std::string(kPassword) +
            "http_server_config:\n"
            "  headers:\n"
            "    X-Frame-Options: deny\n"
            "    Content-Security-Policy: frame-ancestors 'none'\n");
  const RunningGate gate(settings());
  TcpClient nonsense(gate.port());
  nonsense.send("NONSENSE /\r\n" + std::string(kRight) + "\r\n");
  for (const HttpAnswer& answer :
       {http(gate.port(), "/metrics", "GET", kRight), http(gate.port(), "/", "HEAD", kRight),
        http(gate.port(), "/metrics"), parse_answer(nonsense.read_all())}) {
    EXPECT_NE(answer.head.find("\r\nX-Frame-Options: deny"), std::string::npos) << answer.head;
    const std::size_t policy = answer.head.find("Content-Security-Policy: ");
    EXPECT_EQ(answer.head.find("Content-Security-Policy: frame-ancestors 'none'"), policy);
    EXPECT_EQ(policy, answer.head.rfind("Content-Security-Policy: "));
  }
  const HttpAnswer page =
      http(gate.port(), "/metrics", "GET", std::string(kRight) + "Accept-Encoding: gzip\r\n");
  EXPECT_TRUE(page.is_whole);
  EXPECT_NE(gunzip(page.body).value_or("").find("cpu_monitor_exporter_build_info"),
            std::string::npos);
}

// Reload.

TEST_F(WebGateConfig, ShowsANewCertificateAfterAReload) {
  configure(kTls);
  RunningGate gate(settings());
  const TlsClient before(gate.port());
  EXPECT_EQ(before.server_name(), "first.example");
  const auto first_end = gate.gate().certificate_not_after();
  CertificateSpec second = named("second.example");
  second.ends = std::chrono::hours(48);
  put_certificate("server", TestCertificate(second, &ca_));
  gate.gate().reload();
  const TlsClient after(gate.port());
  EXPECT_EQ(after.server_name(), "second.example");
  ASSERT_TRUE(first_end && gate.gate().certificate_not_after());
  EXPECT_GT(*gate.gate().certificate_not_after(), *first_end);
}

TEST_F(WebGateConfig, KeepsWhatItHadWhenTheNewIsBad) {
  configure(std::string(kTls) + kPassword);
  RunningGate gate(settings());
  for (const char* const bad : {"nonsense: 1\n", "tls_server_config: {cert_file: server.crt}\n",
                                "tls_server_config: {cert_file: no.crt, key_file: no.key}\n"}) {
    configure(bad);
    EXPECT_THROW(gate.gate().reload(), std::runtime_error) << bad;
  }
  TlsClient client(gate.port());
  EXPECT_EQ(ask(client).status, 401);
  EXPECT_EQ(gate.gate().files(),
            (std::vector<std::string>{path("web.yml"), path("no.crt"), path("no.key")}))
      << "so that it is noticed when they come";
}

TEST_F(WebGateConfig, ForgetsAPasswordThatIsNotThereAnymore) {
  configure(kPassword);
  RunningGate gate(settings());
  EXPECT_EQ(http(gate.port(), "/", "GET", kRight).status, 200);
  configure(
      "basic_auth_users:\n  bob: "
      "$2b$04$4JaLGSe7e2L6yfE6dehh3.feDEt1Pl3sZGVzQ7ncEYinKzl9Rpc62\n");
  gate.gate().reload();
  EXPECT_EQ(http(gate.port(), "/", "GET", kRight).status, 401);
}

TEST_F(WebGateConfig, OpensNoDoorAtAReload) {
  const std::string tls = kTls;
  for (const auto& [before, after] : {std::pair{tls + kPassword, tls},
                                      {tls + kPassword, std::string(kPassword)},
                                      {std::string(kPassword), std::string()},
                                      {tls + kClientCertificates, tls + kPassword},
                                      {tls, std::string()}}) {
    configure(before);
    RunningGate gate(settings());
    configure(after);
    EXPECT_THROW(gate.gate().reload(), std::runtime_error) << after;
    configure(before);
    EXPECT_NO_THROW(gate.gate().reload()) << before;
  }
}

TEST_F(WebGateConfig, ReloadsWhileItServes) {
  configure(std::string(kTls) + kPassword);
  RunningGate gate(settings());
  std::vector<std::thread> scrapers;
  for (int i = 0; i < 4; ++i) {
    scrapers.emplace_back([&gate] {
      for (int round = 0; round < 10; ++round) {
        TlsClient client(gate.port());
        EXPECT_EQ(ask(client, "GET / HTTP/1.1\r\n" + std::string(kRight) + "\r\n").status, 200);
      }
    });
  }
  for (int round = 0; round < 20; ++round) gate.gate().reload();
  for (std::thread& scraper : scrapers) scraper.join();
}

TEST_F(WebGateConfig, NamesItsFiles) {
  configure(std::string(kTls) + kClientCertificates);
  RunningGate gate(settings());
  EXPECT_EQ(gate.gate().files(), (std::vector<std::string>{path("web.yml"), path("server.crt"),
                                                           path("server.key"), path("ca.crt")}));
  EXPECT_TRUE(gate.gate().certificate_not_after());
  EXPECT_TRUE(gate.gate().ca_not_after());
}

TEST_F(WebGateConfig, HasNoFilesWithoutAConfiguration) {
  RunningGate gate;
  EXPECT_TRUE(gate.gate().files().empty());
  EXPECT_FALSE(gate.gate().certificate_not_after());
  EXPECT_FALSE(gate.gate().ca_not_after());
}

TEST_F(WebGateConfig, DoesNotStartWithABadOne) {
  for (const char* const bad : {"nonsense: 1\n", "basic_auth_users: {ali: plain}\n",
                                "tls_server_config: {cert_file: no.crt, key_file: no.key}\n"}) {
    configure(bad);
    EXPECT_THROW(RunningGate{settings()}, std::runtime_error) << bad;
  }
  auto missing = settings();
  missing.config_file = path("missing.yml");
  EXPECT_THROW(RunningGate{missing}, std::runtime_error);
}

}  // namespace
}  // namespace cpu_monitor::tests
