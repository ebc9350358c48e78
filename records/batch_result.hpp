// BATCH RESULT: what validating, transforming and both at once have in common. They take a batch
// and make another one, with the records that still stand and with what was refused.
#pragma once

#include "proto/batch.hpp"
#include "records/catalog.hpp"

#include <memory>
#include <string>
#include <string_view>

namespace weir {

/// The rules for the batch's records. The stream was there when the request was admitted; a reload
/// that removes one keeps the old catalog's stream until its batches are through, so a missing one
/// is a bug and throws.
const stream_spec& spec_of(const record_batch& batch, const catalog& current);

/// An empty result for `from`, with capacity for all its records.
std::shared_ptr<record_batch> begin_result(const record_batch& from);
/// The texts of the result's records lie in `text`.
batch_ptr finish_result(std::shared_ptr<record_batch> made, std::string text);

/// `text` is the record's as it came to the stage that refuses it.
rejection make_rejection(const record_ref& ref, reject code, std::string pointer,
                         std::string detail, std::string_view text,
                         const stream_settings& settings);

/// Texts seldom grow by more than half.
inline void reserve_for(const record_batch& from, std::string& text) {
  text.reserve(from.text->size() + from.text->size() / 2 + text_padding);
}

} // namespace weir
