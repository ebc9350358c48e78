// VALIDATOR: judges the records of one batch, one at a time: decodes what is not JSON yet, parses
// it, and checks it against the schema. Most records are admitted by the parser's first pass alone
// (schema::surely_admits); only where that is not enough are they parsed as a whole.
//
// Texts of decoded records and rejections are written to where the validator was told at its
// making. In a header as far as it runs once a record.
#pragma once

#include "proto/batch.hpp"
#include "records/catalog.hpp"
#include "records/formats/kind.hpp"
#include "records/large_record.hpp"
#include "records/schema/schema.hpp"
#include "records/scratch.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <simdjson.h>

namespace weir {

class validator {
 public:
  validator(const record_batch& batch, const stream_spec& spec, work_scratch& scratch,
            std::string& decoded, std::vector<rejection>& refused);

  /// True if texts are decoded, else they stay in the batch's.
  bool decodes() const noexcept { return decodes_; }

  /// True if the record stands. Then `ref` says where its JSON is, in text_of().
  bool check(record_ref& ref) {
    return decodes_ ? decode_and_check(ref) : matches(ref, batch_.text_of(ref));
  }

  std::string_view text_of(const record_ref& ref) const noexcept {
    return decodes_ ? std::string_view{decoded_}.substr(ref.offset, ref.size)
                    : batch_.text_of(ref);
  }

  /// What the parser knows of the records so far is not asked for any more.
  void end_block() { large_.end(); }

  /// True: the record that was checked last has no backslash. False: that is not known.
  bool is_plain() const noexcept { return plain_; }

 private:
  bool matches(const record_ref& ref, std::string_view text) {
    large_.await(text.size());
    plain_ = surely_matches(text);
    return plain_ || parses_and_matches(ref, text);
  }

  /// By the parser's first pass alone. Where that is not enough, it is tried less and less
  /// often: the next records are probably alike.
  bool surely_matches(std::string_view text) {
    if (untried_ > 0) {
      --untried_;
      return false;
    }
    auto& parser = scratch_.parser;
    if (parser.capacity() < text.size()) // the whole parse makes room
      return false;
    if (schema::surely_admits(spec_.check.get(), parser, text, scratch_.order)) {
      pause_ = 0;
      return true;
    }
    pause_ = std::min(2 * pause_ + 1, untried_max);
    untried_ = pause_;
    return false;
  }

  bool decode_and_check(record_ref& ref);
  bool parses_and_matches(const record_ref& ref, std::string_view text);
  simdjson::error_code parse(std::string_view text, simdjson::dom::element& record);
  simdjson::error_code parse_deepest(std::string_view text,
                                     simdjson::dom::element& record);
  void let_nest(size_t levels);

  void refuse(const record_ref& ref, reject code, std::string pointer,
              std::string detail);
  std::string last_line_of(const record_ref& ref) const;
  std::string detail_of(simdjson::error_code error, const record_ref& ref) const;
  std::string mistake_of(const record_ref& ref) const;

  static constexpr uint32_t untried_max = 63;

  const record_batch& batch_;
  const stream_spec& spec_;
  work_scratch& scratch_;
  std::string& decoded_;
  std::vector<rejection>& refused_;
  uint32_t pause_ = 0;   ///< after the last one that was not certain
  uint32_t untried_ = 0; ///< records of it that are left
  bool decodes_;
  bool plain_ = false;
  const batch_part* part_ = nullptr; ///< the one that decode_ is for
  decode_function decode_ = nullptr;
  large_record_turn large_; ///< to the end of the batch, or of the block
};

} // namespace weir
