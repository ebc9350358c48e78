// The property of every framer: a body in pieces has the records and the end it has as a
// whole.
#pragma once

#include "fuzz/property.hpp"
#include "records/formats/framer.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace weir::fuzz {

struct framing {
  std::vector<std::string> records;
  std::vector<uint64_t> lines;
  fault failure;
  std::shared_ptr<const csv_header> header;
};

inline framing frame(body_format format, std::string_view body, framing_limits limits,
                     size_t piece, size_t records_max) {
  framing out;
  framer frames{format, limits};
  std::vector<record_ref> refs;
  size_t base = 0; // where in the body the bytes begin that the framer sees
  size_t end = 0;
  while (!frames.finished()) {
    end = std::min(body.size(), end + piece);
    const std::string bytes{
      body.substr(base, end - base)}; // exactly sized: no reading behind it
    refs.clear();
    const auto done = frames.scan(bytes, end == body.size(), records_max, refs);
    WEIR_HOLDS(refs.size() <= records_max);
    size_t behind = 0;
    for (const auto& ref : refs) {
      WEIR_HOLDS(ref.offset >= behind && ref.offset + size_t{ref.size} <= bytes.size());
      WEIR_HOLDS(ref.size > 0 && ref.size <= limits.record_bytes_max);
      WEIR_HOLDS(frames.record_base() + ref.record == out.records.size());
      behind = ref.offset + ref.size;
      out.records.push_back(bytes.substr(ref.offset, ref.size));
      out.lines.push_back(frames.line_base() + ref.line);
    }
    if (!done) {
      out.failure = done.error();
      break;
    }
    WEIR_HOLDS(frames.consumed() >= behind && frames.consumed() <= bytes.size());
    base += frames.consumed();
    frames.rebase();
    if (refs.size() < records_max && end < body.size())
      continue;
    WEIR_HOLDS(frames.finished() || refs.size() == records_max || end < body.size());
  }
  out.header = frames.header();
  return out;
}

/// Frames the input's body whole and in pieces and compares; returns the whole framing.
inline framing frame_both_ways(body_format format, input in, framing_limits limits) {
  const size_t piece = size_t{1} + in.byte();
  const size_t records_max = size_t{1} + in.byte() % 8;
  const auto body = in.rest();
  auto whole = frame(format, body, limits, body.size() + 1, body.size() + 1);
  const auto pieces = frame(format, body, limits, piece, records_max);
  WEIR_HOLDS(whole.records == pieces.records);
  WEIR_HOLDS(whole.lines == pieces.lines);
  WEIR_HOLDS(whole.failure.code == pieces.failure.code);
  WEIR_HOLDS(whole.failure.text == pieces.failure.text);
  return whole;
}

} // namespace weir::fuzz
