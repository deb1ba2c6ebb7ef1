#pragma once

#include <unistd.h>

#include <filesystem>

namespace cpu_monitor::tests {

/// Lets everybody pass a folder, and see what is in it.
inline void let_anybody_in(const std::filesystem::path& folder) {
  using std::filesystem::perms;
  std::filesystem::permissions(folder, perms::owner_all | perms::group_read | perms::group_exec |
                                           perms::others_read | perms::others_exec);
}

/// Until the end of scope the process may read what anybody may: for root, permissions count for
/// nothing.  Does nothing for another user.
class WithoutRoot {
 public:
  WithoutRoot() : had_(::geteuid() == 0) {
    if (had_) is_active_ = ::seteuid(kNobody) == 0;
  }
  ~WithoutRoot() {
    if (had_ && is_active_) is_active_ = ::seteuid(0) == 0;
  }
  WithoutRoot(const WithoutRoot&) = delete;
  WithoutRoot& operator=(const WithoutRoot&) = delete;

 private:
  static constexpr uid_t kNobody = 65534;

  bool had_;
  bool is_active_ = false;
};

}  // namespace cpu_monitor::tests
