// JSON TEXT SEQUENCES (RFC 7464): every text begins after an RS (0x1E) and ends before the next
// one or with the body. It may span lines; the white space around it is not part of it, and blank
// texts are skipped. A later stage checks whether it is JSON: a text that was cut off spoils no
// other. Once they are found, the texts are what an array's elements are.
#include "records/formats/frame_scanner.hpp"
#include "records/formats/kind.hpp"

namespace weir {

namespace {

constexpr char record_separator = '\x1e';

class json_seq_scanner final : public frame_scanner {
 public:
  using frame_scanner::frame_scanner;

  result<void> scan(std::string_view bytes, bool last, size_t records_max,
                    std::vector<record_ref>& out) override {
    for (size_t found = 0; found < records_max;) {
      if (!begun_) {
        auto begins = find_text(bytes);
        if (!begins)
          return tl::unexpected<fault>(std::move(begins.error()));
        if (!*begins) {
          finished_ = last;
          return {};
        }
      }
      const bool ended = pass_text(bytes);
      // The limit is checked before the RS has come, so an endless text can't fill the memory.
      const size_t size = text_size(bytes);
      if (over_record_limit(size))
        return record_too_large();
      if (!ended && !last)
        return {};
      begun_ = false;
      emit(size, pos_, out);
      ++found;
    }
    finished_ = last && !begun_ && pos_ == bytes.size();
    return {};
  }

 private:
  // Moves to the first byte of the next text; false when the bytes end before it.
  result<bool> find_text(std::string_view bytes) {
    for (; pos_ < bytes.size(); ++pos_) {
      const char c = bytes[pos_];
      line_ += c == '\n' ? 1 : 0;
      if (c == record_separator) {
        // One RS or several before a text make no difference (RFC 7464 §2.1).
        separated_ = true;
      } else if (c != ' ' && c != '\t' && c != '\r' && c != '\n') {
        if (!separated_)
          return malformed(line_,
                           "expected RS (0x1E) before the first JSON text (RFC 7464)");
        start_ = pos_;
        start_line_ = line_;
        return begun_ = true;
      }
      if (over_gap_limit(pos_))
        return gap_too_large();
    }
    return false;
  }

  // Moves to the RS after the text; false when it has not come.
  bool pass_text(std::string_view bytes) noexcept {
    const size_t end = std::min(bytes.find(record_separator, pos_), bytes.size());
    line_ += static_cast<uint64_t>(
      std::count(bytes.begin() + static_cast<std::ptrdiff_t>(pos_),
                 bytes.begin() + static_cast<std::ptrdiff_t>(end), '\n'));
    pos_ = end;
    return end < bytes.size();
  }

  size_t text_size(std::string_view bytes) const noexcept {
    const auto text = bytes.substr(start_, pos_ - start_);
    return text.find_last_not_of(" \t\r\n") + 1; // it begins with something else
  }

  bool separated_ = false; ///< an RS has come; from then on one precedes every text
  bool begun_ = false;     ///< start_ is the first byte of a text
};

constexpr media_name names[] = {{"application/json-seq"}};

bool begins_with_a_separated_object(const body_head& head) noexcept {
  return head.text.front() == record_separator
         && without_space(head.text.substr(1)).starts_with('{');
}

} // namespace

extern constinit const format_kind json_seq_format{
  .format = body_format::json_seq,
  .name = "json-seq",
  .content_type = "application/json-seq",
  .media_types = names,
  .suffix = "+json-seq", // RFC 8091
  .sure = certainty::sign,
  .fits = begins_with_a_separated_object,
  .make_scanner = [](const framing_limits& limits) -> std::unique_ptr<frame_scanner> {
    return std::make_unique<json_seq_scanner>(limits);
  },
  .record = record_bytes::json,
  .decode = minify_json,
  .opens = "\x1e",
};

} // namespace weir
