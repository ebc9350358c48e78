#include "storage/journal_copies.hpp"

#include "storage/journal_segment.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace weir {

namespace {

/// What stands between the segment's name and the suffix; nothing for any other file.
std::optional<uint64_t> copy_offset(std::string_view name, std::string_view segment) {
  constexpr std::string_view suffix = ".corrupt";
  if (!name.starts_with(segment) || !name.ends_with(suffix)
      || name.size() <= segment.size() + suffix.size() || name[segment.size()] != '.')
    return std::nullopt;
  name.remove_prefix(segment.size() + 1);
  name.remove_suffix(suffix.size());
  uint64_t offset = 0;
  const auto [end, error] =
    std::from_chars(name.data(), name.data() + name.size(), offset);
  if (error != std::errc{} || end != name.data() + name.size())
    return std::nullopt;
  return offset;
}

} // namespace

result<std::vector<kept_copy>> list_copies(const std::string& directory,
                                           file_system& files, uint64_t number) {
  const auto names = files.list(directory);
  if (!names)
    return tl::unexpected{names.error()};
  std::vector<kept_copy> copies;
  for (const auto& name : *names) {
    const auto from = copy_offset(name, segment_name(number));
    if (!from)
      continue;
    const auto opened = files.open(directory + '/' + name, false);
    const auto bytes =
      opened ? (*opened)->size() : result<uint64_t>{tl::unexpected{opened.error()}};
    if (!bytes)
      return tl::unexpected{bytes.error()};
    copies.push_back({*from, *bytes});
  }
  return copies;
}

} // namespace weir
