#include "common/line_framer.hpp"

#include <random>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

using Status = LineFramer::Status;

/// A framer and the lines it gave.
struct Framed {
  explicit Framed(std::size_t max_line_bytes) : framer(max_line_bytes) {}

  Status push(std::string_view bytes) {
    return framer.push(bytes, [this](std::string_view line) {
      lines.emplace_back(line);
      return true;
    });
  }

  LineFramer framer;
  std::vector<std::string> lines;
};

TEST(LineFramer, GivesNothingBeforeTheLineEnds) {
  Framed framed(10);
  EXPECT_EQ(framed.push("abc"), Status::ok);
  EXPECT_TRUE(framed.lines.empty());
  EXPECT_TRUE(framed.framer.has_partial_line());
}

TEST(LineFramer, GivesALineWithoutItsNewline) {
  Framed framed(10);
  EXPECT_EQ(framed.push("abc\n"), Status::ok);
  EXPECT_EQ(framed.lines, std::vector<std::string>{"abc"});
  EXPECT_FALSE(framed.framer.has_partial_line());
}

TEST(LineFramer, GivesEmptyLines) {
  Framed framed(10);
  EXPECT_EQ(framed.push("\n\n"), Status::ok);
  EXPECT_EQ(framed.lines, (std::vector<std::string>{"", ""}));
}

TEST(LineFramer, KeepsCarriageReturnsAndNuls) {
  Framed framed(10);
  EXPECT_EQ(framed.push(std::string_view("a\r\nb\0c\n", 7)), Status::ok);
  EXPECT_EQ(framed.lines, (std::vector<std::string>{"a\r", std::string("b\0c", 3)}));
}

TEST(LineFramer, TakesNoBytesAtAll) {
  Framed framed(10);
  EXPECT_EQ(framed.push(""), Status::ok);
  EXPECT_FALSE(framed.framer.has_partial_line());
}

TEST(LineFramer, GivesTheSameLinesForEverySplit) {
  const std::string text = "ab\n\nc\ndefg\n\nh";
  const std::vector<std::string> expected{"ab", "", "c", "defg", ""};
  const std::size_t cuts = text.size() - 1;
  for (unsigned split = 0; split < (1U << cuts); ++split) {
    Framed framed(4);
    std::size_t start = 0;
    for (std::size_t i = 0; i <= cuts; ++i) {
      if (i != cuts && (split & (1U << i)) == 0) continue;
      ASSERT_EQ(framed.push(std::string_view(text).substr(start, i + 1 - start)), Status::ok);
      start = i + 1;
    }
    ASSERT_EQ(framed.lines, expected) << "split " << split;
    ASSERT_TRUE(framed.framer.has_partial_line());
  }
}

TEST(LineFramer, RefusesTheSameLineForEverySplit) {
  const std::string text = "ab\nabcde\nx\n";
  const std::size_t cuts = text.size() - 1;
  for (unsigned split = 0; split < (1U << cuts); ++split) {
    Framed framed(4);
    Status status = Status::ok;
    std::size_t start = 0;
    for (std::size_t i = 0; i <= cuts && status == Status::ok; ++i) {
      if (i != cuts && (split & (1U << i)) == 0) continue;
      status = framed.push(std::string_view(text).substr(start, i + 1 - start));
      start = i + 1;
    }
    ASSERT_EQ(status, Status::line_too_long) << "split " << split;
    ASSERT_EQ(framed.lines, std::vector<std::string>{"ab"}) << "split " << split;
  }
}

TEST(LineFramer, GivesTheSameLinesForRandomSplits) {
  std::mt19937 generator(1);
  std::uniform_int_distribution<std::size_t> line_bytes(0, 300);
  std::string text;
  std::vector<std::string> expected;
  for (int i = 0; i < 200; ++i) {
    expected.emplace_back(line_bytes(generator), static_cast<char>('a' + i % 26));
    text += expected.back() + '\n';
  }
  for (int run = 0; run < 50; ++run) {
    Framed framed(300);
    std::uniform_int_distribution<std::size_t> piece_bytes(1, run % 2 == 0 ? 7 : 2000);
    for (std::size_t start = 0; start < text.size();) {
      const std::string_view piece = std::string_view(text).substr(start, piece_bytes(generator));
      ASSERT_EQ(framed.push(piece), Status::ok);
      start += piece.size();
    }
    ASSERT_EQ(framed.lines, expected);
    ASSERT_FALSE(framed.framer.has_partial_line());
  }
}

