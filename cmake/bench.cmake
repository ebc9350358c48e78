# What `./dev bench` needs beside the node: the load generator and the baselines.
function(weir_bench name source)
  add_executable(${name} "${CMAKE_SOURCE_DIR}/bench/${source}")
  target_link_libraries(${name} PRIVATE weir_flags Threads::Threads ${ARGN})
endfunction()

weir_bench(weir_load load/client.cpp)
weir_bench(bench_epoll_discard baselines/epoll_discard.cpp)
weir_bench(bench_append_sync baselines/append_sync.cpp)
