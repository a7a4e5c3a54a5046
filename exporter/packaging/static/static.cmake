# Makes all that is found afterwards such that the programs are one file each and load nothing.

set(static_dependencies "${CMAKE_SOURCE_DIR}/build/_static")  # not in the build directory, which people empty
enable_language(C)
message(STATUS "Building the static dependencies, unless they are there (half a minute on an idle machine)")
set(static_arguments "-DCMAKE_C_COMPILER=${CMAKE_C_COMPILER}" "-DCMAKE_CXX_COMPILER=${CMAKE_CXX_COMPILER}")
if(CMAKE_TOOLCHAIN_FILE)
  list(APPEND static_arguments "-DCMAKE_TOOLCHAIN_FILE=${CMAKE_TOOLCHAIN_FILE}")
endif()
execute_process(
  COMMAND ${CMAKE_COMMAND} -E env "CC=${CMAKE_C_COMPILER}"
    bash "${CMAKE_CURRENT_LIST_DIR}/build-dependencies.sh" "${static_dependencies}" ${static_arguments}
  RESULT_VARIABLE static_result)
if(NOT static_result EQUAL 0)
  message(FATAL_ERROR "Without them the programs cannot be linked statically; the reason is above.")
endif()

list(PREPEND CMAKE_PREFIX_PATH "${static_dependencies}")
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(OPENSSL_USE_STATIC_LIBS ON)
set(ZLIB_USE_STATIC_LIBS ON)

# Debian's CMake configurations of these offer the shared libraries only, and leave everything alone where
# their targets are defined already.
find_library(ALIYUN_ECS_YAML_CPP_ARCHIVE libyaml-cpp.a REQUIRED)
add_library(yaml-cpp INTERFACE IMPORTED)
target_link_libraries(yaml-cpp INTERFACE "${ALIYUN_ECS_YAML_CPP_ARCHIVE}")
foreach(target fmt::fmt fmt::fmt-header-only)
  add_library(${target} INTERFACE IMPORTED)
  target_compile_definitions(${target} INTERFACE FMT_HEADER_ONLY)
endforeach()
foreach(target spdlog::spdlog spdlog::spdlog_header_only)
  add_library(${target} INTERFACE IMPORTED)
  target_compile_definitions(${target} INTERFACE SPDLOG_FMT_EXTERNAL)
  target_link_libraries(${target} INTERFACE fmt::fmt)
endforeach()

# Position-independent all the same, for the addresses' randomness, with the relocations packed where the linker
# can (half a MiB; for arm64 it says that it cannot); without its symbols.
add_compile_options(-ffunction-sections -fdata-sections -fstack-protector-strong -D_FORTIFY_SOURCE=2)
add_link_options(-static-pie -s -Wl,--gc-sections -Wl,-z,relro,-z,now,-z,pack-relative-relocs)
