#include "storage/journal/identity.hpp"

#include "storage/journal/segment.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <span>

namespace weir {

namespace {

constexpr const char* file_name = "identity";

/// 32 hex digits and a newline.
result<batch_key> read_identity(const std::string& path, file_system& files) {
  auto opened = files.open(path, false);
  if (!opened)
    return tl::unexpected(opened.error());
  std::array<std::byte, 33> bytes{};
  const auto got = (*opened)->read_at(0, bytes);
  if (!got)
    return tl::unexpected(got.error());
  // A file that is too short leaves zeros, which are no hex digits.
  std::array<char, 33> text{};
  std::memcpy(text.data(), bytes.data(), text.size());
  batch_key key;
  const auto* middle = text.data() + 16;
  const auto* end = middle + 16;
  if (std::from_chars(text.data(), middle, key.high, 16).ptr != middle
      || std::from_chars(middle, end, key.low, 16).ptr != end || *end != '\n')
    return fail(ec::io_failed, path
                                 + ": is damaged; remove it: the journal is then read"
                                   " again from its beginning, and nothing is stored"
                                   " twice");
  return key;
}

result<void> write_identity(const std::string& directory, const batch_key& key,
                            file_system& files) {
  const auto path = directory + '/' + file_name;
  const auto part = path + ".part"; // under its name only once it is whole
  (void)files.remove(part);
  auto made = files.create(part);
  if (!made)
    return tl::unexpected(made.error());
  const auto text = to_hex(key) + '\n';
  return (*made)
    ->write_at(0, std::as_bytes(std::span{text}))
    .and_then([&] { return (*made)->sync_data(); })
    .and_then([&] { return files.rename(part, path); })
    .and_then([&] { return files.sync_directory(directory); });
}

} // namespace

result<std::optional<batch_key>> read_journal_identity(const std::string& directory,
                                                       file_system& files) {
  const auto names = files.list(directory);
  if (!names)
    return tl::unexpected(names.error());
  const auto is_segment = [](const std::string& name) {
    return segment_number(name).has_value();
  };
  if (std::none_of(names->begin(), names->end(), is_segment)
      || std::find(names->begin(), names->end(), file_name) == names->end())
    return std::optional<batch_key>{};
  return read_identity(directory + '/' + file_name, files).map([](const batch_key& key) {
    return std::optional{key};
  });
}

result<batch_key> claim_journal_identity(const std::string& directory,
                                         file_system& files) {
  if (auto made = files.make_directory(directory); !made)
    return tl::unexpected(made.error());
  const auto found = read_journal_identity(directory, files);
  if (!found)
    return tl::unexpected(found.error());
  if (*found)
    return **found;
  const auto key = random_batch_key();
  return write_identity(directory, key, files).map([&] { return key; });
}

} // namespace weir
