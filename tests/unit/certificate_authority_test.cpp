#include "exporter/certificate_authority.hpp"

#include <algorithm>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

using namespace std::chrono_literals;
using std::chrono::days;

const Time kNow = std::chrono::sys_days(2026y / 11 / 24) + 12h;

std::size_t count_of(const std::string& text, const std::string& what) {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

TEST(CertificateAuthority, LastsLongerThanTheMachinesItServes) {
  const CertificateFacts facts = inspect_certificate(make_authority(kNow).certificate);
  EXPECT_GE(facts.not_after - kNow, days(10 * 365));
  EXPECT_LE(facts.not_before, kNow - days(1));
  EXPECT_EQ(facts.fingerprint.size(), 64U);
  EXPECT_TRUE(facts.names.empty());
}

TEST(CertificateAuthority, IsLikeNoOther) {
  EXPECT_NE(inspect_certificate(make_authority(kNow).certificate).fingerprint,
            inspect_certificate(make_authority(kNow).certificate).fingerprint);
}

TEST(CertificateAuthority, CertifiesAServerOfTheseNames) {
  const CertifiedKey authority = make_authority(kNow);
  const std::vector<std::string> names{"cpu-monitor-exporter", "monitor.example.org", "10.0.0.5",
                                       "2001:db8::5"};
  const CertifiedKey server = make_server(authority, names, kNow);
  const CertificateFacts facts = inspect_certificate(server.certificate);
  EXPECT_EQ(facts.names, names);
  EXPECT_GE(facts.not_after - kNow, days(300));
  EXPECT_LE(facts.not_after - kNow, days(398));
  for (const std::string& name : names) EXPECT_TRUE(is_certified(server.certificate, name)) << name;
  EXPECT_TRUE(is_certified(server.certificate, "2001:DB8:0::5"));
}

TEST(CertificateAuthority, CertifiesNobodyElse) {
  const CertifiedKey authority = make_authority(kNow);
  const CertifiedKey server = make_server(authority, {"monitor.example.org", "10.0.0.5"}, kNow);
  for (const std::string name : {"example.org", "a.monitor.example.org", "cpu-monitor-exporter",
                                 "10.0.0.6", "::1", "monitor"}) {
    EXPECT_FALSE(is_certified(server.certificate, name)) << name;
  }
}

TEST(CertificateAuthority, IsSentAlong) {
  const CertifiedKey authority = make_authority(kNow);
  const CertifiedKey server = make_server(authority, {"a"}, kNow);
  EXPECT_EQ(count_of(server.certificate, "BEGIN CERTIFICATE"), 2U);
  EXPECT_TRUE(server.certificate.ends_with(authority.certificate));
  EXPECT_EQ(count_of(server.certificate + authority.certificate, "PRIVATE"), 0U);
}

TEST(CertificateAuthority, DoesNotOutliveItself) {
  const CertifiedKey authority = make_authority(kNow);
  const Time last = inspect_certificate(authority.certificate).not_after;
  const CertifiedKey server = make_server(authority, {"a"}, last - days(30));
  EXPECT_EQ(inspect_certificate(server.certificate).not_after, last);
}

TEST(CertificateAuthority, MakesAnotherKeyEachTime) {
  const CertifiedKey authority = make_authority(kNow);
  EXPECT_NE(make_server(authority, {"a"}, kNow).key, make_server(authority, {"a"}, kNow).key);
}

TEST(CertificateAuthority, RenewsInTheLastThirdOfALife) {
  const CertifiedKey server = make_server(make_authority(kNow), {"a"}, kNow);
  const CertificateFacts facts = inspect_certificate(server.certificate);
  const auto third = (facts.not_after - facts.not_before) / 3;
  EXPECT_FALSE(is_due_for_renewal(facts, kNow));
  EXPECT_FALSE(is_due_for_renewal(facts, facts.not_after - third));
  EXPECT_TRUE(is_due_for_renewal(facts, facts.not_after - third + 1s));
  EXPECT_TRUE(is_due_for_renewal(facts, facts.not_after + days(1)));
}

TEST(CertificateAuthority, IsNotRenewedByAClockThatHasNotBeenSet) {
  const CertifiedKey server = make_server(make_authority(kNow), {"a"}, kNow);
  EXPECT_FALSE(is_due_for_renewal(inspect_certificate(server.certificate), Time()));
}

std::string fault_of(const CertifiedKey& authority, Time now = kNow) {
  try {
    static_cast<void>(make_server(authority, {"a"}, now));
  } catch (const std::runtime_error& failure) {
    return failure.what();
  }
  return "";
}

TEST(CertificateAuthority, RefusesWhatIsNone) {
  const CertifiedKey good = make_authority(kNow);
  EXPECT_NE(fault_of({"", good.key}), "");
  EXPECT_NE(fault_of({"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", good.key}),
            "");
  EXPECT_NE(fault_of({good.key, good.key}), "");
  EXPECT_NE(fault_of({good.certificate, ""}), "");
  EXPECT_NE(fault_of({good.certificate, good.certificate}), "");
  EXPECT_NE(fault_of({good.certificate, good.key.substr(0, good.key.size() / 2)}), "");
}

TEST(CertificateAuthority, RefusesTheKeyOfAnother) {
  const std::string fault = fault_of({make_authority(kNow).certificate, make_authority(kNow).key});
  EXPECT_NE(fault.find("not that of its certificate"), std::string::npos) << fault;
}

TEST(CertificateAuthority, RefusesWhenItHasExpired) {
  const CertifiedKey authority = make_authority(kNow);
  const Time last = inspect_certificate(authority.certificate).not_after;
  EXPECT_NE(fault_of(authority, last + days(1)).find("expired"), std::string::npos);
}

}  // namespace
}  // namespace cpu_monitor::exporter
