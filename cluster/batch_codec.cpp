#include "cluster/batch_codec.hpp"

#include "cluster/bytes.hpp"
#include "cluster/wire_words.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <numeric>
#include <span>
#include <type_traits>
#include <utility>

namespace weir {

namespace {

using std::chrono::duration_cast;
using std::chrono::milliseconds;
using time_point = std::chrono::steady_clock::time_point;

constexpr uint8_t codec_version = 3;
constexpr size_t client_bytes_max = 128; ///< an IP address with its zone
constexpr size_t trace_bytes_max = 256;
/// For details, and for pointers in a receipt.
constexpr size_t small_text_bytes_max = 4096;
constexpr size_t text_bytes_max = size_t{256} << 20;
constexpr uint32_t items_max = uint32_t{1} << 24;
constexpr size_t head_bytes_usual = 256; ///< a buffer's first size
constexpr int64_t time_left_ms_max = 3'600'000;

// Each item takes at least these bytes, which bounds how many a count may promise.
constexpr size_t part_bytes_min = 8 + 8 + 16 + 1 + 8 + 1 + 1 + 8 + 8 + 4 + 1 + 4 + 4;
constexpr size_t rejection_bytes_min = 4 + 4 + 4 + 1;
constexpr size_t rejection_texts_bytes_min = 4 + 4 + 4;
constexpr uint8_t with_texts = 0x80; ///< beside a rejection's code: three texts follow
/// For all rejections together, so that a receipt with texts stays within one frame.
constexpr size_t receipt_texts_bytes_max = size_t{1} << 20;
constexpr size_t part_receipt_bytes_min = 8 + 4 + 1 + 4 + 16 + 1 + 4 * 4 + 1 + 1;

static_assert(std::is_trivially_copyable_v<record_ref> && sizeof(record_ref) == 20,
              "record references are copied as they lie");

bool is_raw(const record_batch& batch) noexcept {
  return batch.text.get() == &batch.source->bytes;
}

void write_key(byte_writer& to, const batch_key& key) {
  to.number(key.high);
  to.number(key.low);
}

batch_key read_key(byte_reader& from) {
  batch_key key;
  key.high = from.number<uint64_t>();
  key.low = from.number<uint64_t>();
  return key;
}

void write_known(byte_writer& to, const stored_prefix& known) {
  to.flag(known.records > 0);
  if (known.records == 0)
    return;
  to.number(known.records);
  to.number(known.fingerprint);
  write_counts(to, known.counts());
}

stored_prefix read_known(byte_reader& from) {
  stored_prefix known;
  if (!from.flag())
    return known;
  known.records = from.number<uint64_t>();
  known.fingerprint = from.number<uint64_t>();
  read_counts(from, known.counts());
  if (known.records == 0)
    from.spoil();
  return known;
}

void write_part(byte_writer& to, const batch_part& part, bool raw) {
  to.number(part.request);
  to.number(part.home);
  write_key(to, part.key);
  to.flag(part.keyed);
  to.number(part.fingerprint);
  to.number(part.format);
  to.number(part.ack);
  to.number(part.record_base);
  to.number(part.line_base);
  to.number(part.records);
  // Only raw CSV rows are still read with a header.
  const bool header = raw && part.header;
  to.flag(header);
  if (header) {
    to.number(part.header->delimiter);
    to.number(static_cast<uint32_t>(part.header->names.size()));
    for (const auto& field : part.header->names)
      to.text(field);
  }
  to.text(part.client);
  to.text(part.trace);
}

batch_part read_part(byte_reader& from) {
  batch_part part;
  part.request = from.number<uint64_t>();
  part.home = from.number<uint64_t>();
  part.key = read_key(from);
  part.keyed = from.flag();
  part.fingerprint = from.number<uint64_t>();
  part.format = static_cast<body_format>(from.number<uint8_t>());
  if (!is_of_records(part.format))
    from.spoil();
  part.ack = from.code<ack_level>(3);
  part.record_base = from.number<uint64_t>();
  part.line_base = from.number<uint64_t>();
  part.records = from.number<uint32_t>();
  if (from.flag()) {
    csv_header header;
    header.delimiter = from.number<char>();
    if (!is_csv_delimiter(header.delimiter))
      from.spoil();
    header.names.resize(from.count(items_max, 4));
    for (auto& field : header.names)
      field = from.text(text_bytes_max);
    part.header = std::make_shared<const csv_header>(std::move(header));
  }
  part.client = from.text(client_bytes_max);
  part.trace = from.text(trace_bytes_max);
  // No healthy gateway sends these; they would overflow counts or reach answers.
  if (part.record_base > position_max || part.line_base > position_max
      || part.records > items_max || !is_plain_text(part.client)
      || !is_plain_text(part.trace))
    from.spoil();
  return part;
}

/// What the persister keeps beside the records; all other rejections stay with the sender.
bool is_dead_letter(const rejection& r) noexcept {
  return r.code == reject::quarantined || !r.body.empty();
}

void write_place(byte_writer& to, const rejection& r, bool texts) {
  to.number(r.part);
  to.number(r.record);
  to.number(r.line);
  to.number(
    static_cast<uint8_t>(static_cast<uint8_t>(r.code) | (texts ? with_texts : 0)));
}

void write_rejections(byte_writer& to, const std::vector<rejection>& all) {
  to.number(static_cast<uint32_t>(all.size()));
  for (const auto& r : all) {
    const bool texts = is_dead_letter(r);
    write_place(to, r, texts);
    if (!texts)
      continue;
    to.text(r.pointer);
    to.text(cut_text(r.detail, small_text_bytes_max));
    to.text(r.body);
  }
}

/// Marks what a client may see: the first rejections of each part, while there is room.
std::vector<bool> shown_to_client(std::span<const rejection> all) {
  // Rejections are listed as found; a client sees those of its earliest records.
  std::vector<uint32_t> order(all.size());
  std::iota(order.begin(), order.end(), uint32_t{0});
  std::stable_sort(order.begin(), order.end(), [&](uint32_t a, uint32_t b) {
    return std::pair{all[a].part, all[a].record} < std::pair{all[b].part, all[b].record};
  });
  std::vector<bool> shown(all.size());
  size_t bytes = 0, of_part = 0;
  uint32_t part = UINT32_MAX;
  for (const auto i : order) {
    const auto& r = all[i];
    of_part = r.part == part ? of_part + 1 : 1;
    part = r.part;
    const auto size = rejection_texts_bytes_min
                      + std::min(r.pointer.size(), small_text_bytes_max)
                      + std::min(r.detail.size(), small_text_bytes_max);
    if (of_part > receipt_errors_per_part || bytes + size > receipt_texts_bytes_max)
      continue;
    shown[i] = true;
    bytes += size;
  }
  return shown;
}

void write_verdicts(byte_writer& to, std::span<const rejection> all) {
  const auto shown = shown_to_client(all);
  to.number(static_cast<uint32_t>(all.size()));
  for (size_t i = 0; i < all.size(); ++i) {
    write_place(to, all[i], shown[i]);
    if (!shown[i])
      continue;
    to.text(cut_text(all[i].pointer, small_text_bytes_max));
    to.text(cut_text(all[i].detail, small_text_bytes_max));
    to.text({});
  }
}

std::vector<rejection> read_rejections(byte_reader& from, size_t parts) {
  std::vector<rejection> all(from.count(items_max, rejection_bytes_min));
  for (auto& r : all) {
    r.part = from.number<uint32_t>();
    r.record = from.number<uint32_t>();
    r.line = from.number<uint32_t>();
    const auto code = from.number<uint8_t>();
    r.code = static_cast<reject>(code & ~with_texts);
    if ((code & with_texts) != 0) {
      r.pointer = from.text(text_bytes_max);
      r.detail = from.text(small_text_bytes_max);
      r.body = from.text(text_bytes_max);
    }
    if (r.part >= parts || static_cast<uint8_t>(r.code) == 0
        || static_cast<uint8_t>(r.code) >= reject_codes)
      from.spoil();
    // The first damage ends the loop: the count may promise millions of items.
    if (!from.good())
      break;
  }
  return all;
}

constexpr uint8_t apart = 255; ///< instead of a gap: the whole reference follows
constexpr size_t near_ref_bytes = 3;

/// Where a record most likely lies: after `before`, which is before_all for the first.
record_ref next_to(const record_ref& before) noexcept {
  return {before.offset + before.size, 0, before.part, before.record + 1,
          before.line + 1};
}
constexpr record_ref before_all{0, 0, 0, UINT32_MAX, UINT32_MAX};

void write_records(byte_writer& to, const std::vector<record_ref>& records) {
  to.number(static_cast<uint32_t>(records.size()));
  // Collected here: an append for each record would cost more than the rest.
  std::array<char, 64 * near_ref_bytes> near;
  size_t filled = 0;
  const auto flush = [&] { to.raw(near.data(), std::exchange(filled, 0)); };
  auto before = before_all;
  for (const auto& ref : records) {
    const auto expected = next_to(before);
    const auto gap = ref.offset - expected.offset;
    if (gap < apart && ref.size <= UINT16_MAX && ref.part == expected.part
        && ref.record == expected.record && ref.line == expected.line) {
      near[filled] = static_cast<char>(gap);
      near[filled + 1] = static_cast<char>(ref.size);
      near[filled + 2] = static_cast<char>(ref.size >> 8);
      filled += near_ref_bytes;
    } else {
      flush();
      to.number(apart);
      to.raw(&ref, sizeof ref);
    }
    if (filled == near.size())
      flush();
    before = ref;
  }
  flush();
}

uint32_t byte_at(std::string_view bytes, size_t i) noexcept {
  return static_cast<uint8_t>(bytes[i]);
}

std::vector<record_ref> read_records(byte_reader& from) {
  std::vector<record_ref> records(from.count(items_max, near_ref_bytes));
  auto before = before_all;
  for (auto& ref : records) {
    const auto near = from.take(near_ref_bytes);
    if (near.empty())
      break; // the reader is bad now
    if (byte_at(near, 0) == apart) {
      constexpr auto begun = near_ref_bytes - 1;
      auto* whole = reinterpret_cast<char*>(&ref);
      std::memcpy(whole, near.data() + 1, begun);
      from.raw(whole + begun, sizeof ref - begun);
    } else {
      ref = next_to(before);
      ref.offset += byte_at(near, 0);
      ref.size = byte_at(near, 1) | byte_at(near, 2) << 8;
    }
    before = ref;
  }
  return records;
}

/// Every record must lie in the text and in the order the journal needs: by part, and by
/// record within it; several may have come from one record.
void check_records(byte_reader& from, const record_batch& batch) {
  const size_t size = batch.text->size();
  const auto& parts = batch.source->parts;
  auto before = std::pair{uint32_t{0}, uint32_t{0}};
  for (const auto& ref : batch.records) {
    const auto here = std::pair{ref.part, ref.record};
    // Compared without adding, so that nothing wraps.
    if (ref.part >= parts.size() || ref.record >= parts[ref.part].records
        || ref.offset > size || ref.size > size - ref.offset || here < before)
      return from.spoil();
    before = here;
  }
  for (size_t i = 0; i < parts.size(); ++i)
    if (batch.dropped[i] > parts[i].records)
      return from.spoil();
  for (const auto& r : batch.rejections)
    if (r.record >= parts[r.part].records)
      return from.spoil();
}

/// Reads the text into the envelope if it is what arrived there, else into a string of
/// its own; with the padding that simdjson reads into.
void read_text(byte_reader& from, bool raw, std::string text, arrived_batch& to) {
  const auto size = from.number<uint32_t>();
  const auto inside = text.empty() ? from.take(size) : std::string_view{};
  text.reserve(std::max(text.size(), inside.size()) + text_padding);
  text += inside;
  if (text.size() != size)
    from.spoil();
  if (!raw) {
    to.batch->text = std::make_shared<const std::string>(std::move(text));
    return;
  }
  to.source->bytes = std::move(text);
  to.batch->text = std::shared_ptr<const std::string>(to.source, &to.source->bytes);
}

tl::unexpected<fault> damaged(const char* what) {
  return fail(ec::malformed_request,
              std::string{"a peer sent a "} + what + " that can't be read");
}

} // namespace

size_t encoded_batch_bytes(const record_batch& batch) noexcept {
  const bool raw = is_raw(batch);
  // An upper bound: each record counts as a whole reference with its mark.
  size_t bytes = 64 + batch.source->stream.size() + batch.text->size()
                 + batch.records.size() * (1 + sizeof(record_ref))
                 + batch.dropped.size() * 4;
  for (const auto& part : batch.source->parts) {
    bytes += part_bytes_min + 4 + part.client.size() + part.trace.size();
    if (raw && part.header)
      for (const auto& field : part.header->names)
        bytes += 4 + field.size();
  }
  for (const auto& r : batch.rejections) {
    bytes += rejection_bytes_min;
    if (is_dead_letter(r))
      bytes +=
        rejection_texts_bytes_min + r.pointer.size() + r.detail.size() + r.body.size();
  }
  return bytes;
}

outgoing_frame encode_batch(const record_batch& batch, time_point now, size_t room) {
  const auto& source = *batch.source;
  const bool raw = is_raw(batch);
  std::string bytes;
  bytes.reserve(room + head_bytes_usual + source.parts.size() * (part_bytes_min + 24)
                + batch.records.size() * near_ref_bytes);
  bytes.resize(room);
  byte_writer to{bytes};
  to.number(codec_version);
  to.text(source.stream);
  to.number(source.level);
  to.number(source.received_at_us);
  // Clocks differ between nodes, so the deadline travels as a time that is left.
  const auto left = duration_cast<milliseconds>(source.deadline - now).count();
  to.number(std::clamp<int64_t>(left, 0, time_left_ms_max));
  to.number(source.settled.records());
  to.number(static_cast<uint32_t>(source.parts.size()));
  for (const auto& part : source.parts)
    write_part(to, part, raw);
  to.flag(raw);
  write_records(to, batch.records);
  write_rejections(to, batch.rejections);
  for (size_t i = 0; i < source.parts.size(); ++i)
    to.number(i < batch.dropped.size() ? batch.dropped[i] : uint32_t{0});
  to.number(static_cast<uint32_t>(batch.text->size()));
  return {std::move(bytes), batch.text};
}

result<arrived_batch> decode_batch(std::string_view bytes, std::string text,
                                   time_point now) {
  byte_reader from{bytes};
  if (from.number<uint8_t>() != codec_version)
    return damaged("batch of another version");
  arrived_batch to{std::make_shared<envelope>(), std::make_shared<record_batch>()};
  auto& source = *to.source;
  source.stream = from.text(small_text_bytes_max);
  source.level = from.code<priority>(3);
  source.received_at_us = from.number<int64_t>();
  const auto left = from.number<int64_t>();
  if (left < 0 || left > time_left_ms_max || source.received_at_us < 0
      || source.received_at_us > unix_us_max || !is_stream_name(source.stream))
    from.spoil();
  // A bad reader's `left` may be out of bounds, and the sum would overflow.
  source.deadline = now + milliseconds{from.good() ? left : 0};
  source.settled.set(from.number<uint64_t>());
  const auto parts = from.count(items_max, part_bytes_min);
  source.parts.reserve(parts);
  for (uint32_t i = 0; i < parts && from.good(); ++i)
    source.parts.push_back(read_part(from));
  const bool raw = from.flag();
  if (!from.good())
    return damaged("batch");
  to.batch->source = to.source;
  to.batch->records = read_records(from);
  to.batch->rejections = read_rejections(from, parts);
  to.batch->dropped.resize(parts);
  for (auto& dropped : to.batch->dropped)
    dropped = from.number<uint32_t>();
  read_text(from, raw, std::move(text), to);
  if (!from.complete() || parts == 0)
    return damaged("batch");
  check_records(from, *to.batch);
  if (!from.good())
    return damaged("batch");
  return to;
}

std::string encode_receipt(const batch_receipt& receipt, size_t known, size_t room) {
  std::string bytes(room, '\0');
  byte_writer to{bytes};
  to.number(codec_version);
  to.number(static_cast<uint32_t>(receipt.parts.size()));
  for (const auto& part : receipt.parts) {
    to.number(part.request);
    to.number(part.part);
    to.number(part.outcome);
    to.text(cut_text(part.detail, small_text_bytes_max));
    write_key(to, part.key);
    to.flag(part.duplicate);
    write_counts(to, part.counts());
    to.flag(part.doubtful);
    write_known(to, part.known);
  }
  // The batch's sender has the first `known` rejections already.
  std::span<const rejection> fresh;
  if (receipt.batch)
    fresh = receipt.batch->rejections;
  write_verdicts(to, fresh.subspan(std::min(known, fresh.size())));
  return bytes;
}

result<arrived_receipt> decode_receipt(std::string_view bytes) {
  byte_reader from{bytes};
  if (from.number<uint8_t>() != codec_version)
    return damaged("receipt of another version");
  arrived_receipt to;
  to.parts.resize(from.count(items_max, part_receipt_bytes_min));
  for (auto& part : to.parts) {
    part.request = from.number<uint64_t>();
    part.part = from.number<uint32_t>();
    part.outcome = static_cast<ec>(from.number<uint8_t>());
    part.detail = from.text(small_text_bytes_max);
    part.key = read_key(from);
    part.duplicate = from.flag();
    read_counts(from, part.counts());
    part.doubtful = from.flag();
    part.known = read_known(from);
    // Nobody could act on an outcome that this version does not know.
    if (part.part >= to.parts.size() || to_string(part.outcome) == "unknown_code")
      from.spoil();
  }
  to.rejections = read_rejections(from, to.parts.size());
  if (!from.complete())
    return damaged("receipt");
  return to;
}

bool belongs_to(const arrived_receipt& receipt, const record_batch& batch) noexcept {
  const auto& parts = batch.source->parts;
  if (receipt.parts.size() != parts.size())
    return false;
  for (size_t i = 0; i < parts.size(); ++i) {
    const auto& told = receipt.parts[i];
    const auto& mine = parts[i];
    // A repeat is told the counts of its first time, whose body may have been cut differently.
    if (told.part != i || told.key != mine.key || told.request != mine.request
        || (!told.duplicate && told.not_stored() > mine.records))
      return false;
  }
  return std::all_of(
    receipt.rejections.begin(), receipt.rejections.end(),
    [&](const rejection& r) { return r.record < parts[r.part].records; });
}

} // namespace weir
