# The simulation: the whole tree on one thread. Programs of its own, which `./dev simulate` runs.
file(GLOB simulation CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/simulation/*.cpp")
list(FILTER simulation EXCLUDE REGEX "(/main|_test)\\.cpp$")
add_library(weir_simulation STATIC ${simulation})
target_link_libraries(weir_simulation PUBLIC weir_app)
target_precompile_headers(weir_simulation PRIVATE
  ${WEIR_STD_HEADERS}
  <caf/actor_system.hpp> <caf/event_based_actor.hpp> <caf/scheduler/test_coordinator.hpp>)
add_executable(weir_simulate tests/simulation/main.cpp)
target_link_libraries(weir_simulate PRIVATE weir_simulation)
if(WEIR_MUTANTS)
  target_sources(weir_simulate PRIVATE tests/mutants/reached_at_exit.cpp)
endif()
add_executable(weir_simulation_tests tests/simulation/simulation_test.cpp)
target_link_libraries(weir_simulation_tests PRIVATE weir_simulation GTest::gtest GTest::gtest_main)
gtest_discover_tests(weir_simulation_tests DISCOVERY_TIMEOUT 120
  PROPERTIES TIMEOUT 120 LABELS simulation)
add_test(NAME simulation.fixed_seeds COMMAND weir_simulate --from 1 --runs 4000)
add_test(NAME simulation.fresh_seeds COMMAND weir_simulate --seconds 25)
add_test(NAME simulation.fixed_seeds_of_clusters COMMAND weir_simulate --cluster --from 1 --runs 1500)
add_test(NAME simulation.fresh_seeds_of_clusters COMMAND weir_simulate --cluster --seconds 8)
set_tests_properties(simulation.fixed_seeds simulation.fresh_seeds
  simulation.fixed_seeds_of_clusters simulation.fresh_seeds_of_clusters PROPERTIES
  LABELS simulation TIMEOUT 300 PROCESSORS 2)

# The same with seeded faults in copies of a few sources; built only when asked for.
set(seeded "${CMAKE_BINARY_DIR}/seeded")
execute_process(COMMAND "${Python3_EXECUTABLE}" tests/simulation/seeded_faults.py --list
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE files COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${files}" files)
string(REPLACE "\n" ";" files "${files}")
list(TRANSFORM files PREPEND "${seeded}/" OUTPUT_VARIABLE seeded_sources)
list(TRANSFORM files PREPEND "${CMAKE_SOURCE_DIR}/" OUTPUT_VARIABLE files)
add_custom_command(OUTPUT ${seeded_sources}
  COMMAND "${Python3_EXECUTABLE}" tests/simulation/seeded_faults.py . "${seeded}"
  DEPENDS ${files} "${CMAKE_SOURCE_DIR}/tests/simulation/seeded_faults.py"
  WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}")
add_test(NAME simulation.each_seeded_fault_has_a_place WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}"
  COMMAND "${Python3_EXECUTABLE}" tests/simulation/seeded_faults.py . "${seeded}_check")
set_tests_properties(simulation.each_seeded_fault_has_a_place PROPERTIES LABELS simulation)
add_executable(weir_simulate_seeded EXCLUDE_FROM_ALL
  tests/simulation/main.cpp ${seeded_sources})
target_compile_definitions(weir_simulate_seeded PRIVATE WEIR_SEEDED_SOURCES)
target_link_libraries(weir_simulate_seeded PRIVATE weir_simulation)
