// Gives RE2 the white space of ECMA-262 (WhiteSpace and LineTerminator, §22.2.2.9): RE2's own
// `\s` is ASCII's without the vertical tab.
#include "records/schema/pattern.hpp"

#include <algorithm>

namespace weir::schema_detail {

namespace {

// A range comes last, so a dash after it stands for itself, as it does after `\s`.
constexpr std::string_view spaces =
  R"(\x20\xa0\x{1680}\x{2028}\x{2029}\x{202f}\x{205f}\x{3000}\x{feff}\x{2000}-\x{200a}\t-\r)";
constexpr std::string_view others =
  R"(\x00-\x08\x0e-\x1f\x21-\x{9f}\x{a1}-\x{167f}\x{1681}-\x{1fff}\x{200b}-\x{2027})"
  R"(\x{202a}-\x{202e}\x{2030}-\x{205e}\x{2060}-\x{2fff}\x{3001}-\x{fefe}\x{ff00}-\x{10ffff})";

class translator {
 public:
  explicit translator(std::string_view regex) : rest_(regex) {}

  std::string run() {
    while (!rest_.empty()) {
      if (rest_.starts_with("\\Q"))
        copy(rest_.find("\\E"));
      else if (rest_.starts_with("\\s") || rest_.starts_with("\\S"))
        replace(std::string(rest_[1] == 's' ? "[" : "[^") + std::string(spaces) + "]");
      else if (rest_.front() == '[')
        bracket();
      else
        character();
    }
    return std::move(out_);
  }

 private:
  void copy(size_t size) {
    size = std::min(size, rest_.size());
    out_ += rest_.substr(0, size);
    rest_.remove_prefix(size);
  }
  void replace(std::string_view with) {
    out_ += with;
    rest_.remove_prefix(2);
  }
  void character() { copy(rest_.front() == '\\' ? 2 : 1); }

  void bracket() {
    copy(rest_.starts_with("[^") ? 2 : 1);
    for (bool first = true; !rest_.empty() && (first || rest_.front() != ']');
         first = false) {
      if (rest_.starts_with("[:")) {
        // A `[:space:]` is copied whole: its ] does not end the bracket expression.
        const auto end = rest_.find(":]");
        copy(end == rest_.npos ? 1 : end + 2);
      } else if (rest_.starts_with("\\s")) {
        replace(spaces);
      } else if (rest_.starts_with("\\S")) {
        replace(others);
      } else {
        member();
      }
    }
    copy(1);
  }

  /// Copies a character or a range. It leaves a class at a range's end as it is: RE2 refuses it.
  void member() {
    const bool is_class = rest_.size() > 1 && rest_.front() == '\\'
                          && std::string_view("dDwW").find(rest_[1]) != rest_.npos;
    character();
    if (is_class || rest_.size() < 2 || rest_.front() != '-' || rest_[1] == ']')
      return;
    copy(1);
    character();
  }

  std::string_view rest_;
  std::string out_;
};

} // namespace

std::string with_ecma_spaces(std::string_view regex) {
  return translator{regex}.run();
}

size_t space_bytes(std::string_view text) noexcept {
  constexpr std::string_view wide[] = {"\u1680", "\u2028", "\u2029", "\u202f",
                                       "\u205f", "\u3000", "\ufeff"};
  if (text.starts_with("\u00a0"))
    return 2;
  for (const auto space : wide)
    if (text.starts_with(space))
      return 3;
  // What is left are U+2000 to U+200A.
  return text.size() > 2 && text.starts_with("\xe2\x80")
             && static_cast<unsigned char>(text[2]) <= 0x8a
           ? 3
           : 0;
}

} // namespace weir::schema_detail
