// What the tests of records/ share: seeds, random bodies, and framing in one or many
// pieces.
#pragma once

#include "records/formats/framer.hpp"

#include <cstdlib>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace weir::test {

/// WEIR_SEED, or a new one; SCOPED_TRACE it so that a failure can be had again.
inline uint64_t seed_of_run() {
  if (const char* given = std::getenv("WEIR_SEED"))
    return std::strtoull(given, nullptr, 10);
  return std::random_device{}();
}

/// Random numbers, strings and choices from one seed.
class dice {
 public:
  explicit dice(uint64_t seed) : source_(seed) {}
  /// From 0 to `below` - 1.
  size_t under(size_t below) { return source_() % below; }
  bool one_in(size_t times) { return under(times) == 0; }
  std::string text(size_t size_max, std::string_view alphabet) {
    std::string out(under(size_max + 1), ' ');
    for (char& c : out)
      c = alphabet[under(alphabet.size())];
    return out;
  }

 private:
  std::mt19937_64 source_;
};

/// One record as the whole body sees it.
struct framed {
  std::string text;
  uint64_t record = 0;
  uint64_t line = 0;
  bool operator==(const framed&) const = default;
};

inline std::ostream& operator<<(std::ostream& os, const framed& x) {
  return os << "#" << x.record << "@" << x.line << " <" << x.text << ">";
}

struct framing {
  std::vector<framed> records;
  fault failure;
  csv_header header;
  size_t kept_bytes_max = 0; ///< the most the caller had to hold
};

inline void take(framing& into, const framer& frames, std::string_view bytes,
                 std::vector<record_ref>& refs) {
  for (const auto& ref : refs)
    into.records.push_back({std::string{bytes.substr(ref.offset, ref.size)},
                            frames.record_base() + ref.record,
                            frames.line_base() + ref.line});
  refs.clear();
}

/// The body in one piece.
inline framing frame_whole(body_format format, std::string_view body,
                           framing_limits limits = {}) {
  framing out;
  framer frames{format, limits};
  std::vector<record_ref> refs;
  const auto done = frames.scan(body, true, body.size() + 1, refs);
  take(out, frames, body, refs);
  if (!done)
    out.failure = done.error();
  else if (!frames.finished())
    out.failure = {ec::crashed, "not finished"};
  if (frames.header())
    out.header = *frames.header();
  return out;
}

/// The body in random pieces of up to `piece_bytes_max` bytes, with random rebases and
/// random numbers of records per scan. Every scan sees a fresh copy, so nothing can be
/// read behind it.
inline framing frame_pieces(body_format format, std::string_view body, dice& random,
                            size_t piece_bytes_max, framing_limits limits = {}) {
  framing out;
  framer frames{format, limits};
  std::string held;
  std::vector<record_ref> refs;
  while (!frames.finished()) {
    const std::string copy{held};
    const bool last = body.empty() && !random.one_in(4);
    const size_t records_max = random.under(5);
    const auto done = frames.scan(copy, last, records_max, refs);
    const bool full = refs.size() == records_max;
    take(out, frames, copy, refs);
    if (!done) {
      out.failure = done.error();
      break;
    }
    out.kept_bytes_max = std::max(out.kept_bytes_max, held.size() - frames.consumed());
    if (random.one_in(2)) {
      held.erase(0, frames.consumed());
      frames.rebase();
    }
    if (full && !random.one_in(4))
      continue;
    const size_t size = std::min(body.size(), random.under(piece_bytes_max + 1));
    held.append(body.substr(0, size));
    body.remove_prefix(size);
  }
  if (frames.header())
    out.header = *frames.header();
  return out;
}

// -- what a test asks of them

using strings = std::vector<std::string>;

inline strings texts(const framing& all) {
  EXPECT_EQ(all.failure.text, "");
  strings out;
  for (const auto& record : all.records)
    out.push_back(record.text);
  return out;
}

inline std::vector<uint64_t> lines(const framing& all) {
  std::vector<uint64_t> out;
  for (const auto& record : all.records)
    out.push_back(record.line);
  return out;
}

inline strings frame(body_format format, std::string_view body) {
  return texts(frame_whole(format, body));
}

inline void expect_failure(const framing& all, ec code, std::string_view part) {
  EXPECT_EQ(all.failure.code, code) << all.failure.text;
  EXPECT_THAT(all.failure.text, testing::HasSubstr(std::string{part}));
}

} // namespace weir::test
