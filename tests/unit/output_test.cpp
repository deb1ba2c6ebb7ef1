#include "common/output.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <string>

#include <gtest/gtest.h>

namespace cpu_monitor {
namespace {

/// A pipe whose write end blocks, as a terminal's or a supervisor's does.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(pipe2(ends_.data(), O_CLOEXEC), 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;

  [[nodiscard]] int writer() const { return ends_[1]; }

  void close_reader() { close_end(ends_[0]); }
  void close_writer() { close_end(ends_[1]); }

  /// Writes until there is no room for another byte; returns how many there are.
  std::size_t fill() {
    fcntl(ends_[1], F_SETFL, O_NONBLOCK);
    const std::string filling(4096, '.');
    std::size_t bytes = 0;
    for (ssize_t written = 0; written >= 0; bytes += static_cast<std::size_t>(written)) {
      written = write(ends_[1], filling.data(), filling.size());
      if (written < 0) break;
    }
    fcntl(ends_[1], F_SETFL, 0);
    return bytes;
  }

  std::size_t read_some(char* into, std::size_t bytes) {
    return static_cast<std::size_t>(read(ends_[0], into, bytes));
  }

  /// What lies in the pipe.
  std::string drain() {
    fcntl(ends_[0], F_SETFL, O_NONBLOCK);
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t bytes = 0; (bytes = read(ends_[0], chunk.data(), chunk.size())) > 0;) {
      text.append(chunk.data(), static_cast<std::size_t>(bytes));
    }
    return text;
  }

 private:
  static void close_end(int& end) {
    if (end >= 0) close(end);
    end = -1;
  }

  std::array<int, 2> ends_{-1, -1};
};

/// As both programs do at their start.
class Output : public testing::Test {
 protected:
  Output() : before_(std::signal(SIGPIPE, SIG_IGN)) {}
  ~Output() override { std::signal(SIGPIPE, before_); }

 private:
  void (*before_)(int);
};

TEST_F(Output, DropsTheTextForAFullPipe) {
  Pipe pipe;
  const std::size_t filled = pipe.fill();
  write_unless_blocked(pipe.writer(), "a full pipe would hold us for ever\n");
  EXPECT_EQ(pipe.drain(), std::string(filled, '.'));
}

TEST_F(Output, CutsTheTextThatIsLongerThanTheRoomLeft) {
  Pipe pipe;
  pipe.fill();
  std::array<char, 4096> page{};
  ASSERT_EQ(pipe.read_some(page.data(), page.size()), page.size());
  write_unless_blocked(pipe.writer(), std::string(3 * page.size(), 'x'));
  const std::string kept = pipe.drain();
  EXPECT_EQ(kept.substr(kept.find('x')), std::string(page.size(), 'x'));
}

TEST_F(Output, IsTakenAgainWhenThePipeWasRead) {
  Pipe pipe;
  pipe.fill();
  write_unless_blocked(pipe.writer(), "lost\n");
  pipe.drain();
  write_unless_blocked(pipe.writer(), "kept\n");
  EXPECT_EQ(pipe.drain(), "kept\n");
}

TEST_F(Output, SurvivesAPipeNobodyReadsAnyMore) {
  Pipe pipe;
  pipe.close_reader();
  EXPECT_NO_THROW(write_unless_blocked(pipe.writer(), "nobody reads this\n"));
}

TEST_F(Output, SurvivesAPipeThatWasLeftFull) {
  Pipe pipe;
  pipe.fill();
  pipe.close_reader();
  EXPECT_NO_THROW(write_unless_blocked(pipe.writer(), "nobody reads this\n"));
}

TEST_F(Output, SurvivesAClosedDescriptor) {
  Pipe pipe;
  const int closed = pipe.writer();
  pipe.close_writer();
  EXPECT_NO_THROW(write_unless_blocked(closed, "there is no such descriptor\n"));
}

TEST_F(Output, SurvivesNoDescriptor) {
  EXPECT_NO_THROW(write_unless_blocked(-1, "there is no such descriptor\n"));
}

TEST_F(Output, SurvivesADescriptorForReading) {
  const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(null, 0);
  EXPECT_NO_THROW(write_unless_blocked(null, "this is read only\n"));
  close(null);
}

TEST_F(Output, SurvivesAFullDisk) {
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  ASSERT_GE(full, 0);
  EXPECT_NO_THROW(write_unless_blocked(full, "there is no room for this\n"));
  close(full);
}

TEST_F(Output, OfNoTextIsNothing) {
  Pipe pipe;
  write_unless_blocked(pipe.writer(), "");
  EXPECT_EQ(pipe.drain(), "");
}

TEST_F(Output, ReachesAPipeWhole) {
  Pipe pipe;
  write_unless_blocked(pipe.writer(), "one\n");
  write_unless_blocked(pipe.writer(), "two\n");
  EXPECT_EQ(pipe.drain(), "one\ntwo\n");
}

TEST_F(Output, ReachesAFileWhole) {
  const int file = memfd_create("output", MFD_CLOEXEC);
  const std::string text(10'000, 'x');
  write_unless_blocked(file, text);
  EXPECT_EQ(lseek(file, 0, SEEK_END), static_cast<off_t>(text.size()));
  close(file);
}

}  // namespace
}  // namespace cpu_monitor
