// JSON: the body is one value (RFC 8259). An object is the only record; the elements of an array
// are the records, whatever they are: a later stage rejects each that is no object. White space
// between them is skipped. The scanner finds the end of a value by counting brackets outside
// strings. It does not look whether the value is valid JSON, nor how deep it is: depth is a number,
// not a recursion.
#include "records/formats/frame_scanner.hpp"
#include "records/formats/kind.hpp"
#include "records/json/blocks.hpp"

#include <simdjson.h>

namespace weir {

namespace {

class json_scanner final : public frame_scanner {
 public:
  using frame_scanner::frame_scanner;

  result<void> scan(std::string_view bytes, bool last, size_t records_max,
                    std::vector<record_ref>& out) override {
    for (size_t found = 0; found < records_max; ++found) {
      const auto ended = find_record(bytes);
      if (!ended)
        return tl::unexpected<fault>(ended.error());
      if (!*ended)
        return stop(bytes, last);
      emit(pos_ - start_, pos_, out);
      place_ = in_array_ ? place::behind_element : place::behind_all;
    }
    finished_ = last && place_ == place::behind_all && pos_ == bytes.size();
    return {};
  }

 private:
  enum class place : uint8_t {
    body,           ///< before the value
    array_begin,    ///< after [
    element,        ///< after a comma
    behind_element, ///< a comma or ] must come
    behind_all,     ///< white space only
    container,      ///< inside a record that is an object or array
    string,         ///< inside a record that is a string
    scalar,         ///< inside a record that is something else
  };

  // Moves pos_ past the next record; false when the bytes end before that.
  result<bool> find_record(std::string_view bytes) {
    while (true) {
      switch (place_) {
      // A record that an earlier piece of the body began is finished first.
      case place::container:
        return end_of_container(bytes);
      case place::string:
        return end_of_string(bytes);
      case place::scalar:
        return end_of_scalar(bytes);
      default:
        break;
      }
      skip_space(bytes);
      if (over_gap_limit(pos_))
        return gap_too_large();
      if (pos_ == bytes.size())
        return false;
      if (auto taken = between(bytes[pos_]); !taken)
        return tl::unexpected<fault>(std::move(taken.error()));
    }
  }

  void skip_space(std::string_view bytes) noexcept {
    for (; pos_ < bytes.size(); ++pos_) {
      const char c = bytes[pos_];
      if (c == '\n')
        ++line_;
      else if (c != ' ' && c != '\t' && c != '\r')
        return;
    }
  }

  // Takes one byte outside all records that is not white space.
  result<void> between(char c) {
    switch (place_) {
    case place::body:
      // Here alone it is decided whether the body is one record or an array of them.
      if (c == '[')
        return open_array();
      return c == '{' ? begin_record(c) : unexpected(c, "an object or an array");
    case place::array_begin:
      return c == ']' ? pass(place::behind_all) : begin_record(c);
    case place::element:
      return begin_record(c);
    case place::behind_element:
      if (c == ',')
        return pass(place::element);
      return c == ']' ? pass(place::behind_all) : unexpected(c, "a comma or ]");
    default:
      return unexpected(c, "nothing behind the JSON value (send several values as "
                           "application/x-ndjson)");
    }
  }

  result<void> pass(place next) noexcept {
    ++pos_;
    place_ = next;
    return {};
  }
  result<void> open_array() noexcept {
    in_array_ = true;
    return pass(place::array_begin);
  }
  result<void> begin_record(char c) {
    if (c == '}' || c == ']' || c == ',' || c == ':')
      return unexpected(c, "a value");
    start_ = pos_;
    start_line_ = line_;
    depth_ = 0;
    in_string_ = escaped_ = false;
    place_ = c == '{' || c == '[' ? place::container
             : c == '"'           ? place::string
                                  : place::scalar;
    pos_ += place_ == place::string ? 1 : 0;
    return {};
  }
  result<void> unexpected(char c, std::string_view wanted) const {
    const bool visible = c > ' ' && c < 0x7f;
    const std::string got = visible ? std::string{'\'', c, '\''} : "another byte";
    return malformed(line_, "expected " + std::string{wanted} + ", got " + got);
  }

