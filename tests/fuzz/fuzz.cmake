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
    target_compile_options(fuzz_${name} PRIVATE -O0)
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

# What the product writes is read by readers of the tests' own.
add_library(aliyun_ecs_fuzz_readers STATIC
  ${CMAKE_SOURCE_DIR}/tests/support/strict_json.cc
  ${CMAKE_SOURCE_DIR}/tests/support/text_page.cc)
target_include_directories(aliyun_ecs_fuzz_readers PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(aliyun_ecs_fuzz_readers PRIVATE aliyun_ecs_warnings)

add_library(aliyun_ecs_heard_instance STATIC ${CMAKE_SOURCE_DIR}/tests/fuzz/heard_instance.cc)
target_include_directories(aliyun_ecs_heard_instance PUBLIC ${CMAKE_SOURCE_DIR}/tests)
target_link_libraries(aliyun_ecs_heard_instance
  PUBLIC aliyun_ecs_metadata
  PRIVATE aliyun_ecs_warnings)

aliyun_ecs_fuzz_target(addresses aliyun_ecs_client aliyun_ecs_expose)
aliyun_ecs_fuzz_target(check_options aliyun_ecs_check)
aliyun_ecs_fuzz_target(credential_document aliyun_ecs_metadata aliyun_ecs_fuzz_readers)
aliyun_ecs_fuzz_target(drill_file aliyun_ecs_notify)
aliyun_ecs_fuzz_target(exporter_options aliyun_ecs_options)
aliyun_ecs_fuzz_target(http_answer aliyun_ecs_client)
target_sources(fuzz_http_answer PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/raw_server.cc)
aliyun_ecs_fuzz_target(http_config aliyun_ecs_client)
aliyun_ecs_fuzz_target(item_value aliyun_ecs_metadata nlohmann_json::nlohmann_json)
aliyun_ecs_fuzz_target(json_pages
  aliyun_ecs_heard_instance aliyun_ecs_expose aliyun_ecs_notify aliyun_ecs_fuzz_readers)
aliyun_ecs_fuzz_target(listing aliyun_ecs_metadata nlohmann_json::nlohmann_json)
aliyun_ecs_fuzz_target(log_line aliyun_ecs_base aliyun_ecs_fuzz_readers)
aliyun_ecs_fuzz_target(machine_files aliyun_ecs_check)
aliyun_ecs_fuzz_target(metadata_answer aliyun_ecs_client)
aliyun_ecs_fuzz_target(metrics_page
  aliyun_ecs_heard_instance aliyun_ecs_expose aliyun_ecs_fuzz_readers ZLIB::ZLIB)
aliyun_ecs_fuzz_target(range aliyun_ecs_check)
aliyun_ecs_fuzz_target(simulator_control aliyun_ecs_simulated_world)
aliyun_ecs_fuzz_target(simulator_http aliyun_ecs_simulation)
aliyun_ecs_fuzz_target(simulator_scenario aliyun_ecs_simulation nlohmann_json::nlohmann_json)
aliyun_ecs_fuzz_target(simulator_service aliyun_ecs_simulated_world)
aliyun_ecs_fuzz_target(simulator_tree aliyun_ecs_simulation nlohmann_json::nlohmann_json)
aliyun_ecs_fuzz_target(snapshot_json aliyun_ecs_check)
aliyun_ecs_fuzz_target(state_file aliyun_ecs_poll aliyun_ecs_fuzz_readers)
aliyun_ecs_fuzz_target(text_format aliyun_ecs_expose aliyun_ecs_fuzz_readers)
aliyun_ecs_fuzz_target(web_config aliyun_ecs_expose)
aliyun_ecs_fuzz_target(web_request aliyun_ecs_expose)
