// FRAMER: finds where records begin and end in a body that arrives in pieces, without
// parsing them. Each request has one, on one thread. It allocates nothing per record but
// what the caller's vector needs.
//
//   json    The body is one value: an object is one record, an array's elements are the
//           records (RFC 8259). Nesting and strings tell where they end; white space
//           between them is skipped.
//   ndjson  Every line is a record, LF or CRLF; blank lines are skipped and counted as lines.
//   json_seq Each text begins after an RS (0x1E) and goes to the next one (RFC 7464); blank
//           ones are skipped. The texts are JSON like an array's elements.
//   csv     A record ends at a line end outside quotes, LF or CRLF (RFC 4180), with any
//           delimiter and with a header row or without (see csv_names); the header is not a
//           record. A quote opens a field only at its beginning, so a stray one spoils its
//           own row and no other. Empty lines are skipped.
//   text    Every line is a record, LF or CRLF; empty lines are skipped.
//
// A UTF-8 byte order mark before the first record is skipped; a body that is UTF-16 or
// UTF-32, by its mark or because so many of its first bytes are NUL, is refused. Between two
// records at most max(record_bytes_max, 64 KiB) of white space and empty lines may lie
// (body_too_large), so what the caller has to keep is bounded whatever comes.
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
  bool begun_ = false;
};

/// sniff() needs this many bytes of a body, or all of it.
inline constexpr size_t sniff_bytes_min = 4096;

/// Guesses the format of a body without a Content-Type from its first bytes. A guess loses
/// nothing: in doubt the body is text, which stores every line. The first that fits is taken:
///   json_seq an RS and an object after it
///   json    an object (or what was meant to be one: a key follows its brace) that is the
///           whole body or spans lines
///   ndjson  such an object, when more lines begin with a brace than do not
///   json    an array: `[`, values with commas between, and `]` with nothing after it, as
///           far as the bytes go
///   csv     a first row of two fields or more that may be the names of columns (well
///           quoted; none empty, there twice, a figure, a time or prose, with a = or in
///           brackets), and then at least one row, all rows with as many fields
///   text    all else
/// One object on one line is ndjson once a line end follows it, which frames it alike and
/// lets more follow.
body_format sniff(std::string_view head, char delimiter = ',');

/// True for the type that curl, wget and urllib name for whatever they send: it says nothing.
bool is_form_type(std::string_view content_type);
/// True if a body that is said to be a form is one: a line of `name=value&…`, encoded.
bool looks_like_form(std::string_view head);

/// What a Content-Type says about a body.
struct media_type {
  body_format format = body_format::ndjson;
  std::optional<char> csv_delimiter; ///< `delimiter=`, or the tab of tab-separated-values
  std::optional<bool> csv_header;    ///< `header=`: present or absent (RFC 4180 §3)
  /// The dialect of the body: `of_stream`'s where the Content-Type says nothing.
  csv_dialect dialect(csv_dialect of_stream) const noexcept;
};

/// Reads a Content-Type (RFC 9110 §8.3; unknown parameters are ignored). It fails with
/// unsupported_media_type.
result<media_type> media_type_of(std::string_view content_type);

/// Writes what media_type_of() reads, for our own clients: `text/csv; header=present;
/// delimiter=";"`.
std::string content_type_of(body_format format, std::optional<csv_dialect> dialect = {});

} // namespace weir
