#include "agent/kept_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <linux/magic.h>

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

/// Whether a file system is the kernel's own.  A file of it that goes away, as those of a removed
/// cgroup do, can't be read from then on (ENODEV).  FUSE is none: lxcfs is a program.
bool is_of_the_kernel(int fd) {
  struct statfs system {};
  if (::fstatfs(fd, &system) != 0) return false;
  return system.f_type == PROC_SUPER_MAGIC || system.f_type == CGROUP2_SUPER_MAGIC;
}

}  // namespace

Result<std::string_view, DiscardReason> KeptFile::read(std::vector<char>& buffer) {
  if (is_unlinked()) close();
  if (fd_ < 0) {
    if (auto fault = open()) return *std::move(fault);
  }
  const auto bytes = fill(buffer);
  if (!bytes) {
    close();
    return bytes.error();
  }
  return std::string_view(buffer.data(), *bytes);
}

std::optional<KeptFile::Fault> KeptFile::open() {
  fd_ = retry_interrupted(
      [this] { return ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC); });
  if (fd_ < 0) return system_fault(reason_of_open(errno), path_, errno);
  auto fault = check();
  if (fault) close();
  may_be_unlinked_ = !is_of_the_kernel(fd_);
  return fault;
}

std::optional<KeptFile::Fault> KeptFile::check() const {
  struct stat status {};
  if (::fstat(fd_, &status) != 0) {
    return system_fault(DiscardReason::unreadable, path_, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return Fault(DiscardReason::not_a_file, path_ + ": not a regular file");
  }
  return std::nullopt;
}

bool KeptFile::is_unlinked() const {
  if (fd_ < 0 || !may_be_unlinked_) return false;
  struct stat status {};
  return ::fstat(fd_, &status) != 0 || status.st_nlink == 0;
}

Result<std::size_t, DiscardReason> KeptFile::fill(std::vector<char>& buffer) const {
  if (buffer.empty()) buffer.resize(kFirstBufferBytes);
  std::size_t filled = 0;
  for (;;) {
    const ssize_t bytes = retry_interrupted([&] {
      return ::pread(fd_, buffer.data() + filled, buffer.size() - filled,
                     static_cast<off_t>(filled));
    });
    if (bytes < 0) return system_fault(DiscardReason::unreadable, path_, errno);
    filled += static_cast<std::size_t>(bytes);
    if (filled == 0) return Fault(DiscardReason::empty, path_ + ": no bytes");
    const bool is_full = filled == buffer.size();
    const bool is_over = bytes == 0 || (form_ == Form::whole && !is_full);
    if (is_over || filled == kMaxBufferBytes) return filled;
    if (!is_full) continue;
    buffer.resize(std::min(2 * buffer.size(), kMaxBufferBytes));
    // Read anew rather than on: the two halves would be of two moments.
    if (form_ == Form::whole) filled = 0;
  }
}

void KeptFile::close() {
  if (fd_ >= 0) ::close(fd_);
  fd_ = -1;
}

}  // namespace cpu_monitor::agent
