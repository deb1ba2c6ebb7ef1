# Third parties, all of them Debian packages (scripts/deps installs them).  Nothing is downloaded here.

set(THREADS_PREFER_PTHREAD_FLAG ON)
find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
find_package(civetweb REQUIRED)
find_package(OpenSSL 3 REQUIRED)
find_package(yaml-cpp 0.7 REQUIRED)
# prometheus-cpp's package file also asks for civetweb, zlib and curl; only its core is linked.
find_package(prometheus-cpp REQUIRED)

# ISA-L ships no CMake file.
find_path(ISAL_INCLUDE_DIR isa-l/igzip_lib.h REQUIRED)
find_library(ISAL_LIBRARY isal REQUIRED)
add_library(cpu_monitor_isal INTERFACE)
target_include_directories(cpu_monitor_isal SYSTEM INTERFACE ${ISAL_INCLUDE_DIR})
target_link_libraries(cpu_monitor_isal INTERFACE ${ISAL_LIBRARY})

# libcrypt ships no CMake file.
find_path(CRYPT_INCLUDE_DIR crypt.h REQUIRED)
find_library(CRYPT_LIBRARY crypt REQUIRED)
add_library(cpu_monitor_crypt INTERFACE)
target_include_directories(cpu_monitor_crypt SYSTEM INTERFACE ${CRYPT_INCLUDE_DIR})
if(CPU_MONITOR_SANITIZE)
  # The sanitizers bring a crypt_r of their own that calls the real one: the linker thinks that
  # nothing needs libcrypt, leaves it out, and the call goes to address 0.
  target_link_libraries(cpu_monitor_crypt INTERFACE
    -Wl,--push-state,--no-as-needed,${CRYPT_LIBRARY},--pop-state)
else()
  target_link_libraries(cpu_monitor_crypt INTERFACE ${CRYPT_LIBRARY})
endif()

# Asio ships neither a CMake nor a pkg-config file.  Compiled once, in common/net/asio.cpp.
find_path(ASIO_INCLUDE_DIR asio.hpp REQUIRED)
add_library(cpu_monitor_asio INTERFACE)
target_include_directories(cpu_monitor_asio SYSTEM INTERFACE ${ASIO_INCLUDE_DIR})
# ASIO_DISABLE_STD_ALIGNED_ALLOC: Asio 1.22 chooses its allocator by whether a header of the standard
# library came before its own, so that one unit would free with delete what another got from malloc.
target_compile_definitions(cpu_monitor_asio INTERFACE
  ASIO_STANDALONE ASIO_NO_DEPRECATED ASIO_SEPARATE_COMPILATION ASIO_DISABLE_STD_ALIGNED_ALLOC)
# Clang 14 with libstdc++ does not see asio::awaitable otherwise.
target_compile_definitions(cpu_monitor_asio INTERFACE $<$<CXX_COMPILER_ID:Clang>:ASIO_HAS_CO_AWAIT=1>)
target_link_libraries(cpu_monitor_asio INTERFACE Threads::Threads)

if(CPU_MONITOR_BENCH)
  find_package(benchmark REQUIRED)
endif()
