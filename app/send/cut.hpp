// SEND CUT: a file of any length becomes requests of bounded size, cut between records.
//
// Records stay as they are; around those of each request goes what its format says (`opens` and
// `closes` of its kind): an array's elements are sent as smaller arrays, an object as an array of
// one. With columns, the header row goes before every request; where there is none, one that
// numbers the columns, so that the first row of a request decides nothing.
//
// Where the cuts are depends only on the file, the format and the size, so that sending a
// file again with the same --key repeats the same requests. A pipe that falls silent is
// another matter: whatever is whole then is sent, so its cuts depend on time too.
#pragma once

#include "base/result.hpp"
#include "proto/batch.hpp"
#include "records/formats/framer.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// Reads up to `size` bytes; 0 at the end. Failure: io_failed.
using byte_source = std::function<result<size_t>(char* to, size_t size)>;
/// True if the source has something to give, or its end; waits a moment for it.
using ready_function = std::function<bool()>;

/// One request's body and where it comes from.
struct cut_request {
  uint64_t number = 0; ///< from 0
  std::string body;
  body_format format = body_format::ndjson;
  /// How the node is to read it. CSV says what it was cut by, whatever the stream's own
  /// dialect is.
  std::string content_type;
  size_t head_bytes = 0; ///< bytes of the body before its first record
  /// Where the records are in the body, and their lines there, from 0.
  std::vector<record_ref> refs;
  uint64_t records = 0;
  uint64_t record_base = 0; ///< records of the file before this request
  int64_t line_base = 0;    ///< add it to a line of the request to get the file's line
  uint64_t file_bytes = 0;  ///< bytes of the file up to the end of this request

  /// The file's number of a record of the request, and of its line. Only `index` is from 0.
  uint64_t record_number(size_t index) const noexcept { return record_base + index + 1; }
  int64_t line_number(size_t index) const noexcept;
};

/// A request of `count` records of `whole`, from the one with index `first` on.
cut_request slice(const cut_request& whole, size_t first, size_t count);

struct cut_limits {
  size_t bytes = size_t{4} << 20;             ///< one body's, unless one record is longer
  size_t records = 50'000;                    ///< one body's
  size_t record_bytes_max = size_t{64} << 20; ///< a longer one ends the file
};

class request_cutter {
 public:
  /// Without a format the first bytes decide. `ready` is empty for a file.
  request_cutter(byte_source source, std::optional<body_format> format, cut_limits limits,
                 ready_function ready = {}, csv_dialect csv = {});

  /// The next request, or nothing at the end of the file. Failure: io_failed, or
  /// malformed_body with the file's line, or if there are bytes and no records; what was
  /// whole before it has been given.
  result<std::optional<cut_request>> next();

  /// Known after the first next().
  body_format format() const noexcept { return *format_; }

 private:
  void fill(size_t bytes);
  bool begin();
  framing_limits framing() const noexcept;
  std::string csv_head(size_t bytes) const;
  void start_framer();
  bool reads_as_text_instead();
  cut_request cut();

  byte_source source_;
  ready_function ready_;
  std::optional<body_format> format_;
  cut_limits limits_;
  csv_dialect csv_;
  std::optional<framer> framer_;
  std::string window_;           ///< what was read and not sent
  std::vector<record_ref> refs_; ///< the records of the request being made, in `window_`
  std::string head_;             ///< goes before the first record of each request
  int64_t head_lines_ = 0;
  bool at_end_ = false;
  std::optional<fault> failure_; ///< the source's, which is not read any more
  bool is_guess_ = false;        ///< the format may be wrong, and nothing was sent yet
  uint64_t requests_ = 0;
  uint64_t bytes_ = 0; ///< how much of the file was sent
};

} // namespace weir
