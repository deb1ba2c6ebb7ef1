#pragma once

#include <memory>
#include <string>
#include <vector>

#include "common/net/tls.hpp"
#include "exporter/basic_auth.hpp"
#include "exporter/http_head.hpp"
#include "exporter/web_config.hpp"

namespace cpu_monitor::exporter {

/// What web clients have to show before they see a page: a web configuration, with its files read.
///
/// Never changes; a new configuration is a new object.  Threads: safe from any; its end may wait
/// for a bcrypt (BasicAuth).
class WebAccess {
 public:
  /// `predecessor` is the one before, or none.  Throws std::runtime_error that names the file.
  explicit WebAccess(WebConfig config, const WebAccess* predecessor);

  /// None: plain HTTP.
  [[nodiscard]] const std::shared_ptr<const net::TlsContext>& tls() const { return tls_; }

  /// After its handshake.
  [[nodiscard]] bool is_allowed(const net::TlsSession& client) const;

  /// None: nobody is asked for a password.
  [[nodiscard]] BasicAuth* passwords() const { return passwords_.get(); }

  [[nodiscard]] const HeaderLines& headers() const { return config_.headers; }

  /// Whether a client has to prove anything.
  [[nodiscard]] bool is_guarded() const;
  [[nodiscard]] bool asks_for_certificate() const;

 private:
  WebConfig config_;
  std::shared_ptr<const net::TlsContext> tls_;
  std::unique_ptr<BasicAuth> passwords_;
};

/// The files that a configuration in `config_file` is made of.
[[nodiscard]] std::vector<std::string> files_of(const WebConfig& config,
                                                const std::string& config_file);

}  // namespace cpu_monitor::exporter
