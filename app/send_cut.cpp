#include "app/send_cut.hpp"

namespace weir {

request_cutter::request_cutter(byte_source source, std::optional<body_format> format,
                               cut_limits limits)
  : source_(std::move(source)), format_(format), limits_(limits) {}

/// Reads until the window holds `bytes`, however small the source's pieces are: the cuts
/// must not depend on them.
result<void> request_cutter::fill(size_t bytes) {
  while (!at_end_ && window_.size() < bytes) {
    const auto had = window_.size();
    window_.resize(bytes);
    const auto got = source_(window_.data() + had, bytes - had);
    window_.resize(had + (got ? *got : 0));
    if (!got)
      return tl::unexpected(got.error());
    at_end_ = *got == 0;
  }
  return {};
}

result<void> request_cutter::begin() {
  if (auto filled = fill(limits_.bytes); !filled)
    return filled;
  if (!format_)
    format_ = sniff(std::string_view{window_}.substr(0, sniff_bytes_min));
  framing_limits limits;
  limits.record_bytes_max = limits_.record_bytes_max;
  framer_.emplace(*format_, limits);
  return {};
}

result<std::optional<cut_request>> request_cutter::next() {
  if (!framer_)
    if (auto begun = begin(); !begun)
      return tl::unexpected(begun.error());
  for (size_t bytes = limits_.bytes;; bytes = window_.size() + limits_.bytes) {
    if (auto filled = fill(bytes); !filled)
      return tl::unexpected(filled.error());
    refs_.clear();
    const auto scanned = framer_->scan(window_, at_end_, limits_.records, refs_);
    if (!refs_.empty())
      return cut(); // a failure behind these lasts: the next call tells it
    if (!scanned)
      return tl::unexpected(scanned.error());
    if (at_end_)
      return std::nullopt;
  }
}

cut_request request_cutter::cut() {
  const auto& first = refs_.front();
  const auto& last = refs_.back();
  const auto line = static_cast<int64_t>(framer_->line_base() + first.line);
  cut_request request;
  request.number = requests_++;
  request.records = refs_.size();
  request.record_base = framer_->record_base() + first.record;
  request.line_base = line;
  const auto consumed = framer_->consumed();
  if (*format_ == body_format::json) {
    request.body = '[';
    request.body.append(window_, first.offset, last.offset + last.size - first.offset);
    request.body += ']';
  } else {
    if (*format_ == body_format::csv && request.number == 0) {
      csv_head_.assign(window_, 0, first.offset);
      csv_head_lines_ = line;
    }
    request.body = csv_head_;
    request.body.append(window_, first.offset, consumed - first.offset);
    request.line_base -= csv_head_lines_;
  }
  request.file_bytes = bytes_ += consumed;
  window_.erase(0, consumed);
  framer_->rebase();
  return request;
}

} // namespace weir
