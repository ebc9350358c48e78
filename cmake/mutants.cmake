# Copies of the sources with the edits of tests/mutants/*.txt in them, each behind a switch that
# is read at run time. They stand before the sources themselves, headers too.
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(mutated "${CMAKE_BINARY_DIR}/sources")
function(weir_make_mutants)
  foreach(what "list" "write")
    execute_process(COMMAND "${Python3_EXECUTABLE}" tests/mutants/edits.py ${what} . "${mutated}"
      WORKING_DIRECTORY "${CMAKE_SOURCE_DIR}" OUTPUT_VARIABLE said_${what} COMMAND_ERROR_IS_FATAL ANY)
  endforeach()
  string(STRIP "${said_list}" files)
  string(REPLACE "\n" ";" files "${files}")
  file(GLOB lists CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/tests/mutants/*.txt")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS
    ${files} ${lists} tests/mutants/edits.py)
  set(mutated_files "${files}" PARENT_SCOPE)
endfunction()
weir_make_mutants()
target_include_directories(weir_flags BEFORE INTERFACE "${mutated}")

# Puts a copy in the place of each source in the list of this name that has one.
function(weir_with_mutants list_name)
  set(all)
  foreach(source IN LISTS ${list_name})
    file(RELATIVE_PATH file "${CMAKE_SOURCE_DIR}" "${source}")
    if(file IN_LIST mutated_files)
      set(source "${mutated}/${file}")
      set_source_files_properties("${source}" PROPERTIES COMPILE_OPTIONS -w)
    endif()
    list(APPEND all "${source}")
  endforeach()
  set(${list_name} "${all}" PARENT_SCOPE)
endfunction()
