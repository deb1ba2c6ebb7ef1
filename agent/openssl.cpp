#include "agent/openssl.hpp"

#include <dlfcn.h>
#include <link.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

// Every function of OpenSSL that common/net/tls.cpp calls: result, name, parameters, arguments.  A
// declaration that does not match the header's does not compile, a missing one does not link.
//
// clang-format off
#define CPU_MONITOR_OPENSSL_FUNCTIONS(X) \
  X(const unsigned char*, ASN1_STRING_get0_data, (const ASN1_STRING* a), (a)) \
  X(int, ASN1_STRING_length, (const ASN1_STRING* a), (a)) \
  X(int, ASN1_TIME_to_tm, (const ASN1_TIME* a, tm* b), (a, b)) \
  X(void, ERR_clear_error, (), ()) \
  X(unsigned long, ERR_peek_error, (), ()) \
  X(unsigned long, ERR_peek_last_error, (), ()) \
  X(const char*, ERR_reason_error_string, (unsigned long a), (a)) \
  X(const EVP_MD*, EVP_sha256, (), ()) \
  X(void, GENERAL_NAMES_free, (GENERAL_NAMES* a), (a)) \
  X(void*, GENERAL_NAME_get0_value, (const GENERAL_NAME* a, int* b), (a, b)) \
  X(void, OPENSSL_sk_free, (OPENSSL_STACK* a), (a)) \
  X(OPENSSL_STACK*, OPENSSL_sk_new_null, (), ()) \
  X(int, OPENSSL_sk_num, (const OPENSSL_STACK* a), (a)) \
  X(int, OPENSSL_sk_push, (OPENSSL_STACK* a, const void* b), (a, b)) \
  X(void*, OPENSSL_sk_value, (const OPENSSL_STACK* a, int b), (a, b)) \
  X(long, SSL_CTX_ctrl, (SSL_CTX* a, int b, long c, void* d), (a, b, c, d)) \
  X(void, SSL_CTX_free, (SSL_CTX* a), (a)) \
  X(X509*, SSL_CTX_get0_certificate, (const SSL_CTX* a), (a)) \
  X(X509_STORE*, SSL_CTX_get_cert_store, (const SSL_CTX* a), (a)) \
  X(int, SSL_CTX_get_verify_mode, (const SSL_CTX* a), (a)) \
  X(SSL_CTX*, SSL_CTX_new, (const SSL_METHOD* a), (a)) \
  X(void, SSL_CTX_set_cert_verify_callback, (SSL_CTX* a, int (*b)(X509_STORE_CTX *, void *), void* c), (a, b, c)) \
  X(void, SSL_CTX_set_default_passwd_cb, (SSL_CTX* a, pem_password_cb* b), (a, b)) \
  X(int, SSL_CTX_set_default_verify_paths, (SSL_CTX* a), (a)) \
  X(int, SSL_CTX_set_num_tickets, (SSL_CTX* a, size_t b), (a, b)) \
  X(uint64_t, SSL_CTX_set_options, (SSL_CTX* a, uint64_t b), (a, b)) \
  X(void, SSL_CTX_set_verify, (SSL_CTX* a, int b, SSL_verify_cb c), (a, b, c)) \
  X(void, SSL_CTX_set_verify_depth, (SSL_CTX* a, int b), (a, b)) \
  X(int, SSL_CTX_use_PrivateKey_file, (SSL_CTX* a, const char* b, int c), (a, b, c)) \
  X(int, SSL_CTX_use_certificate_chain_file, (SSL_CTX* a, const char* b), (a, b)) \
  X(const char*, SSL_alert_desc_string_long, (int a), (a)) \
  X(long, SSL_ctrl, (SSL* a, int b, long c, void* d), (a, b, c, d)) \
  X(int, SSL_do_handshake, (SSL* a), (a)) \
  X(void, SSL_free, (SSL* a), (a)) \
  X(X509_VERIFY_PARAM*, SSL_get0_param, (SSL* a), (a)) \
  X(X509*, SSL_get0_peer_certificate, (const SSL* a), (a)) \
  X(int, SSL_get_error, (const SSL* a, int b), (a, b)) \
  X(STACK_OF(X509)*, SSL_get_peer_cert_chain, (const SSL* a), (a)) \
  X(long, SSL_get_verify_result, (const SSL* a), (a)) \
  X(int, SSL_is_init_finished, (const SSL* a), (a)) \
  X(SSL*, SSL_new, (SSL_CTX* a), (a)) \
  X(int, SSL_pending, (const SSL* a), (a)) \
  X(int, SSL_read_ex, (SSL* a, void* b, size_t c, size_t* d), (a, b, c, d)) \
  X(void, SSL_set_accept_state, (SSL* a), (a)) \
  X(void, SSL_set_connect_state, (SSL* a), (a)) \
  X(int, SSL_set_fd, (SSL* a, int b), (a, b)) \
  X(int, SSL_shutdown, (SSL* a), (a)) \
  X(int, SSL_write_ex, (SSL* a, const void* b, size_t c, size_t* d), (a, b, c, d)) \
  X(const SSL_METHOD*, TLS_method, (), ()) \
  X(X509*, X509_OBJECT_get0_X509, (const X509_OBJECT* a), (a)) \
  X(X509_CRL*, X509_OBJECT_get0_X509_CRL, (const X509_OBJECT* a), (a)) \
  X(void, X509_STORE_CTX_free, (X509_STORE_CTX* a), (a)) \
  X(STACK_OF(X509)*, X509_STORE_CTX_get0_untrusted, (const X509_STORE_CTX* a), (a)) \
  X(int, X509_STORE_CTX_init, (X509_STORE_CTX* a, X509_STORE* b, X509* c, STACK_OF(X509)* d), (a, b, c, d)) \
  X(X509_STORE_CTX*, X509_STORE_CTX_new, (), ()) \
  X(void, X509_STORE_CTX_set0_trusted_stack, (X509_STORE_CTX* a, STACK_OF(X509)* b), (a, b)) \
  X(int, X509_STORE_CTX_set_default, (X509_STORE_CTX* a, const char* b), (a, b)) \
  X(void, X509_STORE_CTX_set_error, (X509_STORE_CTX* a, int b), (a, b)) \
  X(STACK_OF(X509_OBJECT)*, X509_STORE_get0_objects, (const X509_STORE* a), (a)) \
  X(int, X509_STORE_load_file, (X509_STORE* a, const char* b), (a, b)) \
  X(int, X509_STORE_set_flags, (X509_STORE* a, unsigned long b), (a, b)) \
  X(int, X509_VERIFY_PARAM_set1_host, (X509_VERIFY_PARAM* a, const char* b, size_t c), (a, b, c)) \
  X(int, X509_VERIFY_PARAM_set1_ip_asc, (X509_VERIFY_PARAM* a, const char* b), (a, b)) \
  X(void, X509_VERIFY_PARAM_set_hostflags, (X509_VERIFY_PARAM* a, unsigned int b), (a, b)) \
  X(int, X509_CRL_digest, (const X509_CRL* a, const EVP_MD* b, unsigned char* c, unsigned int* d), (a, b, c, d)) \
  X(int, X509_digest, (const X509* a, const EVP_MD* b, unsigned char* c, unsigned int* d), (a, b, c, d)) \
  X(const ASN1_TIME*, X509_get0_notAfter, (const X509* a), (a)) \
  X(void*, X509_get_ext_d2i, (const X509* a, int b, int* c, int* d), (a, b, c, d)) \
  X(int, X509_verify_cert, (X509_STORE_CTX* a), (a)) \
  X(const char*, X509_verify_cert_error_string, (long a), (a))
