#include "common/log.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <sstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

namespace cpu_monitor::log {
namespace {

/// Puts another file in the place of stderr for as long as it lives.
class StderrReplacement {
 public:
  explicit StderrReplacement(int fd) : saved_(dup(STDERR_FILENO)) { dup2(fd, STDERR_FILENO); }
  ~StderrReplacement() {
    dup2(saved_, STDERR_FILENO);
    close(saved_);
  }
  StderrReplacement(const StderrReplacement&) = delete;
  StderrReplacement& operator=(const StderrReplacement&) = delete;

 private:
  int saved_;
};

/// What `write_log` writes on stderr.
template <class WriteLog>
std::string stderr_of(WriteLog write_log) {
  const int file = memfd_create("stderr", 0);
  {
    const StderrReplacement replacement(file);
    write_log();
  }
  std::string text(static_cast<std::size_t>(lseek(file, 0, SEEK_END)), '\0');
  EXPECT_EQ(pread(file, text.data(), text.size(), 0), static_cast<ssize_t>(text.size()));
  close(file);
  return text;
}

/// The one line on stderr from `msg` on, without its newline.
template <class WriteLog>
std::string body_of(WriteLog write_log) {
  const std::string text = stderr_of(write_log);
  EXPECT_EQ(text.find('\n'), text.size() - 1) << text;
  const std::size_t start = text.find("msg");
  return start == std::string::npos ? text : text.substr(start, text.size() - start - 1);
}

std::vector<std::string> split_lines(const std::string& text) {
  std::istringstream stream(text);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

std::string with_digits_hidden(std::string text) {
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::replace_if(text.begin(), text.end(), is_digit, '#');
  return text;
}

/// To the second, by the C library.
std::string utc_now() {
  const std::time_t now = std::chrono::system_clock::to_time_t(std::chrono::system_clock::now());
  std::tm date{};
  gmtime_r(&now, &date);
  std::array<char, 32> text{};
  return {text.data(), std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &date)};
}

/// The logger belongs to the whole process: each test leaves it as a program finds it.
class Log : public testing::Test {
 protected:
  void TearDown() override { configure(Level::info, Format::logfmt); }
};

TEST_F(Log, WritesOneLineOfLogfmt) {
  const std::string text = stderr_of([] { info("connected", {{"endpoint", "web-a"}}); });
  EXPECT_EQ(with_digits_hidden(text),
            "ts=####-##-##T##:##:##.###Z level=info msg=\"connected\" endpoint=web-a\n");
}

TEST_F(Log, WritesOneJsonObject) {
  configure(Level::info, Format::json);
  const std::string text = stderr_of([] { warn("lost", {{"reason", "idle_timeout"}}); });
  EXPECT_EQ(with_digits_hidden(text),
            R"({"ts":"####-##-##T##:##:##.###Z","level":"warn","msg":"lost",)"
            R"("reason":"idle_timeout"})"
            "\n");
}

TEST_F(Log, StampsWithTheTimeInUtc) {
  const std::string before = utc_now();
  const std::string stamp = stderr_of([] { info("m"); }).substr(3, before.size());
  EXPECT_LE(before, stamp);
  EXPECT_LE(stamp, utc_now());
}

TEST_F(Log, WritesNoFieldsWhenThereAreNone) {
  EXPECT_EQ(body_of([] { info("ready"); }), R"(msg="ready")");
}

TEST_F(Log, KeepsTheOrderOfFields) {
  EXPECT_EQ(body_of([] {
              info("m", {{"b", "1"}, {"a", "2"}, {"c", "3"}});
            }),
            R"(msg="m" b=1 a=2 c=3)");
}

struct LevelCase {
  Level configured;
  std::vector<std::string> written;
};

class LogLevel : public testing::TestWithParam<LevelCase> {
 protected:
  void TearDown() override { configure(Level::info, Format::logfmt); }
};

TEST_P(LogLevel, HidesWhatIsBelowIt) {
  configure(GetParam().configured, Format::logfmt);
  const std::string text = stderr_of([] {
    debug("m");
    info("m");
    warn("m");
    error("m");
  });
  std::vector<std::string> written;
  for (const std::string& line : split_lines(text)) {
    const std::size_t start = line.find("level=") + 6;
    written.push_back(line.substr(start, line.find(' ', start) - start));
  }
  EXPECT_EQ(written, GetParam().written);
}

INSTANTIATE_TEST_SUITE_P(
    All, LogLevel,
    testing::Values(LevelCase{Level::debug, {"debug", "info", "warn", "error"}},
                    LevelCase{Level::info, {"info", "warn", "error"}},
                    LevelCase{Level::warn, {"warn", "error"}}, LevelCase{Level::error, {"error"}}),
    [](const auto& tested) { return std::string(kLevelNames[tested.param.configured]); });

struct ValueCase {
  const char* name;
  std::string value;
  std::string logfmt;
  std::string json;
};

class LogValue : public testing::TestWithParam<ValueCase> {
 protected:
  void TearDown() override { configure(Level::info, Format::logfmt); }
};

TEST_P(LogValue, IsSafeInLogfmt) {
  EXPECT_EQ(body_of([] {
              info("m", {{"key", GetParam().value}});
            }),
            R"(msg="m" key=)" + GetParam().logfmt);
}

TEST_P(LogValue, IsSafeInJson) {
  configure(Level::info, Format::json);
  EXPECT_EQ(body_of([] {
              info("m", {{"key", GetParam().value}});
            }),
            R"(msg":"m","key":)" + GetParam().json + '}');
}

TEST_P(LogValue, IsSafeAsAMessage) {
  EXPECT_EQ(body_of([] { info(GetParam().value.substr(0, 250)); }).find('\n'), std::string::npos);
}

ValueCase quoted(const char* name, std::string value, const std::string& in_quotes) {
  const std::string text = '"' + in_quotes + '"';
  return {name, std::move(value), text, text};
}

ValueCase bare(const char* name, const std::string& value) {
  return {name, value, value, '"' + value + '"'};
}

const std::string kReplaced = "\xEF\xBF\xBD";

INSTANTIATE_TEST_SUITE_P(
    Table, LogValue,
    testing::Values(
        bare("Word", "web-1"), bare("Number", "-14.6"), bare("Address", "[::1]:8080"),
        bare("Punctuation", "a,b;c/d'e{f}%s{}"), quoted("Empty", "", ""),
        quoted("Space", "a b", "a b"), quoted("EqualsSign", "a=b", "a=b"),
        quoted("Quote", R"(a"b)", R"(a\"b)"), quoted("Backslash", R"(a\b)", R"(a\\b)"),
        quoted("Newline", "a\nb", R"(a\nb)"), quoted("CarriageReturn", "a\rb", R"(a\rb)"),
        quoted("Tab", "a\tb", R"(a\tb)"), quoted("Nul", std::string("a\0b", 3), R"(a\u0000b)"),
        quoted("Escape", "\x1B[31m", R"(\u001b[31m)"), quoted("Delete", "\x7F", R"(\u007f)"),
        quoted("C1Control", "\xC2\x9B", R"(\u009b)"),
        quoted("TwoBytes", "h\xC3\xB6st", "h\xC3\xB6st"),
        quoted("FourBytes", "\xF0\x9F\x94\xA5", "\xF0\x9F\x94\xA5"),
        quoted("StrayContinuation", "a\x80z", "a" + kReplaced + "z"),
        quoted("Latin1", "h\xF6st", "h" + kReplaced + "st"),
        quoted("CutShort", "a\xE2\x82", "a" + kReplaced + kReplaced),
        quoted("Overlong", "\xC0\xAF", kReplaced + kReplaced),
        quoted("Surrogate", "\xED\xA0\x80", kReplaced + kReplaced + kReplaced),
        quoted("BeyondUnicode", "\xF4\x90\x80\x80", kReplaced + kReplaced + kReplaced + kReplaced),
        bare("AtTheLimit", std::string(256, 'x')),
        quoted("OneOverTheLimit", std::string(257, 'x'), std::string(256, 'x') + "..."),
        quoted("FarOverTheLimit", std::string(100000, 'x'), std::string(256, 'x') + "..."),
        quoted("CutBetweenCharacters", std::string(255, 'x') + "\xC3\xB6",
               std::string(255, 'x') + "..."),
        quoted("CutAtTheLimitOfQuotes", std::string(300, '"'),
               [] {
                 std::string text;
                 for (int i = 0; i < 256; ++i) text += "\\\"";
                 return text + "...";
               }())),
    [](const auto& tested) { return std::string(tested.param.name); });

TEST_F(Log, CutsLongMessages) {
  const std::string body = body_of([] { info(std::string(5000, 'x')); });
  EXPECT_EQ(body, "msg=\"" + std::string(1024, 'x') + "...\"");
}

TEST_F(Log, SurvivesAClosedStderr) {
  const StderrReplacement replacement(STDERR_FILENO);
  close(STDERR_FILENO);
  EXPECT_NO_THROW(error("nobody hears this"));
}

TEST_F(Log, SurvivesAFullDisk) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  {
    const StderrReplacement replacement(full);
    EXPECT_NO_THROW(error("there is no room for this"));
  }
  close(full);
}

TEST_F(Log, SurvivesAPipeNobodyReadsAnyMore) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe(ends.data()), 0);
  close(ends[0]);
  {
    const StderrReplacement replacement(ends[1]);
    EXPECT_NO_THROW(error("SIGPIPE would end the test"));
  }
  close(ends[1]);
}

