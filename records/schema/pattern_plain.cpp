// Reads the plain subset of RE2's syntax. It leaves to RE2 whatever is not certain: a null
// costs time, but a wrong answer would accept or reject records wrongly.
#include "records/schema/pattern.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace weir::schema_detail {

namespace {

constexpr size_t runs_max = 64;
constexpr int group_depth_max = 8;
constexpr std::string_view special = "\\^$.|?*+()[]{}";

void add_range(byte_set& set, unsigned char first, unsigned char last) {
  std::fill(set.begin() + first, set.begin() + last + 1, true);
}

/// A set of characters. Beyond ASCII it has all white space or none, and all else or nothing.
struct character_set {
  byte_set bytes{};
  bool spaces = false; ///< it has the white space beyond ASCII

  void invert() {
    for (bool& member : bytes)
      member = !member;
    spaces = !spaces;
  }
  void add(const character_set& other) {
    for (size_t i = 0; i < bytes.size(); ++i)
      bytes[i] = bytes[i] || other.bytes[i];
    spaces = spaces || other.spaces;
  }
};

bool is_ascii(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) < 0x80; });
}

bool is_punctuation(char c) {
  return (c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`')
         || (c >= '{' && c <= '~');
}

class plain_parser {
 public:
  explicit plain_parser(std::string_view regex) : rest_(regex) {}

  /// Reads atoms with their quantifiers, up to the end, a final $, or the `)` of a group.
  bool sequence(std::vector<byte_run>& out, int depth) {
    while (!rest_.empty() && rest_ != "$" && rest_[0] != ')')
      if (!(rest_[0] == '(' ? group(out, depth) : atom(out)) || out.size() > runs_max)
        return false;
    return true;
  }
  bool at_dollar() const { return rest_ == "$"; }
  bool at_end() const { return rest_.empty(); }

  /// Reads a byte that stands for itself, escaped or not.
  std::optional<char> literal() {
    if (rest_.empty())
      return std::nullopt;
    if (rest_[0] == '\\') {
      if (rest_.size() < 2 || !is_punctuation(rest_[1]))
        return std::nullopt;
      rest_.remove_prefix(1);
    } else if (special.find(rest_[0]) != std::string_view::npos) {
      return std::nullopt;
    }
    const char found = rest_[0];
    rest_.remove_prefix(1);
    return found;
  }
  bool skip(std::string_view text) {
    if (!rest_.starts_with(text))
      return false;
    rest_.remove_prefix(text.size());
    return true;
  }

 private:
  bool group(std::vector<byte_run>& out, int depth) {
    rest_.remove_prefix(1);
    if (rest_.starts_with('?') && !skip("?:"))
      return false;
    std::vector<byte_run> inside;
    byte_run count;
    if (depth == group_depth_max || !sequence(inside, depth + 1) || !skip(")")
        || !quantifier(count) || count.min != count.max || count.min > runs_max)
      return false;
    for (uint32_t i = 0; i < count.min && out.size() <= runs_max; ++i)
      out.insert(out.end(), inside.begin(), inside.end());
    return true;
  }

  bool atom(std::vector<byte_run>& out) {
    byte_run run;
    character_set set;
    if (rest_[0] == '[') {
      if (!bracket(set))
        return false;
    } else if (skip(".")) {
      set.invert();
      set.bytes['\n'] = false;
    } else if (!class_escape(set)) {
      const auto byte = literal();
      if (!byte)
        return false;
      set.bytes[static_cast<unsigned char>(*byte)] = true;
    }
    run.set = set.bytes;
    run.no_spaces = run.set[0x80] && !set.spaces;
    if ((set.spaces && !run.set[0x80]) || !quantifier(run))
      return false;
    // RE2 counts code points. Beyond ASCII a set here has all bytes or none, so only `+` and
    // `*` mean the same for bytes.
    if (run.set[0x80] && (run.min > 1 || run.max != byte_run::unbounded))
      return false;
    if (run.max > 0)
      out.push_back(run);
    return true;
  }

  /// Reads `\d`, `\w`, `\s`, their opposites, and control characters.
  bool class_escape(character_set& set) {
    if (rest_.size() < 2 || rest_[0] != '\\')
      return false;
    const char name = rest_[1];
    const auto lower = static_cast<char>(name | 0x20);
    static constexpr std::string_view controls = "\tt\nn\rr\ff\vv";
    if (lower == 'd' || lower == 'w') {
      add_range(set.bytes, '0', '9');
      if (lower == 'w') {
        add_range(set.bytes, 'a', 'z');
        add_range(set.bytes, 'A', 'Z');
        set.bytes['_'] = true;
      }
    } else if (lower == 's') {
      add_range(set.bytes, '\t', '\r');
      set.bytes[' '] = true;
      set.spaces = true;
    } else if (const size_t at = controls.find(name);
               at != std::string_view::npos && at % 2 == 1) {
      set.bytes[static_cast<unsigned char>(controls[at - 1])] = true;
      rest_.remove_prefix(2);
      return true;
    } else {
      return false;
    }
    // In upper case it stands for the opposite.
    if (name != lower)
      set.invert();
    rest_.remove_prefix(2);
    return true;
  }

  bool bracket(character_set& set) {
    rest_.remove_prefix(1);
    const bool negated = skip("^");
    bool first = true;
    // A ] that comes first stands for itself.
    while (!rest_.empty() && (rest_[0] != ']' || first)) {
      if (!member(set, first))
        return false;
      first = false;
    }
    if (!skip("]"))
      return false;
    if (negated)
      set.invert();
    return true;
  }

  /// Reads one element of a bracket expression: a byte, a range or a class. A dash stands for
  /// itself only at either end.
  bool member(character_set& set, bool first) {
    character_set added;
    if (class_escape(added)) {
      set.add(added);
      return !rest_.starts_with('-') || rest_.starts_with("-]");
    }
    if (rest_[0] == '-' && !first && !rest_.starts_with("-]"))
      return false;
    const auto low = bracket_byte();
    if (!low)
      return false;
    if (!rest_.starts_with('-') || rest_.starts_with("-]")) {
      set.bytes[*low] = true;
      return true;
    }
    rest_.remove_prefix(1);
    // A dash as a range's end is legal, but rare: it is left to RE2.
    const auto high = rest_.starts_with('-') ? std::nullopt : bracket_byte();
    if (!high || *high < *low)
      return false;
    add_range(set.bytes, *low, *high);
    return true;
  }

  std::optional<unsigned char> bracket_byte() {
    if (rest_.empty() || rest_[0] == '[' || rest_[0] == ']')
      return std::nullopt;
    if (rest_[0] == '\\') {
      if (rest_.size() < 2 || !is_punctuation(rest_[1]))
        return std::nullopt;
      rest_.remove_prefix(1);
    }
    const auto found = static_cast<unsigned char>(rest_[0]);
    rest_.remove_prefix(1);
    return found;
  }

  bool quantifier(byte_run& run) {
    if (skip("*")) {
      run.min = 0;
      run.max = byte_run::unbounded;
    } else if (skip("+")) {
      run.max = byte_run::unbounded;
    } else if (skip("?")) {
      run.min = 0;
    } else if (skip("{")) {
      if (!bounds(run))
        return false;
    }
    // A second quantifier makes the first one lazy, or is a mistake: RE2 decides.
    return rest_.empty()
           || std::string_view("*+?{").find(rest_[0]) == std::string_view::npos;
  }

  bool bounds(byte_run& run) {
    if (!count(run.min))
      return false;
    run.max = run.min;
    if (skip(",")) {
      run.max = byte_run::unbounded;
      if (!rest_.starts_with('}') && !count(run.max))
        return false;
    }
    return skip("}") && run.min <= run.max;
  }

  bool count(uint32_t& value) {
    const auto [end, error] =
      std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    rest_.remove_prefix(static_cast<size_t>(end - rest_.data()));
    return error == std::errc{};
  }

  std::string_view rest_;
};

bool disjoint(const byte_set& left, const byte_set& right) {
  for (size_t i = 0; i < left.size(); ++i)
    if (left[i] && right[i])
      return false;
  return true;
}

/// True if no run of variable length can take what a later one needs.
bool greedy_is_exact(const std::vector<byte_run>& runs) {
  for (size_t i = 0; i < runs.size(); ++i) {
    if (runs[i].min == runs[i].max)
      continue;
    for (size_t j = i + 1; j < runs.size(); ++j) {
      if (!disjoint(runs[i].set, runs[j].set))
        return false;
      if (runs[j].min > 0)
        break;
    }
  }
  return true;
}

/// Cuts what is optional at the end: without $ the rest of the text does not matter.
void cut_optional_tail(std::vector<byte_run>& runs) {
  while (!runs.empty() && runs.back().min == 0)
    runs.pop_back();
  if (!runs.empty())
    runs.back().max = runs.back().min;
}

std::unique_ptr<plain_pattern> parse_substring(std::string_view regex) {
  plain_parser parser(regex);
  auto made = std::make_unique<plain_pattern>();
  made->what = plain_pattern::kind::substring;
  while (const auto byte = parser.literal())
    made->literal += *byte;
  return parser.at_end() ? std::move(made) : nullptr;
}

std::unique_ptr<plain_pattern> parse_words(std::string_view regex) {
  plain_parser parser(regex);
  if (!parser.skip("^(?:") && !parser.skip("^("))
    return nullptr;
  std::vector<std::string> words;
  do {
    std::string word;
    while (const auto byte = parser.literal())
      word += *byte;
    if (std::find(words.begin(), words.end(), word) == words.end())
      // A name table needs distinct names; a word that is there twice adds nothing.
      words.push_back(std::move(word));
  } while (parser.skip("|"));
  if (!parser.skip(")$") || !parser.at_end())
    return nullptr;
  auto made = std::make_unique<plain_pattern>();
  made->what = plain_pattern::kind::words;
  made->words = name_table(std::move(words));
  return made;
}

std::unique_ptr<plain_pattern> parse_runs(std::string_view regex) {
  plain_parser parser(regex);
  auto made = std::make_unique<plain_pattern>();
  if (!parser.skip("^") || !parser.sequence(made->runs, 0))
    return nullptr;
  made->to_end = parser.at_dollar();
  if ((!made->to_end && !parser.at_end()) || !greedy_is_exact(made->runs))
    return nullptr;
  if (!made->to_end)
    cut_optional_tail(made->runs);
  return made;
}

} // namespace

std::unique_ptr<plain_pattern> parse_plain(std::string_view regex) {
  if (!is_ascii(regex))
    return nullptr;
  if (auto made = parse_substring(regex))
    return made;
  if (auto made = parse_words(regex))
    return made;
  return parse_runs(regex);
}

} // namespace weir::schema_detail
