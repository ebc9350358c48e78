// SEND CUT: a file of any length becomes requests of bounded size, cut between records.
//
//   ndjson, text   the lines as they are
//   csv            the header row goes before every request
//   json           an array's elements are sent as smaller arrays, an object as an array
//                  of one
//
// Where the cuts are depends on the file, the format and the size only, so that sending a
// file again with the same --key repeats the same requests.
#pragma once

#include "proto/batch.hpp"
#include "proto/result.hpp"
#include "records/framer.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace weir {

/// Reads up to `size` bytes; 0 at the end. Failure: io_failed.
using byte_source = std::function<result<size_t>(char* to, size_t size)>;

/// One request's body and where it comes from.
struct cut_request {
  uint64_t number = 0; ///< from 0
  std::string body;
  uint64_t records = 0;
  uint64_t record_base = 0; ///< records of the file before this request
  int64_t line_base = 0;    ///< add it to a line of the request to get the file's line
  uint64_t file_bytes = 0;  ///< bytes of the file up to the end of this request
};

struct cut_limits {
  size_t bytes = size_t{4} << 20; ///< of one body, unless one record is longer
  size_t records = 50'000;        ///< of one body
  size_t record_bytes_max = size_t{64} << 20; ///< a longer one ends the file
};

class request_cutter {
 public:
  /// Without a format the first bytes decide.
  request_cutter(byte_source source, std::optional<body_format> format,
                 cut_limits limits);

  /// The next request, or nothing at the end of the file. Failure: io_failed, or
  /// malformed_body with the file's line; requests before it were whole.
  result<std::optional<cut_request>> next();

  /// Known after the first next().
  body_format format() const noexcept { return *format_; }

 private:
  result<void> fill(size_t bytes);
  result<void> begin();
  cut_request cut();

  byte_source source_;
  std::optional<body_format> format_;
  cut_limits limits_;
  std::optional<framer> framer_;
  std::string window_;           ///< what was read and not sent
  std::vector<record_ref> refs_; ///< of the request being made, in `window_`
  std::string csv_head_;         ///< bytes before the first record: the header row
  int64_t csv_head_lines_ = 0;
  bool at_end_ = false;
  uint64_t requests_ = 0;
  uint64_t bytes_ = 0; ///< of the file, sent
};

} // namespace weir
