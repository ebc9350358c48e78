#include "app/node/process_metrics.hpp"

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <string>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

using namespace weir;

namespace {

struct process_metrics : ::testing::Test {
  telemetry metrics;

  void SetUp() override { declare_process_metrics(metrics, system_clock_source{}); }

  std::map<std::string, double, std::less<>> read() {
    std::map<std::string, double, std::less<>> values;
    for (const auto& one : metrics.families())
      values.emplace(one.spec.name, one.samples.at(0).value);
    return values;
  }
};

} // namespace

TEST_F(process_metrics, memory_that_is_touched_is_resident) {
  const auto before = read()["process_resident_memory_bytes"];
  EXPECT_GT(before, 1 << 20);
  constexpr size_t bytes = size_t{64} << 20;
  const std::unique_ptr<char[]> touched{new char[bytes]};
  std::memset(touched.get(), 1, bytes);
  EXPECT_GT(read()["process_resident_memory_bytes"], before + 0.9 * bytes);
  EXPECT_EQ(touched[bytes - 1], 1);
}

TEST_F(process_metrics, an_open_file_is_a_descriptor_and_the_bound_is_the_limit) {
  const auto before = read();
  const int opened = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ASSERT_GE(opened, 0);
  auto now = read();
  EXPECT_EQ(now["process_open_fds"], before.at("process_open_fds") + 1);
  ::close(opened);
  EXPECT_EQ(read()["process_open_fds"], before.at("process_open_fds"));
  EXPECT_GE(before.at("process_open_fds"), 3);
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  EXPECT_EQ(now["process_max_fds"], static_cast<double>(limit.rlim_cur));
}

TEST_F(process_metrics, work_takes_cpu_time) {
  const auto before = read()["process_cpu_seconds_total"];
  rusage used{};
  // Until the kernel's own count has moved by 20 ms.
  double own = 0;
  do {
    getrusage(RUSAGE_SELF, &used);
    own = static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec)
          + static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
  } while (own < before + 0.02);
  EXPECT_GE(read()["process_cpu_seconds_total"], own);
}

TEST_F(process_metrics, it_started_when_the_clock_said) {
  struct fixed final : clock_source {
    std::chrono::steady_clock::time_point now() const noexcept override { return {}; }
    int64_t unix_us() const noexcept override { return 1'700'000'000'900'000; }
  };
  telemetry other;
  declare_process_metrics(other, fixed{});
  const auto all = other.families();
  const auto found = std::find_if(all.begin(), all.end(), [](const auto& one) {
    return one.spec.name == "process_start_time_seconds";
  });
  ASSERT_NE(found, all.end());
  EXPECT_EQ(found->samples.at(0).value, 1'700'000'000);
}
