#pragma once

namespace cpu_monitor::agent {

/// Loads OpenSSL, before any use of common/net/tls.
///
/// The library takes 1.7 MiB of memory in a program that is only linked with it, more than the
/// whole agent (docs/performance.md): who does not ask for TLS shall not pay for it.  This unit
/// holds its functions under their own names, and each calls the loaded one. Threads: before there
/// are several.  Throws std::runtime_error that says what to install.
void load_openssl();

/// Gives back the memory of its code, most of which only a handshake uses: what is used again is
/// read again from the page cache.  Does nothing before load_openssl().
void release_openssl_code();

}  // namespace cpu_monitor::agent
