#include "records/transform/pair_parser.hpp"

#include "records/transform/step_parse.hpp"

namespace weir::steps {

namespace {

constexpr bool is_white(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

class pair_reader {
 public:
  pair_reader(std::string_view text, pair_marks marks, step_run& run)
    : rest_(text), marks_(marks), run_(run), fields_(run) {}

  parsed_text read();

 private:
  bool ends(char c) const noexcept {
    return marks_.delimiter == ' ' ? is_white(c) : c == marks_.delimiter;
  }
  void skip_white() noexcept {
    while (!rest_.empty() && is_white(rest_.front()))
      rest_.remove_prefix(1);
  }
  std::string_view take(bool key) noexcept;
  const char* read_pair();
  const char* read_quoted(std::string_view key);

  std::string_view rest_;
  pair_marks marks_;
  step_run& run_;
  parsed_fields fields_;
  bool separated_ = false;
};

// Takes the text up to the delimiter (a key also ends at the separator), without the white space
// at its end.
std::string_view pair_reader::take(bool key) noexcept {
  size_t size = 0;
  while (size < rest_.size() && !ends(rest_[size])
         && !(key && rest_[size] == marks_.separator))
    ++size;
  auto word = rest_.substr(0, size);
  rest_.remove_prefix(size);
  while (!word.empty() && is_white(word.back()))
    word.remove_suffix(1);
  return word;
}

// The character that a short escape of JSON or logfmt stands for; 0: it is no such escape.
char meant_by(char letter) noexcept {
  constexpr std::string_view letters = "\"\\/bfnrt";
  constexpr std::string_view meant = "\"\\/\b\f\n\r\t";
  const auto at = letters.find(letter);
  return at == letters.npos ? '\0' : meant[at];
}

// Reads a value in quotes; `rest_` begins after the opening one.
const char* pair_reader::read_quoted(std::string_view key) {
  char* const start = run_.memory.allocate(rest_.size());
  char* out = start;
  size_t at = 0;
  while (at < rest_.size() && rest_[at] != '"') {
    const bool escape = rest_[at] == '\\' && at + 1 < rest_.size();
    const char meant = escape ? meant_by(rest_[at + 1]) : '\0';
    if (meant != '\0') {
      *out++ = meant;
      at += 2;
    } else if (const size_t taken =
                 escape ? take_unicode_escape(rest_.substr(at), out) : 0) {
      at += taken; // it is one character: a surrogate takes its partner along
    } else {
      *out++ = rest_[at++]; // a backslash that means nothing is itself
    }
  }
  if (at == rest_.size())
    return "a quote is not closed";
  rest_.remove_prefix(at + 1);
  const auto size = static_cast<size_t>(out - start);
  run_.memory.shrink(start, size);
  fields_.add_text(key, {start, size});
  if (marks_.delimiter != ' ')
    skip_white();
  return rest_.empty() || ends(rest_.front()) ? nullptr
                                              : "there is text behind a closing quote";
}

const char* pair_reader::read_pair() {
  const auto key = take(true);
  if (key.empty())
    return "a key is empty";
  if (rest_.empty() || rest_.front() != marks_.separator) {
    // A word without a value is a flag that is set (logfmt).
    fields_.add(key, value::json("true"));
    return nullptr;
  }
  separated_ = true;
  rest_.remove_prefix(1);
  if (marks_.delimiter != ' ')
    skip_white();
  if (!rest_.empty() && rest_.front() == '"') {
    rest_.remove_prefix(1);
    return read_quoted(key);
  }
  fields_.add_text(key, take(false));
  return nullptr;
}

parsed_text pair_reader::read() {
  for (;;) {
    while (!rest_.empty() && (is_white(rest_.front()) || ends(rest_.front())))
      rest_.remove_prefix(1);
    if (rest_.empty())
      break;
    if (fields_.size() == parsed_fields_max)
      return {nullptr, "there are more than 1024 pairs"};
    if (const char* const why = read_pair())
      return {nullptr, why};
  }
  if (!separated_)
    // Without a single separator this is a sentence, not a list of flags.
    return {nullptr, "there is no pair"};
  fields_.node()->leave_one_of_each(run_.memory);
  return {fields_.node(), nullptr};
}

} // namespace

parsed_text read_pairs(std::string_view text, pair_marks marks, step_run& run) {
  return pair_reader{text, marks, run}.read();
}

} // namespace weir::steps
