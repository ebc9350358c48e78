#include "storage/journal/copies.hpp"

#include "storage/journal/segment.hpp"

#include <charconv>
#include <optional>
#include <string_view>

namespace weir {

namespace {

/// What a copy's name says, or nothing for any other file.
std::optional<kept_copy> parse_copy(std::string_view name, const std::string& segment) {
  const auto begin = segment + '.';
  if (!name.starts_with(begin))
    return std::nullopt;
  kept_copy copy;
  const auto [end, error] =
    std::from_chars(name.data() + begin.size(), name.data() + name.size(), copy.from);
  name.remove_prefix(static_cast<size_t>(end - name.data()));
  copy.unread = name == ".unread.corrupt";
  if (error != std::errc{} || (name != ".corrupt" && !copy.unread))
    return std::nullopt;
  return copy;
}

} // namespace

result<std::vector<kept_copy>> list_copies(const std::string& directory,
                                           file_system& files, uint64_t number) {
  const auto names = files.list(directory);
  if (!names)
    return tl::unexpected{names.error()};
  std::vector<kept_copy> copies;
  for (const auto& name : *names) {
    auto copy = parse_copy(name, segment_name(number));
    if (!copy)
      continue;
    // The size tells how far the copy reaches; its bytes are not read.
    const auto opened = files.open(directory + '/' + name, false);
    const auto bytes =
      opened ? (*opened)->size() : result<uint64_t>{tl::unexpected{opened.error()}};
    if (!bytes)
      return tl::unexpected{bytes.error()};
    copy->bytes = *bytes;
    copies.push_back(*copy);
  }
  return copies;
}

} // namespace weir
