#include "storage/journal/block_writer.hpp"
#include "tests/storage/files/simulated_disk.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include <unistd.h>

using namespace weir;

namespace {

std::string read_all(file& from, size_t bytes) {
  std::string text(bytes, '?');
  EXPECT_EQ(from.read_at(0, std::as_writable_bytes(std::span{text})).value(), bytes);
  return text;
}

/// Appends runs of random sizes until the file is full; `expected` is what it must hold.
void fill(file& to, uint64_t file_end, uint64_t seed, std::string& expected) {
  random_source random{seed};
  block_writer writer;
  writer.begin(direct_block);
  expected.assign(file_end, '\0');
  for (uint64_t end = direct_block; end < file_end;) {
    const auto large = random.next() % 4 == 0;
    const auto bytes = std::min<uint64_t>(
      random.next() % (large ? 3 * block_writer::staging_bytes : 9000), file_end - end);
    for (uint64_t i = end; i < end + bytes; ++i)
      expected[i] = static_cast<char>('a' + random.next() % 26);
    std::vector<frame_run> runs;
    for (uint64_t done = 0; done < bytes;) {
      const auto piece = std::min<uint64_t>(1 + random.next() % bytes, bytes - done);
      runs.emplace_back().bytes = piece;
      runs.back().data = reinterpret_cast<const std::byte*>(expected.data() + end + done);
      done += piece;
    }
    const auto zeros =
      random.next() % 8 == 0 ? random.next() % block_writer::zeros_max : 0;
    end += bytes;
    ASSERT_TRUE(
      writer.append(to, runs, std::min<uint64_t>(zeros, file_end - end), file_end));
    ASSERT_LE(to.size().value(), file_end);
  }
}

} // namespace

TEST(block_writer_test, the_file_holds_what_was_appended_and_zeros_behind_it) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE(seed);
    simulated_disk disk;
    auto made = disk.create("f");
    const uint64_t file_end = (seed % 8 + 1) << 20;
    std::string expected;
    fill(**made, file_end, seed, expected);
    EXPECT_EQ(read_all(**made, file_end), expected);
  }
}

/// `file_end` need not be the end of a block.
void compare_past_the_cache(const std::filesystem::path& directory) {
  const auto path = (directory / ("weir-blocks-" + std::to_string(::getpid()))).string();
  for (const uint64_t file_end : {uint64_t{4} << 20, (uint64_t{4} << 20) + 1000}) {
    auto made = posix_file_system().create(path);
    ASSERT_TRUE(made);
    ASSERT_TRUE((*made)->allocate(file_end));
    (*made)->write_direct(true);
    std::string expected;
    fill(**made, file_end, file_end, expected);
    const auto other = posix_file_system().open(path, false);
    EXPECT_EQ(read_all(**other, file_end), expected) << "through the page cache";
    EXPECT_EQ(read_all(**made, file_end), expected);
    std::filesystem::remove(path);
  }
}

TEST(block_writer_test, the_file_holds_the_same_past_the_page_cache) {
  compare_past_the_cache(std::filesystem::temp_directory_path());
}

TEST(block_writer_test, a_file_system_in_memory_may_refuse_and_gets_it_another_way) {
  if (!std::filesystem::is_directory("/dev/shm"))
    GTEST_SKIP() << "there is none";
  compare_past_the_cache("/dev/shm");
}

TEST(block_writer_test, an_append_that_fails_says_so) {
  simulated_disk disk;
  auto made = disk.create("f");
  disk.faults.writes_until_error = 0;
  const std::string text(3 * block_writer::staging_bytes, 'x');
  frame_run run;
  run.data = reinterpret_cast<const std::byte*>(text.data());
  run.bytes = text.size();
  block_writer writer;
  writer.begin(direct_block);
  const auto written = writer.append(**made, std::span{&run, 1}, 0, 4 << 20);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ec::io_failed);
}
