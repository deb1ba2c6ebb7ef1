// What an enrolled agent believes: the authority that it was told of, however often the exporter's
// own certificate is renewed, and no other.

#include "exporter/enrolment.hpp"

#include <chrono>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "common/join_line.hpp"
#include "exporter/certificate_authority.hpp"
#include "exporter/enrolment_files.hpp"
#include "tests/support/temp_folder.hpp"
#include "tests/support/tls_meeting.hpp"

namespace cpu_monitor::tests {
namespace {

using exporter::EnrolmentTerms;
using exporter::Time;
using std::chrono::days;

JoinLine enrol(const std::string& directory, Time now = std::chrono::system_clock::now()) {
  EnrolmentTerms terms;
  terms.address = {"10.0.0.5", 8080};
  return exporter::Enrolment(directory).enroll({"web-1"}, terms, now).at(0).line;
}

net::TlsClientSettings told(const JoinLine& line) {
  net::TlsClientSettings settings;
  settings.ca_pin = line.ca_pin;
  settings.server_name = kEnrolledServerName;
  return settings;
}

class EnrolledAgent : public testing::Test {
 protected:
  /// Why it does not believe the exporter with these files; none: it does.
  static std::optional<net::TlsFailure> fault_of(const std::string& directory,
                                                 const net::TlsClientSettings& agent) {
    const auto [called, caller] = meet(exporter::enrolled_tls(directory), agent);
    return caller.handshake;
  }

  [[nodiscard]] std::string in_folder(const char* name) const {
    return (folder_.path() / name).string();
  }

  TempFolder folder_;
  std::string directory_ = in_folder("state");
};

TEST_F(EnrolledAgent, BelievesTheExporterThatEnrolledIt) {
  const JoinLine line = enrol(directory_);
  EXPECT_FALSE(fault_of(directory_, told(line)));
}

TEST_F(EnrolledAgent, BelievesARenewedCertificate) {
  const Time now = std::chrono::system_clock::now();
  const JoinLine line = enrol(directory_, now - days(300));
  EXPECT_TRUE(exporter::renew_if_due(directory_, now));
  EXPECT_FALSE(fault_of(directory_, told(line)));
}

TEST_F(EnrolledAgent, DoesNotBelieveACertificateThatHasExpired) {
  const Time now = std::chrono::system_clock::now();
  const JoinLine line = enrol(directory_, now - days(400));
  const auto fault = fault_of(directory_, told(line));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, net::TlsFailure::Kind::certificate);
  EXPECT_EQ(fault->reason, "certificate has expired");
  EXPECT_TRUE(exporter::renew_if_due(directory_, now));
  EXPECT_FALSE(fault_of(directory_, told(line)));
}

TEST_F(EnrolledAgent, DoesNotBelieveAnotherAuthority) {
  const JoinLine line = enrol(directory_);
  const std::string other = in_folder("other");
  enrol(other);
  const auto fault = fault_of(other, told(line));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, net::TlsFailure::Kind::certificate);
  EXPECT_EQ(fault->reason, "certificate not trusted");
}

TEST_F(EnrolledAgent, DoesNotBelieveAnotherKeyUnderTheAuthoritysCertificate) {
  const JoinLine line = enrol(directory_);
  // The certificate of the authority is no secret: somebody sends it along with his own.
  const std::string other = in_folder("other");
  enrol(other);
  std::ifstream mine(exporter::path_in(other, exporter::kServerFile));
  const std::string forged((std::istreambuf_iterator<char>(mine)), {});
  std::ifstream theirs(exporter::path_in(directory_, exporter::kAuthorityFile));
  const std::string sent_along((std::istreambuf_iterator<char>(theirs)), {});
  std::ofstream(exporter::path_in(other, exporter::kServerFile)) << forged << sent_along;
  const auto fault = fault_of(other, told(line));
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->kind, net::TlsFailure::Kind::certificate);
}

TEST_F(EnrolledAgent, ExpectsTheNameOfAnExporterThatEnrols) {
  const JoinLine line = enrol(directory_);
  net::TlsClientSettings settings = told(line);
  settings.server_name = "cpu-monitor-agent";
  const auto fault = fault_of(directory_, settings);
  ASSERT_TRUE(fault);
  EXPECT_EQ(fault->reason, "hostname mismatch");
}

TEST_F(EnrolledAgent, MayBeAnyAgentThatWasGivenTheAuthoritysFile) {
  enrol(directory_);
  net::TlsClientSettings settings;
  settings.ca_file = exporter::path_in(directory_, exporter::kAuthorityFile);
  settings.server_name = "10.0.0.5";
  EXPECT_FALSE(fault_of(directory_, settings));
  settings.server_name = "10.0.0.6";
  EXPECT_TRUE(fault_of(directory_, settings));
}

}  // namespace
}  // namespace cpu_monitor::tests
