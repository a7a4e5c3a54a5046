# Defines aliyun_ecs::civetweb, the HTTP server library.

set(ALIYUN_ECS_CIVETWEB_SOURCE "" CACHE PATH "Source of CivetWeb 1.16 or later; empty: fetched from a Debian mirror")

if(ALIYUN_ECS_SYSTEM_CIVETWEB)
  add_library(aliyun_ecs_civetweb INTERFACE)
  target_link_libraries(aliyun_ecs_civetweb INTERFACE civetweb::civetweb)
  target_compile_definitions(aliyun_ecs_civetweb INTERFACE ALIYUN_ECS_SYSTEM_CIVETWEB=1)
else()
  enable_language(C)

  set(civetweb_source "${ALIYUN_ECS_CIVETWEB_SOURCE}")
  if(NOT civetweb_source)
    # Not in the build directory: every preset shares one copy.
    set(civetweb_source "${CMAKE_SOURCE_DIR}/build/_civetweb-1.16")
    execute_process(
      COMMAND bash "${CMAKE_CURRENT_LIST_DIR}/fetch-source.sh" civetweb "${civetweb_source}"
      RESULT_VARIABLE civetweb_fetch_result
      ERROR_VARIABLE civetweb_fetch_error)
    if(NOT civetweb_fetch_result EQUAL 0)
      string(STRIP "${civetweb_fetch_error}" civetweb_fetch_error)
      message(FATAL_ERROR "${civetweb_fetch_error} -DALIYUN_ECS_CIVETWEB_SOURCE=DIR can name a copy of the source instead.")
    endif()
  endif()
  set(civetweb_version "")
  if(EXISTS "${civetweb_source}/src/civetweb.c" AND EXISTS "${civetweb_source}/include/civetweb.h")
    file(STRINGS "${civetweb_source}/include/civetweb.h" civetweb_version REGEX "^#define CIVETWEB_VERSION \"")
    string(REGEX REPLACE "^.*\"([0-9.]+).*$" "\\1" civetweb_version "${civetweb_version}")
  endif()
  if(NOT civetweb_version VERSION_GREATER_EQUAL 1.16)
    message(FATAL_ERROR "${civetweb_source} does not hold the source of CivetWeb 1.16 or later.")
  endif()

  # Not its own CMake project: that sets global flags, and stacks of 100 kB for its threads.
  add_library(aliyun_ecs_civetweb STATIC ${CMAKE_CURRENT_LIST_DIR}/civetweb_mended.c)
  target_include_directories(aliyun_ecs_civetweb SYSTEM
    PUBLIC "${civetweb_source}/include" PRIVATE "${civetweb_source}/src")
  target_compile_definitions(aliyun_ecs_civetweb PRIVATE
    USE_IPV6
    NO_SSL_DL OPENSSL_API_3_0
    # Handlers only; leaves out the directory redirect of CVE-2025-55763 too.
    NO_FILES NO_CGI NO_CACHING
    # It would still look for /.htpasswd on every request, and obey it; this name cannot exist.
    "PASSWORDS_FILE_NAME=\"dev/null/none\""
    # Milliseconds between looks at the stop flag: with its own 2000 mg_stop() takes as long. An idle
    # exporter does little else than look.
    SOCKET_TIMEOUT_QUANTUM=400
    # Without these two its threads race for the stop flag and for gmtime()'s one result.
    STOP_FLAG_NEEDS_LOCK REENTRANT_TIME)
  set_target_properties(aliyun_ecs_civetweb PROPERTIES
    C_STANDARD 11
    POSITION_INDEPENDENT_CODE ON
    C_CLANG_TIDY ""
    C_CPPCHECK ""
    EXPORT_COMPILE_COMMANDS OFF)
  # ThreadSanitizer follows our code and every lock; one plain read of the stop flag remains in mg_stop().
  target_compile_options(aliyun_ecs_civetweb PRIVATE -w -fno-sanitize=thread
    -ffile-prefix-map=${civetweb_source}=civetweb)
  target_link_libraries(aliyun_ecs_civetweb PUBLIC OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
endif()

add_library(aliyun_ecs::civetweb ALIAS aliyun_ecs_civetweb)
