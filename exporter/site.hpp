#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/page.hpp"

namespace cpu_monitor::exporter {

/// Which page stands at which path.
///
/// Threads: find() is safe from any once all pages are there.
class Site {
 public:
  struct Match {
    Page* page = nullptr;   ///< none: there is nothing
    std::string_view name;  ///< of `path`: what stands for the `*`
  };

  /// `path` may hold one `*`, which stands for one name between two slashes, or at the end.
  void add(const std::string& path, std::unique_ptr<Page> page) {
    const std::size_t star = path.find('*');
    if (star == std::string::npos) {
      pages_[path] = std::move(page);
    } else {
      named_.push_back({path.substr(0, star), path.substr(star + 1), std::move(page)});
    }
  }

  [[nodiscard]] Match find(std::string_view path) const {
    const auto found = pages_.find(path);
    if (found != pages_.end()) return {found->second.get(), {}};
    for (const Named& named : named_) {
      if (path.size() <= named.before.size() + named.after.size()) continue;
      if (!path.starts_with(named.before) || !path.ends_with(named.after)) continue;
      const std::string_view name =
          path.substr(named.before.size(), path.size() - named.before.size() - named.after.size());
      if (name.find('/') == std::string_view::npos) return {named.page.get(), name};
    }
    return {};
  }

 private:
  struct Named {
    std::string before;
    std::string after;
    std::unique_ptr<Page> page;
  };

  std::map<std::string, std::unique_ptr<Page>, std::less<>> pages_;
  std::vector<Named> named_;
};

}  // namespace cpu_monitor::exporter