struct CapCase {
  const char* name;
  std::size_t line_bytes;
  bool has_newline;
  Status status;
};

class LineFramerCap : public testing::TestWithParam<CapCase> {};

constexpr std::size_t kCap = 4096;

std::string text_of(const CapCase& tested) {
  return std::string(tested.line_bytes, 'x') + (tested.has_newline ? "\n" : "");
}

TEST_P(LineFramerCap, HoldsForOnePush) {
  Framed framed(kCap);
  EXPECT_EQ(framed.push(text_of(GetParam())), GetParam().status);
  const bool is_given = GetParam().status == Status::ok && GetParam().has_newline;
  EXPECT_EQ(framed.lines.size(), is_given ? 1U : 0U);
}

TEST_P(LineFramerCap, HoldsByteByByte) {
  Framed framed(kCap);
  Status status = Status::ok;
  for (const char byte : text_of(GetParam())) {
    status = framed.push(std::string_view(&byte, 1));
    if (status != Status::ok) break;
  }
  EXPECT_EQ(status, GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(
    Table, LineFramerCap,
    testing::Values(CapCase{"OneBelow", kCap - 1, true, Status::ok},
                    CapCase{"AtTheCap", kCap, true, Status::ok},
                    CapCase{"OneAbove", kCap + 1, true, Status::line_too_long},
                    CapCase{"OneBelowWithoutNewline", kCap - 1, false, Status::ok},
                    CapCase{"AtTheCapWithoutNewline", kCap, false, Status::ok},
                    CapCase{"OneAboveWithoutNewline", kCap + 1, false, Status::line_too_long}),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST(LineFramer, KeepsNoMoreThanTheCapOfAnEndlessLine) {
  Framed framed(100);
  std::size_t taken = 0;
  while (framed.push("0123456789") == Status::ok) taken += 10;
  EXPECT_EQ(taken, 100U);
}

TEST(LineFramer, CountsEachLineAnew) {
  Framed framed(3);
  EXPECT_EQ(framed.push("abc\nabc\nabc\n"), Status::ok);
  EXPECT_EQ(framed.lines.size(), 3U);
}

TEST(LineFramer, HoldsARaisedCapFromTheNextLineOn) {
  LineFramer framer(3);
  std::vector<std::string> lines;
  const auto raise_cap = [&](std::string_view line) {
    lines.emplace_back(line);
    framer.set_max_line_bytes(6);
    return true;
  };
  EXPECT_EQ(framer.push("abc\nabcdef\n", raise_cap), Status::ok);
  EXPECT_EQ(lines, (std::vector<std::string>{"abc", "abcdef"}));
  EXPECT_EQ(framer.max_line_bytes(), 6U);
  EXPECT_EQ(framer.push("abcdefg\n", raise_cap), Status::line_too_long);
}

TEST(LineFramer, HoldsALoweredCapFromTheNextLineOn) {
  LineFramer framer(6);
  int lines = 0;
  const auto lower_cap = [&](std::string_view) {
    ++lines;
    framer.set_max_line_bytes(2);
    return true;
  };
  EXPECT_EQ(framer.push("abcdef\nabc\n", lower_cap), Status::line_too_long);
  EXPECT_EQ(lines, 1);
}

TEST(LineFramer, StopsWhenToldAndDropsTheRest) {
  LineFramer framer(10);
  std::vector<std::string> lines;
  const auto stop_at_b = [&](std::string_view line) {
    lines.emplace_back(line);
    return line != "b";
  };
  EXPECT_EQ(framer.push("a\nb\nc\nd", stop_at_b), Status::stopped);
  EXPECT_EQ(lines, (std::vector<std::string>{"a", "b"}));
  EXPECT_FALSE(framer.has_partial_line());
}

}  // namespace
}  // namespace cpu_monitor
