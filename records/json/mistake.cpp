#include "records/json/mistake.hpp"

#include "base/printable.hpp"
#include "base/text.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <utility>

namespace weir {

namespace {

constexpr std::string_view digits = "0123456789";
constexpr std::string_view word_bytes =
  "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_$-+.";
constexpr size_t shown_bytes_max = 24;

std::string hex_of(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return {'0', 'x', hex_lower[byte >> 4], hex_lower[byte & 15]};
}

// Characters that people paste in and hardly see.
constexpr std::array<std::pair<std::string_view, const char*>, 7> lookalikes{
  {{"\xEF\xBB\xBF", "a byte order mark"},
   {"\xC2\xA0", "a no-break space (JSON knows blanks, tabs and line ends only)"},
   {"\xE2\x80\x8B", "a zero-width space"},
   {"\xE2\x80\x9C", "a typographic quote (JSON wants \")"},
   {"\xE2\x80\x9D", "a typographic quote (JSON wants \")"},
   {"\xE2\x80\x98", "a typographic quote (JSON wants \")"},
   {"\xE2\x80\x99", "a typographic quote (JSON wants \")"}}};

// Reads one JSON value with a stack of its own, so any depth will do.
class mistake_finder {
 public:
  explicit mistake_finder(std::string_view text) : text_(text) {}

  std::optional<json_mistake> run() {
    while (!found_ && !done_)
      step();
    return std::move(found_);
  }

 private:
  enum class wanted : uint8_t {
    value,
    value_or_end, ///< after [
    name_or_end,  ///< after {
    name,         ///< after a comma
    colon,
    comma_or_end,
    nothing,
  };

  void step() {
    at_ = std::min(text_.find_first_not_of(" \t\r\n", at_), text_.size());
    if (at_ == text_.size()) {
      // After a complete value the end is right; anywhere else the text was cut off.
      done_ = true;
      if (wanted_ != wanted::nothing)
        ends_early();
      return;
    }
    switch (wanted_) {
    case wanted::value:
    case wanted::value_or_end:
      return value();
    case wanted::name:
    case wanted::name_or_end:
      return name();
    case wanted::colon:
      return colon();
    case wanted::comma_or_end:
      return comma_or_end();
    case wanted::nothing:
      return behind_all();
    }
  }

  char here() const noexcept { return text_[at_]; }
  std::string_view rest() const noexcept { return text_.substr(at_); }

  void mistake(size_t at, std::string what) {
    found_ =
      json_mistake{std::min(at, text_.empty() ? 0 : text_.size() - 1), std::move(what)};
  }
  void mistake(std::string what) { mistake(at_, std::move(what)); }

  // Says in words what stands at at_.
  std::string seen() const {
    const char c = here();
    for (const auto& [bytes, what] : lookalikes)
      if (rest().starts_with(bytes))
        return what;
    if (rest().starts_with("//") || rest().starts_with("/*") || c == '#')
      return "a comment (JSON has none)";
    if (c == '\'')
      return "a single quote (JSON wants \")";
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f)
      return "the byte " + hex_of(c);
    const size_t word = std::min(rest().find_first_not_of(word_bytes), rest().size());
    // A whole word or a whole UTF-8 character is shown, never half of one.
    const size_t size = static_cast<unsigned char>(c) >= 0x80 ? utf8_bytes(rest())
                                                              : std::max<size_t>(word, 1);
    return "`" + printable(rest().substr(0, size), shown_bytes_max) + "`";
  }
  static size_t utf8_bytes(std::string_view text) noexcept {
    size_t size = 1;
    while (size < text.size() && size < 4 && (text[size] & '\xC0') == '\x80')
      ++size;
    return size;
  }

  void ends_early() {
    if (text_.empty())
      return mistake("the record is empty");
    const char* missing = wanted_ == wanted::comma_or_end
                            ? (stack_.back() == '{' ? "a comma or }" : "a comma or ]")
                          : wanted_ == wanted::colon ? "a colon"
                          : wanted_ == wanted::value || wanted_ == wanted::value_or_end
                            ? "a value"
                            : "a name in double quotes or }";
    mistake(text_.size() - 1,
            std::string{"the record ends here, where "} + missing + " must follow");
  }

