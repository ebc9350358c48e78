#include "cluster/assembler.hpp"

#include <cstring>

namespace weir {

namespace {

bool overlaps(const std::map<uint32_t, uint32_t>& came, const piece_frame& piece) {
  const auto after = came.lower_bound(piece.offset);
  if (after != came.end() && after->first < piece.offset + piece.bytes.size())
    return true;
  return after != came.begin()
         && std::prev(after)->first + std::prev(after)->second > piece.offset;
}

} // namespace

result<std::optional<std::string_view>> assembler::add(const piece_frame& piece) {
  done_ = {};
  // The decoder of the frame has checked this too; here it guards the copy below.
  if (piece.offset > piece.total || piece.bytes.size() > piece.total - piece.offset)
    return fail(ec::malformed_request, "a piece goes beyond the end of its batch");
  const name which{piece.what, piece.flow, piece.number};
  auto found = unfinished_.find(which);
  if (found == unfinished_.end() && piece.bytes.size() == piece.total)
    return std::optional{piece.bytes};
  if (found == unfinished_.end()) {
    if (piece.total > bytes_max_ - bytes_)
      return fail(ec::body_too_large, "a peer sends more than its window");
    bytes_ += piece.total;
    found = unfinished_.emplace(which, whole{}).first;
    found->second.bytes.resize(piece.total);
    found->second.missing = piece.total;
  }
  auto& to = found->second;
  if (to.bytes.size() != piece.total || overlaps(to.came, piece))
    return fail(ec::malformed_request, "pieces of one batch contradict each other");
  std::memcpy(to.bytes.data() + piece.offset, piece.bytes.data(), piece.bytes.size());
  to.came[piece.offset] = static_cast<uint32_t>(piece.bytes.size());
  to.missing -= piece.bytes.size();
  if (to.missing > 0)
    return std::optional<std::string_view>{};
  done_ = std::move(to.bytes);
  bytes_ -= done_.size();
  unfinished_.erase(found);
  return std::optional<std::string_view>{done_};
}

} // namespace weir
