# One test program for each kind of test; ctest runs every case by itself.
include(GoogleTest)

file(GLOB unit_tests CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/tests/unit/*_test.cc ${CMAKE_SOURCE_DIR}/tests/house/*_test.cc ${CMAKE_SOURCE_DIR}/tests/support/*.cc)
if(ALIYUN_ECS_SANITIZE MATCHES "thread")
  # It has nothing to find where there is one thread.
  foreach(test IN LISTS unit_tests)
    file(STRINGS ${test} starts_threads REGEX "^#include <thread>")
    if(NOT starts_threads AND NOT test MATCHES "/support/")
      list(REMOVE_ITEM unit_tests ${test})
    endif()
  endforeach()
endif()
add_executable(unit_tests ${unit_tests})
target_link_libraries(unit_tests PRIVATE
  aliyun_ecs_warnings aliyun_ecs_check aliyun_ecs_options aliyun_ecs_simulation
  CURL::libcurl fmt::fmt nlohmann_json::nlohmann_json OpenSSL::Crypto ZLIB::ZLIB
  GTest::gmock_main)
# What is tested is optimised as the preset says; that the tests are as well would take longer than they do.
target_compile_options(unit_tests PRIVATE -O0)
target_compile_definitions(unit_tests PRIVATE ALIYUN_ECS_SOURCE_DIR="${CMAKE_SOURCE_DIR}")
if(ALIYUN_ECS_PRECOMPILE)
  target_precompile_headers(unit_tests PRIVATE
    <gmock/gmock.h> <gtest/gtest.h> <nlohmann/json.hpp> <chrono> <filesystem> <fstream> <functional> <map> <thread>)
endif()
# Simulated days and fleets, and other long repetitions: minutes each when instrumented, and of code
# that the other tests go through as well.
set(unit_test_filter "*")
if(ALIYUN_ECS_SANITIZE)
  string(CONCAT unit_test_filter "-FailureTable*:Fleet*:HealthyDay*:DayOfTrouble*:CheckVerdictTable*:"
    "PostureTest.IsAskedOnceAnHour*:PostureTest.IsUnknown*:RarelyTest.HoweverMany*:RestartTest.HoweverOften*:*AfterADayOfRotations")
endif()
gtest_discover_tests(unit_tests DISCOVERY_TIMEOUT 60 TEST_FILTER "${unit_test_filter}")

# An hour of a fleet, for the dashboards; tests/e2e/dashboard_data.py loads it into a Prometheus.
add_executable(scripted_hour tests/fleet/scripted_hour.cc)
target_link_libraries(scripted_hour PRIVATE
  aliyun_ecs_warnings aliyun_ecs_options aliyun_ecs_simulation fmt::fmt)

# The real programs, by Python's unittest; Debian's python3, whatever else is on the PATH.
find_program(ALIYUN_ECS_PYTHON python3 PATHS /usr/bin NO_DEFAULT_PATH REQUIRED)
set(e2e_tests alertmanager_direct bad_input drill failure page service simulator trouble ways_out web web_config)
if(NOT ALIYUN_ECS_SANITIZE)
  # One is about time, of a program of one thread that it starts a thousand times; one is about text,
  # and runs every unit test again; and the others are mostly about other people's programs.
  # One is about a heap that sanitizers replace.
  list(APPEND e2e_tests check page_formats alert_chain clients monitoring_objects prometheus runbooks secrets
    status_page zabbix_template)
endif()
if(NOT ALIYUN_ECS_SANITIZE AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # Hardly anything that is compiled here: once is enough.
  list(APPEND e2e_tests alert_rules alertmanager containers dashboard_queries dashboards dependencies
    discovery documents install kubernetes manual sbom vmalert)
endif()
# Begun first, because they take longest: the first waits for what lasts minutes.
set(long_e2e_tests failure alert_rules alert_chain)
foreach(test IN LISTS e2e_tests)
  add_test(NAME e2e_${test} COMMAND ${ALIYUN_ECS_PYTHON} -B ${CMAKE_SOURCE_DIR}/tests/e2e/${test}_test.py)
  set_tests_properties(e2e_${test} PROPERTIES TIMEOUT 900 ENVIRONMENT
    "ALIYUN_ECS_BIN=${CMAKE_BINARY_DIR};ALIYUN_ECS_SOURCE=${CMAKE_SOURCE_DIR}")
  if(test IN_LIST long_e2e_tests)
    set_tests_properties(e2e_${test} PROPERTIES COST 1000)
  endif()
endforeach()

if(NOT ALIYUN_ECS_SANITIZE MATCHES "thread")
  include(tests/fuzz/fuzz.cmake)
endif()
