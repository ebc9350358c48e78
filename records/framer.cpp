#include "records/framer.hpp"

#include "records/frame_scanner.hpp"

#include <limits>
#include <stdexcept>

namespace weir {

namespace {

constexpr std::string_view byte_order_mark = "\xEF\xBB\xBF";
constexpr size_t gap_bytes_min = size_t{64} << 10;

std::unique_ptr<frame_scanner> make_scanner(body_format format, framing_limits limits) {
  switch (format) {
  case body_format::json:
    return make_json_scanner(limits);
  case body_format::csv:
    return make_csv_scanner(limits);
  case body_format::ndjson:
  case body_format::text:
    return make_line_scanner(format, limits);
  }
  throw std::invalid_argument("framer: no such body format");
}

std::string on_line(uint64_t line, std::string_view what) {
  return "line " + std::to_string(line + 1) + ": " + std::string{what};
}

} // namespace

// -- frame_scanner: the shared bookkeeping

frame_scanner::frame_scanner(framing_limits limits)
  : limits_(limits), gap_bytes_max_(std::max(limits.record_bytes_max, gap_bytes_min)) {}

void frame_scanner::rebase() noexcept {
  const size_t cut = consumed_;
  shift(cut);
  consumed_ = 0;
  gap_ -= cut;
  start_ -= cut;
  pos_ -= cut;
  line_base_ = consumed_line_;
  record_base_ = records_;
}

tl::unexpected<fault> frame_scanner::record_too_large() const {
  return fail(ec::body_too_large,
              on_line(start_line_, "the record that begins here is longer than "
                                     + std::to_string(limits_.record_bytes_max)
                                     + " bytes (record_bytes_max)"));
}

tl::unexpected<fault> frame_scanner::gap_too_large() const {
  return fail(ec::body_too_large,
              on_line(gap_line_, "more than " + std::to_string(gap_bytes_max_)
                                   + " bytes without a record begin here"));
}

tl::unexpected<fault> frame_scanner::malformed(uint64_t line, std::string_view what) {
  return fail(ec::malformed_body, on_line(line, what));
}

// -- framer

framer::framer(body_format format, framing_limits limits)
  : scanner_(make_scanner(format, limits)) {}

framer::framer(framer&&) noexcept = default;
framer& framer::operator=(framer&&) noexcept = default;
framer::~framer() = default;

// The mark may arrive in pieces, too: nothing begins before it is known to be there or
// not.
void framer::begin(std::string_view bytes, bool last) noexcept {
  const bool whole = bytes.size() >= byte_order_mark.size();
  if (!whole && !last && byte_order_mark.substr(0, bytes.size()) == bytes)
    return;
  begun_ = true;
  if (whole && bytes.substr(0, byte_order_mark.size()) == byte_order_mark)
    scanner_->skip(byte_order_mark.size());
}

result<void> framer::scan(std::string_view bytes, bool last, size_t records_max,
                          std::vector<record_ref>& out) {
  if (bytes.size() > std::numeric_limits<uint32_t>::max())
    throw std::length_error("framer: 4 GiB or more since the last rebase");
  if (failure_.code != ec::none)
    return tl::unexpected<fault>(failure_);
  if (!begun_)
    begin(bytes, last);
  if (!begun_)
    return {};
  auto done = scanner_->scan(bytes, last, records_max, out);
  if (!done)
    failure_ = done.error();
  return done;
}

size_t framer::consumed() const noexcept {
  return scanner_->consumed();
}
bool framer::finished() const noexcept {
  return scanner_->finished();
}
void framer::rebase() noexcept {
  scanner_->rebase();
}
uint64_t framer::record_base() const noexcept {
  return scanner_->record_base();
}
uint64_t framer::line_base() const noexcept {
  return scanner_->line_base();
}
std::shared_ptr<const csv_header> framer::header() const noexcept {
  return scanner_->header();
}

} // namespace weir