  result<bool> end_of_container(std::string_view bytes) {
    char tail[json_block::bytes];
    while (pos_ < bytes.size()) {
      const size_t size = std::min<size_t>(bytes.size() - pos_, json_block::bytes);
      const char* text = bytes.data() + pos_;
      if (size < sizeof tail) { // the end of a piece: never read past it
        std::memset(tail, ' ', sizeof tail);
        std::memcpy(tail, text, size);
        text = tail;
      }
      if (ends_in(classify(text), static_cast<int>(size)))
        return bounded(true);
    }
    return bounded(false);
  }

  // Counts the brackets of one block and moves pos_ past it, or past the record's end.
  bool ends_in(const json_block& block, int size) noexcept {
    const uint64_t quotes =
      block.quotes & ~escaped_bytes(block.backslashes, size, escaped_);
    const uint64_t inside = parity(quotes) ^ (in_string_ ? ~uint64_t{0} : 0);
    for (uint64_t left = (block.opens | block.closes) & ~inside; left != 0;
         left &= left - 1) {
      const int at = std::countr_zero(left);
      if ((block.opens >> at & 1) != 0) {
        ++depth_;
      } else if (--depth_ == 0) {
        move_in(block, at + 1);
        return true;
      }
    }
    in_string_ = (inside >> 63) != 0; // no quotes follow after `size`
    move_in(block, size);
    return false;
  }

  void move_in(const json_block& block, int bytes) noexcept {
    pos_ += static_cast<size_t>(bytes);
    if (block.line_ends == 0) // nearly always
      return;
    const uint64_t passed = bytes == 64 ? ~uint64_t{0} : (uint64_t{1} << bytes) - 1;
    line_ += static_cast<uint64_t>(std::popcount(block.line_ends & passed));
  }

  // Returns `ended`, unless the record is over its size limit.
  result<bool> bounded(bool ended) const {
    if (over_record_limit(pos_ - start_))
      return record_too_large();
    return ended;
  }

  result<bool> end_of_string(std::string_view bytes) {
    for (; pos_ < bytes.size(); ++pos_) {
      const char c = bytes[pos_];
      line_ += c == '\n' ? 1 : 0;
      if (c == '"' && !escaped_) {
        ++pos_;
        return bounded(true);
      }
      escaped_ = c == '\\' && !escaped_;
    }
    return bounded(false);
  }

  // The scalar goes up to the comma, bracket or white space after it. The body's end can't
  // end it, because an array is open.
  result<bool> end_of_scalar(std::string_view bytes) {
    const size_t end = bytes.find_first_of(",] \t\r\n", pos_);
    pos_ = std::min(end, bytes.size());
    return bounded(end != std::string_view::npos);
  }

  // The bytes are used up. If they are the last ones, the body must be complete.
  result<void> stop(std::string_view bytes, bool last) {
    if (!last || pos_ != bytes.size())
      return {};
    switch (place_) {
    case place::behind_all:
      finished_ = true;
      return {};
    case place::body:
      return malformed(line_, "the body is empty; expected an object or an array");
    case place::container:
    case place::string:
    case place::scalar:
      return malformed(start_line_, "the value that begins here does not end");
    default:
      return malformed(line_, "the array does not end; expected ]");
    }
  }

  place place_ = place::body;
  bool in_array_ = false;
  bool in_string_ = false;
  bool escaped_ = false; ///< the next byte follows a backslash
  uint32_t depth_ = 0;
};

constexpr media_name names[] = {
  {"application/json"}, {"text/json"}, {"application/x-json"}, {"text/x-json"}};

} // namespace

std::optional<decode_failure> minify_json(std::string_view record, const batch_part&,
                                          std::string& out) {
  const auto begin = out.size();
  out.resize(begin + record.size() + text_padding);
  size_t size = 0;
  if (simdjson::minify(record.data(), record.size(), out.data() + begin, size))
    size = 0; // an unclosed string: the parser says so next
  out.resize(begin + size);
  return std::nullopt;
}

extern constinit const format_kind json_format{
  .format = body_format::json,
  .name = "json",
  .content_type = "application/json",
  .media_types = names,
  .suffix = "+json", // RFC 6839 §3.1
  .sure = certainty::shape,
  .fits = [](const body_head& head) { return head.json == json_shape::one_value; },
  .make_scanner = [](const framing_limits& limits) -> std::unique_ptr<frame_scanner> {
    return std::make_unique<json_scanner>(limits);
  },
  .record = record_bytes::json,
  .decode = minify_json,
  .opens = "[",
  .closes = "]",
};

} // namespace weir
