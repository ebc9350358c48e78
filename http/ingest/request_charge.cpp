#include "http/ingest/request_charge.hpp"

#include "http/ingest/ingest_terms.hpp"
#include "records/inflate.hpp"

#include <algorithm>

namespace weir {

namespace {

/// A smaller shortfall is not worth the lock: the 4 KiB charged for a request cover it.
constexpr size_t missing_bytes_min = size_t{2} << 10;
constexpr size_t surplus_bytes_min = size_t{64} << 10;

} // namespace

request_charge::request_charge(request_charge&& other) noexcept
  : gate_(other.gate_), config_(other.config_), terms_(other.terms_),
    batch_(std::exchange(other.batch_, {})), reader_(std::exchange(other.reader_, 0)),
    decoder_(other.decoder_), claimed_for_reader_(other.claimed_for_reader_) {}

claim request_charge::first_claim() noexcept {
  const auto& length = terms_->length;
  const bool known = length && *length <= config_->batch_bytes && terms_->coding.empty();
  const auto parts = terms_->stream->parts_room(known ? *length : config_->batch_bytes);
  decoder_ = inflater_bytes(terms_->coding);
  claimed_for_reader_ = 0;
  if (!known) {
    claimed_for_reader_ = reader_bytes + decoder_;
    return {batch_charge(*config_) + claimed_for_reader_ + parts, 1};
  }
  // Without batch credit: many small bodies share a batch.
  if (config_->gathers(*length) == gathered::small && parts == 0)
    return {budget_charge(*config_, *length), 0};
  return {unread_charge(*config_, *length) + parts, 1};
}

claim request_charge::next_claim(size_t decoder) noexcept {
  claimed_for_reader_ = decoder;
  return {batch_charge(*config_) + terms_->stream->parts_room(config_->batch_bytes)
            + decoder,
          1};
}

void request_charge::granted(const claim& what) noexcept {
  const bool first = reader_ == 0;
  batch_ = {what.bytes - claimed_for_reader_, what.batches};
  reader_ += claimed_for_reader_;
  // The first claim has the decoder's usual memory in it, a later one what it needs in addition.
  if (!first)
    decoder_ += claimed_for_reader_;
  claimed_for_reader_ = 0;
}

bool request_charge::cover_reader() {
  const auto length = terms_->length.value_or(0);
  // A body of unknown length (or none) was charged for its reader at the gate.
  if (reader_ > 0 || length == 0)
    return true;
  const auto needed =
    unread_charge(*config_, length) + terms_->stream->parts_room(length);
  if (needed <= batch_.bytes + missing_bytes_min)
    return true;
  const claim missing{needed - batch_.bytes, 0};
  if (!at_once(missing))
    return false;
  batch_.bytes += missing.bytes;
  return true;
}

bool request_charge::cover_decoder(size_t more) {
  if (!at_once({more, 0}))
    return false;
  reader_ += more;
  decoder_ += more;
  return true;
}

bool request_charge::cover_batch(size_t weight, size_t records, gathered as) {
  const auto needed = charge_of(weight, records);
  claim missing;
  missing.bytes = needed - std::min(batch_.bytes, needed);
  // A body that was charged as a small one and is none needs batch credit after all.
  missing.batches = as == gathered::small || batch_.batches > 0 ? 0 : 1;
  if (missing.batches == 0 && missing.bytes <= missing_bytes_min)
    return true;
  if (!at_once(missing))
    return false;
  batch_.bytes += missing.bytes;
  batch_.batches += missing.batches;
  return true;
}

bool request_charge::keep_text(size_t text, size_t weight, size_t records) {
  const auto base = reader_bytes + decoder_;
  const auto wanted = base + (text > surplus_bytes_min ? text : 0);
  if (wanted + surplus_bytes_min < reader_) {
    gate_->return_unused({reader_ - wanted, 0});
    reader_ = wanted;
  }
  if (wanted <= reader_)
    return true;
  auto missing = wanted - reader_;
  // The batch keeps what it needs itself.
  const auto needed = charge_of(weight, records);
  const auto spare = std::min(missing, batch_.bytes - std::min(needed, batch_.bytes));
  batch_.bytes -= spare;
  reader_ += spare;
  missing -= spare;
  if (missing == 0)
    return true;
  if (!at_once({missing, 0}))
    return false;
  reader_ += missing;
  return true;
}

bool request_charge::cover_answer(size_t bytes) {
  if (!at_once({bytes, 0}))
    return false;
  reader_ = bytes;
  return true;
}

void request_charge::return_surplus(size_t weight, size_t records, bool small) {
  const auto needed = charge_of(weight, records);
  claim surplus;
  surplus.bytes = batch_.bytes - std::min(batch_.bytes, needed);
  surplus.batches = small ? batch_.batches : 0;
  if (surplus.batches == 0 && surplus.bytes < surplus_bytes_min)
    return;
  batch_.bytes -= surplus.bytes;
  batch_.batches -= surplus.batches;
  gate_->return_unused(surplus);
}

void request_charge::return_batch() {
  gate_->return_unused(std::exchange(batch_, {}));
}

void request_charge::return_reader() {
  gate_->return_unused({std::exchange(reader_, 0), 0});
}

gathered request_charge::gathers(uint64_t weight) const noexcept {
  return terms_->stream->parts_room(0) > 0 ? gathered::no : config_->gathers(weight);
}

bool request_charge::at_once(const claim& more) {
  return gate_->enter(more, terms_->level, admission_policy::reject, {}).what
         == admission::verdict::granted;
}

size_t request_charge::charge_of(size_t weight, size_t records) const noexcept {
  return budget_charge(*config_, weight, records) + terms_->stream->parts_room(weight);
}

void request_charge::return_all() noexcept {
  const claim all{batch_.bytes + reader_, batch_.batches};
  if (all.bytes > 0)
    gate_->return_unused(all);
}

} // namespace weir
