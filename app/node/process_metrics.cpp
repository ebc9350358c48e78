#include "app/node/process_metrics.hpp"

#include <filesystem>
#include <fstream>
#include <system_error>

#include <sys/resource.h>
#include <unistd.h>

namespace weir {

namespace {

double seconds(const timeval& time) noexcept {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

double cpu_seconds() noexcept {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

/// proc(5): the second number of statm, in pages. 0 where there is no /proc.
double resident_bytes() {
  uint64_t all = 0;
  uint64_t resident = 0;
  std::ifstream{"/proc/self/statm"} >> all >> resident;
  return static_cast<double>(resident) * static_cast<double>(sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code failed;
  double count = 0;
  for (std::filesystem::directory_iterator at{"/proc/self/fd", failed}, end;
       !failed && at != end; at.increment(failed))
    ++count;
  // Reading the directory takes one itself.
  return count > 0 ? count - 1 : 0;
}

double descriptors_max() noexcept {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  return static_cast<double>(limit.rlim_cur);
}

} // namespace

void declare_process_metrics(telemetry& in, const clock_source& clock) {
  in.gauge({"process_start_time_seconds", "Unix time at which the process started."}, {},
           clock.unix_us() / 1'000'000);
  in.computed({"process_cpu_seconds_total", "CPU time, user and system."},
              metric_type::total, {}, cpu_seconds);
  in.computed({"process_resident_memory_bytes", "Memory that is resident.",
               "Memory that is resident; `memory.ceiling` bounds it."},
              metric_type::level, {}, resident_bytes);
  in.computed({"process_open_fds", "Open file descriptors."}, metric_type::level, {},
              open_descriptors);
  in.computed({"process_max_fds", "The bound of open file descriptors.",
               "The bound of open file descriptors; weir raises it to the hard limit."},
              metric_type::level, {}, descriptors_max);
}

} // namespace weir
