#include "agent/proc_mounts.hpp"

#include <cstddef>

#include "agent/text_scan.hpp"

namespace cpu_monitor::agent {
namespace {

bool is_octal(char c) { return c >= '0' && c <= '7'; }

bool is_escape(std::string_view text) {
  return text.size() >= 4 && text[0] == '\\' && text[1] >= '0' && text[1] <= '3' &&
         is_octal(text[2]) && is_octal(text[3]);
}

/// The kernel prints blanks, newlines and backslashes of a path as \ooo.
std::string unescape(std::string_view text) {
  std::string plain;
  while (!text.empty()) {
    if (is_escape(text)) {
      plain.push_back(
          static_cast<char>((text[1] - '0') * 64 + (text[2] - '0') * 8 + (text[3] - '0')));
      text.remove_prefix(4);
    } else {
      plain.push_back(text.front());
      text.remove_prefix(1);
    }
  }
  return plain;
}

bool lies_below(std::string_view path, std::string_view point) {
  if (point == "/") return path.starts_with('/');
  if (!path.starts_with(point)) return false;
  return path.size() == point.size() || path[point.size()] == '/';
}

struct Mount {
  std::string point;
  std::string_view type;
};

/// id, parent, device, root, point, options, any number of optional fields, "-", type, ...
std::optional<Mount> parse_mount(std::string_view line) {
  for (int skipped = 0; skipped < 4; ++skipped) take_until(line, ' ');
  Mount mount;
  mount.point = unescape(take_until(line, ' '));
  while (!line.empty() && take_until(line, ' ') != "-") {
  }
  mount.type = take_until(line, ' ');
  if (!mount.point.starts_with('/') || mount.type.empty()) return std::nullopt;
  return mount;
}

}  // namespace

std::optional<std::string> find_file_system(std::string_view mountinfo, std::string_view path) {
  std::optional<Mount> best;
  while (!mountinfo.empty()) {
    auto mount = parse_mount(take_until(mountinfo, '\n'));
    if (!mount || !lies_below(path, mount->point)) continue;
    if (!best || mount->point.size() >= best->point.size()) best = std::move(mount);
  }
  if (!best) return std::nullopt;
  return std::string(best->type);
}

}  // namespace cpu_monitor::agent