// clang-format on

namespace {

#define CPU_MONITOR_DECLARE(result, name, parameters, arguments) decltype(&::name) name = nullptr;
struct Functions {
  CPU_MONITOR_OPENSSL_FUNCTIONS(CPU_MONITOR_DECLARE)
};
#undef CPU_MONITOR_DECLARE

Functions loaded;

void* open_library(const char* name) {
  void* const library = ::dlopen(name, RTLD_NOW | RTLD_LOCAL);
  if (library != nullptr) return library;
  throw std::runtime_error("TLS takes OpenSSL 3, which cannot be loaded; install it (libssl3): " +
                           std::string(::dlerror()));
}

void* find(void* library, const char* name) {
  void* const function = ::dlsym(library, name);  // in what the library itself needs, too
  if (function != nullptr) return function;
  throw std::runtime_error("TLS takes another OpenSSL 3 than is installed: " +
                           std::string(::dlerror()));
}

bool is_of_openssl(const dl_phdr_info& object) {
  const std::string_view path = object.dlpi_name != nullptr ? object.dlpi_name : "";
  const std::string_view name = path.substr(path.rfind('/') + 1);
  return name.starts_with("libssl.so") || name.starts_with("libcrypto.so");
}

/// What is never written is the same as in the file.
int release_code(dl_phdr_info* object, std::size_t /*size*/, void* /*data*/) {
  if (!is_of_openssl(*object)) return 0;
  const auto page_mask = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE)) - 1;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const ElfW(Phdr)& segment = object->dlpi_phdr[i];
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const std::uintptr_t begin = (object->dlpi_addr + segment.p_vaddr) & ~page_mask;
    const std::uintptr_t end = object->dlpi_addr + segment.p_vaddr + segment.p_memsz;
    static_cast<void>(::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED));
  }
  return 0;
}

}  // namespace

#define CPU_MONITOR_FORWARD(result, name, parameters, arguments) \
  extern "C" result name parameters { return loaded.name arguments; }
CPU_MONITOR_OPENSSL_FUNCTIONS(CPU_MONITOR_FORWARD)
#undef CPU_MONITOR_FORWARD

namespace cpu_monitor::agent {

void load_openssl() {
  if (loaded.SSL_CTX_new != nullptr) return;
  void* const library = open_library("libssl.so.3");
  Functions found;
#define CPU_MONITOR_FIND(result, name, parameters, arguments) \
  found.name = reinterpret_cast<decltype(&::name)>(find(library, #name));
  CPU_MONITOR_OPENSSL_FUNCTIONS(CPU_MONITOR_FIND)
#undef CPU_MONITOR_FIND
  loaded = found;
}

void release_openssl_code() {
  if (loaded.SSL_CTX_new != nullptr) ::dl_iterate_phdr(release_code, nullptr);
}

}  // namespace cpu_monitor::agent
