// ASSEMBLER: puts the pieces of batches and receipts of one link together again, in
// whatever order they come. Pure.
//
//   Bounded:  by `bytes_max` over all that is unfinished: what a peer sends beyond is a fault,
//             for which its link is closed.
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

  /// The whole, once its last piece is there: good until the next call, and as long as the
  /// piece. A fault: it overlaps, contradicts an earlier piece or does not fit.
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
  std::string done_; ///< the last that came in several pieces
};

} // namespace weir
