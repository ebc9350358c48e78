#include "storage/files/file_system.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

using namespace weir;

namespace {

int advice_fails_with = 0;

} // namespace

/// In place of the C library's.
extern "C" int posix_fadvise(int fd, off_t offset, off_t bytes, int advice) noexcept {
  if (advice_fails_with != 0)
    return advice_fails_with;
  return ::syscall(SYS_fadvise64, fd, offset, bytes, advice) == 0 ? 0 : errno;
}

namespace {

struct posix_disk : ::testing::Test {
  file_system& files = posix_file_system();
  std::string root = (std::filesystem::temp_directory_path()
                      / ("weir-files-" + std::to_string(::getpid())))
                       .string();

  void SetUp() override { ASSERT_TRUE(files.make_directory(root + "/a/b")); }
  void TearDown() override { std::filesystem::remove_all(root); }

  static std::span<const std::byte> bytes(std::string_view text) {
    return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
  }
  static std::string read(file& from, uint64_t offset, size_t count) {
    std::string text(count, '?');
    const auto got = from.read_at(offset, std::as_writable_bytes(std::span{text}));
    EXPECT_TRUE(got);
    text.resize(got.value_or(0));
    return text;
  }
};

} // namespace

TEST_F(posix_disk, reads_what_was_written_and_fewer_bytes_only_at_the_end) {
  auto made = files.create(root + "/f");
  ASSERT_TRUE(made);
  ASSERT_TRUE((*made)->write_at(3, bytes("hello")));
  ASSERT_TRUE((*made)->sync_data());
  EXPECT_EQ((*made)->size().value(), 8u);
  EXPECT_EQ(read(**made, 3, 100), "hello");
  EXPECT_EQ(read(**made, 0, 4), std::string("\0\0\0h", 4));
  EXPECT_EQ(read(**made, 8, 1), "");
}

TEST_F(posix_disk, makes_a_directory_with_its_parents_once_or_says_what_is_in_the_way) {
  EXPECT_TRUE(files.make_directory(root + "/a/b")); // exists: fine
  EXPECT_TRUE(files.make_directory(root + "/c/./d/../e/"));
  EXPECT_TRUE(std::filesystem::is_directory(root + "/c/e"));
  ASSERT_TRUE(files.create(root + "/f"));
  const auto refused = files.make_directory(root + "/f/g");
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().text.find("/f/g: make directory"), std::string::npos);
}

TEST_F(posix_disk, knows_whether_a_file_has_no_name_left_and_nobody_else_has_it_open) {
  auto made = files.create(root + "/f");
  ASSERT_TRUE(made);
  EXPECT_FALSE((*made)->unshared()) << "it has a name";
  {
    const auto reader = files.open(root + "/f", false);
    EXPECT_FALSE((*made)->unshared());
    ASSERT_TRUE(files.remove(root + "/f"));
    EXPECT_FALSE((*made)->unshared());
  }
  EXPECT_TRUE((*made)->unshared());
}

TEST_F(posix_disk, knows_that_a_file_has_another_name) {
  auto made = files.create(root + "/f");
  ASSERT_TRUE(made);
  std::filesystem::create_hard_link(root + "/f", root + "/backup");
  ASSERT_TRUE(files.remove(root + "/f"));
  EXPECT_FALSE((*made)->unshared());
  ASSERT_TRUE(files.remove(root + "/backup"));
  EXPECT_TRUE((*made)->unshared());
}

namespace {

/// How many pages of the file the page cache has.
size_t cached_pages(const std::string& path, size_t size) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* const at = ::mmap(nullptr, size, PROT_READ, MAP_SHARED, fd, 0);
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  std::vector<unsigned char> resident((size + page - 1) / page);
  EXPECT_EQ(::mincore(at, size, resident.data()), 0);
  ::munmap(at, size);
  ::close(fd);
  return static_cast<size_t>(std::count_if(resident.begin(), resident.end(),
                                           [](unsigned char one) { return one & 1; }));
}

} // namespace

TEST_F(posix_disk, lives_with_a_page_cache_that_takes_no_advice) {
  auto made = files.create(root + "/f");
  for (const int error : {ENOSYS, EINVAL, EOPNOTSUPP}) {
    advice_fails_with = error;
    EXPECT_TRUE((*made)->drop_cached()) << error;
  }
  advice_fails_with = EIO;
  EXPECT_FALSE((*made)->drop_cached());
  advice_fails_with = 0;
  EXPECT_TRUE((*made)->drop_cached());
}

