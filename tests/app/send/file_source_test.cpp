// Files as they lie on disks, and compressed ones that were cut off.
#include "app/send/file_source.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

using namespace weir;
using testing::HasSubstr;

namespace {

std::string gzip(const std::string& text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

std::string zstd(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

/// What was read before the end, or before the error.
struct read_whole {
  std::string text;
  std::string error;
};

read_whole read(const std::string& name, const std::string& bytes) {
  opened_source source;
  source.read = [&bytes, at = size_t{0}](char* to, size_t size) mutable {
    const auto got = bytes.copy(to, std::min<size_t>(size, 7), at);
    at += got;
    return result<size_t>{got};
  };
  const auto opened = decoded(std::move(source), name);
  if (!opened)
    return {"", opened.error().text};
  read_whole done;
  for (char buffer[100];;) {
    const auto got = opened->read(buffer, sizeof buffer);
    if (!got)
      done.error = got.error().text;
    if (!got || *got == 0)
      return done;
    done.text.append(buffer, *got);
  }
}

std::string some_text() {
  std::string text;
  for (int i = 0; i < 60; ++i)
    text += "line " + std::to_string(i * 7919 % 1000) + "\n";
  return text;
}

} // namespace

TEST(file_source, a_compressed_file_that_was_cut_off_anywhere_is_an_error_that_names_it) {
  const auto text = some_text();
  for (const auto& [name, whole] :
       {std::pair{std::string{"a.gz"}, gzip(text)},
        std::pair{std::string{"b.gz"}, gzip(text) + gzip(text)},
        std::pair{std::string{"c.zst"}, zstd(text)},
        std::pair{std::string{"d.zst"}, zstd(text) + zstd(text)}}) {
    const auto complete = read(name, whole);
    EXPECT_EQ(complete.error, "");
    EXPECT_EQ(complete.text.substr(0, text.size()), text);
    for (size_t size = 0; size < whole.size(); ++size) {
      // Between two members it is a whole file of one.
      if (size * 2 == whole.size() && (name == "b.gz" || name == "d.zst"))
        continue;
      const auto cut = read(name, whole.substr(0, size));
      EXPECT_THAT(cut.error, HasSubstr(name)) << size << " of " << whole.size();
      EXPECT_THAT(cut.error, HasSubstr("cut off")) << size << " of " << whole.size();
    }
  }
}

TEST(file_source, what_is_not_compressed_is_read_as_it_is) {
  for (const std::string text : {"", "a", "abc", "abcd", "\x1f", "plain text\n"})
    EXPECT_EQ(read("a.log", text).text, text);
  EXPECT_EQ(read("a.log", "").error, "");
}

TEST(file_source, a_file_that_was_written_to_or_lies_elsewhere_has_another_identity) {
  const auto directory = std::filesystem::temp_directory_path()
                         / ("weir_file_source_" + std::to_string(::getpid()));
  std::filesystem::create_directories(directory);
  const auto path = directory / "f";
  const auto identity = [](const std::filesystem::path& of) {
    return open_source(of.string()).value().identity;
  };
  std::ofstream{path} << "one\n";
  const auto before = identity(path);
  EXPECT_EQ(identity(path), before);
  EXPECT_EQ(identity(directory / "." / "f"), before);
  std::filesystem::copy_file(path, directory / "g");
  EXPECT_NE(identity(directory / "g"), before);
  std::ofstream{path, std::ios::app} << "two\n";
  EXPECT_NE(identity(path), before);
  std::filesystem::remove_all(directory);
}
