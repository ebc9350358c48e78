#include "http/ingest/body_reader.hpp"

#include "http/ingest/keyed_body.hpp"
#include "records/formats/media_type.hpp"
#include "records/formats/sniff.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace weir {

namespace {

constexpr size_t piece_bytes = size_t{64} << 10;
/// The most that prepare() offers; bytes after a batch's end are copied to the next batch.
constexpr size_t direct_bytes_max = size_t{256} << 10;

} // namespace

size_t names_of_a_row(const csv_header* header) noexcept {
  constexpr size_t around = 6; // quotes, colon, comma
  size_t bytes = 0;
  if (header != nullptr)
    for (const auto& name : header->names)
      bytes += name.size() + around;
  return bytes;
}

result<std::unique_ptr<body_reader>> body_reader::make(body_terms terms) {
  std::unique_ptr<inflater> inflating;
  if (!terms.coding.empty()) {
    auto made = make_inflater(terms.coding, terms.inflate);
    if (!made)
      return tl::unexpected(std::move(made.error()));
    inflating = std::move(*made);
  }
  return std::unique_ptr<body_reader>(
    new body_reader(std::move(terms), std::move(inflating)));
}

body_reader::body_reader(body_terms terms, std::unique_ptr<inflater> inflating)
  : terms_(std::move(terms)), inflater_(std::move(inflating)) {
  if (!terms_.length)
    chunked_.emplace();
  else
    transferred_ = *terms_.length == 0;
  if (terms_.format) {
    format_ = *terms_.format;
    framer_.emplace(format_, terms_.framing);
  }
  reserve_text(0);
}

void body_reader::reserve_text(size_t leftover) {
  size_t wanted = terms_.batch_bytes + piece_bytes;
  if (direct())
    wanted = std::min<uint64_t>(wanted, *terms_.length - received_);
  else
    wanted = piece_bytes; // unknown: let it grow
  text_.reserve(leftover + wanted + text_padding);
}

std::span<char> body_reader::prepare() {
  assert(direct() && !transferred_);
  const auto missing = terms_.batch_bytes - std::min(filled_, terms_.batch_bytes);
  const auto room = std::min<uint64_t>(std::min(missing + piece_bytes, direct_bytes_max),
                                       *terms_.length - received_);
  if (text_.size() < filled_ + room)
    text_.resize(filled_ + room);
  return {text_.data() + filled_, room};
}

void body_reader::commit(size_t bytes) noexcept {
  filled_ += bytes;
  received_ += bytes;
  transferred_ = received_ == *terms_.length;
  text_is_scanned_ = false;
}

std::optional<uint64_t> body_reader::remaining() const noexcept {
  if (terms_.length)
    return *terms_.length - received_;
  return transferred_ ? std::optional<uint64_t>{0} : std::nullopt;
}

result<size_t> body_reader::feed(std::string_view bytes) {
  size_t used = 0;
  if (auto received = receive(bytes, used); !received)
    return tl::unexpected(std::move(received.error()));
  text_is_scanned_ = false;
  if (received_ > terms_.body_bytes_max)
    return fail(ec::body_too_large, "the body is longer than "
                                      + std::to_string(terms_.body_bytes_max) + " bytes");
  return used;
}

result<void> body_reader::receive(std::string_view bytes, size_t& used) {
  auto& target = inflater_ ? coded_ : text_;
  text_.resize(filled_); // drops the room that prepare() made
  if (!chunked_) {
    used = std::min<uint64_t>({bytes.size(), *terms_.length - received_, piece_bytes});
    target.append(bytes.substr(0, used));
    filled_ = text_.size();
    received_ += used;
    transferred_ = received_ == *terms_.length;
    return {};
  }
  const auto before = target.size();
  auto progress = chunked_->decode(bytes, piece_bytes, target);
  if (!progress)
    return tl::unexpected(std::move(progress.error()));
  used = progress->used;
  filled_ = text_.size();
  received_ += target.size() - before;
  transferred_ = progress->done;
  return {};
}

