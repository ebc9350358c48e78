# One test program per module, so that a change in records/ rebuilds no CAF code.
find_package(GTest REQUIRED)
include(GoogleTest)

function(weir_tests name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/${name}/*_test.cpp")
  if(sources)
    add_executable(weir_${name}_tests ${sources})
    target_link_libraries(weir_${name}_tests PRIVATE ${ARGN} GTest::gtest GTest::gtest_main GTest::gmock)
    if(WEIR_MUTANTS)
      target_sources(weir_${name}_tests PRIVATE tests/mutants/reached.cpp)
    endif()
    gtest_discover_tests(weir_${name}_tests DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 120)
  endif()
endfunction()

set(WEIR_TEST_HEADERS <gtest/gtest.h> <gmock/gmock.h> <fstream> <sstream> ${WEIR_STD_HEADERS})

weir_tests(base weir_base)
target_precompile_headers(weir_base_tests PRIVATE ${WEIR_TEST_HEADERS})
weir_tests(proto weir_proto)
find_library(CSV_LIBRARY csv REQUIRED) # libcsv: the oracle of the csv tests
weir_tests(records weir_records ${CSV_LIBRARY})
weir_tests(storage weir_storage)
weir_tests(cluster weir_cluster)
foreach(folder IN ITEMS proto records storage cluster)
  target_precompile_headers(weir_${folder}_tests REUSE_FROM weir_base_tests)
endforeach()
weir_tests(actors weir_actors)
target_precompile_headers(weir_actors_tests PRIVATE ${WEIR_TEST_HEADERS}
  <caf/actor_system.hpp> <caf/event_based_actor.hpp> <caf/scheduler/test_coordinator.hpp>
  <caf/stateful_actor.hpp> <caf/typed_actor.hpp> <caf/typed_event_based_actor.hpp>)
weir_tests(http weir_http)
target_precompile_headers(weir_http_tests PRIVATE ${WEIR_TEST_HEADERS}
  <boost/asio.hpp> <nlohmann/json.hpp>)
weir_tests(app weir_app)
target_precompile_headers(weir_app_tests PRIVATE ${WEIR_TEST_HEADERS}
  <fmt/format.h> <nlohmann/json.hpp>)

# The built binary under real HTTP, signals and disks: one ctest entry per file.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
# Further arguments are properties of each.
function(weir_suites folder)
  file(GLOB suites CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/${folder}/*_test.py")
  foreach(suite IN LISTS suites)
    get_filename_component(name "${suite}" NAME_WE)
    add_test(NAME ${folder}.${name} COMMAND Python3::Interpreter -m unittest -v ${name}
      WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}/tests/${folder}")
    set_tests_properties(${folder}.${name} PROPERTIES LABELS ${folder}
      ENVIRONMENT "WEIR_BINARY=$<TARGET_FILE:weir>;WEIR_TOOLS=${CMAKE_BINARY_DIR};WEIR_SANITIZE=${WEIR_SANITIZE};PYTHONDONTWRITEBYTECODE=1"
      ${ARGN})
  endforeach()
endfunction()

weir_suites(server TIMEOUT 300)
# Clusters of several nodes on loopback.
weir_suites(cluster TIMEOUT 900 RUN_SERIAL ON)

# The failure suite: the same binary under kill -9, broken disks, overload and rude clients.
add_library(weir_fault_shim SHARED
  tests/failure/shim/fault_shim.cpp tests/failure/shim/disk_trace.cpp)
target_compile_features(weir_fault_shim PRIVATE cxx_std_20)
target_compile_options(weir_fault_shim PRIVATE -Wall -Wextra -Wpedantic -Wshadow -O2)
target_include_directories(weir_fault_shim PRIVATE "${CMAKE_SOURCE_DIR}")
target_link_libraries(weir_fault_shim PRIVATE ${CMAKE_DL_LIBS})
add_executable(weir_load tests/failure/load/main.cpp tests/failure/load/load_client.cpp)
target_link_libraries(weir_load PRIVATE weir_flags)

weir_suites(failure TIMEOUT 3600 RUN_SERIAL ON)

# One ctest entry: all of it shares one PostgreSQL server, which takes seconds to make.
file(GLOB postgres_tests CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/postgres/*_test.cpp")
add_executable(weir_postgres_tests ${postgres_tests})
target_link_libraries(weir_postgres_tests PRIVATE weir_storage PkgConfig::PQ GTest::gtest GTest::gtest_main GTest::gmock)
target_precompile_headers(weir_postgres_tests REUSE_FROM weir_base_tests)
add_test(NAME postgres COMMAND weir_postgres_tests)
set_tests_properties(postgres PROPERTIES TIMEOUT 240 LABELS postgres)

include(cmake/simulation.cmake)

# Instructions per record, counted by callgrind against bench/instructions.json.
add_executable(bench_instructions "${CMAKE_SOURCE_DIR}/bench/micro/instructions.cpp")
target_link_libraries(bench_instructions PRIVATE weir_records weir_storage)
if(CMAKE_BUILD_TYPE STREQUAL "Release" AND NOT WEIR_SANITIZE)
  add_test(NAME instructions_per_record
    COMMAND Python3::Interpreter "${CMAKE_SOURCE_DIR}/bench/instructions.py" $<TARGET_FILE:bench_instructions>)
  set_tests_properties(instructions_per_record PROPERTIES TIMEOUT 120 SKIP_RETURN_CODE 77)
endif()

# ./dev mutate looks whether tests find small faults; here only that each still has its place.
add_test(NAME mutants.each_mutant_has_a_place WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMAND Python3::Interpreter tests/mutants/edits.py check .)

# What a program can hold of the house's rules.
add_test(NAME tidy COMMAND Python3::Interpreter -B tests/tidy_test.py
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
