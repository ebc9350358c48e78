#include "storage/journal/group.hpp"

#include <algorithm>
#include <utility>

namespace weir {

namespace {

void refuse(part_receipt& answer, ec code, std::string why) {
  answer.outcome = code;
  answer.detail = std::move(why);
  answer.accepted = 0;
  answer.last_sequence = 0;
}

void refuse_reused_key(part_receipt& answer) {
  refuse(
    answer, ec::key_reused,
    "this Idempotency-Key was used for another body; send a new key with a new body");
}

void repeat(part_receipt& answer, const part_receipt& first, bool keyed) {
  answer.duplicate = keyed;
  answer.counts() = first.counts();
  answer.last_sequence = first.last_sequence;
}

/// One slice per part: its run of records and what was counted against it.
std::vector<part_slice> slices_of(const record_batch& batch) {
  std::vector<part_slice> slices(batch.source->parts.size());
  for (uint32_t i = 0; i < slices.size(); ++i) {
    slices[i].batch = &batch;
    slices[i].part = i;
    slices[i].dropped = i < batch.dropped.size() ? batch.dropped[i] : 0;
  }
  const auto& records = batch.records;
  for (uint32_t i = 0; i < records.size();) { // records are ordered by part, and in it
    auto& slice = slices.at(records[i].part);
    slice.first = i;
    for (++i; i < records.size() && records[i].part == slice.part; ++i)
      slice.further_parts += records[i].record == records[i - 1].record ? 1 : 0;
    slice.records = i - slice.first;
  }
  for (const auto& refused : batch.rejections) {
    auto& slice = slices.at(refused.part);
    ++(refused.code == reject::quarantined ? slice.quarantined : slice.rejected);
    slice.dead_letters += is_dead_letter(refused) ? 1 : 0;
  }
  return slices;
}

} // namespace

bool commit_group::add(batch_ptr batch, size_t frame_room, uint64_t end) {
  const auto& parts = batch->source->parts;
  auto receipt = std::make_shared<batch_receipt>();
  receipt->batch = std::move(batch);
  receipt->parts.resize(parts.size());
  receipts_.push_back(receipt);
  for (auto& slice : slices_of(*receipt->batch))
    add_part(*receipt, slice, frame_room, end);
  const bool refused =
    std::any_of(receipt->parts.begin(), receipt->parts.end(),
                [](const auto& part) { return part.outcome != ec::none; });
  if (const auto request = receipt->batch->source->parts.front().request;
      refused && request != 0)
    failed_requests_.push_back(request);
  return !refused;
}

void commit_group::add_part(batch_receipt& receipt, part_slice& slice, size_t frame_room,
                            uint64_t end) {
  const auto& part = receipt.batch->source->parts[slice.part];
  auto& answer = receipt.parts[slice.part];
  answer.request = part.request;
  answer.part = slice.part;
  answer.key = part.key;
  answer.unstored() = slice.unstored();
  if (is_known(answer, part) || is_echo(part, slice.part))
    return;
  const bool links_others = part.keyed && part.request != 0;
  if (slice.records == 0 && slice.dead_letters == 0 && !links_others)
    // Nothing to store, and nothing to remember: the same body gets the same answer. But a part of
    // a longer body is a link of the chain of its keys, which must not break.
    return;
  const auto length = frame_bytes(slice);
  if (length > frame_room || slice.further_parts > further_parts_max)
    return refuse(answer, ec::body_too_large,
                  std::to_string(length)
                    + " bytes in one batch; the journal takes at most "
                    + std::to_string(frame_room) + ": send less at once");
  // Should only some of this commit's frames survive a loss of power, recovery must know which of
  // them hang on others.
  slice.follows = links_others && !requests_here_.insert(part.request).second;
  const auto receipt_index = static_cast<uint32_t>(receipts_.size() - 1);
  keys_here_.emplace(part.key, static_cast<uint32_t>(frames_.size()));
  const auto bytes = room_for(static_cast<size_t>(length), end);
  frames_.push_back({bytes, static_cast<uint32_t>(blocks_.size() - 1), slice.records,
                     slice.further_parts, receipt_index, slice.part});
  encode_frame(slice, bytes);
}

/// Behind what is in the last block, durable or not, or in another.
std::span<std::byte> commit_group::room_for(size_t bytes, uint64_t end) {
  if (frames_.empty() && !blocks_.empty() && !blocks_.back()->kept)
    blocks_.clear(); // there may be room for one that is by now
  const auto into_block = (end + pending_bytes_) % direct_block;
  if (block_used_ % direct_block != into_block)
    block_used_ = whole_blocks(block_used_) + into_block;
  if (blocks_.empty() || block_used_ + bytes > blocks_.back()->capacity) {
    if (frames_.empty())
      blocks_.clear();
    blocks_.push_back(cache_->take(bytes + into_block, pending_bytes_));
    block_used_ = into_block;
  }
  const auto at = std::exchange(block_used_, block_used_ + bytes);
  pending_bytes_ += bytes;
  return {blocks_.back()->bytes.get() + at, bytes};
}

bool commit_group::is_known(part_receipt& answer, const batch_part& part) {
  const auto* const known = keys_.find(part.key, part.keyed);
  if (!known)
    return false;
  bool same = !part.keyed || known->fingerprint == part.fingerprint;
  if (part.keyed && part.record_base == 0 && (!same || part.request != 0)) {
    answer.known = prefix_from(*known);
    // More is stored of a longer body: it is compared as a whole before more of it comes.
    same = same && answer.known.records == known->all();
  }
  if (!same) {
    refuse_reused_key(answer);
    return true;
  }
  answer.known = {};
  answer.duplicate = part.keyed; // else the same request, submitted again after a crash
  answer.counts() = known->counts();
  answer.last_sequence = known->last_sequence;
  return true;
}

/// What the parts that follow each other from this one on have of their body. One hash and one
/// look-up for each.
stored_prefix commit_group::prefix_from(const key_entry& first) const {
  stored_prefix all;
  for (const auto* part = &first; part != nullptr;
       part = keys_.find(continued_key(first.key, all.records), true)) {
    const auto records = part->all();
    if (records == 0)
      break; // a part has some: this entry is damaged, and would lead nowhere
    all.records += records;
    all.fingerprint = part->fingerprint;
    all += part->counts();
    all.last_sequence = std::max(all.last_sequence, part->last_sequence);
  }
  return all;
}

bool commit_group::is_echo(const batch_part& part, uint32_t index) {
  const auto first = keys_here_.find(part.key);
  if (first == keys_here_.end())
    return false;
  echoes_.push_back({static_cast<uint32_t>(receipts_.size() - 1), index, first->second});
  return true;
}

void commit_group::succeed(const group_frame& frame, uint64_t first_sequence) {
  auto& answer = answer_of(frame.receipt, frame.part);
  const auto& part = part_of(frame.receipt, frame.part);
  answer.accepted = frame.records - frame.further_parts;
  answer.last_sequence = frame.records == 0 ? 0 : first_sequence + frame.records - 1;
  key_entry entry;
  entry.key = part.key;
  entry.fingerprint = part.fingerprint;
  entry.last_sequence = answer.last_sequence;
  entry.counts() = answer.counts();
  keys_.add(entry, part.keyed);
}

void commit_group::fail(const group_frame& frame, ec code, const std::string& why,
                        bool doubtful) {
  auto& answer = answer_of(frame.receipt, frame.part);
  refuse(answer, code, why);
  answer.doubtful = doubtful;
  if (const auto request = part_of(frame.receipt, frame.part).request; request != 0)
    failed_requests_.push_back(request);
}

bool commit_group::follows_a_failure(const group_frame& frame) const {
  if (failed_requests_.empty())
    return false;
  const auto request = part_of(frame.receipt, frame.part).request;
  return request != 0
         && std::find(failed_requests_.begin(), failed_requests_.end(), request)
              != failed_requests_.end();
}

std::vector<std::shared_ptr<const batch_receipt>> commit_group::finish() {
  for (const auto& repeated : echoes_) {
    const auto& frame = frames_[repeated.frame];
    const auto& first = answer_of(frame.receipt, frame.part);
    auto& answer = answer_of(repeated.receipt, repeated.part);
    const auto& part = part_of(repeated.receipt, repeated.part);
    answer.doubtful = first.doubtful;
    if (first.outcome != ec::none)
      refuse(answer, first.outcome, first.detail);
    else if (part.keyed
             && part.fingerprint != part_of(frame.receipt, frame.part).fingerprint)
      refuse_reused_key(answer);
    else
      repeat(answer, first, part.keyed); // the index may not have kept the key
  }
  std::vector<std::shared_ptr<const batch_receipt>> done{
    std::make_move_iterator(receipts_.begin()), std::make_move_iterator(receipts_.end())};
  if (blocks_.size() > 1)
    blocks_.erase(blocks_.begin(), blocks_.end() - 1);
  pending_bytes_ = 0;
  frames_.clear();
  echoes_.clear();
  failed_requests_.clear();
  receipts_.clear();
  keys_here_.clear();
  requests_here_.clear();
  return done;
}

} // namespace weir
