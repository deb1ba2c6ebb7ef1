#include "exporter/external_url.hpp"

#include <algorithm>
#include <cstddef>

namespace cpu_monitor::exporter {
namespace {

constexpr std::string_view kLettersAndDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

bool consists_of(std::string_view text, std::string_view more) {
  return std::ranges::all_of(text, [more](char c) {
    return kLettersAndDigits.find(c) != std::string_view::npos ||
           more.find(c) != std::string_view::npos;
  });
}

}  // namespace

std::optional<ExternalUrl> parse_external_url(std::string_view text) {
  ExternalUrl url;
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return std::nullopt;
  url.scheme = text.substr(0, colon);
  if (url.scheme != "http" && url.scheme != "https") return std::nullopt;
  std::string_view rest = text.substr(colon + 3);
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  url.target = rest.substr(0, slash);
  rest.remove_prefix(slash);
  while (rest.ends_with('/')) rest.remove_suffix(1);
  if (!is_host(url.target) || !consists_of(rest, "/-._~") ||
      rest.find("//") != std::string_view::npos) {
    return std::nullopt;
  }
  url.path = rest;
  return url;
}

bool is_host(std::string_view host) {
  constexpr std::size_t kMaxBytes = 255;
  return !host.empty() && host.size() <= kMaxBytes && consists_of(host, "-._:[]%");
}

std::string format_external_url(const ExternalUrl& url) {
  return url.scheme + "://" + url.target + url.path;
}

}  // namespace cpu_monitor::exporter
