#include "storage/files/file_tail.hpp"

#include <algorithm>
#include <string>

namespace weir {

namespace {

constexpr size_t block_bytes = 256 * 1024;

} // namespace

result<void> file_tail::each(const std::function<result<bool>(std::string_view)>& visit) {
  std::string block(block_bytes, '\0');
  for (auto at = from_;;) {
    const auto got = file_.read_at(at, std::as_writable_bytes(std::span{block}));
    if (!got)
      return tl::unexpected(got.error());
    // A read gives fewer bytes only at the end of the file, and none after it.
    if (*got == 0)
      return {};
    at += *got;
    const auto more = visit(std::string_view{block}.substr(0, *got));
    if (!more)
      return tl::unexpected(more.error());
    if (!*more)
      return {};
  }
}

result<bool> file_tail::starts_as(std::string_view text) {
  bool same = true;
  return each([&](std::string_view block) -> result<bool> {
           const auto both = std::min(block.size(), text.size());
           same = block.substr(0, both) == text.substr(0, both);
           text.remove_prefix(both);
           return same && !text.empty();
         })
    .map([&] { return same; });
}

result<bool> file_tail::has_line() {
  bool found = false;
  return each([&](std::string_view block) -> result<bool> {
           found = block.find('\n') != block.npos;
           return !found;
         })
    .map([&] { return found; });
}

result<void> file_tail::copy_to(file& to) {
  uint64_t at = 0;
  return each([&](std::string_view block) {
    return to.write_at(at, std::as_bytes(std::span{block})).map([&] {
      at += block.size();
      return true;
    });
  });
}

} // namespace weir
