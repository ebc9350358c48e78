// Turns one CSV row (RFC 4180 §2) into one JSON object in a single pass: a field is copied
// to its place while its end is looked for.
#include "base/printable.hpp"
#include "base/text.hpp"
#include "records/formats/decode.hpp"
#include "records/json/writer.hpp"

namespace weir {

namespace {

// Reads the fields of one row one after the other.
class row_reader {
 public:
  row_reader(std::string_view row, char delimiter, json_writer& writer)
    : at_(row.data()), end_(row.data() + row.size()), writer_(writer),
      delimiter_(delimiter) {}

  /// Writes the next field as the inside of a JSON string. Returns null, or what is wrong
  /// with it. After that at_end() says whether another field follows.
  const char* field() {
    writer_.reserve(left());
    return at_ != end_ && *at_ == '"' ? quoted() : unquoted();
  }
  bool at_end() const noexcept { return ended_; }

 private:
  size_t left() const noexcept { return static_cast<size_t>(end_ - at_); }

  // Copies up to a byte that `Stop` names; false at the end of the row.
  template <stop_at Stop>
  bool copy() {
    writer_.reserve(left());
    const size_t plain = copy_plain<Stop>(at_, end_, writer_.at(), delimiter_);
    writer_.wrote(plain);
    at_ += plain;
    return at_ != end_;
  }

  bool copy_unquoted() {
    return delimiter_ == ',' ? copy<stop_at::escapes_and_comma>()
                             : copy<stop_at::escapes_and_delimiter>();
  }

  const char* unquoted() {
    while (copy_unquoted()) {
      const char c = *at_++;
      if (c == delimiter_)
        return nullptr;
      if (c == '"')
        return "a quote in an unquoted field; quote the whole field and double the quote";
      if (c == '\r')
        return "a carriage return in an unquoted field; quote the field";
      writer_.escape(c);
    }
    ended_ = true;
    return nullptr;
  }

  const char* quoted() {
    ++at_;
    while (copy<stop_at::escapes>()) {
      const char c = *at_++;
      if (c == '"') {
        if (at_ == end_ || *at_ != '"')
          return behind_quote();
        ++at_;
      }
      writer_.escape(c);
    }
    return "the quoted field does not end";
  }

  const char* behind_quote() noexcept {
    ended_ = at_ == end_;
    if (!ended_ && *at_++ != delimiter_)
      return "text behind the closing quote";
    return nullptr;
  }

  const char* at_;
  const char* end_;
  json_writer& writer_;
  char delimiter_;
  bool ended_ = false;
};

decode_failure not_utf8() {
  return {reject::invalid_utf8, "the row is not valid UTF-8"};
}

decode_failure malformed(size_t column, const char* problem) {
  return {reject::malformed_csv, "field " + std::to_string(column + 1) + ": " + problem};
}

decode_failure ragged(size_t expected, size_t got) {
  return {reject::ragged_row,
          "expected " + std::to_string(expected) + " fields, got " + std::to_string(got)};
}

// `write_key(column)` writes what comes before the value of a column.
template <class WriteKey>
std::optional<decode_failure> encode_row(std::string_view row, size_t columns,
                                         char delimiter, json_writer& writer,
                                         WriteKey write_key) {
  row_reader reader{row, delimiter, writer};
  size_t column = 0;
  for (; !reader.at_end(); ++column) { // fields past the header's are read, to be counted
    if (column < columns)
      write_key(column);
    if (const char* problem = reader.field()) {
      writer.undo();
      return malformed(column, problem);
    }
  }
  if (column != columns) {
    writer.undo();
    return ragged(columns, column);
  }
  writer.raw("\"}");
  writer.finish();
  return std::nullopt;
}

} // namespace

csv_encoder::csv_encoder(const csv_header& header) : delimiter_(header.delimiter) {
  for (const auto& name : header.names) {
    keys_ += key_ends_.empty() ? "{\"" : "\",\"";
    append_json_escaped(keys_, name);
    keys_ += "\":\"";
    key_ends_.push_back(keys_.size());
  }
}

std::optional<decode_failure> csv_encoder::encode(std::string_view row,
                                                  std::string& out) const {
  if (!is_utf8(row))
    return not_utf8();
  json_writer writer{out, keys_.size() + row.size() + 2};
  return encode_row(row, key_ends_.size(), delimiter_, writer,
                    [&](size_t column) { writer.raw(key(column)); });
}

std::optional<decode_failure> csv_to_json(std::string_view row, const csv_header& header,
                                          std::string& out) {
  if (!is_utf8(row))
    return not_utf8();
  json_writer writer{out, row.size() + 16 * header.names.size()};
  return encode_row(row, header.names.size(), header.delimiter, writer,
                    [&](size_t column) {
                      writer.raw(column == 0 ? "{\"" : "\",\"");
                      writer.escaped(header.names[column]);
                      writer.raw("\":\"");
                    });
}

} // namespace weir
