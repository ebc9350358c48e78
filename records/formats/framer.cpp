#include "records/formats/framer.hpp"

#include "records/formats/frame_scanner.hpp"
#include "records/formats/kind.hpp"

#include <limits>
#include <stdexcept>
#include <utility>

namespace weir {

namespace {

constexpr size_t gap_bytes_min = size_t{64} << 10;

constexpr size_t encoding_bytes = 64; ///< as many at a body's beginning tell its encoding

// Looks at the bytes of `text` at `first`, `first` + `step`, …: how many of them are NUL, and
// how many there are.
std::pair<size_t, size_t> count_nuls(std::string_view text, size_t first,
                                     size_t step) noexcept {
  std::pair<size_t, size_t> counts{0, 0};
  for (size_t i = first; i < text.size(); i += step) {
    counts.first += text[i] == '\0' ? 1 : 0;
    ++counts.second;
  }
  return counts;
}

// Tells by its NULs text that begins with a Latin letter. In UTF-16 such letters have two bytes,
// one of them NUL; in UTF-32 three of their four bytes are.
const char* encoding_by_nuls(std::string_view text) noexcept {
  if (text.size() < 4 || text.substr(0, 2).find('\0') == text.npos)
    return nullptr;
  const auto [even, evens] = count_nuls(text, 0, 2);
  const auto [odd, odds] = count_nuls(text, 1, 2);
  // Other letters may occur too: more than half on one side are NUL, none on the other.
  if ((even == 0 && 2 * odd > odds) || (odd == 0 && 2 * even > evens))
    return "the body is UTF-16: every other byte is NUL";
  const auto fours = text.substr(0, text.size() / 4 * 4);
  const auto all = [&](size_t at) {
    const auto [nuls, number] = count_nuls(fours, at, 4);
    return nuls == number;
  };
  if (fours.size() >= 8 && all(1) && all(2) && all(0) != all(3))
    return "the body is UTF-32: three of four bytes are NUL";
  return nullptr;
}

// Names the encoding of a body that begins with `text` if it isn't UTF-8, else null.
const char* other_encoding(std::string_view text) noexcept {
  using namespace std::string_view_literals;
  if (text.starts_with("\xFF\xFE\0\0"sv) || text.starts_with("\0\0\xFE\xFF"sv))
    return "the body is UTF-32, as its byte order mark says";
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return "the body is UTF-16, as its byte order mark says";
  return encoding_by_nuls(text);
}

// How many bytes are needed to tell the encoding of a body that begins with `bytes`: two,
// unless these may begin a byte order mark or hold a NUL, as a Latin letter of UTF-16 or
// UTF-32 does.
size_t bytes_to_tell(std::string_view bytes) noexcept {
  if (bytes.substr(0, 2).find('\0') != std::string_view::npos)
    return encoding_bytes;
  if (bytes.starts_with('\xEF'))
    return byte_order_mark.size();
  return bytes.starts_with('\xFF') || bytes.starts_with('\xFE') ? 4 : 2;
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

framer::framer(body_format format, const framing_limits& limits)
  : framer(kind_of(format), limits) {}

framer::framer(const format_kind& kind, const framing_limits& limits)
  : scanner_(kind.make_scanner(limits)), begun_(!kind.is_text) {}

framer::framer(framer&&) noexcept = default;
framer& framer::operator=(framer&&) noexcept = default;
framer::~framer() = default;

// The bytes that tell the encoding may arrive in pieces too: nothing begins before all came.
result<void> framer::begin(std::string_view bytes, bool last) {
  if (bytes.size() < bytes_to_tell(bytes) && !last)
    return {};
  begun_ = true;
  if (const auto* other = other_encoding(bytes.substr(0, encoding_bytes)))
    return fail(ec::malformed_body, std::string{other} + "; send UTF-8");
  if (bytes.starts_with(byte_order_mark))
    scanner_->skip(byte_order_mark.size());
  return {};
}

result<void> framer::scan(std::string_view bytes, bool last, size_t records_max,
                          std::vector<record_ref>& out) {
  if (bytes.size() > std::numeric_limits<uint32_t>::max())
    throw std::length_error("framer: 4 GiB or more since the last rebase");
  if (failure_.code != ec::none)
    return tl::unexpected<fault>(failure_);
  auto done = begun_ ? result<void>{} : begin(bytes, last);
  if (done && begun_)
    done = scanner_->scan(bytes, last, records_max, out);
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
