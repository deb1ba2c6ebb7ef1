#include "common/state_directory.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

#include "common/secret_file.hpp"

namespace cpu_monitor {
namespace {

constexpr mode_t kOwnerOnlyFolder = 0700;
constexpr mode_t kFolderAbove = 0755;
constexpr mode_t kOwnerOnlyFile = 0600;
constexpr mode_t kMostOfAFile = 0640;

constexpr const char* kLockFile = ".lock";
constexpr std::chrono::milliseconds kBetweenAttempts{50};

[[noreturn]] void refuse(const std::string& path, const std::string& fault) {
  throw std::runtime_error(path + ": " + fault);
}

/// In words of the C library.
std::string words_of(int error) { return std::generic_category().message(error); }

std::string advice_for(int error) {
  if (error != EACCES && error != EPERM && error != EROFS) return {};
  return "; run this as its owner, or give --state.directory a folder of yours, such as "
         "~/.local/state/cpu-monitor";
}

void make_folders(const std::string& path) {
  for (std::size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const bool is_last = end == std::string::npos;
    const std::string folder = path.substr(0, end);
    if (::mkdir(folder.c_str(), is_last ? kOwnerOnlyFolder : kFolderAbove) != 0) {
      const int error = errno;
      struct stat status {};
      if (::stat(folder.c_str(), &status) != 0) {
        refuse(folder, "this folder cannot be made (" + words_of(error) + ")" + advice_for(error));
      }
    }
    if (is_last) return;
  }
}

int open_folder(const std::string& path) {
  make_folders(path);
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) {
    const int error = errno;
    refuse(path, "this folder cannot be opened (" + words_of(error) + ")" + advice_for(error));
  }
  struct stat status {};
  if (::fstat(descriptor, &status) == 0 && (status.st_mode & (S_IWGRP | S_IWOTH)) == 0) {
    return descriptor;
  }
  ::close(descriptor);
  refuse(path, "others than its owner may put files into this folder; run: chmod go-w " + path);
}

std::string without_last_slashes(std::string path) {
  while (path.size() > 1 && path.back() == '/') path.pop_back();
  return path;
}

/// A file of the folder's owner alone: whoever may only read the folder could lock that itself, and
/// keep everybody waiting.
int open_lock(int folder, const std::string& path) {
  const int lock =
      ::openat(folder, kLockFile, O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, kOwnerOnlyFile);
  if (lock < 0) {
    const int error = errno;
    refuse(path, "cannot be opened (" + words_of(error) + ")" + advice_for(error));
  }
  struct stat of_folder {};
  struct stat of_lock {};
  if (::fstat(folder, &of_folder) == 0 && ::fstat(lock, &of_lock) == 0 &&
      of_folder.st_uid != of_lock.st_uid &&
      ::fchown(lock, of_folder.st_uid, of_folder.st_gid) != 0) {
    const int error = errno;
    ::close(lock);
    refuse(path, "cannot be given to the folder's owner (" + words_of(error) + ")");
  }
  return lock;
}

/// The new file on its way to its name.  Unless it gets there, it goes with the object.
class NewFile {
 public:
  NewFile(int folder, const std::string& name, std::string path)
      : folder_(folder), name_(name), temporary_("." + name + ".new"), path_(std::move(path)) {
    ::unlinkat(folder_, temporary_.c_str(), 0);  // of somebody who was killed
    descriptor_ = ::openat(folder_, temporary_.c_str(),
                           O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, kOwnerOnlyFile);
    if (descriptor_ < 0) fail();
  }
  ~NewFile() {
    if (descriptor_ >= 0) ::close(descriptor_);
    if (!is_kept_) ::unlinkat(folder_, temporary_.c_str(), 0);
  }
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  /// As of the file it replaces; a new one is the owner's of the folder.
  void set_owner_and_mode() {
    struct stat old {};
    const bool is_replacement = ::fstatat(folder_, name_.c_str(), &old, AT_SYMLINK_NOFOLLOW) == 0;
    if (is_replacement && !S_ISREG(old.st_mode)) {
      refuse(path_, "is not a file but a link or something else; put the file itself there");
    }
    if (!is_replacement && ::fstat(folder_, &old) != 0) fail();
    struct stat own {};
    if (::fstat(descriptor_, &own) != 0) fail();
    const bool is_owned = own.st_uid == old.st_uid && (!is_replacement || own.st_gid == old.st_gid);
    const gid_t group = is_replacement ? old.st_gid : static_cast<gid_t>(-1);
    if (!is_owned && ::fchown(descriptor_, old.st_uid, group) != 0) fail();
    if (is_replacement && ::fchmod(descriptor_, old.st_mode & kMostOfAFile) != 0) fail();
  }

  void write(std::string_view text) {
    while (!text.empty()) {
      const ssize_t written = ::write(descriptor_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) fail();
      text.remove_prefix(static_cast<std::size_t>(written));
    }
  }

  /// On the disk, and under its name.
  void keep() {
    if (::fsync(descriptor_) != 0) fail();
    const int closed = ::close(std::exchange(descriptor_, -1));
    if (closed != 0) fail();
    if (::renameat(folder_, temporary_.c_str(), folder_, name_.c_str()) != 0) fail();
    is_kept_ = true;
    if (::fsync(folder_) != 0) fail();
  }

 private:
  [[noreturn]] void fail() const {
    const int error = errno;
    refuse(path_, "cannot be written (" + words_of(error) + ")" + advice_for(error));
  }

  int folder_;
  std::string name_;
  std::string temporary_;
  std::string path_;
  int descriptor_ = -1;
  bool is_kept_ = false;
};

}  // namespace

StateDirectory::StateDirectory(std::string path)
    : path_(without_last_slashes(std::move(path))), descriptor_(open_folder(path_)) {}

StateDirectory::~StateDirectory() {
  ::close(descriptor_);
  if (lock_ >= 0) ::close(lock_);
}

void StateDirectory::lock(std::chrono::milliseconds patience) {
  const auto end = std::chrono::steady_clock::now() + patience;
  while (!try_lock()) {
    if (std::chrono::steady_clock::now() >= end) {
      refuse(path_of(kLockFile),
             "another process has locked this folder for too long; see which "
             "('fuser' tells), and try again");
    }
    std::this_thread::sleep_for(kBetweenAttempts);
  }
}

bool StateDirectory::try_lock() {
  if (lock_ < 0) lock_ = open_lock(descriptor_, path_of(kLockFile));
  return ::flock(lock_, LOCK_EX | LOCK_NB) == 0;
}

std::optional<std::string> StateDirectory::read(const std::string& name,
                                                std::size_t max_bytes) const {
  return read_state_file(path_, name, max_bytes);
}

void StateDirectory::write(const std::string& name, std::string_view text) const {
  NewFile file(descriptor_, name, path_of(name));
  file.set_owner_and_mode();
  file.write(text);
  file.keep();
}

std::optional<std::string> read_state_file(const std::string& directory, const std::string& name,
                                           std::size_t max_bytes) {
  const std::string path = directory + "/" + name;
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0 && (errno == ENOENT || errno == ENOTDIR)) {
    return std::nullopt;
  }
  return read_secret_file(path, max_bytes);
}

}  // namespace cpu_monitor
