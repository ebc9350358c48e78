#include "app/node/process.hpp"

#include <malloc.h>
#include <sys/resource.h>
#include <sys/stat.h>

namespace weir {

void close_files_to_others() {
  const auto inherited = ::umask(0);
  ::umask(inherited | 0027);
}

void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur < limit.rlim_max) {
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
  }
}

void tame_allocator() {
  mallopt(M_ARENA_MAX, 2);
  mallopt(M_MMAP_THRESHOLD, 4 << 20);
  mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

} // namespace weir