TEST_F(Log, DoesNotWaitForAReaderThatStoppedReading) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_NONBLOCK), 0);
  const std::string filling(4096, 'x');
  while (write(ends[1], filling.data(), filling.size()) > 0) {
  }
  ASSERT_EQ(fcntl(ends[1], F_SETFL, 0), 0);
  {
    const StderrReplacement replacement(ends[1]);
    EXPECT_NO_THROW(error("a full pipe would hold us for ever"));
  }
  close(ends[0]);
  close(ends[1]);
}

constexpr int kWritingThreads = 4;
constexpr int kLinesOfAThread = 200;

TEST_F(Log, KeepsLinesOfThreadsApart) {
  const std::string text = stderr_of([] {
    std::vector<std::thread> threads;
    threads.reserve(kWritingThreads);
    for (int i = 0; i < kWritingThreads; ++i) {
      threads.emplace_back([] {
        for (int line = 0; line < kLinesOfAThread; ++line)
          info("m", {{"key", std::string(100, 'x')}});
      });
    }
    for (std::thread& thread : threads) thread.join();
  });
  const std::vector<std::string> lines = split_lines(text);
  EXPECT_EQ(lines.size(), static_cast<std::size_t>(kWritingThreads * kLinesOfAThread));
  const std::string end = " msg=\"m\" key=" + std::string(100, 'x');
  for (const std::string& line : lines) {
    ASSERT_EQ(line.rfind("ts=", 0), 0U) << line;
    ASSERT_EQ(line.find(end), line.size() - end.size()) << line;
  }
}

