#include "agent/host_reader.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace cpu_monitor::agent {
namespace {

/// Calls `operation` until no signal cuts it short.
template <class Operation>
auto retry_interrupted(Operation operation) {
  auto result = operation();
  while (result < 0 && errno == EINTR) result = operation();
  return result;
}

DiscardReason reason_of_open(int error) {
  if (error == ENOENT || error == ENOTDIR) return DiscardReason::missing;
  if (error == ENXIO) return DiscardReason::not_a_file;  // a socket, or a device without a driver
  return DiscardReason::unreadable;
}

Error<DiscardReason> system_fault(DiscardReason reason, const std::string& path, int error) {
  return {reason, path + ": " + std::generic_category().message(error)};
}

}  // namespace

HostReader::HostReader(const std::string& procfs)
    : stat_path_(procfs + "/stat"), buffer_(kFirstBufferBytes) {}

HostReader::~HostReader() { close_stat(); }

Result<std::string_view, DiscardReason> HostReader::read_stat() {
  if (is_unlinked()) close_stat();
  if (stat_fd_ < 0) {
    if (auto fault = open_stat()) return *std::move(fault);
  }
  const auto bytes = fill_buffer();
  if (!bytes) {
    close_stat();
    return bytes.error();
  }
  return std::string_view(buffer_.data(), *bytes);
}

std::optional<HostReader::Fault> HostReader::open_stat() {
  stat_fd_ = retry_interrupted(
      [this] { return ::open(stat_path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); });
  if (stat_fd_ < 0) return system_fault(reason_of_open(errno), stat_path_, errno);
  auto fault = check_stat();
  if (fault) close_stat();
  return fault;
}

std::optional<HostReader::Fault> HostReader::check_stat() const {
  struct stat status {};
  if (::fstat(stat_fd_, &status) != 0) {
    return system_fault(DiscardReason::unreadable, stat_path_, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return Fault(DiscardReason::not_a_file, stat_path_ + ": not a regular file");
  }
  return std::nullopt;
}

bool HostReader::is_unlinked() const {
  if (stat_fd_ < 0) return false;
  struct stat status {};
  return ::fstat(stat_fd_, &status) != 0 || status.st_nlink == 0;
}

Result<std::size_t, DiscardReason> HostReader::fill_buffer() {
  for (;;) {
    const ssize_t bytes =
        retry_interrupted([this] { return ::pread(stat_fd_, buffer_.data(), buffer_.size(), 0); });
    if (bytes < 0) return system_fault(DiscardReason::unreadable, stat_path_, errno);
    if (bytes == 0) return Fault(DiscardReason::empty, stat_path_ + ": no bytes");
    const auto filled = static_cast<std::size_t>(bytes);
    if (filled < buffer_.size() || filled == kMaxBufferBytes) return filled;
    // Read anew rather than on: the two halves would be of two moments.
    buffer_.resize(std::min(2 * buffer_.size(), kMaxBufferBytes));
  }
}

void HostReader::close_stat() {
  if (stat_fd_ >= 0) ::close(stat_fd_);
  stat_fd_ = -1;
}

}  // namespace cpu_monitor::agent
