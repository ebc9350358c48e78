#include "app/send/cut.hpp"

#include "records/formats/media_type.hpp"
#include "records/formats/sniff.hpp"

#include <utility>

namespace weir {

int64_t cut_request::line_number(size_t index) const noexcept {
  return line_base + 1 + static_cast<int64_t>(refs[index].line);
}

cut_request slice(const cut_request& whole, size_t first, size_t count) {
  cut_request part;
  part.number = whole.number;
  part.format = whole.format;
  part.content_type = whole.content_type;
  part.records = count;
  part.record_base = whole.record_base + first;
  part.file_bytes = whole.file_bytes;
  const auto begin = whole.refs[first].offset;
  const auto& last = whole.refs[first + count - 1];
  const auto closes = kind_of(whole.format).closes;
  const bool is_rest = first + count == whole.refs.size();
  // What divides two records goes with the one before, unless something closes the body.
  const size_t end = !closes.empty() ? last.offset + last.size
                     : is_rest       ? whole.body.size()
                                     : whole.refs[first + count].offset;
  part.head_bytes = whole.head_bytes;
  part.body.assign(whole.body, 0, whole.head_bytes);
  part.body.append(whole.body, begin, end - begin).append(closes);
  // The first record is on the first line after the head, whichever line it was on before.
  const auto moved = whole.refs[first].line - whole.refs.front().line;
  part.line_base = whole.line_base + static_cast<int64_t>(moved);
  part.refs.assign(whole.refs.begin() + static_cast<std::ptrdiff_t>(first),
                   whole.refs.begin() + static_cast<std::ptrdiff_t>(first + count));
  for (auto& ref : part.refs) {
    ref.offset -= begin - static_cast<uint32_t>(whole.head_bytes);
    ref.line -= moved;
  }
  return part;
}

request_cutter::request_cutter(byte_source source, std::optional<body_format> format,
                               cut_limits limits, ready_function ready, csv_dialect csv)
  : source_(std::move(source)), ready_(std::move(ready)), format_(format),
    limits_(limits), csv_(csv) {
  if (csv_.names == csv_names::required) // the node says whether the names will do
    csv_.names = csv_names::mended;
}

framing_limits request_cutter::framing() const noexcept {
  framing_limits limits;
  limits.record_bytes_max = limits_.record_bytes_max;
  limits.csv = csv_;
  return limits;
}

/// What goes before the rows of every request: the first `bytes` of the file, or a row of
/// numbered names.
std::string request_cutter::csv_head(size_t bytes) const {
  if (csv_.names != csv_names::absent)
    return window_.substr(0, bytes);
  std::string row;
  for (const auto& name : framer_->header()->names)
    (row += row.empty() ? std::string{} : std::string{csv_.delimiter}) += name;
  return row + '\n';
}

/// Reads until the window holds `bytes`, however small the source's pieces are: the cuts
/// must not depend on them. Reads less if the source ends, fails or falls silent.
void request_cutter::fill(size_t bytes) {
  while (!at_end_ && !failure_ && window_.size() < bytes) {
    if (ready_ && !ready_())
      return;
    const auto had = window_.size();
    window_.resize(bytes);
    const auto got = source_(window_.data() + had, bytes - had);
    window_.resize(had + (got ? *got : 0));
    if (!got)
      failure_ = got.error();
    at_end_ = got && *got == 0;
  }
}

/// False while too little has been read to say what the file is.
bool request_cutter::begin() {
  const bool no_more = at_end_ || failure_;
  if (!format_ && !no_more && window_.size() < limits_.bytes
      && window_.find('\n') == window_.npos)
    return false;
  if (!format_) {
    format_ = sniff(std::string_view{window_}.substr(0, sniff_bytes_min), csv_.delimiter);
    is_guess_ = may_be_mistaken(*format_);
  }
  start_framer();
  return true;
}

void request_cutter::start_framer() {
  framer_.emplace(*format_, framing());
  head_ = kind_of(*format_).opens;
}

/// Reads as text what was taken for rows and has none, or none that can be read: nothing is lost.
bool request_cutter::reads_as_text_instead() {
  if (!std::exchange(is_guess_, false))
    return false;
  format_ = last_resort().format;
  start_framer();
  return true;
}

result<std::optional<cut_request>> request_cutter::next() {
  for (size_t bytes = limits_.bytes;;) {
    fill(bytes);
    if (!framer_ && !begin())
      continue;
    refs_.clear();
    const auto scanned = framer_->scan(window_, at_end_, limits_.records, refs_);
    if (!refs_.empty())
      return cut(); // a failure after these lasts: the next call tells it
    if (failure_)
      return tl::unexpected(*failure_);
    if ((!scanned || at_end_) && reads_as_text_instead())
      continue;
    if (!scanned)
      return tl::unexpected(scanned.error());
    if (at_end_ && requests_ == 0 && !window_.empty())
      return fail(ec::malformed_body,
                  "the file has no records as " + std::string{kind_of(*format_).name}
                    + (kind_of(*format_).has_columns ? ": a header without rows" : ""));
    if (at_end_)
      return std::nullopt;
    if (window_.size() >= bytes) // not one whole record is in it
      bytes = window_.size() + limits_.bytes;
  }
}

cut_request request_cutter::cut() {
  const auto& first = refs_.front();
  const auto& last = refs_.back();
  const auto line = static_cast<int64_t>(framer_->line_base() + first.line);
  cut_request request;
  is_guess_ = false;
  request.number = requests_++;
  request.format = *format_;
  request.content_type =
    content_type_of(*format_, csv_dialect{csv_.delimiter, csv_names::required});
  request.records = refs_.size();
  request.record_base = framer_->record_base() + first.record;
  request.line_base = line;
  const auto consumed = framer_->consumed();
  const auto& kind = kind_of(*format_);
  if (kind.has_columns && request.number == 0) {
    head_ = csv_head(first.offset);
    head_lines_ = csv_.names == csv_names::absent ? 1 : line;
  }
  request.body = head_;
  request.head_bytes = head_.size();
  request.line_base -= head_lines_;
  const size_t end = kind.closes.empty() ? consumed : last.offset + last.size;
  request.body.append(window_, first.offset, end - first.offset).append(kind.closes);
  // Offsets move with the text, and lines are counted in the body, whose head has some.
  const auto from = first.offset;
  const auto lines = static_cast<int64_t>(first.line) - head_lines_;
  request.refs = refs_;
  for (auto& ref : request.refs) {
    ref.offset += static_cast<uint32_t>(request.head_bytes) - from;
    ref.line = static_cast<uint32_t>(static_cast<int64_t>(ref.line) - lines);
  }
  request.file_bytes = bytes_ += consumed;
  window_.erase(0, consumed);
  framer_->rebase();
  return request;
}

} // namespace weir
