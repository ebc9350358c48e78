// FRAMER: finds where records begin and end in a body that arrives in pieces, without
// parsing them. Each request has one, on one thread. It allocates nothing per record but
// what the caller's vector needs.
//
// What a record is, and what is skipped between two, says the file of each format.
//
// In a format that is text, a UTF-8 byte order mark before the first record is skipped, and a
// body that is UTF-16 or UTF-32 refused: by its mark, or because so many of its first bytes are
// NUL. Between two
// records at most max(record_bytes_max, 64 KiB) of white space and empty lines may lie
// (body_too_large), so what the caller has to keep is bounded whatever comes.
//
// The cut positions depend on the body's bytes only, never on the sizes of the pieces:
// the batch keys of a repeated streamed request rely on it.
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"
#include "records/formats/framing_limits.hpp"

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace weir {

inline constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";

class frame_scanner; // records/formats/frame_scanner.hpp
struct format_kind;  // records/formats/kind.hpp

class framer {
 public:
  framer(body_format format, const framing_limits& limits);
  framer(const format_kind& kind, const framing_limits& limits);
  framer(framer&&) noexcept;
  framer& operator=(framer&&) noexcept;
  ~framer();

  /// Goes on in `bytes`, which holds everything since the last `rebase` (it grew at its end,
  /// and may have moved). It appends one record_ref per complete record, with offset and size
  /// in `bytes`, `record` and `line` counted from the last rebase's base. `last`: no more
  /// bytes will come, so an unfinished line is a record. It stops after `records_max` new
  /// refs; call again with the same bytes to go on. A failure is the whole request's and
  /// lasts: malformed_body (with line and what was expected) or body_too_large (a record over
  /// its limit). Refs found before it are in `out`. It throws std::length_error if `bytes`
  /// are 4 GiB or more, a bug of the caller: offsets can't address them.
  result<void> scan(std::string_view bytes, bool last, size_t records_max,
                    std::vector<record_ref>& out);

  /// The offset in `bytes` just after the last record found (and its line end): what is before
  /// it may be cut off. 0 until the first record, even when a csv header was read.
  size_t consumed() const noexcept;
  /// The body was scanned to its end: scan(…, true, …) has nothing left to give.
  bool finished() const noexcept;

  /// The caller has cut off the first consumed() bytes: offsets start at 0 again, and
  /// `record` and `line` of later refs are relative to record_base() and line_base().
  void rebase() noexcept;
  uint64_t record_base() const noexcept;
  uint64_t line_base() const noexcept;

  /// The csv header, set once its row was read; null for other formats.
  std::shared_ptr<const csv_header> header() const noexcept;

 private:
  result<void> begin(std::string_view bytes, bool last);

  std::unique_ptr<frame_scanner> scanner_;
  fault failure_; ///< what an earlier scan failed with; none while all is well
  bool begun_;    ///< what comes before the first record was read
};

} // namespace weir
