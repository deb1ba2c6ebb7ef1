#include "agent/openssl.hpp"

namespace cpu_monitor::agent {

/// A static agent is linked with it.
void load_openssl() {}

void release_openssl_code() {}

}  // namespace cpu_monitor::agent
