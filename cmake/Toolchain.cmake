# How every target of the project is compiled.

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CCACHE})
endif()

# cpu_monitor_options: warnings, sanitizers and the include root, linked PRIVATE by each of our targets.
add_library(cpu_monitor_options INTERFACE)
target_include_directories(cpu_monitor_options INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(cpu_monitor_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wsign-conversion -Wold-style-cast
  -Woverloaded-virtual -Wnon-virtual-dtor)
if(CPU_MONITOR_WERROR)
  target_compile_options(cpu_monitor_options INTERFACE -Werror)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Not ours: coroutine frames at -O2 (GCC bug, seen in erigontech/silkworm#2046), "x" + string (GCC PR105651),
  # inside Asio 1.22 (cured in 1.23).
  target_compile_options(cpu_monitor_options INTERFACE
    -Wno-mismatched-new-delete -Wno-restrict -Wno-maybe-uninitialized)
endif()
if(CPU_MONITOR_FUZZ)
  # So that libFuzzer sees where an input led.
  target_compile_options(cpu_monitor_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(CPU_MONITOR_SANITIZE)
  target_compile_options(cpu_monitor_options INTERFACE -fsanitize=${CPU_MONITOR_SANITIZE}
    -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(cpu_monitor_options INTERFACE -fsanitize=${CPU_MONITOR_SANITIZE})
  # Asio recycles coroutine frames, which hides a use after free.  Equal in every unit, or it breaks
  # the one-definition rule.  (ASIO_DISABLE_SMALL_BLOCK_RECYCLING does not compile in Asio 1.22.)
  target_compile_definitions(cpu_monitor_options INTERFACE ASIO_DISABLE_AWAITABLE_FRAME_RECYCLING)
  if(CPU_MONITOR_SANITIZE MATCHES "thread")
    # GCC's TSan does not model the fences in Asio (chriskohlhoff/asio#1193).
    target_compile_options(cpu_monitor_options INTERFACE -Wno-tsan)
  endif()
else()
  # Hardening that costs next to nothing; sanitizer builds bring their own checks.  tests/e2e/test_hardening.py
  # looks for it in the programs.
  target_compile_definitions(cpu_monitor_options INTERFACE _GLIBCXX_ASSERTIONS
    $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:_FORTIFY_SOURCE=2>)
  target_compile_options(cpu_monitor_options INTERFACE -fstack-protector-strong -fstack-clash-protection)
  if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|i[3-6]86")
    target_compile_options(cpu_monitor_options INTERFACE -fcf-protection)
  endif()
  target_link_options(cpu_monitor_options INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
# What nobody calls is left out of the programs.
target_compile_options(cpu_monitor_options INTERFACE -ffunction-sections -fdata-sections)
target_link_options(cpu_monitor_options INTERFACE -Wl,--gc-sections -Wl,--as-needed)

# cpu_monitor_library(NAME SOURCES ... PUBLIC ... PRIVATE ...): a static library cpu_monitor::NAME.
function(cpu_monitor_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(cpu_monitor_${name} STATIC ${ARG_SOURCES})
  add_library(cpu_monitor::${name} ALIAS cpu_monitor_${name})
  target_include_directories(cpu_monitor_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(cpu_monitor_${name} PUBLIC ${ARG_PUBLIC} PRIVATE cpu_monitor_options ${ARG_PRIVATE})
endfunction()

include(CheckPIESupported)
check_pie_supported()
