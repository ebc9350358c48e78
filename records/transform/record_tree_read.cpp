// Reads a record tree: from the text alone, or with the help of tokens that are known.
#include "records/json/text.hpp"
#include "records/transform/record_tree.hpp"

#include <simdjson.h>

#include <cstring>

namespace weir::steps {

static_assert(text_padding >= simdjson::SIMDJSON_PADDING,
              "proto promises enough for simdjson");

namespace {

/// The place after the last byte before `at` that is no white space; there is such a byte.
inline const char* trim_back(const char* at) noexcept {
  while (static_cast<unsigned char>(at[-1]) <= ' ')
    --at;
  return at;
}

inline std::string_view between(const char* begin, const char* end) noexcept {
  return {begin, static_cast<size_t>(end - begin)};
}

/// The closing quote of the string that begins at `open`, when the next token is at `next`. The
/// string is read only if the record has escapes: simdjson lets a surrogate without its partner
/// through. Null: the string has such a surrogate.
inline const char* closing_quote(const char* open, const char* next, bool escapes,
                                 bool& escaped) noexcept {
  return escapes ? scan_string(open + 1, next, escaped) : trim_back(next) - 1;
}

} // namespace

bool record_tree::parse(std::string_view record, const record_tokens& tokens) {
  root_ = tree_node{};
  deepened_ = false;
  const auto& offsets = tokens.offsets;
  const bool known = !offsets.empty() && record[offsets.front()] == '{';
  if (known ? read_tokens(record, tokens) : read_record(record))
    return true;
  root_ = tree_node{};
  return false;
}

bool record_tree::read_record(std::string_view record) {
  const char* const end = record.data() + record.size();
  const char* at = skip_space(record.data(), end);
  if (at == end || *at != '{' || !simdjson::validate_utf8(record.data(), record.size()))
    return false;
  at = read_members(root_, at, end, depth_max - 1);
  return at && skip_space(at, end) == end;
}

tree_node* record_tree::parse_container(std::string_view json, unsigned depth_left) {
  auto* const node = new (memory_.array<tree_node>(1)) tree_node;
  if (depth_left == 0 || json.empty() || (json.front() != '[' && json.front() != '{'))
    return nullptr;
  const char* const end = json.data() + json.size();
  return read_members(*node, json.data(), end, depth_left - 1) == end ? node : nullptr;
}

// Goes from the opening bracket to the byte after the closing one.
const char* record_tree::read_members(tree_node& node, const char* at, const char* end,
                                      unsigned depth_left) {
  const char close = *at == '[' ? ']' : '}';
  node.is_array = close == ']';
  at = skip_space(at + 1, end);
  if (at != end && *at == close)
    return at + 1;
  for (;;) {
    field& f = node.append(memory_);
    bool spaced = false;
    if (close == '}' && !(at = read_key(f, at, end, spaced)))
      return nullptr;
    at = read_value(f, at, end, depth_left, spaced);
    if (!at)
      return nullptr;
    f.verbatim = !spaced && close == '}';
    // White space before a field's comma does not count: it is not part of the field's own text.
    at = skip_space(at, end);
    if (at == end || (*at != close && *at != ','))
      return nullptr;
    if (*at++ == close)
      return at;
    at = skip_space(at, end);
  }
}

inline const char* record_tree::read_key(field& f, const char* at, const char* end,
                                         bool& spaced) {
  bool escaped = false;
  if (at == end || *at != '"')
    return nullptr;
  const char* const start = ++at;
  at = scan_string(at, end, escaped);
  if (!at)
    return nullptr;
  const auto key = between(start, at);
  f.key = key; // `key` is used below: a load of two fresh halves stalls, as measured
  f.name = escaped ? unescape(key, memory_) : key;
  const char* const colon = skip_space(at + 1, end);
  if (colon == end || *colon != ':')
    return nullptr;
  const char* const behind = skip_space(colon + 1, end);
  spaced |= behind != at + 2;
  return behind;
}

/// Reads a value that is no string.
inline const char* record_tree::read_json(value& into, const char* at, const char* end,
                                          unsigned depth_left, bool& spaced) {
  bool inside = false;
  const char* const behind = scan_value(at, end, depth_left, inside);
  if (!behind)
    return nullptr;
  const auto json = between(at, behind);
  into.text = inside ? minify(json, memory_) : json;
  spaced |= inside;
  return behind;
}

inline const char* record_tree::read_value(field& f, const char* at, const char* end,
                                           unsigned depth_left, bool& spaced) {
  if (at != end && *at == '"') {
    const char* const start = at;
    bool escaped = false;
    at = scan_string(at + 1, end, escaped);
    if (!at)
      return nullptr;
    f.held.is = escaped ? value::form::escaped : value::form::plain;
    f.held.text = between(start + 1, at);
    return at + 1;
  }
  return read_json(f.held, at, end, depth_left, spaced);
}

/// simdjson has found the record to be JSON in UTF-8. Nested values are read nonetheless, for
/// their depth and the white space in them.
bool record_tree::read_tokens(std::string_view record, const record_tokens& tokens) {
  const char* const text = record.data();
  const bool escapes = !tokens.plain && std::memchr(text, '\\', record.size()) != nullptr;
  const uint32_t* const last = &tokens.offsets.back(); // the closing brace
  for (const uint32_t* token = &tokens.offsets.front() + 1; token < last; ++token) {
    const char* const open = text + token[0];
    const char* const start = text + token[2];
    bool escaped = false;
    const char* const close = closing_quote(open, text + token[1], escapes, escaped);
    if (!close)
      return false;
    token += 3;
    field& f = root_.append(memory_);
    const auto key = between(open + 1, close);
    f.key = key;
    f.name = escaped ? unescape(key, memory_) : key;
    bool spaced = start != close + 2;
    if (*start == '"') {
      escaped = false;
      const char* const end = closing_quote(start, text + *token, escapes, escaped);
      if (!end)
        return false;
      f.held.is = escaped ? value::form::escaped : value::form::plain;
      f.held.text = between(start + 1, end);
    } else if (*start == '{' || *start == '[') {
      const char* const end =
        read_json(f.held, start, text + record.size(), depth_max - 1, spaced);
      if (!end)
        return false;
      while (text + *token < end)
        ++token;
    } else {
      f.held.text = between(start, trim_back(text + *token));
    }
    f.verbatim = !spaced;
  }
  return true;
}

} // namespace weir::steps
