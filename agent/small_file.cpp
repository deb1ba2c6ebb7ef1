#include "agent/small_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

namespace cpu_monitor::agent {
namespace {

constexpr std::size_t kChunkBytes = 4096;

/// Owns a descriptor, or -1.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] bool is_regular_file() const {
    struct stat status {};
    return fd_ >= 0 && ::fstat(fd_, &status) == 0 && S_ISREG(status.st_mode);
  }

  [[nodiscard]] ssize_t read(std::array<char, kChunkBytes>& chunk) const {
    ssize_t bytes = ::read(fd_, chunk.data(), chunk.size());
    while (bytes < 0 && errno == EINTR) bytes = ::read(fd_, chunk.data(), chunk.size());
    return bytes;
  }

 private:
  int fd_;
};

}  // namespace

std::optional<std::string> read_small_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(path);
  if (!file.is_regular_file()) return std::nullopt;
  std::string text;
  std::array<char, kChunkBytes> chunk{};
  for (;;) {
    // procfs hands out what fits, so that only 0 bytes mean the end.
    const ssize_t bytes = file.read(chunk);
    if (bytes < 0) return std::nullopt;
    if (bytes == 0) return text;
    text.append(chunk.data(), static_cast<std::size_t>(bytes));
    if (text.size() > max_bytes) return std::nullopt;
  }
}

}  // namespace cpu_monitor::agent
