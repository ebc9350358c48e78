// DECODER: turns one framed record of any format into the text of one JSON object, or says
// why it can't.
#pragma once

#include "proto/batch.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// What decode() refused and why.
struct decode_failure {
  reject code = reject::malformed_json;
  std::string detail;
};

/// Turns the rows of one CSV body into JSON. It holds every column's name as a JSON key, so
/// make one per body or batch part, not per row. Any thread may use it.
class csv_encoder {
 public:
  explicit csv_encoder(const csv_header& header);

  /// Appends `{"a":"1",…}` for one CSV row to `out`: every value is a JSON string, quotes are
  /// resolved (RFC 4180 §2). It fails with ragged_row when the row has not as many fields as
  /// the header, with malformed_csv for a quote or carriage return in an unquoted field, text
  /// after a closing quote or a quoted field that does not end, and with invalid_utf8. On
  /// failure `out` is as before.
  std::optional<decode_failure> encode(std::string_view row, std::string& out) const;

 private:
  std::string_view key(size_t column) const noexcept {
    const size_t begin = column == 0 ? 0 : key_ends_[column - 1];
    return std::string_view{keys_}.substr(begin, key_ends_[column] - begin);
  }

  std::string keys_;             ///< `{"a":"` `","b":"` … in one string
  std::vector<size_t> key_ends_; ///< where each column's key ends in keys_
  char delimiter_;
};

/// Does the same for a single row: it builds no encoder, but escapes every name again.
std::optional<decode_failure> csv_to_json(std::string_view row, const csv_header& header,
                                          std::string& out);

/// Appends a record that may be JSON, without the white space between its words.
std::optional<decode_failure> minify_json(std::string_view record, const batch_part&,
                                          std::string& out);

/// Appends `{"message":"…"}` for one line of text; invalid_utf8 when it is not UTF-8.
std::optional<decode_failure> text_to_json(std::string_view line, std::string& out);

} // namespace weir
