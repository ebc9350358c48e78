// ASSEMBLER: puts the pieces of batches and receipts of one link together again, in
// whatever order they come. Pure.
//
//   Bounded:  by `bytes_max` over everything unfinished: a peer that sends more is at fault, and
//             its link is closed.
#pragma once

#include "cluster/link_frame.hpp"

#include <map>
#include <optional>
#include <tuple>
#include <vector>

namespace weir {

class assembler {
 public:
  explicit assembler(size_t bytes_max) : bytes_max_(bytes_max) {}

  /// The whole batch or receipt once its last piece is there; valid until the next call
  /// and no longer than the piece. A fault if the piece overlaps or contradicts an
  /// earlier one, or does not fit.
  result<std::optional<std::string_view>> add(const piece_frame& piece);

  size_t bytes() const noexcept { return bytes_; }

 private:
  struct whole {
    std::string bytes;
    std::map<uint32_t, uint32_t> came; ///< offset to size
    size_t missing = 0;
  };
  using name = std::tuple<piece_of, link_flow, uint64_t>;

  const size_t bytes_max_;
  size_t bytes_ = 0;
  std::map<name, whole> unfinished_;
  std::string done_; ///< the last whole that came in several pieces
};

} // namespace weir
