#include "records/formats/frame_lines.hpp"

namespace weir {

namespace {

bool is_json_space(char c) noexcept {
  return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// A line ends at LF or CR LF; the last one may end with the body.
class line_scanner final : public frame_scanner {
 public:
  line_scanner(blank_line skipped, const framing_limits& limits)
    : frame_scanner(limits), space_is_blank_(skipped == blank_line::white_space) {}

  result<void> scan(std::string_view bytes, bool last, size_t records_max,
                    std::vector<record_ref>& out) override {
    for (size_t found = 0; found < records_max;) {
      const void* lf = pos_ < bytes.size()
                         ? std::memchr(bytes.data() + pos_, '\n', bytes.size() - pos_)
                         : nullptr;
      if (!lf && (!last || start_ == bytes.size()))
        return stop(bytes, last);
      const size_t stop_at = lf ? offset_of(bytes, lf) : bytes.size();
      const size_t size = without_cr(bytes, stop_at) - start_;
      if (over_record_limit(size))
        return record_too_large();
      line_ += lf ? 1 : 0;
      // emit() and skip_line() put start_ after the line end, where pos_ is from here on.
      pos_ = stop_at + (lf ? 1 : 0);
      if (!is_blank(bytes.substr(start_, size))) {
        emit(size, pos_, out);
        ++found;
      } else if (skip_line(); over_gap_limit(start_)) {
        return gap_too_large();
      }
    }
    finished_ = last && start_ == bytes.size();
    return {};
  }

 private:
  static size_t offset_of(std::string_view bytes, const void* at) noexcept {
    return static_cast<size_t>(static_cast<const char*>(at) - bytes.data());
  }
  size_t without_cr(std::string_view bytes, size_t end) const noexcept {
    return end > start_ && bytes[end - 1] == '\r' ? end - 1 : end;
  }
  bool is_blank(std::string_view line) const noexcept {
    if (line.empty() || !space_is_blank_ || !is_json_space(line.front()))
      return line.empty();
    return std::all_of(line.begin(), line.end(), is_json_space);
  }
  void skip_line() noexcept {
    start_ = pos_;
    start_line_ = line_;
  }
  // No line end is in sight. The one byte over the limit may still be the CR of a line end.
  result<void> stop(std::string_view bytes, bool last) {
    pos_ = bytes.size();
    if (pos_ - start_ > 0 && over_record_limit(pos_ - start_ - 1))
      return record_too_large();
    finished_ = last;
    return {};
  }

  bool space_is_blank_;
};

} // namespace

std::unique_ptr<frame_scanner> make_line_scanner(blank_line skipped,
                                                 const framing_limits& limits) {
  return std::make_unique<line_scanner>(skipped, limits);
}

} // namespace weir
