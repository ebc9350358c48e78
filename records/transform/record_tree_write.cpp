// Writes a record tree: one pass computes the size, one copies. Neighbours that no step touched
// lie side by side in the record's text and go out in one copy.
#include "records/transform/record_tree.hpp"

#include <cstring>

namespace weir::steps {

namespace {

size_t size_of(const tree_node& node) noexcept;

size_t size_of(const value& v) noexcept {
  switch (v.is) {
  case value::form::plain:
  case value::form::escaped:
    return v.text.size() + 2;
  case value::form::json:
    return v.text.size();
  case value::form::opened:
    return size_of(*v.node);
  }
  return 0;
}

// Counts a comma for each field, so one comma too many unless there is no field: then the two
// brackets, else one of them.
size_t size_of(const tree_node& node) noexcept {
  size_t bytes = node.size() ? 1 : 2;
  for (const auto& f : node.fields())
    bytes += (node.is_array ? 0 : f.key.size() + 3) + size_of(f.held) + 1;
  return bytes;
}

char* copy_to(char* out, std::string_view text) noexcept {
  if (!text.empty())
    std::memcpy(out, text.data(), text.size());
  return out + text.size();
}

char* copy_to(char* out, const tree_node& node) noexcept;

char* copy_to(char* out, const value& v) noexcept {
  switch (v.is) {
  case value::form::plain:
  case value::form::escaped:
    *out++ = '"';
    // An escaped text keeps its escapes as they came: nothing is escaped anew.
    out = copy_to(out, v.text);
    *out++ = '"';
    return out;
  case value::form::json:
    return copy_to(out, v.text);
  case value::form::opened:
    return copy_to(out, *v.node);
  }
  return out;
}

// The text `"key":value` of a field that is verbatim.
std::string_view source_of(const field& f) noexcept {
  const char* const start = f.key.data() - 1;
  const char* const end =
    f.held.text.data() + f.held.text.size() + (f.held.is_string() ? 1 : 0);
  return {start, static_cast<size_t>(end - start)};
}

// The fields from `first` on that stand in one piece of text, commas included. Moves `first` past
// them.
std::string_view run_of(std::span<const field> fields, size_t& first) noexcept {
  std::string_view run = source_of(fields[first]);
  while (++first < fields.size() && fields[first].verbatim) {
    const auto next = source_of(fields[first]);
    const char* const end = run.data() + run.size();
    if (next.data() != end + 1 || *end != ',')
      break;
    run = {run.data(), run.size() + 1 + next.size()};
  }
  return run;
}

char* copy_field(char* out, const field& f, bool element) noexcept {
  if (!element) {
    *out++ = '"';
    out = copy_to(out, f.key);
    *out++ = '"';
    *out++ = ':';
  }
  return copy_to(out, f.held);
}

char* copy_to(char* out, const tree_node& node) noexcept {
  *out++ = node.is_array ? '[' : '{';
  const auto fields = node.fields();
  for (size_t i = 0; i < fields.size();) {
    if (i)
      *out++ = ',';
    if (fields[i].verbatim)
      out = copy_to(out, run_of(fields, i));
    else
      out = copy_field(out, fields[i++], node.is_array);
  }
  *out++ = node.is_array ? ']' : '}';
  return out;
}

} // namespace

bool record_tree::write(std::string& out) const {
  const size_t before = out.size();
  const size_t bytes = size_of(root_);
  out.reserve(before + bytes + text_padding);
  out.resize(before + bytes);
  copy_to(out.data() + before, root_);
  if (!deepened_)
    return true;
  // Only what steps put below the top level can be too deep: all else was checked on reading.
  const char* const text = out.data() + before;
  bool spaced = false;
  if (scan_value(text, text + bytes, depth_max, spaced))
    return true;
  out.resize(before);
  return false;
}

value record_tree::detach(const value& v) {
  if (v.is != value::form::opened)
    return v;
  const size_t bytes = size_of(*v.node);
  char* const text = memory_.allocate(bytes);
  copy_to(text, *v.node);
  return value::json({text, bytes});
}

} // namespace weir::steps
