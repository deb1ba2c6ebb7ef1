#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace cpu_monitor::agent {

/// The type of the file system that `path` lies on ("proc", "fuse.lxcfs", ...), by the text of
/// /proc/self/mountinfo (proc(5)): that of the mount point which is the longest prefix of it, whole
/// components; of several on one point the last, which hides the others.  Mount points with escaped
/// characters (\040) are unescaped; the type is as it stands there.  None when no line fits.
/// `path` is absolute.  Threads: pure.
[[nodiscard]] std::optional<std::string> find_file_system(std::string_view mountinfo,
                                                          std::string_view path);

}  // namespace cpu_monitor::agent
