// The floor of every durable store on this disk: appends blocks to one file and calls
// fdatasync after each. Prints one JSON object: bytes a second and the latency of a block.
//
//   bench_append_sync FILE BLOCK-BYTES SECONDS [RATE]
//   bench_append_sync FILE BLOCK-BYTES bytes TOTAL-BYTES
//
// RATE blocks a second, each timed from when it was due; without it one after the other. The
// file is allocated and written once before, as small groups find the journal's blocks.
// With `bytes` a new file grows by TOTAL-BYTES, as the journal does under a long upload: the
// disk then has to find and to note blocks, too.
#include "bench/load/histogram.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

namespace {

using clock = std::chrono::steady_clock;
constexpr size_t file_bytes = size_t{256} << 20;

[[noreturn]] void fail(const char* what) {
  throw std::system_error(errno, std::generic_category(), what);
}

void write_all(int fd, const char* bytes, size_t count, size_t at) {
  while (count > 0) {
    const auto n = ::pwrite(fd, bytes, count, static_cast<off_t>(at));
    if (n <= 0)
      fail("write");
    bytes += n;
    at += static_cast<size_t>(n);
    count -= static_cast<size_t>(n);
  }
}

int open_new(const char* path) {
  const int fd = ::open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (fd < 0)
    fail(path);
  return fd;
}

void print(uint64_t written, clock::time_point begin,
           const weir::bench::histogram& latency) {
  const double took = std::chrono::duration<double>(clock::now() - begin).count();
  std::printf("{\"bytes_per_second\":%.0f,\"syncs_per_second\":%.1f,\"p50_ms\":%.4f,"
              "\"p99_ms\":%.4f}\n",
              static_cast<double>(written) / took,
              static_cast<double>(latency.total()) / took,
              static_cast<double>(latency.percentile(0.5)) / 1e6,
              static_cast<double>(latency.percentile(0.99)) / 1e6);
}

int grow(const char* path, size_t block, uint64_t total) {
  const int fd = open_new(path);
  const std::vector<char> bytes(block, 'x');
  weir::bench::histogram latency;
  const auto begin = clock::now();
  for (uint64_t written = 0; written < total; written += block) {
    const auto due = clock::now();
    write_all(fd, bytes.data(), block, written);
    if (::fdatasync(fd) != 0)
      fail("fdatasync");
    latency.add(static_cast<uint64_t>((clock::now() - due).count()));
  }
  print((total + block - 1) / block * block, begin, latency);
  return 0;
}

int run(const char* path, size_t block, double seconds, double rate) {
  const int fd = open_new(path);
  const std::vector<char> bytes(std::max(block, size_t{1} << 20), 'x');
  for (size_t at = 0; at < file_bytes; at += size_t{1} << 20)
    write_all(fd, bytes.data(), size_t{1} << 20, at);
  if (::fdatasync(fd) != 0)
    fail("fdatasync");
  weir::bench::histogram latency;
  const auto begin = clock::now();
  const auto end =
    begin
    + std::chrono::duration_cast<clock::duration>(std::chrono::duration<double>(seconds));
  auto due = begin;
  size_t at = 0;
  uint64_t written = 0;
  while (clock::now() < end) {
    if (rate > 0) {
      due += std::chrono::duration_cast<clock::duration>(
        std::chrono::duration<double>(1 / rate));
      std::this_thread::sleep_until(due);
    } else {
      due = clock::now();
    }
    write_all(fd, bytes.data(), block, at);
    if (::fdatasync(fd) != 0)
      fail("fdatasync");
    latency.add(static_cast<uint64_t>((clock::now() - due).count()));
    written += block;
    at = at + 2 * block <= file_bytes ? at + block : 0;
  }
  print(written, begin, latency);
  return 0;
}

} // namespace

int main(int count, char** words) {
  if (count < 4) {
    std::fprintf(stderr, "usage: bench_append_sync FILE BLOCK-BYTES SECONDS [RATE]\n"
                         "       bench_append_sync FILE BLOCK-BYTES bytes TOTAL-BYTES\n");
    return 2;
  }
  try {
    const size_t block = std::max<size_t>(std::strtoul(words[2], nullptr, 10), 1);
    if (std::string_view{words[3]} == "bytes" && count > 4)
      return grow(words[1], block, std::strtoull(words[4], nullptr, 10));
    return run(words[1], block, std::atof(words[3]), count > 4 ? std::atof(words[4]) : 0);
  } catch (const std::exception& e) {
    std::fprintf(stderr, "bench_append_sync: %s\n", e.what());
    return 1;
  }
}
