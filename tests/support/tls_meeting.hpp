#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "common/net/tls.hpp"

namespace cpu_monitor::tests {

/// What one side found.
struct Finding {
  std::optional<net::TlsFailure> handshake;
  std::string heard;                       ///< after it
  std::optional<net::TlsFailure> reading;  ///< why reading ended, if TLS knows
  std::optional<net::PeerNames> names;
};

/// Both sides over a loopback connection, {server, client}: each shakes hands, sends "hello" and
/// reads until that came from the other or the end.
[[nodiscard]] std::pair<Finding, Finding> meet(std::shared_ptr<const net::TlsContext> server,
                                               std::shared_ptr<const net::TlsContext> client);

/// Throws what TlsContext throws.
[[nodiscard]] std::pair<Finding, Finding> meet(const net::TlsServerSettings& server,
                                               const net::TlsClientSettings& client);

}  // namespace cpu_monitor::tests
