#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor {

/// Of both programs, unless they are told another.
inline constexpr const char* kDefaultStateDirectory = "/var/lib/cpu-monitor";

/// A folder in which a program keeps what it must not forget: secrets, a few small files.
///
/// A file is replaced as a whole or not at all, whatever happens, and is its owner's alone (0600).
/// A new one belongs to the owner of the folder, since root may write for a service that runs as
/// another user; one that is replaced keeps owner, group and mode.
///
/// Threads: one at a time; processes may be many.  Errors: all functions throw std::runtime_error
/// that names the file and says what to do.
class StateDirectory {
 public:
  /// Makes the folder (0700), and those above it, where there is none.  One that others than its
  /// owner may write to is refused.
  explicit StateDirectory(std::string path);
  ~StateDirectory();
  StateDirectory(const StateDirectory&) = delete;
  StateDirectory& operator=(const StateDirectory&) = delete;

  /// Waits until no other process has it, and has it until the end of scope.  Throws when that
  /// takes longer than `patience`.
  void lock(std::chrono::milliseconds patience = std::chrono::seconds(10));
  /// The same without waiting: false when another process has it.
  [[nodiscard]] bool try_lock();

  /// As read_state_file does.
  [[nodiscard]] std::optional<std::string> read(const std::string& name,
                                                std::size_t max_bytes) const;
  /// REQUIRES: locked.
  void write(const std::string& name, std::string_view text) const;

  [[nodiscard]] std::string path_of(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
  int descriptor_;
  int lock_ = -1;
};

/// All of a file of the folder, at most `max_bytes`; none if there is no such file, or no folder.
/// It must be as secret as common/secret_file.hpp says.  Makes nothing.
[[nodiscard]] std::optional<std::string> read_state_file(const std::string& directory,
                                                         const std::string& name,
                                                         std::size_t max_bytes);

}  // namespace cpu_monitor
