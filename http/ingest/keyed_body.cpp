#include "http/ingest/keyed_body.hpp"

#include <cassert>
#include <utility>

namespace weir {

namespace {

auto another_body(std::string_view why) {
  return fail(ec::key_reused, "this Idempotency-Key was used for another body: "
                                + std::string{why} + "; send a new key with a new body");
}

/// The fingerprint as if the body ended with record `count` of the cut (from 1).
uint64_t fingerprint_at(const body_cut& cut, size_t count) {
  if (count == cut.records.size())
    return cut.fingerprint;
  const auto& last = cut.records[count - 1];
  auto hash = cut.before ? *cut.before : body_hash{};
  hash.add(std::string_view{cut.bytes}.substr(0, size_t{last.offset} + last.size));
  return closed_fingerprint(hash.value(), cut.format, cut.header.get());
}

} // namespace

uint64_t closed_fingerprint(uint64_t hash, body_format format,
                            const csv_header* header) noexcept {
  const uint64_t said = header != nullptr ? header->said : 0;
  return hash ^ (0x9e3779b97f4a7c15ULL * (1 + static_cast<uint64_t>(format) + 16 * said));
}

uint64_t closed_fingerprint(std::string_view body, body_format format,
                            const csv_header* header) {
  return closed_fingerprint(body_fingerprint(body), format, header);
}

body_cut rest_of(const body_cut& cut, size_t first) {
  assert(first < cut.records.size());
  const auto begin = cut.records[first];
  body_cut rest;
  const auto bytes = std::string_view{cut.bytes}.substr(begin.offset);
  rest.bytes.reserve(bytes.size() + text_padding);
  rest.bytes = bytes;
  rest.records.assign(cut.records.begin() + static_cast<std::ptrdiff_t>(first),
                      cut.records.end());
  for (auto& ref : rest.records) {
    ref.offset -= begin.offset;
    ref.record -= begin.record;
    ref.line -= begin.line;
  }
  rest.record_base = cut.record_base + begin.record;
  rest.line_base = cut.line_base + begin.line;
  rest.format = cut.format;
  rest.header = cut.header;
  rest.weight = body_weight(rest.bytes.size(),
                            rest.records.size() * names_of_a_row(rest.header.get()));
  rest.fingerprint = cut.fingerprint; // both end at the same place
  return rest;
}

result<unstored_rest> what_is_new(body_cut cut, bool last, const stored_prefix& known) {
  const uint64_t end = cut.record_base + cut.records.size();
  const auto all = static_cast<uint32_t>(cut.records.size());
  if (known.records > end) {
    if (last)
      return another_body("that one was longer");
    return unstored_rest{all, std::nullopt};
  }
  assert(known.records > cut.record_base);
  const auto count = static_cast<uint32_t>(known.records - cut.record_base);
  const auto closed = fingerprint_at(cut, count);
  // A closed fingerprint was stored with a body's last record, an open one before that.
  const bool stored_ended = known.fingerprint == closed;
  if (!stored_ended && known.fingerprint != open_fingerprint(closed))
    return another_body("its first records differ");
  const bool ends_here = last && count == all;
  if (stored_ended && !ends_here)
    return another_body("that one was shorter");
  if (!stored_ended && ends_here)
    return another_body("that one was longer");
  if (count == all)
    return unstored_rest{all, std::nullopt};
  return unstored_rest{count, rest_of(cut, count)};
}

} // namespace weir