using std::chrono::seconds;

TEST(LogThrottle, LetsTheFirstEventThrough) {
  Throttle throttle(seconds(10));
  EXPECT_EQ(throttle.admit(Throttle::Clock::time_point{}), 0U);
}

TEST(LogThrottle, HoldsEventsBackForTheInterval) {
  const Throttle::Clock::time_point start{};
  Throttle throttle(seconds(10));
  ASSERT_TRUE(throttle.admit(start).has_value());
  EXPECT_EQ(throttle.admit(start), std::nullopt);
  EXPECT_EQ(throttle.admit(start + seconds(10) - std::chrono::nanoseconds(1)), std::nullopt);
  EXPECT_EQ(throttle.admit(start + seconds(10)), 2U);
}

TEST(LogThrottle, CountsAnewAfterEachEventLetThrough) {
  const Throttle::Clock::time_point start{};
  Throttle throttle(seconds(10));
  ASSERT_TRUE(throttle.admit(start).has_value());
  ASSERT_FALSE(throttle.admit(start + seconds(1)).has_value());
  EXPECT_EQ(throttle.admit(start + seconds(11)), 1U);
  EXPECT_EQ(throttle.admit(start + seconds(12)), std::nullopt);
  EXPECT_EQ(throttle.admit(start + seconds(22)), 1U);
  EXPECT_EQ(throttle.admit(start + seconds(99)), 0U);
}

TEST(LogThrottle, LetsAsManyThroughPerIntervalAsItMay) {
  const Throttle::Clock::time_point start{};
  Throttle throttle(seconds(1), 3);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(throttle.admit(start), 0U) << i;
  EXPECT_EQ(throttle.admit(start), std::nullopt);
  EXPECT_EQ(throttle.admit(start + seconds(1) - std::chrono::nanoseconds(1)), std::nullopt);
  EXPECT_EQ(throttle.admit(start + seconds(1)), 2U);
  EXPECT_EQ(throttle.admit(start + seconds(1)), 0U);
}

TEST(LogThrottle, BeginsAnIntervalWithItsFirstEvent) {
  const Throttle::Clock::time_point start{};
  Throttle throttle(seconds(1), 2);
  EXPECT_EQ(throttle.admit(start), 0U);
  EXPECT_EQ(throttle.admit(start + std::chrono::milliseconds(1500)), 0U);
  EXPECT_EQ(throttle.admit(start + std::chrono::milliseconds(2400)), 0U);
  EXPECT_EQ(throttle.admit(start + std::chrono::milliseconds(2499)), std::nullopt);
  EXPECT_EQ(throttle.admit(start + std::chrono::milliseconds(2500)), 1U);
}

TEST(LogThrottle, TellsWhatIsLeftOverOnceTheIntervalIsOver) {
  const Throttle::Clock::time_point start{};
  Throttle throttle(seconds(1));
  EXPECT_EQ(throttle.leftover(start), 0U);
  ASSERT_TRUE(throttle.admit(start).has_value());
  ASSERT_FALSE(throttle.admit(start).has_value());
  ASSERT_FALSE(throttle.admit(start).has_value());
  EXPECT_EQ(throttle.leftover(start + std::chrono::milliseconds(999)), 0U);
  EXPECT_EQ(throttle.leftover(start + seconds(1)), 2U);
  EXPECT_EQ(throttle.leftover(start + seconds(1)), 0U);
  EXPECT_EQ(throttle.admit(start + seconds(2)), 0U);
}

TEST(LogThrottle, LetsTenLinesASecondThroughOfWhatPeersCause) {
  const Throttle::Clock::time_point start{};
  PeerThrottle throttle;
  int lines = 0;
  for (int i = 0; i < 1000; ++i) lines += throttle.admit(start).has_value() ? 1 : 0;
  EXPECT_EQ(lines, 10);
  EXPECT_EQ(throttle.admit(start + seconds(1)), 990U);
}

}  // namespace
}  // namespace cpu_monitor::log