  void behind_value() {
    wanted_ = stack_.empty() ? wanted::nothing : wanted::comma_or_end;
  }

  void value() {
    const char c = here();
    if (c == '{' || c == '[') {
      stack_.push_back(c);
      wanted_ = c == '{' ? wanted::name_or_end : wanted::value_or_end;
      ++at_;
    } else if (c == ']' && wanted_ == wanted::value_or_end) {
      // Only an empty array may end where a value is wanted.
      close();
    } else if (c == '"') {
      string();
      behind_value();
    } else if (c == '-' || digits.find(c) != digits.npos) {
      number();
      behind_value();
    } else {
      word();
    }
  }

  // Reads a word, or reports what else stands where a value must.
  void word() {
    const size_t size = std::min(rest().find_first_not_of(word_bytes), rest().size());
    const auto word = rest().substr(0, size);
    if (word != "true" && word != "false" && word != "null")
      return no_value(word);
    at_ += size;
    behind_value();
  }

  void no_value(std::string_view word) {
    const char c = here();
    // The comma is what has to go, so it is what the message points at.
    if ((c == '}' || c == ']') && wanted_ == wanted::value && comma_ != text_.npos)
      return mistake(comma_, std::string{"a comma that nothing follows, before "} + c);
    if (c == '+')
      return mistake("a number does not begin with +");
    if (c == '.')
      return mistake("a number does not begin with a point; write 0.5");
    for (const std::string_view numeric : {"nan", "NaN", "NAN", "Infinity", "inf", "Inf"})
      if (word == numeric)
        return mistake(seen() + " is no JSON value; send null, or text in double quotes");
    if (word == "undefined" || word == "None")
      return mistake(seen() + " is no JSON value; send null");
    if (word == "True" || word == "False")
      return mistake(seen() + " is no JSON value; JSON writes it in lower case");
    mistake("expected a value, got " + seen());
  }

  void name() {
    const char c = here();
    if (c == '"') {
      string();
      wanted_ = wanted::colon;
    } else if (c == '}' && wanted_ == wanted::name_or_end) {
      close();
    } else if (c == '}') {
      // A name is wanted after a comma: the comma is what has to go.
      mistake(comma_, "a comma that nothing follows, before }");
    } else if (word_bytes.find(c) != word_bytes.npos) {
      mistake("the name " + seen() + " must be in double quotes");
    } else {
      mistake("expected a name in double quotes, got " + seen());
    }
  }

  void colon() {
    if (here() != ':')
      return mistake("expected a colon behind the name, got " + seen());
    ++at_;
    comma_ = std::string_view::npos;
    wanted_ = wanted::value;
  }

  void comma_or_end() {
    const char c = here();
    const bool in_object = stack_.back() == '{';
    if (c == ',') {
      comma_ = at_++;
      wanted_ = in_object ? wanted::name : wanted::value;
    } else if (c == (in_object ? '}' : ']')) {
      close();
    } else {
      mistake(std::string{"expected a comma or "} + (in_object ? '}' : ']')
              + " behind the value, got " + seen());
    }
  }

  void close() {
    ++at_;
    stack_.pop_back();
    behind_value();
  }

  void behind_all() {
    const char c = here();
    if (c == '{' || c == '[' || c == '"')
      return mistake("another value begins here; a line has one record (of curl, "
                     "--data-binary keeps line ends, -d does not)");
    if (c == ',')
      return mistake("a comma behind the record; lines of JSON have none between them");
    mistake("expected nothing behind the record, got " + seen());
  }

  // Reads a number (RFC 8259 §6), or says which part of it is missing.
  void number() {
    const size_t begin = at_;
    at_ += here() == '-' ? 1 : 0;
    const size_t whole = at_;
    skip_digits();
    if (at_ == whole)
      return mistake(begin, rest().starts_with("Inf")
                              ? "-Infinity is no JSON value; send null, or text"
                              : "a minus sign without a digit behind it");
    // Postal codes and phone numbers arrive like this.
    if (text_[whole] == '0' && at_ > whole + 1)
      return mistake(begin,
                     "a number does not begin with 0 and another digit; send such a "
                     "code as text in double quotes");
    if (at_ < text_.size() && here() == '.') {
      const size_t point = at_++;
      skip_digits();
      if (at_ == point + 1)
        return mistake(point, "a point without a digit behind it");
    }
    if (at_ < text_.size() && (here() == 'e' || here() == 'E')) {
      const size_t exponent = at_++;
      at_ += at_ < text_.size() && (here() == '+' || here() == '-') ? 1 : 0;
      const size_t first = at_;
      skip_digits();
      if (at_ == first)
        return mistake(exponent, "an exponent without a digit");
    }
    if (at_ < text_.size() && word_bytes.find(here()) != word_bytes.npos)
      mistake("a number goes on with " + seen());
  }
  void skip_digits() noexcept {
    at_ = std::min(text_.find_first_not_of(digits, at_), text_.size());
  }

