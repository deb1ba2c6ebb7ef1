#include "exporter/web_access.hpp"

#include <algorithm>
#include <utility>

namespace cpu_monitor::exporter {

WebAccess::WebAccess(WebConfig config, const WebAccess* predecessor) : config_(std::move(config)) {
  if (config_.tls) tls_ = net::TlsContext::of_server(*config_.tls);
  if (config_.users.empty()) return;
  const BasicAuth* const known = predecessor == nullptr ? nullptr : predecessor->passwords();
  passwords_ = std::make_unique<BasicAuth>(config_.users, known);
}

bool WebAccess::is_allowed(const net::TlsSession& client) const {
  const std::vector<std::string>& allowed = config_.client_allowed_sans;
  if (allowed.empty()) return true;
  const auto is_one = [&allowed](const std::string& name) {
    return std::ranges::find(allowed, name) != allowed.end();
  };
  const auto& names = client.peer_names();
  return names &&
         (std::ranges::any_of(names->dns, is_one) || std::ranges::any_of(names->uris, is_one));
}

bool WebAccess::asks_for_certificate() const {
  return config_.tls && !config_.tls->client_ca_file.empty();
}

bool WebAccess::is_guarded() const { return passwords_ != nullptr || asks_for_certificate(); }

std::vector<std::string> files_of(const WebConfig& config, const std::string& config_file) {
  std::vector<std::string> files;
  const auto add = [&files](const std::string& file) {
    if (!file.empty()) files.push_back(file);
  };
  add(config_file);
  if (config.tls) {
    add(config.tls->cert_file);
    add(config.tls->key_file);
    add(config.tls->client_ca_file);
  }
  return files;
}

}  // namespace cpu_monitor::exporter
