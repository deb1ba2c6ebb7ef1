#include "exporter/compression.hpp"

#include <algorithm>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tests/support/gunzip.hpp"

namespace cpu_monitor::exporter {
namespace {

struct Header {
  const char* name;
  std::string_view value;
};

std::string name_of(const testing::TestParamInfo<Header>& info) { return info.param.name; }

class GzipTaken : public testing::TestWithParam<Header> {};
TEST_P(GzipTaken, ByTheHeader) { EXPECT_TRUE(accepts_gzip(GetParam().value)); }

INSTANTIATE_TEST_SUITE_P(
    AcceptEncoding, GzipTaken,
    testing::Values(Header{"Alone", "gzip"}, Header{"OldName", "x-gzip"}, Header{"Upper", "GZIP"},
                    Header{"AsBrowsersSay", "gzip, deflate, br"}, Header{"Last", "br;q=1.0,gzip"},
                    Header{"WithoutSpaces", "deflate,gzip,br"}, Header{"Any", "*"},
                    Header{"AnyOther", "br, *;q=0.5"}, Header{"LowQuality", "gzip;q=0.001"},
                    Header{"FullQuality", "gzip;q=1.000"}, Header{"WholeQuality", "gzip;q=1"},
                    Header{"UpperQ", "gzip;Q=0.5"}, Header{"SpacesEverywhere", " gzip ; q = 0.8 "},
                    Header{"Tabs", "\tgzip\t"}, Header{"OtherParameter", "gzip;level=9"},
                    Header{"QualityBehindAnother", "gzip;level=9;q=0.2"},
                    Header{"GzipBesideNothing", "gzip, *;q=0"}, Header{"EmptyParts", ",,gzip,,"},
                    Header{"PreferringIdentity", "identity, gzip;q=0.1"},
                    Header{"GzipThoughNotItsOldName", "x-gzip;q=0, gzip"},
                    Header{"OldNameThoughNothingElse", "*;q=0, x-gzip"},
                    Header{"TrailingPoint", "gzip;q=1."}),
    name_of);

class GzipNotTaken : public testing::TestWithParam<Header> {};
TEST_P(GzipNotTaken, ByTheHeader) { EXPECT_FALSE(accepts_gzip(GetParam().value)); }

INSTANTIATE_TEST_SUITE_P(
    AcceptEncoding, GzipNotTaken,
    testing::Values(Header{"Empty", ""}, Header{"Space", " "}, Header{"Commas", ",,,"},
                    Header{"Identity", "identity"}, Header{"Others", "br, deflate, zstd"},
                    Header{"Refused", "gzip;q=0"}, Header{"RefusedWithDecimals", "gzip;q=0.000"},
                    Header{"RefusedBesideAny", "*, gzip;q=0"}, Header{"RefusedAny", "*;q=0"},
                    Header{"OldNameRefused", "x-gzip;q=0"}, Header{"LongerWord", "gzipped"},
                    Header{"ShorterWord", "gzi"}, Header{"TwoWords", "gzip deflate"},
                    Header{"NoQuality", "gzip;q="}, Header{"WordForQuality", "gzip;q=high"},
                    Header{"NegativeQuality", "gzip;q=-1"}, Header{"QualityTwo", "gzip;q=2"},
                    Header{"FourDecimals", "gzip;q=0.0001"}, Header{"PointAlone", "gzip;q=.5"},
                    Header{"NoNumber", "gzip;q=nan"}, Header{"AboveOne", "gzip;q=1.5"},
                    Header{"JustAboveOne", "gzip;q=1.001"},
                    Header{"LetterInDecimals", "gzip;q=0.a1"}, Header{"TwoPoints", "gzip;q=0.1."},
                    Header{"ZeroWithPoint", "gzip;q=0."},
                    Header{"GzipRefusedThoughOldName", "x-gzip, gzip;q=0"},
                    Header{"QualityInQuotes", "gzip;q=\"1\""}),
    name_of);

std::string text_of(std::size_t bytes) {
  std::mt19937_64 random(bytes);
  std::string text(bytes, ' ');
  std::ranges::generate(text, [&] { return "node_cpu{}=\"0123456789\n"[random() % 22]; });
  return text;
}

class GzipOfSize : public testing::TestWithParam<std::size_t> {};

TEST_P(GzipOfSize, GivesTheTextBack) {
  const std::string text = text_of(GetParam());
  for (const std::size_t piece : {std::size_t{1000}, std::size_t{65536}, text.size() + 1}) {
    GzipStream gzip;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      gzip.add(std::string_view(text).substr(at, piece));
    }
    EXPECT_EQ(tests::gunzip(gzip.finish()), text) << "in pieces of " << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(Bytes, GzipOfSize,
                         testing::Values(0, 1, 999, 65535, 65536, 65537, 1'000'000, 5'000'000));

TEST(Gzip, TakesEmptyPieces) {
  GzipStream gzip;
  gzip.add("");
  gzip.add("text");
  gzip.add(std::string_view());
  EXPECT_EQ(tests::gunzip(gzip.finish()), "text");
}

TEST(Gzip, MakesAPageOfMetricsAFractionOfItsSize) {
  GzipStream gzip;
  std::size_t bytes = 0;
  for (int i = 0; i < 10'000; ++i) {
    const std::string line = "node_cpu_seconds_total{endpoint=\"web-" + std::to_string(i / 64) +
                             "\",cpu=\"" + std::to_string(i / 8 % 8) + "\"} " +
                             std::to_string(i * 7919) + "\n";
    bytes += line.size();
    gzip.add(line);
  }
  EXPECT_LT(gzip.finish().size(), bytes / 5);
}

TEST(Gzip, OfWhatCannotBeCompressedIsHardlyLarger) {
  std::mt19937_64 random(7);
  std::string noise(1'000'000, ' ');
  std::ranges::generate(noise, [&] { return static_cast<char>(random()); });
  GzipStream gzip;
  gzip.add(noise);
  const std::string member = gzip.finish();
  EXPECT_LT(member.size(), noise.size() * 101 / 100);
  EXPECT_EQ(tests::gunzip(member), noise);
}

}  // namespace
}  // namespace cpu_monitor::exporter