/// True if the bytes that are here may give more text: an inflater that ran out of room may
/// hold text back although it has used all its input.
result<bool> body_reader::inflate_some() {
  const bool input_left = coded_used_ < coded_.size();
  if (!input_left && !inflater_holds_text_) {
    coded_.clear();
    coded_used_ = 0;
    if (transferred_ && !inflater_->complete())
      return fail(ec::malformed_body,
                  "the " + terms_.coding + " body ends in the middle");
    return false;
  }
  const auto before = text_.size();
  auto used =
    inflater_->decode(std::string_view{coded_}.substr(coded_used_), piece_bytes, text_);
  if (!used)
    return tl::unexpected(std::move(used.error()));
  filled_ = text_.size();
  const auto grown = filled_ - before;
  coded_used_ += *used;
  inflated_ += grown;
  inflater_holds_text_ = grown >= piece_bytes;
  text_is_scanned_ = text_is_scanned_ && grown == 0;
  if (inflated_ > terms_.body_bytes_max)
    return fail(ec::body_too_large, "the body inflates to more than "
                                      + std::to_string(terms_.body_bytes_max) + " bytes");
  // Neither input used nor text made: without this, next() would never end.
  if (input_left && *used == 0 && grown == 0 && memory_wanted() == 0)
    return fail(ec::malformed_body,
                "the " + terms_.coding + " body can't be decoded further");
  return true;
}

result<body_format> body_reader::sniffed(std::string_view body, char csv_delimiter,
                                         bool said_to_be_form) {
  const auto head = body.substr(0, sniff_bytes_min);
  const auto format = sniff(head, csv_delimiter);
  if (said_to_be_form && format == last_resort().format && looks_like_form(head))
    return fail(ec::unsupported_media_type,
                "the body is a form (name=value&…); " + std::string{send_known_type});
  return format;
}

result<bool> body_reader::sniff_format(bool last) {
  if (framer_)
    return true;
  if (filled_ < sniff_bytes_min && !last)
    return false;
  const auto format =
    sniffed(text(), terms_.framing.csv.delimiter, terms_.said_to_be_form);
  if (!format)
    return tl::unexpected(format.error());
  format_ = *format;
  is_guess_ = may_be_mistaken(format_);
  framer_.emplace(format_, terms_.framing);
  return true;
}

/// Falls back to the last resort if the format was a mere guess and the body fails as such, or has
/// no record. All of it is still here, so the result does not depend on how it arrived.
bool body_reader::reads_as_text_instead() {
  if (!std::exchange(is_guess_, false) || chunk_ > 0)
    return false;
  format_ = last_resort().format;
  framer_.emplace(format_, terms_.framing);
  records_.clear();
  row_names_ = 0;
  return true;
}

/// Reserves for the estimated count, then doubles: each growth copies all records.
void body_reader::reserve_records() {
  const size_t most = size_t{terms_.batch_records} + 1;
  const auto expected = std::min(most, filled_ / 128 + 1);
  if (expected > records_.capacity())
    records_.reserve(records_.empty() ? expected : std::min(most, 2 * expected));
}

result<void> body_reader::scan(bool last) {
  reserve_records();
  const auto record_shift = static_cast<uint32_t>(framer_->record_base() - record_base_);
  const auto line_shift = static_cast<uint32_t>(framer_->line_base() - line_base_);
  // One more than fits shows that the batch is full; scan() is called again for what
  // follows.
  while (cut_ == 0) {
    const auto first_new = records_.size();
    const size_t wanted = terms_.batch_records + 1 - first_new;
    auto scanned = framer_->scan(text().substr(rebased_), last, wanted, records_);
    for (size_t i = first_new; i < records_.size(); ++i) {
      auto& ref = records_[i];
      ref.offset += static_cast<uint32_t>(rebased_);
      ref.record += record_shift;
      ref.line += line_shift;
    }
    find_cut(first_new);
    // The framer repeats a failure, so batches that were complete before it go first. What
    // is stored of a malformed body thus depends on its bytes, not on how they arrived.
    if (!scanned && cut_ == 0)
      return scanned;
    if (!scanned || records_.size() - first_new < wanted)
      break;
  }
  return check_sizes();
}

void body_reader::find_cut(size_t first_new) {
  if (row_names_ == 0 && !records_.empty())
    row_names_ = names_of_a_row(framer_->header().get());
  for (size_t i = std::max<size_t>(first_new, 1); i < records_.size(); ++i) {
    const auto end = size_t{records_[i].offset} + records_[i].size;
    if (i < terms_.batch_records
        && body_weight(end, (i + 1) * row_names_) <= terms_.batch_bytes)
      continue;
    cut_ = i;
    return;
  }
}

