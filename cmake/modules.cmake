# One library per folder with its rooms; a new file is picked up by itself. Dependencies point one
# way: app -> http, actors -> records, storage, cluster -> proto -> base.

# Two thirds of the time to compile went into headers of the standard library. What a folder needs
# beside them is added where it is made.
set(WEIR_STD_HEADERS <algorithm> <array> <atomic> <bit> <charconv> <chrono> <cmath> <cstdint>
  <cstring> <deque> <filesystem> <functional> <map> <memory> <mutex> <optional> <set> <span>
  <string> <string_view> <system_error> <thread> <unordered_map> <utility> <vector>)

function(weir_module name)
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${CMAKE_SOURCE_DIR}/${name}/*.cpp")
  list(FILTER sources EXCLUDE REGEX "/app/main\\.cpp$|/proto/messages\\.cpp$")
  if(WEIR_FUZZ) # sockets: nothing to fuzz, and coroutines that clang 14 and Boost 1.74 can't do
    list(FILTER sources EXCLUDE REGEX "/cluster/tunnel/(connection|dialer|frame_lane|greeting|refusal_log|tunnel|unread_frames|wire|wire_identity)\\.cpp$")
  endif()
  if(WEIR_MUTANTS)
    weir_with_mutants(sources)
  endif()
  add_library(weir_${name} STATIC ${sources})
  set_target_properties(weir_${name} PROPERTIES LINKER_LANGUAGE CXX)
  target_link_libraries(weir_${name} PUBLIC weir_flags ${ARGN})
  target_precompile_headers(weir_${name} PRIVATE ${WEIR_STD_HEADERS})
endfunction()

weir_module(base simdjson::simdjson Threads::Threads)
# proto without CAF: what records/, storage/ and the fuzzers see.
weir_module(proto weir_base OpenSSL::Crypto)
weir_module(records weir_proto simdjson::simdjson PkgConfig::RE2 OpenSSL::Crypto ZLIB::ZLIB PkgConfig::ZSTD)
target_precompile_headers(weir_records PRIVATE <simdjson.h> <re2/re2.h>)
weir_module(storage weir_proto SQLite::SQLite3 PkgConfig::ISAL)
target_link_libraries(weir_storage PRIVATE PkgConfig::PQ)
weir_module(cluster weir_proto OpenSSL::SSL)
target_compile_definitions(weir_cluster PUBLIC BOOST_ASIO_NO_DEPRECATED)

if(NOT WEIR_FUZZ)
  add_library(weir_messages STATIC proto/messages.cpp)
  target_compile_definitions(weir_messages PUBLIC CAF_ENABLE_TYPE_ID_CHECKS)
  target_link_libraries(weir_messages PUBLIC weir_proto CAF::core)

  weir_module(actors weir_messages weir_records weir_storage weir_cluster)
  target_precompile_headers(weir_actors PRIVATE
    <caf/actor_system.hpp> <caf/event_based_actor.hpp> <caf/stateful_actor.hpp>
    <caf/typed_event_based_actor.hpp> <caf/typed_actor.hpp>)

  weir_module(http weir_proto weir_records weir_storage OpenSSL::SSL prometheus-cpp::core ${HTTPLIB_LIBRARY})
  target_compile_definitions(weir_http PUBLIC BOOST_ASIO_NO_DEPRECATED CPPHTTPLIB_OPENSSL_SUPPORT)
  target_precompile_headers(weir_http PRIVATE <boost/asio.hpp> <boost/beast/http.hpp> <boost/beast/core.hpp>)

  weir_module(app weir_http weir_actors yaml-cpp spdlog::spdlog)
  target_precompile_headers(weir_app PRIVATE <fmt/format.h> <nlohmann/json.hpp> <ostream>)
  add_executable(weir app/main.cpp)
  target_link_libraries(weir PRIVATE weir_app)
  set_target_properties(weir PROPERTIES RUNTIME_OUTPUT_DIRECTORY "${CMAKE_BINARY_DIR}")
endif()
