#include "exporter/web_config.hpp"

#include <sys/stat.h>

#include <cstdint>
#include <ostream>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/temp_folder.hpp"
#include "tests/support/without_root.hpp"

namespace cpu_monitor::exporter {
namespace {

using net::TlsServerSettings;
using net::TlsVersion;

const std::string kHash = "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
const std::string kTls = "tls_server_config:\n  cert_file: a.crt\n  key_file: a.key\n";
const std::string kMutual =
    kTls + "  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert\n";

WebConfig parse(std::string_view text) { return parse_web_config(text, "/etc/cpu-monitor"); }

/// The words of the refusal; empty when there is none.
std::string fault_of(std::string_view text) {
  try {
    static_cast<void>(parse(text));
  } catch (const std::runtime_error& fault) {
    return fault.what();
  }
  return "";
}

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

// What is read.

TEST(WebConfig, AsksForNothingWhenTheFileIsEmpty) { EXPECT_EQ(parse(""), WebConfig{}); }

TEST(WebConfig, AsksForNothingWhenTheFileHoldsCommentsOnly) {
  EXPECT_EQ(parse("# nothing\n\n  # yet\n"), WebConfig{});
}

TEST(WebConfig, AsksForNothingWhenTheDocumentIsEmpty) {
  EXPECT_EQ(parse("---\n"), WebConfig{});
  EXPECT_EQ(parse("{}"), WebConfig{});
  EXPECT_EQ(parse("~"), WebConfig{});
}

TEST(WebConfig, TakesSectionsThatAreLeftEmpty) {
  EXPECT_EQ(parse("tls_server_config:\nhttp_server_config:\nbasic_auth_users:\n"), WebConfig{});
  EXPECT_EQ(parse("tls_server_config: {}\nhttp_server_config: {headers: }\nbasic_auth_users: {}\n"),
            WebConfig{});
}

TEST(WebConfig, ReadsTheExampleOfExporterToolkit) {
  const WebConfig config = parse(
      "# TLS and basic authentication configuration example.\n"
      "#\n"
      "# Additionally, a certificate and a key file are needed.\n"
      "tls_server_config:\n"
      "  cert_file: server.crt\n"
      "  key_file: server.key\n"
      "\n"
      "# Usernames and passwords required to connect.\n"
      "# Passwords are hashed with bcrypt: https://github.com/prometheus/exporter-toolkit.\n"
      "basic_auth_users:\n"
      "  alice: $2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze\n"
      "  bob: $2y$10$hLqFl9jSjoAAy95Z/zw8Ye8wkdMBM8c5Bn1ptYqP/AXyV0.oy0S8m\n");
  WebConfig expected;
  expected.tls = TlsServerSettings{.cert_file = "/etc/cpu-monitor/server.crt",
                                   .key_file = "/etc/cpu-monitor/server.key",
                                   .client_ca_file = "",
                                   .min_version = TlsVersion::tls1_2,
                                   .max_version = TlsVersion::tls1_3};
  expected.users = {{"alice", "$2y$10$mDwo.lAisC94iLAyP81MCesa29IzH37oigHC/42V2pdJlUprsJPze"},
                    {"bob", "$2y$10$hLqFl9jSjoAAy95Z/zw8Ye8wkdMBM8c5Bn1ptYqP/AXyV0.oy0S8m"}};
  EXPECT_EQ(config, expected);
}

TEST(WebConfig, ReadsEveryKeyItSupports) {
  const WebConfig config = parse(
      "tls_server_config:\n"
      "  cert_file: a.crt\n"
      "  key_file: /keys/a.key\n"
      "  client_ca_file: '../ca.crt'\n"
      "  client_auth_type: RequireAndVerifyClientCert\n"
      "  client_allowed_sans:\n"
      "    - prometheus.example.com\n"
      "    - \"spiffe://example.com/user@x\"\n"
      "  min_version: TLS13\n"
      "  max_version: TLS13\n"
      "http_server_config:\n"
      "  http2: false\n"
      "  headers:\n"
      "    X-Frame-Options: deny\n"
      "    X-Content-Type-Options: nosniff\n"
      "    X-XSS-Protection: 1; mode=block\n"
      "    Strict-Transport-Security: max-age=31536000\n"
      "    Content-Security-Policy: \"default-src 'self'\"\n"
      "basic_auth_users:\n"
      "  alice: " +
      kHash + "\n");
  WebConfig expected;
  expected.tls = TlsServerSettings{.cert_file = "/etc/cpu-monitor/a.crt",
                                   .key_file = "/keys/a.key",
                                   .client_ca_file = "/etc/cpu-monitor/../ca.crt",
                                   .min_version = TlsVersion::tls1_3,
                                   .max_version = TlsVersion::tls1_3};
  expected.client_allowed_sans = {"prometheus.example.com", "spiffe://example.com/user@x"};
  expected.users = {{"alice", kHash}};
  expected.headers = {{"X-Frame-Options", "deny"},
                      {"X-Content-Type-Options", "nosniff"},
                      {"X-XSS-Protection", "1; mode=block"},
                      {"Strict-Transport-Security", "max-age=31536000"},
                      {"Content-Security-Policy", "default-src 'self'"}};
  EXPECT_EQ(config, expected);
}

TEST(WebConfig, ReadsJson) {
  const WebConfig config =
      parse(R"({"tls_server_config": {"cert_file": "a.crt", "key_file": "a.key"},
                "basic_auth_users": {"alice": ")" +
            kHash + R"("}})");
  EXPECT_EQ(config.tls->cert_file, "/etc/cpu-monitor/a.crt");
  EXPECT_EQ(config.users.at("alice"), kHash);
}

TEST(WebConfig, ReadsWindowsLineEndsAndAByteOrderMark) {
  EXPECT_EQ(parse("\xEF\xBB\xBFtls_server_config:\r\n  cert_file: a.crt\r\n  key_file: a.key\r\n"),
            parse(kTls));
}

TEST(WebConfig, ReadsADocumentBetweenItsMarks) {
  EXPECT_EQ(parse("%YAML 1.2\n---\n" + kTls + "...\n"), parse(kTls));
}

TEST(WebConfig, ReadsFileNamesAsTheyAreWithoutADirectory) {
  EXPECT_EQ(parse_web_config(kTls, "").tls->cert_file, "a.crt");
  EXPECT_EQ(parse_web_config(kTls, "/").tls->cert_file, "/a.crt");
  EXPECT_EQ(parse_web_config(kTls, "conf").tls->cert_file, "conf/a.crt");
}

TEST(WebConfig, NeedsNoClientCertificateWhenItSaysSo) {
  EXPECT_EQ(parse(kTls + "  client_auth_type: NoClientCert\n"), parse(kTls));
}

TEST(WebConfig, NeedsAClientCertificateWhenItSaysSo) {
  EXPECT_EQ(parse(kMutual).tls->client_ca_file, "/etc/cpu-monitor/ca.crt");
  EXPECT_EQ(parse(kMutual).client_allowed_sans, std::vector<std::string>{});
}

TEST(WebConfig, MayStopAtTls12) {
  const WebConfig config = parse(kTls + "  max_version: TLS12\n");
  EXPECT_EQ(config.tls->min_version, TlsVersion::tls1_2);
  EXPECT_EQ(config.tls->max_version, TlsVersion::tls1_2);
}

TEST(WebConfig, TakesEitherWordOnHttp2) {
  for (const std::string word : {"true", "false", "True", "FALSE", "yes", "no", "on", "Off"}) {
    EXPECT_EQ(parse("http_server_config:\n  http2: " + word + "\n"), WebConfig{}) << word;
  }
}

TEST(WebConfig, LeavesOutHeadersThatAreBlank) {
  EXPECT_EQ(parse("http_server_config:\n  headers:\n    X-Frame-Options: ''\n"
                  "    X-XSS-Protection:\n"),
            WebConfig{});
}

TEST(WebConfig, TakesUsersWhoseNamesLookLikeNumbers) {
  EXPECT_EQ(parse("basic_auth_users:\n  123: " + kHash + "\n  true: " + kHash).users.size(), 2U);
}

TEST(WebConfig, TakesUsersWithNamesOfAnyScript) {
  EXPECT_TRUE(parse("basic_auth_users:\n  J\u00fcrgen: " + kHash).users.contains("J\u00fcrgen"));
}

class EachBcrypt : public testing::TestWithParam<std::string> {};

TEST_P(EachBcrypt, IsTaken) {
  const std::string hash = GetParam() + "QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi";
  EXPECT_EQ(parse("basic_auth_users:\n  a: " + hash).users.at("a"), hash);
  EXPECT_EQ(parse("basic_auth_users:\n  a: '" + hash + "'").users.at("a"), hash);
}

INSTANTIATE_TEST_SUITE_P(WebConfig, EachBcrypt,
                         testing::Values("$2a$04$", "$2b$04$", "$2y$04$", "$2b$05$", "$2b$10$",
                                         "$2b$12$", "$2b$14$"));

TEST(WebConfig, TakesTheLongestHeaderAndUser) {
  const std::string value(4096, 'x');
  const std::string user(256, 'u');
  const WebConfig config =
      parse("http_server_config:\n  headers:\n    Content-Security-Policy: " + value +
            "\nbasic_auth_users:\n  " + user + ": " + kHash);
  EXPECT_EQ(config.headers.at(0).second, value);
  EXPECT_TRUE(config.users.contains(user));
}

TEST(WebConfig, TakesAFileOfTheGreatestSize) {
  EXPECT_EQ(parse(kTls + std::string(kMaxWebConfigBytes - kTls.size(), '#')), parse(kTls));
}

// What is refused.

struct BadFile {
  std::string name;
  std::string text;
  std::string fault;
};

void PrintTo(const BadFile& file, std::ostream* out) { *out << file.text.substr(0, 200); }

class EachBadFile : public testing::TestWithParam<BadFile> {};

TEST_P(EachBadFile, IsRefusedInWords) { EXPECT_EQ(fault_of(GetParam().text), GetParam().fault); }

std::vector<BadFile> bad_yaml() {
  return {
      {"Tab", "tls_server_config:\n\tcert_file: a\n", "line 2: not YAML: illegal map value"},
      {"OpenQuote", "basic_auth_users:\n  alice: 'abc\n",
       "line 3: not YAML: a quote is still open here"},
      {"OpenQuoteOverLines", "basic_auth_users:\n  alice: \"abc\n  bob: x\n  eve: y",
       "line 4: not YAML: a quote is still open here"},
      {"OpenBracket", "tls_server_config: {cert_file: a.crt\n",
       "line 2: not YAML: end of map flow not found"},
      {"OpenList", "tls_server_config: [", "line 1: not YAML: end of sequence flow not found"},
      {"ClosedOnly", "]", "line 1: not YAML: illegal flow end"},
      {"StraySpaces", "tls_server_config:\n  cert_file: a\n key_file: b\n",
       "line 3: not YAML: end of map not found"},
      {"TwoColons", "tls_server_config: cert_file: a\n", "line 1: not YAML: illegal map value"},
      {"BadEscape", "tls_server_config: {cert_file: \"\\q\"}",
       "line 1: not YAML: unknown escape character: q"},
      {"BadUnicodeEscape", "tls_server_config: {cert_file: \"\\ud800\"}",
       "line 1: not YAML: invalid unicode: 55296"},
      {"CutUnicodeEscape", "tls_server_config: {cert_file: \"\\u12",
       "line 1: not YAML: bad character found while scanning hex number"},
      {"ReservedCharacter", "tls_server_config: @a", "line 1: not YAML: unknown token"},
      {"Nul", std::string("tls_server_config:\n\0", 20), "line 2: a control character"},
      {"Bell", "# \a\n", "line 1: a control character"},
      {"Delete", "\n\n# \x7f", "line 3: a control character"},
      {"NextLine", "# \xC2\x85", "line 1: a control character"},
      {"Latin1", "a: b\n# J\xFCrgen", "line 2: not UTF-8"},
      {"CutUtf8", "# \xE2\x82", "line 1: not UTF-8"},
      {"Surrogate", "# \xED\xA0\x80", "line 1: not UTF-8"},
      {"Utf16",
       std::string("\xFF\xFE"
                   "a\0",
                   4),
       "line 1: not UTF-8"},
      {"TooLarge", std::string(kMaxWebConfigBytes + 1, '#'), "larger than 1048576 bytes"},
      {"Scalar", "tls_server_config", "line 1: the file is to hold lines of the form 'key: value'"},
      {"Number", "\n1", "line 2: the file is to hold lines of the form 'key: value'"},
      {"List", "- tls_server_config", "line 1: the file is to hold lines of the form 'key: value'"},
      {"Quoted", "''", "line 1: the file is to hold lines of the form 'key: value'"},
      {"HtpasswdFile", "alice:" + kHash + "\n",
       "line 1: the file is to hold lines of the form 'key: value'"},
      {"SecondDocument", kTls + "---\n" + kTls, "line 4: a second document; the file is one"},
      {"SecondDocumentIsEmpty", kTls + "---\n", "line 4: a second document; the file is one"},
      {"Anchor", "tls_server_config: &a\n  cert_file: a\n",
       "line 1: anchors (&name) are not supported"},
      {"AnchorOnScalar", "tls_server_config:\n  cert_file: &a x\n",
       "line 2: anchors (&name) are not supported"},
      {"AnchorOnNull", "tls_server_config: &a\n", "line 1: anchors (&name) are not supported"},
      {"AnchorOnList", "tls_server_config:\n  client_allowed_sans: &a [x]\n",
       "line 2: anchors (&name) are not supported"},
      {"Alias", "tls_server_config: *a\n",
       "line 1: not YAML: the referenced anchor is not defined"},
      {"AliasOfKey", "*a : b\n", "line 1: not YAML: the referenced anchor is not defined"},
      {"MergeKey", "tls_server_config:\n  <<: {cert_file: a}\n",
       "line 2: tls_server_config: unknown key '<<'; it takes cert_file, key_file, client_ca_file, "
       "client_auth_type, client_allowed_sans, min_version, max_version"},
      {"Tag", "tls_server_config: !!map\n  cert_file: a\n",
       "line 1: tags (!name) are not supported"},
      {"TagOnScalar", "tls_server_config:\n  cert_file: !!str a\n",
       "line 2: tags (!name) are not supported"},
      {"LocalTag", "tls_server_config:\n  cert_file: !include a\n",
       "line 2: tags (!name) are not supported"},
      {"DeepList", repeated("[", 10'000), "line 1: nested too deep"},
      {"DeepMap", repeated("{a: ", 10'000), "line 1: nested too deep"},
      {"DeepBlocks", repeated("- ", 10'000), "line 1: nested too deep"},
      {"OneTooDeep", "http_server_config: {headers: {X-Frame-Options: []}}",
       "line 1: nested too deep"},
      {"MapAsKey", "{a: b}: c\n", "line 1: the file: a key that is no name"},
      {"ListAsKey", "? [a]\n: c\n", "line 1: the file: a key that is no name"},
      {"NullAsKey", "~: c\n", "line 1: the file: a key that is no name"},
      {"EmptyKey", "'': c\n", "line 1: the file: a key that is no name"},
      {"KeyWithControlCharacter", "\"a\\nb\": c\n", "line 1: the file: a key that is no name"},
      {"TooManyValues", "tls_server_config: {client_allowed_sans: [" + repeated("a,", 50'000),
       "line 1: too many values"},
  };
}

const std::string kTlsKeys =
    "; it takes cert_file, key_file, client_ca_file, client_auth_type, client_allowed_sans, "
    "min_version, max_version";

std::vector<BadFile> bad_tls() {
  const std::string tls = "tls_server_config:\n";
  const auto in_tls = [](const std::string& line) { return kTls + "  " + line + "\n"; };
  return {
      {"UnknownSection", "tls_config:\n",
       "line 1: the file: unknown key 'tls_config'; it takes tls_server_config, "
       "http_server_config, basic_auth_users"},
      {"SectionInAnotherCase", kTls + "Basic_Auth_Users:\n",
       "line 4: the file: unknown key 'Basic_Auth_Users'; it takes tls_server_config, "
       "http_server_config, basic_auth_users"},
      {"SectionTwice", "basic_auth_users:\nbasic_auth_users:\n",
       "line 2: the file: 'basic_auth_users' for the second time"},
      {"RateLimit", "rate_limit:\n  interval: 1s\n",
       "line 1: the file: rate_limit is not supported: connections, requests and passwords have "
       "limits of their own; leave it out"},
      {"SectionIsText", "tls_server_config: on\n",
       "line 1: tls_server_config is to hold lines of the form 'key: value'"},
      {"SectionIsList", "tls_server_config:\n  - cert_file: a\n",
       "line 2: tls_server_config is to hold lines of the form 'key: value'"},
      {"UnknownKey", in_tls("cert_path: a"),
       "line 4: tls_server_config: unknown key 'cert_path'" + kTlsKeys},
      {"KeyTwice", in_tls("cert_file: b"),
       "line 4: tls_server_config: 'cert_file' for the second time"},
      {"InlineCert", in_tls("cert: abc"),
       "line 4: tls_server_config: cert is not supported: write it to a file, and name that in "
       "cert_file"},
      {"InlineKey", in_tls("key: abc"),
       "line 4: tls_server_config: key is not supported: write it to a file, and name that in "
       "key_file"},
      {"InlineClientCa", in_tls("client_ca: abc"),
       "line 4: tls_server_config: client_ca is not supported: write it to a file, and name that "
       "in client_ca_file"},
      {"CipherSuites", in_tls("cipher_suites: [TLS_AES_128_GCM_SHA256]"),
       "line 4: tls_server_config: cipher_suites is not supported: those of OpenSSL's own "
       "configuration are used; leave it out"},
      {"Curves", in_tls("curve_preferences: [X25519]"),
       "line 4: tls_server_config: curve_preferences is not supported: those of OpenSSL's own "
       "configuration are used; leave it out"},
      {"ServerOrder", in_tls("prefer_server_cipher_suites: true"),
       "line 4: tls_server_config: prefer_server_cipher_suites is not supported: the server's "
       "order holds always; leave it out"},
      {"NoCert", tls + "  key_file: a.key\n", "line 1: tls_server_config: cert_file is missing"},
      {"NoKey", "\n" + tls + "  cert_file: a.crt\n",
       "line 2: tls_server_config: key_file is missing"},
      {"VersionOnly", tls + "  min_version: TLS13\n",
       "line 1: tls_server_config: cert_file is missing"},
      {"EmptyCert", tls + "  cert_file: ''\n",
       "line 2: cert_file is empty; leave it out, or give it a value"},
      {"NullCert", tls + "  cert_file:\n  key_file: a\n",
       "line 2: cert_file is empty; leave it out, or give it a value"},
      {"CertIsList", tls + "  cert_file: [a]\n", "line 2: cert_file takes one text"},
      {"CertIsMap", tls + "  cert_file: {a: b}\n", "line 2: cert_file takes one text"},
      {"CertWithNul", tls + "  cert_file: \"a\\0b\"\n",
       "line 2: cert_file holds a control character"},
      {"CertWithLineEnd", tls + "  cert_file: |\n    a.crt\n",
       "line 2: cert_file holds a control character"},
      {"CaWithoutAuthType", in_tls("client_ca_file: ca.crt"),
       "line 1: tls_server_config: client_ca_file needs client_auth_type: "
       "RequireAndVerifyClientCert"},
      {"CaWithNoClientCert", in_tls("client_ca_file: ca.crt\n  client_auth_type: NoClientCert"),
       "line 1: tls_server_config: client_ca_file needs client_auth_type: "
       "RequireAndVerifyClientCert"},
      {"AuthTypeWithoutCa", in_tls("client_auth_type: RequireAndVerifyClientCert"),
       "line 1: tls_server_config: client_auth_type: RequireAndVerifyClientCert needs "
       "client_ca_file"},
      {"RequestClientCert", in_tls("client_auth_type: RequestClientCert"),
       "line 4: client_auth_type: 'RequestClientCert' is not supported, because it lets in clients "
       "without a certificate that was verified; it takes NoClientCert or "
       "RequireAndVerifyClientCert"},
      {"RequireAnyClientCert", in_tls("client_auth_type: RequireAnyClientCert"),
       "line 4: client_auth_type: 'RequireAnyClientCert' is not supported, because it lets in "
       "clients without a certificate that was verified; it takes NoClientCert or "
       "RequireAndVerifyClientCert"},
      {"RequireClientCert", in_tls("client_auth_type: RequireClientCert"),
       "line 4: client_auth_type: 'RequireClientCert' is not supported, because it lets in clients "
       "without a certificate that was verified; it takes NoClientCert or "
       "RequireAndVerifyClientCert"},
      {"VerifyClientCertIfGiven", in_tls("client_auth_type: VerifyClientCertIfGiven"),
       "line 4: client_auth_type: 'VerifyClientCertIfGiven' is not supported, because it lets in "
       "clients without a certificate that was verified; it takes NoClientCert or "
       "RequireAndVerifyClientCert"},
      {"UnknownAuthType", in_tls("client_auth_type: requireandverifyclientcert"),
       "line 4: client_auth_type: 'requireandverifyclientcert' is unknown; it takes NoClientCert "
       "or RequireAndVerifyClientCert"},
      {"EmptyAuthType", in_tls("client_auth_type: ''"),
       "line 4: client_auth_type is empty; leave it out, or give it a value"},
      {"SansWithoutAuthType", in_tls("client_allowed_sans: [a]"),
       "line 1: tls_server_config: client_allowed_sans needs client_auth_type: "
       "RequireAndVerifyClientCert"},
      {"SansIsText", kMutual + "  client_allowed_sans: a\n",
       "line 6: client_allowed_sans takes a list"},
      {"SansIsNull", kMutual + "  client_allowed_sans:\n",
       "line 6: client_allowed_sans takes a list"},
      {"SansIsEmpty", kMutual + "  client_allowed_sans: []\n",
       "line 6: client_allowed_sans is an empty list, which lets nobody in; leave it out, or fill "
       "it"},
      {"SanIsEmpty", kMutual + "  client_allowed_sans:\n    - a\n    - ''\n",
       "line 8: client_allowed_sans is empty; leave it out, or give it a value"},
      {"SanIsMap", kMutual + "  client_allowed_sans:\n    - a: b\n", "line 7: nested too deep"},
      {"SanIsIpv4", kMutual + "  client_allowed_sans: [10.0.0.1]\n",
       "line 6: client_allowed_sans: '10.0.0.1' is an IP address; only DNS names and URIs are "
       "compared"},
      {"SanIsIpv6", kMutual + "  client_allowed_sans: ['2001:db8::1']\n",
       "line 6: client_allowed_sans: '2001:db8::1' is an IP address; only DNS names and URIs are "
       "compared"},
      {"SanIsMail", kMutual + "  client_allowed_sans: [a@example.com]\n",
       "line 6: client_allowed_sans: 'a@example.com' is a mail address; only DNS names and URIs "
       "are compared"},
      {"Tls10", in_tls("min_version: TLS10"),
       "line 4: min_version: 'TLS10' is no longer safe, and not supported; it takes TLS12 or "
       "TLS13"},
      {"Tls11", in_tls("max_version: TLS11"),
       "line 4: max_version: 'TLS11' is no longer safe, and not supported; it takes TLS12 or "
       "TLS13"},
      {"UnknownVersion", in_tls("min_version: 1.2"),
       "line 4: min_version: '1.2' is no version of TLS; it takes TLS12 or TLS13"},
      {"VersionsCrossed", in_tls("min_version: TLS13\n  max_version: TLS12"),
       "line 1: tls_server_config: min_version is above max_version"},
  };
}

std::vector<BadFile> bad_http() {
  const auto with_header = [](const std::string& line) {
    return "http_server_config:\n  headers:\n    " + line + "\n";
  };
  const std::string names =
      " cannot be set; those that can: Strict-Transport-Security, X-Content-Type-Options, "
      "X-Frame-Options, X-XSS-Protection, Content-Security-Policy";
  return {
      {"UnknownHttpKey", "http_server_config:\n  http3: true\n",
       "line 2: http_server_config: unknown key 'http3'; it takes headers, http2"},
      {"HttpIsText", "http_server_config: true\n",
       "line 1: http_server_config is to hold lines of the form 'key: value'"},
      {"Http2IsText", "http_server_config:\n  http2: maybe\n",
       "line 2: http2: 'maybe' is neither true nor false"},
      {"Http2IsQuoted", "http_server_config:\n  http2: 'true'\n",
       "line 2: http2: 'true' is neither true nor false"},
      {"Http2IsNumber", "http_server_config:\n  http2: 0\n",
       "line 2: http2: '0' is neither true nor false"},
      {"Http2IsNull", "http_server_config:\n  http2:\n",
       "line 2: http2 is empty; leave it out, or give it a value"},
      {"HeadersIsList", "http_server_config:\n  headers: [a]\n",
       "line 2: headers is to hold lines of the form 'key: value'"},
      {"OtherHeader", with_header("Server: me"), "line 3: headers: 'Server'" + names},
      {"CacheControl", with_header("Cache-Control: no-store"),
       "line 3: headers: 'Cache-Control'" + names},
      {"HeaderInAnotherCase", with_header("x-frame-options: deny"),
       "line 3: headers: 'x-frame-options'" + names},
      {"HeaderTwice", with_header("X-XSS-Protection: 0\n    X-XSS-Protection: 1"),
       "line 4: headers: 'X-XSS-Protection' for the second time"},
      {"FrameOptions", with_header("X-Frame-Options: allow"),
       "line 3: headers: X-Frame-Options: 'allow' is not supported; it takes deny or sameorigin"},
      {"FrameOptionsInAnotherCase", with_header("X-Frame-Options: DENY"),
       "line 3: headers: X-Frame-Options: 'DENY' is not supported; it takes deny or sameorigin"},
      {"ContentTypeOptions", with_header("X-Content-Type-Options: sniff"),
       "line 3: headers: X-Content-Type-Options: 'sniff' is not supported; it takes nosniff"},
      {"HeaderWithLineEnd", with_header("Content-Security-Policy: \"a\\r\\nSet-Cookie: b\""),
       "line 3: headers: Content-Security-Policy takes one line of printable ASCII"},
      {"HeaderWithNewline", with_header("X-XSS-Protection: |\n      0"),
       "line 3: headers: X-XSS-Protection takes one line of printable ASCII"},
      {"HeaderWithTab", with_header("X-XSS-Protection: \"0\\t1\""),
       "line 3: headers: X-XSS-Protection takes one line of printable ASCII"},
      {"HeaderWithNul", with_header("X-XSS-Protection: \"0\\0\""),
       "line 3: headers: X-XSS-Protection takes one line of printable ASCII"},
      {"HeaderBeyondAscii", with_header("X-XSS-Protection: \u00e9"),
       "line 3: headers: X-XSS-Protection takes one line of printable ASCII"},
      {"HeaderTooLong", with_header("Content-Security-Policy: " + std::string(4097, 'x')),
       "line 3: headers: Content-Security-Policy is longer than 4096 bytes"},
      {"HeaderIsQuotedNameOfHash", with_header("'" + kHash + "': a"),
       "line 3: headers: (not shown)" + names},
  };
}

std::vector<BadFile> bad_users() {
  const auto user = [](const std::string& line) { return "basic_auth_users:\n  " + line + "\n"; };
  const std::string no_hash =
      " has no bcrypt hash ($2a$, $2b$ or $2y$, 60 characters); htpasswd -nBC 10 USER prints one "
      "behind the colon";
  const std::string tail = kHash.substr(7);
  return {
      {"UsersIsList", "basic_auth_users:\n  - alice: x\n",
       "line 2: basic_auth_users is to hold lines of the form 'key: value'"},
      {"UserTwice", user("alice: " + kHash + "\n  alice: " + kHash),
       "line 3: basic_auth_users: 'alice' for the second time"},
      {"UserWithColon", user("'a:b': " + kHash),
       "line 2: basic_auth_users: 'a:b' holds a colon, which no user can send"},
      {"UserWithControlCharacter", user("\"a\\x07\": " + kHash),
       "line 2: basic_auth_users: a key that is no name"},
      {"UserIsEmpty", user("'': " + kHash), "line 2: basic_auth_users: a key that is no name"},
      {"UserIsNull", user("null: " + kHash), "line 2: basic_auth_users: a key that is no name"},
      {"UserTooLong", user(std::string(257, 'u') + ": " + kHash),
       "line 2: basic_auth_users: (not shown) is longer than 256 bytes"},
      {"UserAndHashSwapped", user(kHash + ": alice"),
       "line 2: basic_auth_users: (not shown)" + no_hash},
      {"HtpasswdLine", user("alice:" + kHash),
       "line 2: basic_auth_users is to hold lines of the form 'key: value'"},
      {"HtpasswdLineAmongUsers", user("bob: " + kHash + "\n  alice:" + kHash),
       "line 3: basic_auth_users: (not shown) holds a colon, which no user can send"},
      {"NoHash", user("alice:"), "line 2: basic_auth_users: 'alice'" + no_hash},
      {"PlainPassword", user("alice: secret"), "line 2: basic_auth_users: 'alice'" + no_hash},
      {"HashIsList", user("alice: [" + kHash + "]"), "line 2: basic_auth_users: 'alice'" + no_hash},
      {"HashIsMap", user("alice: {a: b}"), "line 2: basic_auth_users: 'alice'" + no_hash},
      {"HashTooShort", user("alice: " + kHash.substr(0, 59)),
       "line 2: basic_auth_users: 'alice'" + no_hash},
      {"HashTooLong", user("alice: " + kHash + "a"), "line 2: basic_auth_users: 'alice'" + no_hash},
      {"HashWithOtherCharacter", user("alice: " + kHash.substr(0, 59) + "_"),
       "line 2: basic_auth_users: 'alice'" + no_hash},
      {"Bcrypt2x", user("alice: $2x$10$" + tail), "line 2: basic_auth_users: 'alice'" + no_hash},
      {"BcryptWithoutLetter", user("alice: $2$10$a" + tail),
       "line 2: basic_auth_users: 'alice'" + no_hash},
      {"Sha512", user("alice: $6$saltsalt$" + std::string(86, 'a')),
       "line 2: basic_auth_users: 'alice'" + no_hash},
      {"Apr1", user("alice: $apr1$saltsalt$" + std::string(22, 'a')),
       "line 2: basic_auth_users: 'alice'" + no_hash},
      {"CostIsNoNumber", user("alice: $2y$1x$" + tail),
       "line 2: basic_auth_users: 'alice'" + no_hash},
      {"CostOfOneDigit", user("alice: $2y$4$a" + tail),
       "line 2: basic_auth_users: 'alice'" + no_hash},
      {"CostTooLow", user("alice: $2y$03$" + tail),
       "line 2: basic_auth_users: 'alice' has a hash of cost 3, outside 4 to 14; make one with a "
       "cost such as 10"},
      {"CostTooHigh", user("alice: $2y$15$" + tail),
       "line 2: basic_auth_users: 'alice' has a hash of cost 15, outside 4 to 14: each login would "
       "take seconds, and all others wait for it; make one with a cost such as 10"},
      {"CostBeyondBcrypt", user("alice: $2y$99$" + tail),
       "line 2: basic_auth_users: 'alice' has a hash of cost 99, outside 4 to 14: each login would "
       "take seconds, and all others wait for it; make one with a cost such as 10"},
  };
}

std::string name_of(const testing::TestParamInfo<BadFile>& info) { return info.param.name; }

INSTANTIATE_TEST_SUITE_P(Yaml, EachBadFile, testing::ValuesIn(bad_yaml()), name_of);
INSTANTIATE_TEST_SUITE_P(Tls, EachBadFile, testing::ValuesIn(bad_tls()), name_of);
INSTANTIATE_TEST_SUITE_P(Http, EachBadFile, testing::ValuesIn(bad_http()), name_of);
INSTANTIATE_TEST_SUITE_P(Users, EachBadFile, testing::ValuesIn(bad_users()), name_of);

TEST(WebConfig, NeverShowsAHash) {
  const std::string secret = kHash.substr(7, 20);
  for (const auto& table : {bad_yaml(), bad_tls(), bad_http(), bad_users()}) {
    for (const BadFile& file : table) {
      EXPECT_EQ(fault_of(file.text).find(secret), std::string::npos) << file.name;
    }
  }
}

TEST(WebConfig, ComesBackAtOnceFromLargeFilesThatSayNothing) {
  const std::vector<std::string> pieces{
      "- ",    "[",      "]",    "{",     "}",    "? ",    ": ",   ", ",    "a: ",    "a:\n",
      "\n",    " ",      "\"",   "'",     "|\n",  "#",     "&a ",  "*a ",   "!a ",    "%a\n",
      "---\n", "...\n",  "\\",   "\t",    "\r",   "a\n",   "a ",   "- a\n", "a: b\n", "[a]: ",
      "<<: ",  "\"a\" ", "{a: ", "? a\n", "\n- ", "\n? a", ">\n ", "'' ",   "[],",    "[]: "};
  for (const std::string& piece : pieces) {
    for (const std::string start : {"", "a: ", "basic_auth_users: {", "http_server_config: ["}) {
      const std::string text = start + repeated(piece, kMaxWebConfigBytes / 8 / piece.size());
      EXPECT_NO_THROW(static_cast<void>(fault_of(text))) << start << piece;
    }
  }
}

/// Pieces of good files and of bad ones, in an order that `seed` says, with bytes of any value
/// among them.
std::string garbage(std::uint32_t seed) {
  static const std::vector<std::string> pieces{kTls,
                                               kMutual,
                                               kHash,
                                               "tls_server_config:",
                                               "basic_auth_users:",
                                               "http_server_config:",
                                               "headers:",
                                               "X-Frame-Options: ",
                                               "\n",
                                               "\n  ",
                                               "\n    ",
                                               ": ",
                                               "- ",
                                               "? ",
                                               "[",
                                               "]",
                                               "{",
                                               "}",
                                               ", ",
                                               "\"",
                                               "'",
                                               "|",
                                               ">",
                                               "#",
                                               "&a ",
                                               "*a ",
                                               "!a ",
                                               "!!str ",
                                               "%YAML 1.2\n",
                                               "%TAG ! a\n",
                                               "---",
                                               "...",
                                               "\\x41",
                                               "\\u0041",
                                               "\\U0010FFFF",
                                               "\\",
                                               "\t",
                                               "\r\n",
                                               "~",
                                               "<<",
                                               "alice",
                                               "\xEF\xBB\xBF",
                                               "\xC3\xA9",
                                               "@",
                                               "`",
                                               "!<",
                                               "-",
                                               "|2-\n",
                                               ">+\n",
                                               "12",
                                               "true",
                                               " "};
  std::mt19937 random(seed);
  std::string text;
  const std::size_t length = random() % 40;
  for (std::size_t i = 0; i < length; ++i) {
    if (random() % 16 == 0) {
      text += static_cast<char>(random() % 256);
    } else {
      text += pieces[random() % pieces.size()];
    }
    if (!text.empty() && random() % 16 == 0) text.resize(random() % text.size());
  }
  return text;
}

TEST(WebConfig, ReadsOrRefusesAnyBytes) {
  for (std::uint32_t seed = 0; seed < 20'000; ++seed) {
    EXPECT_NO_THROW(static_cast<void>(fault_of(garbage(seed)))) << "seed " << seed;
  }
}

TEST(WebConfig, ReadsOrRefusesAGoodFileCutAnywhere) {
  const std::string text =
      kMutual + "  client_allowed_sans: [\"a\", 'b']\nhttp_server_config:\n" +
      "  headers: {X-XSS-Protection: \"\\x30\"}\nbasic_auth_users:\n  a: " + kHash;
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_NO_THROW(static_cast<void>(fault_of(text.substr(0, size)))) << size;
    EXPECT_NO_THROW(static_cast<void>(fault_of(text.substr(size)))) << size;
  }
}

// The file.

std::string fault_of_file(const std::string& path) {
  try {
    static_cast<void>(load_web_config(path));
  } catch (const std::runtime_error& fault) {
    return fault.what();
  }
  return "";
}

TEST(WebConfigFile, NamesFilesRelativeToItself) {
  const tests::TempFolder folder;
  folder.put("web.yml", kTls);
  EXPECT_EQ(load_web_config(folder.path() / "web.yml").tls->cert_file, folder.path() / "a.crt");
}

TEST(WebConfigFile, MayBeEmpty) {
  const tests::TempFolder folder;
  folder.put("web.yml", "");
  EXPECT_EQ(load_web_config(folder.path() / "web.yml"), WebConfig{});
}

TEST(WebConfigFile, IsNamedBeforeTheLine) {
  const tests::TempFolder folder;
  folder.put("web.yml", "\ntls: x\n");
  const std::string path = folder.path() / "web.yml";
  EXPECT_EQ(fault_of_file(path),
            path +
                ": line 2: the file: unknown key 'tls'; it takes tls_server_config, "
                "http_server_config, basic_auth_users");
}

TEST(WebConfigFile, IsRefusedWhenMissing) {
  EXPECT_EQ(fault_of_file("/nonexistent/web.yml"),
            "/nonexistent/web.yml: cannot be opened: No such file or directory");
}

TEST(WebConfigFile, IsRefusedWhenUnreadable) {
  const tests::TempFolder folder;
  folder.put("web.yml", kTls);
  const std::string path = folder.path() / "web.yml";
  ASSERT_EQ(::chmod(path.c_str(), 0), 0);
  tests::let_anybody_in(folder.path());
  const tests::WithoutRoot without_root;
  EXPECT_EQ(fault_of_file(path), path + ": cannot be opened: Permission denied");
}

TEST(WebConfigFile, IsRefusedWhenAFolder) {
  const tests::TempFolder folder;
  EXPECT_EQ(fault_of_file(folder.path()), folder.path().string() + ": not a regular file");
}

TEST(WebConfigFile, IsRefusedWhenAFifo) {
  const tests::TempFolder folder;
  const std::string path = folder.path() / "web.yml";
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  EXPECT_EQ(fault_of_file(path), path + ": not a regular file");
}

TEST(WebConfigFile, IsRefusedWhenTooLarge) {
  const tests::TempFolder folder;
  folder.put("web.yml", std::string(kMaxWebConfigBytes + 1, '\n'));
  const std::string path = folder.path() / "web.yml";
  EXPECT_EQ(fault_of_file(path), path + ": larger than 1048576 bytes");
}

}  // namespace
}  // namespace cpu_monitor::exporter