TEST_F(posix_disk, lets_the_page_cache_forget_what_is_on_the_disk) {
  struct ::statfs about {};
  ASSERT_EQ(::statfs(root.c_str(), &about), 0);
  if (about.f_type == TMPFS_MAGIC)
    GTEST_SKIP() << "no disk is behind the page cache here";
  const std::string text(size_t{3} << 20, 'x');
  auto made = files.create(root + "/f");
  ASSERT_TRUE(made);
  ASSERT_TRUE((*made)->write_at(0, bytes(text)));
  ASSERT_TRUE((*made)->sync_data());
  EXPECT_GT(cached_pages(root + "/f", text.size()), 0u);
  ASSERT_TRUE((*made)->drop_cached());
  EXPECT_EQ(cached_pages(root + "/f", text.size()), 0u);
  EXPECT_EQ(read(**made, 0, text.size()), text);
}

TEST_F(posix_disk, allocates_zeros_and_truncates) {
  auto made = files.create(root + "/f");
  ASSERT_TRUE(made);
  ASSERT_TRUE((*made)->allocate(10'000));
  EXPECT_EQ((*made)->size().value(), 10'000u);
  EXPECT_EQ(read(**made, 9'998, 10), std::string(2, '\0'));
  ASSERT_TRUE((*made)->truncate(5));
  EXPECT_EQ((*made)->size().value(), 5u);
}

TEST_F(posix_disk, creates_a_file_once_and_opens_it_for_what_was_asked) {
  ASSERT_TRUE(files.create(root + "/f"));
  const auto again = files.create(root + "/f");
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ec::io_failed);
  EXPECT_NE(again.error().text.find(root + "/f: create: File exists"), std::string::npos);
  auto readable = files.open(root + "/f", false);
  ASSERT_TRUE(readable);
  EXPECT_FALSE((*readable)->write_at(0, bytes("x")));
}

TEST_F(posix_disk, lists_renames_and_removes) {
  ASSERT_TRUE(files.create(root + "/z"));
  ASSERT_TRUE(files.create(root + "/y"));
  EXPECT_EQ(files.list(root).value(), (std::vector<std::string>{"a", "y", "z"}));
  ASSERT_TRUE(files.rename(root + "/z", root + "/x"));
  ASSERT_TRUE(files.remove(root + "/y"));
  ASSERT_TRUE(files.sync_directory(root));
  EXPECT_EQ(files.list(root).value(), (std::vector<std::string>{"a", "x"}));
  EXPECT_GT(files.free_bytes(root).value(), 0u);
}

TEST_F(posix_disk, says_what_and_where_when_something_is_missing) {
  EXPECT_NE(files.open(root + "/no", false).error().text.find("/no: open: No such file"),
            std::string::npos);
  EXPECT_FALSE(files.remove(root + "/no"));
  EXPECT_FALSE(files.rename(root + "/no", root + "/no2"));
  EXPECT_FALSE(files.list(root + "/no"));
  EXPECT_FALSE(files.sync_directory(root + "/no"));
  EXPECT_FALSE(files.free_bytes(root + "/no"));
}

// The kernel cuts a write at the process's file size limit: a short write, then an error.
TEST_F(posix_disk, goes_on_after_a_short_write_and_reports_the_error_behind_it) {
  auto made = files.create(root + "/f");
  ASSERT_TRUE(made);
  struct ::rlimit old {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &old), 0);
  auto* const before = std::signal(SIGXFSZ, SIG_IGN);
  const struct ::rlimit small { 1000, old.rlim_max };
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto written = (*made)->write_at(0, bytes(std::string(1500, 'x')));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &old), 0);
  std::signal(SIGXFSZ, before);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ec::io_failed);
  EXPECT_EQ((*made)->size().value(), 1000u);
}

TEST_F(posix_disk, calls_a_full_disk_full) {
  if (::access("/dev/full", W_OK) != 0)
    GTEST_SKIP() << "no /dev/full here";
  auto full = files.open("/dev/full", true);
  ASSERT_TRUE(full);
  const auto written = (*full)->write_at(0, bytes("x"));
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, ec::journal_full);
}
