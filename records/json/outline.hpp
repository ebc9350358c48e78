// OUTLINE: remembers where the tokens of some records begin. The parser finds them while a
// record is validated. When the same worker transforms the record next, it takes the fields
// apart by them and does not look for them again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <simdjson.h>

namespace weir {

/// What is known about one record's text.
struct record_tokens {
  /// The offsets, in order, of each brace, bracket, colon and comma, and of the first byte of
  /// each key and each scalar. Empty: not known.
  std::span<const uint32_t> offsets;
  bool plain = false; ///< no backslash is in the text
};

/// Belongs to one worker. It keeps its memory: at most four bytes for each byte of a block of
/// records.
class record_outline {
 public:
  void clear() noexcept {
    tokens_.clear();
    records_.clear();
  }

  /// Adds the tokens of the next record, which `parser` has parsed last.
  void add(const simdjson::dom::parser& parser, bool plain) {
    const auto& found = *parser.implementation;
    const uint32_t* const first = found.structural_indexes.get();
    tokens_.insert(tokens_.end(), first, first + found.n_structural_indexes);
    records_.push_back({tokens_.size(), plain});
  }

  record_tokens of(size_t record) const noexcept {
    const size_t begin = record == 0 ? 0 : records_[record - 1].end;
    return {{tokens_.data() + begin, records_[record].end - begin},
            records_[record].plain};
  }

 private:
  struct entry {
    size_t end = 0; ///< where its tokens end in tokens_
    bool plain = false;
  };
  std::vector<uint32_t> tokens_;
  std::vector<entry> records_;
};

} // namespace weir
