// FRAMER: finds where records begin and end in a body that arrives in pieces, without
// parsing them. One per request; one thread; no allocation per record beyond the caller's
// vector.
//
//   json    one value: an object is one record, an array's elements are the records (RFC
//           8259). Found by nesting and string state; white space between is skipped.
//   ndjson  one record a line, LF or CRLF; blank lines are skipped and counted as lines.
//   json_seq RFC 7464: each text begins behind an RS (0x1E) and goes to the next; blank ones
//           are skipped. The texts are JSON like those of an array.
//   csv     RFC 4180 with a header row (or without, see csv_names) and any delimiter: a record ends at a line end outside quotes;
//           LF or CRLF; the header is not a record. A quote opens a field only at its
//           beginning, so a stray one spoils its own row and no other. Empty lines
//           are skipped.
//   text    one record a line, LF or CRLF; empty lines are skipped.
//
// A UTF-8 byte order mark before the first record is skipped; a body that is UTF-16 or UTF-32,
// by its mark or because so many of its first bytes are NUL, is refused. Between two records at most
// max(record_bytes_max, 64 KiB) of white space and empty lines may lie (body_too_large),
// so what the caller has to keep is bounded whatever comes.
//
// The cut positions depend on the body's bytes only, never on the sizes of the pieces:
// the batch keys of a repeated streamed request rely on it.
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

struct framing_limits {
  size_t record_bytes_max = size_t{1} << 20; ///< a longer record ends the request: 413
  uint32_t csv_columns_max = 1024;
  csv_dialect csv{};
};

class frame_scanner; // records/formats/frame_scanner.hpp

class framer {
 public:
  framer(body_format format, framing_limits limits);
  framer(framer&&) noexcept;
  framer& operator=(framer&&) noexcept;
  ~framer();

  /// Looks on in `bytes`, which holds everything since the last `rebase` (it grew at its
  /// end, and may have moved). Appends one record_ref per record that is complete, with
  /// offset and size in `bytes`, `record` and `line` counted from the last rebase's base.
  /// `last`: no more bytes will come, so an unfinished line is a record. Stops after
  /// `records_max` new refs; call again with the same bytes to go on. A failure is the
  /// whole request's and lasts: malformed_body (with line and what was expected) or
  /// body_too_large (a record over its limit). Refs found before it are in `out`. `bytes`
  /// of 4 GiB or more, which offsets can't address, are a bug of the caller:
  /// std::length_error.
  result<void> scan(std::string_view bytes, bool last, size_t records_max,
                    std::vector<record_ref>& out);

  /// Offset in `bytes` just behind the last record found (and its line end): what is
  /// before may be cut off. 0 until the first record, also behind a csv header.
  size_t consumed() const noexcept;
  /// All of the body was scanned to its end: scan(…, true, …) has nothing left to give.
  bool finished() const noexcept;

  /// The caller has cut off the first consumed() bytes: offsets start at 0 again, and
  /// `record` and `line` of later refs are relative to record_base() and line_base().
  void rebase() noexcept;
  uint64_t record_base() const noexcept;
  uint64_t line_base() const noexcept;

  /// csv: set once the header row was seen; null for other formats.
  std::shared_ptr<const csv_header> header() const noexcept;

 private:
  result<void> begin(std::string_view bytes, bool last);

  std::unique_ptr<frame_scanner> scanner_;
  fault failure_; ///< of an earlier scan; none while all is well
  bool begun_ = false;
};

/// What is needed of a body to say what it is: this much, or all of it.
inline constexpr size_t sniff_bytes_min = 4096;

/// The format of a body without a Content-Type, from its first bytes. A guess never loses:
/// what would be refused in it, or fall away, while it would be stored as text, is text. The
/// first that fits:
///   json    an object (or what was meant to be one: its brace is followed by a key) that is
///           the whole body or spans lines
///   ndjson  such an object, when more lines begin with a brace than do not
///   json    an array: `[`, values with commas between, and `]` with nothing behind it, as
///           far as the bytes go
///   json_seq an RS and an object behind it
///   csv     a first row of two fields or more that may be the names of columns (well
///           quoted, none empty, twice there, a figure, a time or prose, with a = or in
///           brackets), and then rows, at least one, all of as many fields
///   text    all else
/// One object on one line that is ended by a line end is ndjson, which frames it alike and
/// lets more follow.
body_format sniff(std::string_view head, char delimiter = ',');

/// The type that curl, wget and urllib name for whatever they send: as good as none.
bool is_form_type(std::string_view content_type);
/// Whether a body that is said to be a form is one: a line of `name=value&…`, encoded.
bool looks_like_form(std::string_view head);

/// What a Content-Type says of a body.
struct media_type {
  body_format format = body_format::ndjson;
  std::optional<char> csv_delimiter; ///< `delimiter=`, or the tab of tab-separated-values
  std::optional<bool> csv_header;    ///< `header=`: present or absent (RFC 4180 §3)
  /// `of_stream` where nothing else is said.
  csv_dialect dialect(csv_dialect of_stream) const noexcept;
};

/// What a Content-Type says (RFC 9110 §8.3; parameters that nobody knows are ignored), or
/// unsupported_media_type.
result<media_type> media_type_of(std::string_view content_type);

/// `text/csv; header=present; delimiter=";"`: what media_type_of() reads, of our own clients.
std::string content_type_of(body_format format, std::optional<csv_dialect> dialect = {});

} // namespace weir
