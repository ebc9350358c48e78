// CSV: every row is a record (RFC 4180), with any delimiter and with a header row or without (see
// csv_names); the header is not a record. A row ends at a line end outside quotes, LF or CR LF. A
// quote opens a quoted field only where a field begins. Any other quote outside one is a mistake
// of that row, which the decoder rejects; it must not swallow the rows that follow. Empty lines are
// skipped.
#include "records/formats/csv_guess.hpp"
#include "records/formats/csv_header.hpp"
#include "records/formats/frame_scanner.hpp"
#include "records/formats/kind.hpp"

namespace weir {

namespace {

class csv_scanner final : public frame_scanner {
 public:
  using frame_scanner::frame_scanner;

  std::shared_ptr<const csv_header> header() const noexcept override { return header_; }

  result<void> scan(std::string_view bytes, bool last, size_t records_max,
                    std::vector<record_ref>& out) override {
    for (size_t found = 0; found < records_max;) {
      const bool ended = find_row_end(bytes, last);
      if (!ended && (!last || start_ == bytes.size()))
        return stop(bytes, last);
      const size_t size = without_cr(bytes) - start_;
      if (over_record_limit(size))
        return record_too_large();
      line_ += ended ? 1 : 0;
      pos_ += ended ? 1 : 0;
      // The first row names or counts the columns. If it is no header, it is a record too.
      if (size != 0 && !header_ && limits_.csv.names == csv_names::absent)
        if (auto counted = number_columns(bytes.substr(start_, size)); !counted)
          return counted;
      if (size != 0 && header_) {
        emit(size, pos_, out);
        ++found;
      } else if (auto taken = take_other(bytes.substr(start_, size)); !taken) {
        return taken;
      }
    }
    finished_ = last && start_ == bytes.size();
    return {};
  }

 private:
  void shift(size_t cut) noexcept override {
    line_end_.shift(cut);
    quote_.shift(cut);
  }

  // Moves pos_ to the line end that ends the row, or to where the search goes on.
  bool find_row_end(std::string_view bytes, bool last) noexcept {
    while (true) {
      if (in_quotes_ && !leave_quotes(bytes, last))
        return false;
      const size_t line_end = line_end_.find(bytes, pos_);
      const size_t quote = quote_.find(bytes, pos_);
      if (quote >= line_end) {
        pos_ = line_end;
        return line_end < bytes.size();
      }
      in_quotes_ = quote == start_ || bytes[quote - 1] == limits_.csv.delimiter;
      pos_ = quote + 1;
    }
  }

  // Moves pos_ past the closing quote. False when it has not come yet, or when it may be half
  // of a doubled one whose other half has not come.
  bool leave_quotes(std::string_view bytes, bool last) noexcept {
    while (true) {
      const size_t quote = quote_.find(bytes, pos_);
      for (size_t lf = line_end_.find(bytes, pos_); lf < quote;
           lf = line_end_.find(bytes, lf + 1))
        ++line_;
      pos_ = quote;
      // pos_ stays at this quote: when more bytes are there it is looked at again.
      if (quote == bytes.size() || (quote + 1 == bytes.size() && !last))
        return false;
      const bool doubled = quote + 1 < bytes.size() && bytes[quote + 1] == '"';
      pos_ = quote + (doubled ? 2 : 1);
      if (!doubled) {
        in_quotes_ = false;
        return true;
      }
    }
  }

  size_t without_cr(std::string_view bytes) const noexcept {
    return !in_quotes_ && pos_ > start_ && bytes[pos_ - 1] == '\r' ? pos_ - 1 : pos_;
  }

  // Passes over an empty line, or reads the header.
  result<void> take_other(std::string_view row) {
    const uint64_t line = start_line_;
    start_ = pos_;
    start_line_ = line_;
    if (row.empty())
      return over_gap_limit(start_) ? result<void>{gap_too_large()} : result<void>{};
    auto header = parse_csv_header(row, line, limits_.csv_columns_max, limits_.csv);
    if (!header)
      return tl::unexpected<fault>(std::move(header.error()));
    header_ = std::make_shared<const csv_header>(std::move(*header));
    gap_ = start_;
    gap_line_ = start_line_;
    return {};
  }

  // Names the columns by their numbers. The first row stays a record.
  result<void> number_columns(std::string_view row) {
    auto header =
      number_csv_columns(row, start_line_, limits_.csv_columns_max, limits_.csv);
    if (!header)
      return tl::unexpected<fault>(std::move(header.error()));
    header_ = std::make_shared<const csv_header>(std::move(*header));
    return {};
  }

  // No row end is in sight. The one byte over the limit may still be the CR of a line end.
  result<void> stop(std::string_view bytes, bool last) {
    const size_t size = bytes.size() - start_;
    if (size > 0 && over_record_limit(size - 1))
      return record_too_large();
    finished_ = last;
    return {};
  }

  std::shared_ptr<const csv_header> header_;
  byte_finder line_end_{'\n'};
  byte_finder quote_{'"'};
  bool in_quotes_ = false; ///< pos_ is inside a quoted field
};

constexpr media_name names[] = {
  {"text/csv"}, {"application/csv"}, {"text/tab-separated-values", '\t'}};

// What begins with a brace was meant to be JSON, or is a line of a log.
bool looks_like_rows(const body_head& head) noexcept {
  const size_t first = head.bytes.find_first_not_of("\r\n");
  return head.text.front() != '{'
         && looks_like_csv(head.bytes.substr(first), head.cut, head.delimiter);
}

std::optional<decode_failure> decode_row(std::string_view row, const batch_part& part,
                                         std::string& out) {
  if (!part.header) // a peer has made the batch
    return decode_failure{reject::ragged_row, "the batch has no header"};
  return csv_to_json(row, *part.header, out);
}

} // namespace

extern constinit const format_kind csv_format{
  .format = body_format::csv,
  .name = "csv",
  .content_type = "text/csv",
  .media_types = names,
  .has_columns = true,
  .sure = certainty::guess,
  .fits = looks_like_rows,
  .make_scanner = [](const framing_limits& limits) -> std::unique_ptr<frame_scanner> {
    return std::make_unique<csv_scanner>(limits);
  },
  .decode = decode_row,
};

} // namespace weir
