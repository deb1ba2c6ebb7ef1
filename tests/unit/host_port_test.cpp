#include "common/host_port.hpp"

#include <ostream>

#include <gtest/gtest.h>

namespace cpu_monitor {

std::ostream& operator<<(std::ostream& out, const HostPort& address) {
  return out << '"' << address.host << "\" port " << address.port;
}

namespace {

using std::string_view_literals::operator""sv;

struct GoodCase {
  const char* name;
  std::string_view text;
  HostPort address;
  std::string_view formatted;
};

class GoodHostPort : public testing::TestWithParam<GoodCase> {};

TEST_P(GoodHostPort, IsRead) {
  const auto address = parse_host_port(GetParam().text);
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(*address, GetParam().address);
}

TEST_P(GoodHostPort, IsFormattedAsOnACommandLine) {
  EXPECT_EQ(format_host_port(GetParam().address), GetParam().formatted);
}

TEST_P(GoodHostPort, ReadsBackWhatItFormats) {
  EXPECT_EQ(parse_host_port(format_host_port(GetParam().address)), GetParam().address);
}

INSTANTIATE_TEST_SUITE_P(
    Table, GoodHostPort,
    testing::Values(
        GoodCase{"Name", "monitor:8080", {"monitor", 8080}, "monitor:8080"},
        GoodCase{"DottedName", "a.b-c.example:80", {"a.b-c.example", 80}, "a.b-c.example:80"},
        GoodCase{"NameWithDigitFirst", "3com.example:80", {"3com.example", 80}, "3com.example:80"},
        GoodCase{"NameWithUnderscore", "my_host:80", {"my_host", 80}, "my_host:80"},
        GoodCase{"Ipv4", "127.0.0.1:8080", {"127.0.0.1", 8080}, "127.0.0.1:8080"},
        GoodCase{"Ipv6", "[::1]:8080", {"::1", 8080}, "[::1]:8080"},
        GoodCase{"LongIpv6",
                 "[2001:db8::8:800:200c:417a]:1",
                 {"2001:db8::8:800:200c:417a", 1},
                 "[2001:db8::8:800:200c:417a]:1"},
        GoodCase{
            "Ipv4InIpv6", "[::ffff:10.0.0.1]:80", {"::ffff:10.0.0.1", 80}, "[::ffff:10.0.0.1]:80"},
        GoodCase{"EveryIpv6", "[::]:8000", {"::", 8000}, "[::]:8000"},
        GoodCase{"EveryAddress", ":8080", {"", 8080}, ":8080"},
        GoodCase{"PortZero", "h:0", {"h", 0}, "h:0"},
        GoodCase{"LargestPort", "h:65535", {"h", 65535}, "h:65535"}),
    [](const auto& tested) { return std::string(tested.param.name); });

struct BadCase {
  const char* name;
  std::string text;
};

class BadHostPort : public testing::TestWithParam<BadCase> {};

TEST_P(BadHostPort, IsNone) { EXPECT_EQ(parse_host_port(GetParam().text), std::nullopt); }

INSTANTIATE_TEST_SUITE_P(
    Table, BadHostPort,
    testing::Values(
        BadCase{"Empty", ""}, BadCase{"OnlyColon", ":"}, BadCase{"NoPort", "host"},
        BadCase{"EmptyPort", "host:"}, BadCase{"OnlyPort", "8080"},
        BadCase{"PortOverTheLimit", "host:65536"}, BadCase{"HugePort", "host:99999999999999999999"},
        BadCase{"NegativePort", "host:-1"}, BadCase{"PlusPort", "host:+80"},
        BadCase{"WordPort", "host:http"}, BadCase{"PortThenJunk", "host:80x"},
        BadCase{"HexadecimalPort", "host:0x50"}, BadCase{"FractionalPort", "host:80.5"},
        BadCase{"SpaceBeforePort", "host: 80"}, BadCase{"SpaceAfterPort", "host:80 "},
        BadCase{"LeadingSpace", " host:80"}, BadCase{"SpaceInHost", "ho st:80"},
        BadCase{"SpaceBeforeColon", "host :80"}, BadCase{"Newline", "host:80\n"},
        BadCase{"Url", "http://host:80"}, BadCase{"Path", "host:80/metrics"},
        BadCase{"User", "me@host:80"}, BadCase{"UnbracketedIpv6", "::1:8080"},
        BadCase{"UnbracketedLongIpv6", "2001:db8::1:80"}, BadCase{"TwoPorts", "host:80:80"},
        BadCase{"EmptyBrackets", "[]:80"}, BadCase{"OpenBracket", "[::1:80"},
        BadCase{"ClosingBracket", "::1]:80"}, BadCase{"LoneBracket", "[:80"},
        BadCase{"BracketsWithoutPort", "[::1]"}, BadCase{"JunkBehindBrackets", "[::1]x:80"},
        BadCase{"JunkBeforeBrackets", "x[::1]:80"}, BadCase{"NameInBrackets", "[host]:80"},
        BadCase{"Ipv4InBrackets", "[127.0.0.1]:80"}, BadCase{"BadIpv6", "[::g]:80"},
        BadCase{"Ipv6TwoGaps", "[1::2::3]:80"}, BadCase{"Ipv4OutOfRange", "127.0.0.256:80"},
        BadCase{"Ipv4TooShort", "127.1:80"}, BadCase{"Ipv4TooLong", "1.2.3.4.5:80"},
        BadCase{"Ipv4Octal", "010.0.0.1:80"}, BadCase{"BareNumber", "2130706433:80"},
        BadCase{"LeadingHyphen", "-host:80"}, BadCase{"LeadingDot", ".host:80"},
        BadCase{"QuotedName", "\"host\":80"}, BadCase{"NotAscii", "h\xC3\xB6st:80"},
        BadCase{"NulInHost", std::string("ho\0st:80", 8)},
        BadCase{"NulInPort", std::string("host:80\0", 8)},
        BadCase{"NulInBrackets", std::string("[::1\0]:80", 9)},
        BadCase{"HostTooLong", std::string(254, 'a') + ":80"}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(HostPort, TakesTheLongestName) {
  const std::string name(253, 'a');
  EXPECT_EQ(parse_host_port(name + ":80"), (HostPort{name, 80}));
}

struct KindCase {
  const char* name;
  std::string_view host;
  bool is_loopback;
  bool is_address;
};

class HostKind : public testing::TestWithParam<KindCase> {};

TEST_P(HostKind, TellsLoopback) { EXPECT_EQ(is_loopback(GetParam().host), GetParam().is_loopback); }

TEST_P(HostKind, TellsAddressesFromNames) {
  EXPECT_EQ(is_ip_address(GetParam().host), GetParam().is_address);
}

INSTANTIATE_TEST_SUITE_P(
    Table, HostKind,
    testing::Values(
        KindCase{"Localhost", "localhost", true, false},
        KindCase{"LocalhostInCapitals", "LocalHost", true, false},
        KindCase{"LoopbackIpv4", "127.0.0.1", true, true},
        KindCase{"LastLoopbackIpv4", "127.255.255.255", true, true},
        KindCase{"LoopbackIpv6", "::1", true, true},
        KindCase{"LoopbackIpv6InFull", "0:0:0:0:0:0:0:1", true, true},
        KindCase{"BelowLoopback", "126.255.255.255", false, true},
        KindCase{"AboveLoopback", "128.0.0.0", false, true},
        KindCase{"Lan", "192.168.0.127", false, true},
        KindCase{"EveryIpv4", "0.0.0.0", false, true}, KindCase{"EveryIpv6", "::", false, true},
        KindCase{"OtherIpv6", "::2", false, true}, KindCase{"EveryAddress", "", false, false},
        KindCase{"Name", "monitor", false, false},
        KindCase{"NameLikeLocalhost", "localhost.example", false, false},
        KindCase{"LocalhostPrefix", "localhos", false, false},
        KindCase{"NameLikeLoopback", "127.0.0.1.example", false, false},
        KindCase{"ShortIpv4", "127.1", false, false}, KindCase{"Bracketed", "[::1]", false, false},
        KindCase{"NulBehindAddress", "127.0.0.1\0.example"sv, false, false},
        KindCase{"NulBehindLocalhost", "localhost\0"sv, false, false}),
    [](const auto& tested) { return std::string(tested.param.name); });

}  // namespace
}  // namespace cpu_monitor
