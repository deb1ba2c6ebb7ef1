#include "exporter/basic_authorization.hpp"

#include <cstddef>
#include <optional>
#include <ostream>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/base64.hpp"

namespace cpu_monitor::exporter {

void PrintTo(const UserPassword& credentials, std::ostream* out) {
  *out << credentials.user << " / " << credentials.password;
}

namespace {

using tests::basic;

TEST(BasicAuthorization, IsUserAndPassword) {
  EXPECT_EQ(parse_basic_authorization("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
            (UserPassword{"Aladdin", "open sesame"}));
}

TEST(BasicAuthorization, IsReadWithAnyPadding) {
  EXPECT_EQ(parse_basic_authorization("Basic YTpi"), (UserPassword{"a", "b"}));
  EXPECT_EQ(parse_basic_authorization("Basic YTpiYw=="), (UserPassword{"a", "bc"}));
  EXPECT_EQ(parse_basic_authorization("Basic YTpiY2Q="), (UserPassword{"a", "bcd"}));
}

TEST(BasicAuthorization, NamesItsSchemeInAnyCase) {
  EXPECT_EQ(parse_basic_authorization("basic YTpi"), (UserPassword{"a", "b"}));
  EXPECT_EQ(parse_basic_authorization("BASIC YTpi"), (UserPassword{"a", "b"}));
}

TEST(BasicAuthorization, MayHaveMoreSpacesBehindTheScheme) {
  EXPECT_EQ(parse_basic_authorization("Basic   YTpi"), (UserPassword{"a", "b"}));
}

TEST(BasicAuthorization, EndsTheUserAtTheFirstColon) {
  EXPECT_EQ(parse_basic_authorization(basic("a", "b:c:d")), (UserPassword{"a", "b:c:d"}));
}

TEST(BasicAuthorization, MayHoldEmptyParts) {
  EXPECT_EQ(parse_basic_authorization(basic("", "")), (UserPassword{"", ""}));
  EXPECT_EQ(parse_basic_authorization(basic("a", "")), (UserPassword{"a", ""}));
  EXPECT_EQ(parse_basic_authorization(basic("", "b")), (UserPassword{"", "b"}));
}

TEST(BasicAuthorization, KeepsEveryByteButNul) {
  std::string password;
  for (int byte = 1; byte < 256; ++byte) password += static_cast<char>(byte);
  EXPECT_EQ(parse_basic_authorization(basic("a", password)), (UserPassword{"a", password}));
}

TEST(BasicAuthorization, IsReadUpToItsGreatestLength) {
  const std::string password(kMaxAuthorizationBytes, 'x');
  const std::string fits = basic("a", password.substr(0, 1528));
  ASSERT_LE(fits.size(), kMaxAuthorizationBytes);
  EXPECT_TRUE(parse_basic_authorization(fits));
  EXPECT_FALSE(parse_basic_authorization(basic("a", password.substr(0, 1529))));
}

class EachBadAuthorization : public testing::TestWithParam<std::string> {};

TEST_P(EachBadAuthorization, IsRefused) {
  EXPECT_EQ(parse_basic_authorization(GetParam()), std::nullopt);
}

INSTANTIATE_TEST_SUITE_P(
    BasicAuthorization, EachBadAuthorization,
    testing::Values("", " ", "Basic", "Basic ", "Basic  ", " Basic YTpi", "BasicYTpi",
                    "Basic\tYTpi", "Bearer YTpi", "Digest YTpi", "Basi YTpi", "Basics YTpi",
                    "Basic YTp", "Basic YTpi=", "Basic YTpiYw", "Basic YTpiYw=", "Basic YTpiYw===",
                    "Basic =", "Basic ==", "Basic ====", "Basic YTpi====", "Basic Y===",
                    "Basic YT=i", "Basic YTpi YTpi", "Basic YTpi ", "Basic YTpi\r\n",
                    "Basic YTpi\nYTpi", "Basic YTpiYx==", "Basic YTpiY2R=", "Basic YT-_",
                    "Basic YTp\xE9", "Basic YWI=", "Basic a:b", basic("a", std::string(1, '\0')),
                    basic(std::string("a\0b", 3), "c"), "Basic AAAA",
                    std::string("Basic YTpi\0", 11), "Basic " + std::string(100'000, 'A')));

TEST(BasicAuthorization, IsReadOrRefusedWhateverTheBytes) {
  std::mt19937 random(1);
  for (int i = 0; i < 100'000; ++i) {
    std::string text = random() % 2 == 0 ? "Basic " : "";
    const std::size_t length = random() % 40;
    for (std::size_t k = 0; k < length; ++k) text += static_cast<char>(random() % 256);
    const auto credentials = parse_basic_authorization(text);
    if (credentials) {
      EXPECT_EQ(credentials->user.find(':'), std::string::npos);
    }
  }
}

TEST(BasicAuthorization, ComesBackAsItWasMade) {
  std::mt19937 random(2);
  for (int i = 0; i < 10'000; ++i) {
    UserPassword credentials;
    for (auto* part : {&credentials.user, &credentials.password}) {
      const std::size_t length = random() % 30;
      while (part->size() < length) {
        const auto byte = static_cast<char>(1 + random() % 255);
        if (byte != ':' || part == &credentials.password) *part += byte;
      }
    }
    EXPECT_EQ(parse_basic_authorization(basic(credentials.user, credentials.password)),
              credentials);
  }
}

}  // namespace
}  // namespace cpu_monitor::exporter
