#include "exporter/page_writer.hpp"

#include <algorithm>
#include <cstddef>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::exporter {
namespace {

constexpr std::size_t kBlock = PageWriter::kBlockBytes;

/// A writer, and the blocks it handed on.
struct Written {
  std::vector<std::string> blocks;
  PageWriter page{[this](std::string_view block) { blocks.emplace_back(block); }};

  [[nodiscard]] std::string text() {
    page.flush();
    std::string all;
    for (const std::string& block : blocks) all += block;
    return all;
  }
};

TEST(PageWriter, HandsNothingOnWhenNothingWasWritten) {
  Written written;
  written.page.flush();
  written.page.append("");
  written.page.append(std::string_view());
  written.page.flush();
  EXPECT_TRUE(written.blocks.empty());
}

TEST(PageWriter, KeepsTextUntilItIsFlushed) {
  Written written;
  written.page.append("some ");
  written.page.append('t');
  written.page.append("ext");
  EXPECT_TRUE(written.blocks.empty());
  written.page.flush();
  EXPECT_EQ(written.blocks, std::vector<std::string>{"some text"});
}

TEST(PageWriter, FlushedTwiceHandsTextOnOnce) {
  Written written;
  written.page.append("x");
  written.page.flush();
  written.page.flush();
  EXPECT_EQ(written.blocks.size(), 1U);
}

class PageWriterSize : public testing::TestWithParam<std::size_t> {};

TEST_P(PageWriterSize, KeepsEveryByteInOrder) {
  std::string text(GetParam(), ' ');
  for (std::size_t i = 0; i < text.size(); ++i) text[i] = static_cast<char>('!' + i % 89);
  for (const std::size_t piece :
       {std::size_t{1}, std::size_t{61}, kBlock - 1, kBlock, kBlock + 1}) {
    Written written;
    for (std::size_t at = 0; at < text.size(); at += piece) {
      written.page.append(std::string_view(text).substr(at, piece));
    }
    EXPECT_EQ(written.text(), text) << "in pieces of " << piece;
    for (const std::string& block : written.blocks) EXPECT_LE(block.size(), kBlock);
  }
}

INSTANTIATE_TEST_SUITE_P(Bytes, PageWriterSize,
                         testing::Values(1, kBlock - 1, kBlock, kBlock + 1, 2 * kBlock - 1,
                                         2 * kBlock, 3 * kBlock + 17));

TEST(PageWriter, GivesRoomAtTheEndOfABlock) {
  for (std::size_t before = kBlock - 2 * PageWriter::kMaxRoom; before <= kBlock; ++before) {
    Written written;
    written.page.append(std::string(before, 'a'));
    char* const room = written.page.room();
    std::fill_n(room, PageWriter::kMaxRoom, 'b');
    written.page.commit(room + PageWriter::kMaxRoom);
    ASSERT_EQ(written.text(), std::string(before, 'a') + std::string(PageWriter::kMaxRoom, 'b'));
  }
}

TEST(PageWriter, RoomThatIsNotUsedIsNotText) {
  Written written;
  written.page.append("a");
  char* const room = written.page.room();
  std::fill_n(room, PageWriter::kMaxRoom, 'b');
  written.page.commit(room + 1);
  EXPECT_EQ(written.text(), "ab");
}

TEST(PageWriter, AppendsACharacterToAFullBlock) {
  Written written;
  written.page.append(std::string(kBlock, 'a'));
  written.page.append('b');
  EXPECT_EQ(written.text(), std::string(kBlock, 'a') + "b");
}

TEST(PageWriter, LetsTheFaultsOfItsSinkThrough) {
  PageWriter page([](std::string_view) { throw std::runtime_error("full"); });
  page.append("x");
  EXPECT_THROW(page.flush(), std::runtime_error);
}

}  // namespace
}  // namespace cpu_monitor::exporter
