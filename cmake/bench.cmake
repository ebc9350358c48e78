# What `./dev bench` needs beside the node: the load generator, the baselines, the benchmarks of
# single stages.
function(weir_bench name source)
  add_executable(${name} "${CMAKE_SOURCE_DIR}/bench/${source}")
  target_link_libraries(${name} PRIVATE weir_flags Threads::Threads ${ARGN})
endfunction()

weir_bench(bench_load load/client.cpp)
weir_bench(bench_epoll_discard baselines/epoll_discard.cpp)
weir_bench(bench_append_sync baselines/append_sync.cpp)

find_package(benchmark REQUIRED)
weir_bench(bench_stages micro/stages.cpp weir_http benchmark::benchmark)
weir_bench(bench_hops micro/hops.cpp weir_messages benchmark::benchmark)
