# aliyun_ecs_fuzz_target(NAME LIBRARY...)
#
# A fuzz target: a file tests/fuzz/NAME.cc that defines Fuzz() of fuzz.h, inputs for it in
# tests/fuzz/corpus/NAME and, where words help, tests/fuzz/NAME.dict. In the preset "fuzz" libFuzzer
# explores with it; everywhere else, and with any compiler, it replays its inputs as a test.
function(aliyun_ecs_fuzz_target name)
  add_executable(fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/${name}.cc)
  target_include_directories(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests)
  target_link_libraries(fuzz_${name} PRIVATE aliyun_ecs_warnings ${ARGN})
  if(ALIYUN_ECS_SANITIZE MATCHES "fuzzer-no-link")
    target_sources(fuzz_${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/fuzz/explore.cc)
    target_link_options(fuzz_${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(fuzz_${name} PRIVATE $<TARGET_OBJECTS:aliyun_ecs_fuzz_replay>)
    add_test(NAME fuzz_${name} COMMAND fuzz_${name} ${CMAKE_SOURCE_DIR}/tests/fuzz/corpus/${name})
    set_tests_properties(fuzz_${name} PROPERTIES TIMEOUT 300)
  endif()
  add_dependencies(fuzz_targets fuzz_${name})
endfunction()

# All of them.
add_custom_target(fuzz_targets)

add_library(aliyun_ecs_fuzz_replay OBJECT EXCLUDE_FROM_ALL ${CMAKE_SOURCE_DIR}/tests/fuzz/replay.cc)
target_include_directories(aliyun_ecs_fuzz_replay PRIVATE ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(aliyun_ecs_fuzz_replay PRIVATE aliyun_ecs_warnings)

add_library(aliyun_ecs_simulated_world STATIC
  ${CMAKE_SOURCE_DIR}/tests/fuzz/request_script.cc
  ${CMAKE_SOURCE_DIR}/tests/fuzz/simulated_world.cc)
target_link_libraries(aliyun_ecs_simulated_world
  PUBLIC aliyun_ecs_simulation
  PRIVATE aliyun_ecs_warnings nlohmann_json::nlohmann_json)

aliyun_ecs_fuzz_target(drill_file aliyun_ecs_notify)
aliyun_ecs_fuzz_target(http_config aliyun_ecs_client)
aliyun_ecs_fuzz_target(simulator_control aliyun_ecs_simulated_world)
aliyun_ecs_fuzz_target(simulator_http aliyun_ecs_simulation)
aliyun_ecs_fuzz_target(simulator_scenario aliyun_ecs_simulation nlohmann_json::nlohmann_json)
aliyun_ecs_fuzz_target(simulator_service aliyun_ecs_simulated_world)
aliyun_ecs_fuzz_target(simulator_tree aliyun_ecs_simulation nlohmann_json::nlohmann_json)
aliyun_ecs_fuzz_target(snapshot_json aliyun_ecs_check)
aliyun_ecs_fuzz_target(web_config aliyun_ecs_expose)
aliyun_ecs_fuzz_target(web_request aliyun_ecs_expose)
