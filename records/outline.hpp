// OUTLINE: where the tokens of each record of a batch begin. The parser finds them while
// validate has the record parsed; transform, when the same worker runs it on the same
// batch, takes its fields apart by them instead of reading the text again.
#pragma once

#include "proto/batch.hpp"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include <simdjson.h>

namespace weir {

/// Offsets into one record's text, in order: of each brace, bracket, colon and comma, and
/// of the first byte of each key and each scalar. Empty: not known.
using token_offsets = std::span<const uint32_t>;

/// One worker's, for the batch it made last. Keeps its memory.
class batch_outline {
 public:
  /// 4 MiB. Records beyond it have no outline.
  static constexpr size_t tokens_max = size_t{1} << 20;

  void clear() noexcept {
    tokens_.clear();
    ends_.clear();
    made_.reset();
  }

  /// The next record is the one that was parsed last.
  void add(const simdjson::dom::parser& parser) {
    const auto& found = *parser.implementation;
    const uint32_t* const first = found.structural_indexes.get();
    if (tokens_.size() + found.n_structural_indexes <= tokens_max)
      tokens_.insert(tokens_.end(), first, first + found.n_structural_indexes);
    ends_.push_back(static_cast<uint32_t>(tokens_.size()));
  }

  /// The records added are those of `made`, if any were.
  void belongs_to(const batch_ptr& made) noexcept {
    if (ends_.size() == made->records.size())
      made_ = made;
  }
  bool is_of(const record_batch& batch) const noexcept {
    return made_.lock().get() == &batch;
  }

  token_offsets of(size_t record) const noexcept {
    const size_t begin = record == 0 ? 0 : ends_[record - 1];
    return {tokens_.data() + begin, ends_[record] - begin};
  }

 private:
  std::vector<uint32_t> tokens_;
  std::vector<uint32_t> ends_; ///< of each record's, in tokens_
  std::weak_ptr<const record_batch> made_;
};

} // namespace weir
