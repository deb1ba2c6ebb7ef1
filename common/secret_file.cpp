#include "common/secret_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <string_view>
#include <system_error>
#include <vector>

namespace cpu_monitor {
namespace {

constexpr std::size_t kChunkBytes = 4096;
constexpr mode_t kGroupRead = S_IRGRP;
constexpr mode_t kTooWide = S_IWGRP | S_IXGRP | S_IRWXO;  ///< whatever the group

[[noreturn]] void refuse(const std::string& path, std::string_view fault) {
  throw std::runtime_error(path + ": " + std::string(fault));
}

/// In words of the C library.
std::string words_of(int error) { return std::generic_category().message(error); }

std::string open_fault(int error) {
  if (error == ENOENT || error == ENOTDIR) return "there is no such file; give the path of one";
  if (error == EACCES) {
    return "cannot be opened (" + words_of(error) +
           "); let the user that runs this own it, and enter its folders";
  }
  return "cannot be opened (" + words_of(error) + ")";
}

/// Owns a descriptor.
class Descriptor {
 public:
  explicit Descriptor(const std::string& path)
      : fd_(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC)) {
    if (fd_ < 0) refuse(path, open_fault(errno));
  }
  ~Descriptor() { ::close(fd_); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;

  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

bool is_own_group(gid_t group) {
  if (group == ::getegid()) return true;
  const int count = ::getgroups(0, nullptr);
  if (count <= 0) return false;
  std::vector<gid_t> groups(static_cast<std::size_t>(count));
  // It fails when there are more by now; then there is no proof.
  const int found = ::getgroups(count, groups.data());
  return found > 0 && std::find(groups.begin(), groups.begin() + found, group) != groups.end();
}

std::string octal(mode_t mode) {
  std::string digits;
  for (const int shift : {9, 6, 3, 0}) digits += static_cast<char>('0' + ((mode >> shift) & 7U));
  return digits;
}

/// What is wrong with the mode of a file with this status, or nothing.
std::string mode_fault(const struct stat& status, const std::string& path) {
  const bool is_too_wide = (status.st_mode & kTooWide) != 0;
  const bool is_of_foreign_group =
      (status.st_mode & kGroupRead) != 0 && !is_own_group(status.st_gid);
  if (!is_too_wide && !is_of_foreign_group) return {};
  const std::string mode = "holds a secret, but its mode is " + octal(status.st_mode);
  if (!is_too_wide) {
    return mode + " and its group is none of this process; run: chmod 600 " + path +
           " (or give it this process's group with chgrp)";
  }
  return mode + ", which lets others at it; run: chmod 600 " + path +
         " (or chmod 640, when its group is one of this process)";
}

void require_private(const Descriptor& file, const std::string& path) {
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) refuse(path, "cannot be looked at: " + words_of(errno));
  if (S_ISDIR(status.st_mode)) refuse(path, "is a folder; give the path of a file in it");
  if (!S_ISREG(status.st_mode)) refuse(path, "is no regular file; give the path of one");
  if (const std::string fault = mode_fault(status, path); !fault.empty()) refuse(path, fault);
}

/// Returns the bytes read, 0 at the end.
std::size_t read_some(const Descriptor& file, std::array<char, kChunkBytes>& chunk,
                      const std::string& path) {
  ssize_t bytes = ::read(file.get(), chunk.data(), chunk.size());
  while (bytes < 0 && errno == EINTR) bytes = ::read(file.get(), chunk.data(), chunk.size());
  if (bytes < 0) refuse(path, "cannot be read: " + words_of(errno));
  return static_cast<std::size_t>(bytes);
}

}  // namespace

std::string read_secret_file(const std::string& path, std::size_t max_bytes) {
  const Descriptor file(path);
  require_private(file, path);
  std::string text;
  std::array<char, kChunkBytes> chunk{};
  while (const std::size_t bytes = read_some(file, chunk, path)) {
    text.append(chunk.data(), bytes);
    if (text.size() > max_bytes) {
      refuse(path, "is longer than " + std::to_string(max_bytes) +
                       " bytes; give the path of the right "
                       "file");
    }
  }
  return text;
}

void require_private(const std::string& path) { require_private(Descriptor(path), path); }

}  // namespace cpu_monitor
