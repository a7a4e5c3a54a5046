# Finds every library that the programs are made of, or says in one message all that is missing.

option(ALIYUN_ECS_SYSTEMD "Tell systemd by libsystemd how the exporter is (Type=notify)" ON)
option(ALIYUN_ECS_SYSTEM_CIVETWEB "Link the system's CivetWeb; the programs then refuse TLS and IPv6" OFF)

find_package(PkgConfig QUIET)
find_package(Threads REQUIRED)
set(missing_dependencies "")

# aliyun_ecs_find(WHAT people call it  DEBIAN package  TARGETS names [VERSION least]
#                 [PACKAGE of CMake] [MODULES of pkg-config, one for each target]
#                 [HEADER file] [LIBRARY name])
# Makes the targets by the first way that leads there: CMake's package, pkg-config, a search.
function(aliyun_ecs_find)
  cmake_parse_arguments(FIND "" "WHAT;DEBIAN;VERSION;PACKAGE;HEADER;LIBRARY" "TARGETS;MODULES" ${ARGN})
  list(GET FIND_TARGETS 0 first)
  if(FIND_PACKAGE)
    find_package(${FIND_PACKAGE} ${FIND_VERSION} QUIET)
    if(TARGET ${first})
      return()
    endif()
  endif()

  if(FIND_MODULES AND PKG_CONFIG_FOUND)
    string(MAKE_C_IDENTIFIER "ALIYUN_ECS_${FIND_WHAT}" prefix)
    set(found TRUE)
    foreach(target module IN ZIP_LISTS FIND_TARGETS FIND_MODULES)
      string(MAKE_C_IDENTIFIER "${prefix}_${module}" variable)
      if(FIND_VERSION)
        string(APPEND module ">=${FIND_VERSION}")
      endif()
      pkg_check_modules(${variable} QUIET IMPORTED_TARGET ${module})
      if(NOT ${variable}_FOUND)
        set(found FALSE)
      endif()
    endforeach()
    if(found)
      foreach(target module IN ZIP_LISTS FIND_TARGETS FIND_MODULES)
        string(MAKE_C_IDENTIFIER "${prefix}_${module}" variable)
        add_library(${target} INTERFACE IMPORTED)
        target_link_libraries(${target} INTERFACE PkgConfig::${variable})
      endforeach()
      message(STATUS "Found ${FIND_WHAT} by pkg-config")
      return()
    endif()
  endif()

  if(FIND_HEADER)
    string(MAKE_C_IDENTIFIER "ALIYUN_ECS_${FIND_WHAT}" prefix)
    find_path(${prefix}_INCLUDE_DIR ${FIND_HEADER})
    mark_as_advanced(${prefix}_INCLUDE_DIR)
    set(library "")
    if(FIND_LIBRARY)
      find_library(${prefix}_LIBRARY ${FIND_LIBRARY})
      mark_as_advanced(${prefix}_LIBRARY)
      set(library ${${prefix}_LIBRARY})
    endif()
    if(${prefix}_INCLUDE_DIR AND (library OR NOT FIND_LIBRARY))
      add_library(${first} INTERFACE IMPORTED)
      target_include_directories(${first} INTERFACE ${${prefix}_INCLUDE_DIR})
      target_link_libraries(${first} INTERFACE ${library})
      message(STATUS "Found ${FIND_WHAT} by its header")
      return()
    endif()
  endif()

  if(FIND_VERSION)
    string(APPEND FIND_WHAT " ${FIND_VERSION} or later")
  endif()
  list(APPEND missing_dependencies "${FIND_WHAT} (Debian: ${FIND_DEBIAN})")
  set(missing_dependencies "${missing_dependencies}" PARENT_SCOPE)
endfunction()

aliyun_ecs_find(WHAT CLI11 DEBIAN libcli11-dev PACKAGE CLI11 TARGETS CLI11::CLI11 MODULES CLI11)
aliyun_ecs_find(WHAT crypt DEBIAN libcrypt-dev TARGETS aliyun_ecs::crypt
  MODULES libcrypt HEADER crypt.h LIBRARY crypt)
aliyun_ecs_find(WHAT fmt DEBIAN libfmt-dev PACKAGE fmt TARGETS fmt::fmt MODULES fmt)
aliyun_ecs_find(WHAT libcurl VERSION 7.85 DEBIAN libcurl4-openssl-dev PACKAGE CURL
  TARGETS CURL::libcurl MODULES libcurl)
aliyun_ecs_find(WHAT nlohmann_json DEBIAN nlohmann-json3-dev PACKAGE nlohmann_json
  TARGETS nlohmann_json::nlohmann_json MODULES nlohmann_json)
aliyun_ecs_find(WHAT OpenSSL VERSION 3.0 DEBIAN libssl-dev PACKAGE OpenSSL
  TARGETS OpenSSL::SSL OpenSSL::Crypto MODULES libssl libcrypto)
aliyun_ecs_find(WHAT prometheus-cpp DEBIAN prometheus-cpp-dev PACKAGE prometheus-cpp
  TARGETS prometheus-cpp::core MODULES prometheus-cpp-core)
aliyun_ecs_find(WHAT spdlog DEBIAN libspdlog-dev PACKAGE spdlog TARGETS spdlog::spdlog MODULES spdlog)
aliyun_ecs_find(WHAT tl-expected DEBIAN libexpected-dev PACKAGE tl-expected TARGETS tl::expected
  HEADER tl/expected.hpp)
aliyun_ecs_find(WHAT yaml-cpp DEBIAN libyaml-cpp-dev PACKAGE yaml-cpp TARGETS yaml-cpp MODULES yaml-cpp)
aliyun_ecs_find(WHAT zlib DEBIAN zlib1g-dev PACKAGE ZLIB TARGETS ZLIB::ZLIB MODULES zlib)
if(ALIYUN_ECS_SYSTEMD)
  aliyun_ecs_find(WHAT libsystemd DEBIAN libsystemd-dev TARGETS aliyun_ecs::systemd
    MODULES libsystemd HEADER systemd/sd-daemon.h LIBRARY systemd)
endif()
if(ALIYUN_ECS_SYSTEM_CIVETWEB)
  aliyun_ecs_find(WHAT CivetWeb DEBIAN libcivetweb-dev PACKAGE civetweb TARGETS civetweb::civetweb
    HEADER civetweb.h LIBRARY civetweb)
endif()
if(ALIYUN_ECS_TESTS)
  aliyun_ecs_find(WHAT "GoogleTest with gmock" DEBIAN "libgtest-dev libgmock-dev" PACKAGE GTest
    TARGETS GTest::gmock_main MODULES gmock_main)
endif()

if(missing_dependencies)
  set(sections build)
  if(ALIYUN_ECS_TESTS)
    string(APPEND sections " test")
  endif()
  list(JOIN missing_dependencies "\n  " missing_dependencies)
  message(FATAL_ERROR "These are missing:\n  ${missing_dependencies}\n"
    "On Debian 'exporter/packaging/install-packages.sh ${sections}' installs all that is needed.")
endif()