result<void> body_reader::check_sizes() const {
  const auto most =
    terms_.batch_bytes + terms_.framing.record_bytes_max + 4 * piece_bytes;
  if (cut_ == 0 && filled_ > most)
    return fail(ec::malformed_body, "more than "
                                      + std::to_string(terms_.framing.record_bytes_max)
                                      + " bytes without a record");
  return {};
}

result<body_reader::step> body_reader::next() {
  while (true) {
    // A body that is all here is scanned once, by finish().
    const bool whole = transferred_ && !inflater_;
    if (cut_ == 0 && !text_is_scanned_ && !whole) {
      const auto known = sniff_format(false);
      if (!known)
        return tl::unexpected(known.error());
      if (*known)
        if (auto scanned = scan(false); !scanned) {
          if (reads_as_text_instead())
            continue;
          return tl::unexpected(std::move(scanned.error()));
        }
      text_is_scanned_ = *known && cut_ == 0;
    }
    if (cut_ > 0)
      return step::cut;
    if (inflater_) {
      auto more_text = inflate_some();
      if (!more_text)
        return tl::unexpected(std::move(more_text.error()));
      if (memory_wanted() > 0)
        return step::memory;
      if (*more_text)
        continue;
    }
    if (!transferred_)
      return step::more;
    break;
  }
  return finish();
}

result<body_reader::step> body_reader::finish() {
  if (auto known = sniff_format(true); !known)
    return tl::unexpected(std::move(known.error()));
  auto scanned = scan(true);
  // A guess that does not hold: the same bytes are read again as text.
  if ((!scanned || records_.empty()) && reads_as_text_instead())
    scanned = scan(true);
  if (!scanned)
    return tl::unexpected(std::move(scanned.error()));
  if (cut_ > 0)
    return step::cut;
  if (records_.empty())
    return fail(ec::malformed_body, "the body has no records");
  ended_ = true;
  return step::end;
}

body_cut body_reader::take() {
  assert(cut_ > 0 || ended_);
  body_cut out;
  out.chunk = chunk_++;
  out.record_base = record_base_;
  out.line_base = line_base_;
  out.format = framed_as(format_);
  out.header = framer_->header();
  const size_t count = ended_ ? records_.size() : cut_;
  std::vector<record_ref> rest(records_.begin() + static_cast<std::ptrdiff_t>(count),
                               records_.end());
  records_.resize(count);
  out.records = std::move(records_);
  out.bytes = std::move(text_);
  const auto all = std::string_view{out.bytes}.substr(0, std::exchange(filled_, 0));
  text_.clear();
  const auto& last = out.records.back();
  const auto end = size_t{last.offset} + last.size;
  if (terms_.keyed)
    hash_cut(out, all.substr(0, end));
  if (!rest.empty()) {
    if (hash_) // bytes between the two batches are part of the body too
      hash_->add(all.substr(end, rest.front().offset - end));
    begin_next(all, rest);
  }
  out.bytes.resize(end);
  out.bytes.reserve(out.bytes.size() + text_padding);
  out.weight = body_weight(out.bytes.size(), count * row_names_);
  records_ = std::move(rest);
  cut_ = 0;
  find_cut(0);
  text_is_scanned_ = false;
  return out;
}

void body_reader::hash_cut(body_cut& out, std::string_view bytes) {
  if (ended_ && !hash_) { // a whole body: cheaper
    out.fingerprint = closed_fingerprint(bytes, out.format, out.header.get());
    return;
  }
  if (hash_)
    out.before = *hash_;
  else
    hash_.emplace();
  hash_->add(bytes);
  out.fingerprint = closed_fingerprint(hash_->value(), out.format, out.header.get());
}

/// The next batch begins with the first byte of its first record; `all` still has the text.
void body_reader::begin_next(std::string_view all, std::vector<record_ref>& rest) {
  const record_ref first = rest.front();
  // The framer's new offset 0 is where it has stopped; the new text_ begins earlier.
  rebased_ = rebased_ + framer_->consumed() - first.offset;
  framer_->rebase();
  reserve_text(all.size() - first.offset);
  text_.assign(all.substr(first.offset));
  filled_ = text_.size();
  for (auto& ref : rest) {
    ref.offset -= first.offset;
    ref.record -= first.record;
    ref.line -= first.line;
  }
  record_base_ += first.record;
  line_base_ += first.line;
}

} // namespace weir
