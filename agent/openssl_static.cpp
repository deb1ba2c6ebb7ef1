#include "agent/openssl.hpp"

namespace cpu_monitor::agent {

/// A static agent is linked with it.
void load_openssl() {}

}  // namespace cpu_monitor::agent
