# One test program per module, so that a change in records/ rebuilds no CAF code.
find_package(GTest REQUIRED)
include(GoogleTest)

function(weir_tests name)
  file(GLOB sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/${name}/*_test.cpp")
  if(sources)
    add_executable(weir_${name}_tests ${sources})
    target_link_libraries(weir_${name}_tests PRIVATE ${ARGN} GTest::gtest GTest::gtest_main GTest::gmock)
    gtest_discover_tests(weir_${name}_tests DISCOVERY_TIMEOUT 120 PROPERTIES TIMEOUT 120)
  endif()
endfunction()

weir_tests(proto weir_proto)
find_library(CSV_LIBRARY csv REQUIRED) # libcsv: the oracle of the csv tests
weir_tests(records weir_records ${CSV_LIBRARY})
weir_tests(storage weir_storage)
weir_tests(actors weir_actors)
weir_tests(http weir_http)
weir_tests(app weir_app)

# The built binary under real HTTP, signals and disks: one ctest entry per file.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB suites CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/server/*_test.py")
foreach(suite IN LISTS suites)
  get_filename_component(name "${suite}" NAME_WE)
  add_test(NAME server.${name} COMMAND Python3::Interpreter -m unittest -v ${name}
    WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}/tests/server")
  set_tests_properties(server.${name} PROPERTIES LABELS server TIMEOUT 300
    ENVIRONMENT "WEIR_BINARY=$<TARGET_FILE:weir>;PYTHONDONTWRITEBYTECODE=1")
endforeach()