  // Reads a string (RFC 8259 §7) and moves past it.
  void string() {
    const size_t begin = at_++;
    while (at_ < text_.size() && !found_) {
      const char c = here();
      if (c == '"') {
        ++at_;
        return;
      }
      if (c == '\\')
        // escape() passes over two bytes, so an escaped quote does not end the string.
        escape();
      else if (static_cast<unsigned char>(c) < 0x20)
        control(c);
      else
        ++at_;
    }
    if (!found_)
      mistake(begin, "the string that begins here does not end");
  }

  void control(char c) {
    const char* what = c == '\t'   ? "a tab inside a string; write \\t"
                       : c == '\n' ? "a line end inside a string; write \\n"
                       : c == '\r' ? "a carriage return inside a string; write \\r"
                                   : nullptr;
    mistake(what != nullptr ? std::string{what}
                            : "the byte " + hex_of(c) + " inside a string; write \\u00"
                                + hex_of(c).substr(2));
  }

  void escape() {
    const char kind = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    if (kind == 'u')
      return unicode_escape();
    if (at_ + 1 < text_.size()
        && std::string_view{"\"\\/bfnrt"}.find(kind) == std::string_view::npos)
      return mistake("`"
                     + printable(rest().substr(0, 1 + utf8_bytes(rest().substr(1))), 8)
                     + "` is no escape of JSON; a backslash is written twice");
    at_ += 2;
  }

  // Reads an escape of four hex digits; a character beyond U+FFFF has two such escapes.
  void unicode_escape() {
    const auto first = code_at(at_);
    if (!first)
      return mistake("\\u needs four hex digits behind it");
    const bool high = *first >= 0xD800 && *first < 0xDC00;
    const auto second = high ? code_at(at_ + 6) : std::nullopt;
    if ((*first >= 0xDC00 && *first < 0xE000)
        || (high && (!second || *second < 0xDC00 || *second > 0xDFFF)))
      return mistake("`" + std::string{rest().substr(0, 6)}
                     + "` is half of a pair of escapes whose other half is missing");
    at_ += high ? 12 : 6;
  }
  std::optional<uint32_t> code_at(size_t at) const noexcept {
    if (at + 6 > text_.size() || text_[at] != '\\' || text_[at + 1] != 'u')
      return std::nullopt;
    uint32_t code = 0;
    for (size_t i = at + 2; i < at + 6; ++i) {
      if (!is_hex_digit(text_[i]))
        return std::nullopt;
      const auto c = static_cast<uint32_t>(text_[i]);
      code = code << 4 | (c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return code;
  }

  std::string_view text_;
  size_t at_ = 0;
  size_t comma_ = std::string_view::npos; ///< the last comma, if nothing has followed it
  std::string stack_;                     ///< the open brackets
  wanted wanted_ = wanted::value;
  bool done_ = false;
  std::optional<json_mistake> found_;
};

} // namespace

std::optional<json_mistake> find_json_mistake(std::string_view text) {
  return mistake_finder{text}.run();
}

std::string at_column(std::string_view text, size_t at, uint64_t line,
                      std::string_view what) {
  const auto before = text.substr(0, at);
  const auto lines =
    static_cast<uint64_t>(std::count(before.begin(), before.end(), '\n'));
  const size_t begin = lines == 0 ? 0 : before.rfind('\n') + 1;
  std::string out = lines == 0 ? "" : "line " + std::to_string(line + lines) + ", ";
  out += "column " + std::to_string(at - begin + 1) + ": ";
  return out.append(what);
}

} // namespace weir
