// TRANSFORMER: what a stream's steps make of the records of one batch, one record at a time. In a
// header, so that the loop over a batch's records is one piece of code: in transform.cpp over all
// of them, in fuse.cpp over those that were validated just before.
#pragma once

#include "proto/batch.hpp"
#include "records/batch_result.hpp"
#include "records/catalog.hpp"

#include <iterator>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace weir {

/// See plan::parts_room(). A batch that is a piece of one, after a crash, has its share.
inline size_t parts_room(const record_batch& batch, const plan& steps) noexcept {
  const auto& bytes = batch.source->bytes; // what came over a link has the text alone
  const auto room = steps.parts_room(bytes.empty() ? batch.text->size() : bytes.size());
  if (room == 0)
    return 0;
  uint64_t all = 0;
  for (const auto& part : batch.source->parts)
    all += part.records;
  const uint64_t here = batch.records.size() + batch.rejections.size();
  return here < all ? room * here / all : room;
}

/// Adds to `made` what the steps make of records, but for its rejections and text, which are
/// apart.
class transformer {
 public:
  transformer(const record_batch& batch, const stream_spec& spec, plan_scratch& scratch,
              record_batch& made)
    : batch_(batch), spec_(spec), scratch_(scratch),
      made_(made), context_{batch.source->stream, {}, batch.source->received_at_us} {
    reserve_for(batch, text_);
    const auto room = parts_room(batch, *spec.steps);
    if (room == 0)
      return;
    context_.parts_room = room;
    // At once: a text that grows by doubling would take more than is charged. What is not
    // written to is no memory.
    text_.reserve(text_.capacity() + room);
  }

  void run(record_ref ref, std::string_view record, const record_tokens& tokens) {
    context_.client = batch_.source->parts[ref.part].client;
    const auto begin = text_.size();
    auto outcome = spec_.steps->run(record, context_, scratch_, text_, tokens);
    switch (outcome.what) {
    case transform_outcome::kind::kept:
      if (outcome.ends.empty())
        add(ref, begin, text_.size());
      else
        add_parts(ref, begin, outcome.ends);
      break;
    case transform_outcome::kind::dropped:
      ++made_.dropped[ref.part];
      break;
    case transform_outcome::kind::rejected:
      refused_.push_back(
        make_rejection(ref, reject::transform_failed, std::move(outcome.pointer),
                       std::move(outcome.detail), record, spec_.settings));
      break;
    }
  }

  /// After the rejections that are there already.
  std::string finish() {
    std::move(refused_.begin(), refused_.end(), std::back_inserter(made_.rejections));
    return std::move(text_);
  }

 private:
  void add(record_ref ref, size_t begin, size_t end) {
    ref.offset = static_cast<uint32_t>(begin);
    ref.size = static_cast<uint32_t>(end - begin);
    made_.records.push_back(ref);
  }

  /// The parts share the record's number: they have one verdict.
  void add_parts(const record_ref& ref, size_t begin, std::span<const size_t> ends) {
    context_.parts_room -= text_.size() - begin + ends.size() * part_bytes;
    for (const auto end : ends) {
      add(ref, begin, end);
      begin = end;
    }
  }

  const record_batch& batch_;
  const stream_spec& spec_;
  plan_scratch& scratch_;
  record_batch& made_;
  record_context context_;
  std::string text_;
  std::vector<rejection> refused_;
};

} // namespace weir
