// RECORD TREE: one record, opened only as far as the steps look. A container is a list of
// fields whose values are views of JSON text; a nested container is opened when a pointer
// leads into it. A value that no step touches is written as it came: numbers keep their
// digits, strings their escapes.
//
// The last of the fields with the same name counts. Looking for a name removes the others: a
// later reader must not take a field that a step did not see.
#pragma once

#include "records/json/arena.hpp"
#include "records/json/outline.hpp"
#include "records/json/scan.hpp"
#include "records/transform/pointer.hpp"

#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::steps {

class tree_node;

enum class value_type : uint8_t { null, boolean, number, string, object, array };

struct value {
  enum class form : uint8_t {
    plain,   ///< `text` is the inside of a string and has no escapes
    escaped, ///< `text` is the inside of a string and has escapes
    json,    ///< `text` is compact JSON of another type
    opened,  ///< a container, in `node`
  } is = form::json;
  std::string_view text = "null";
  tree_node* node = nullptr;

  static value json(std::string_view compact) noexcept {
    value v;
    v.text = compact;
    return v;
  }
  value_type type() const noexcept;
  bool is_string() const noexcept { return is == form::plain || is == form::escaped; }
  bool is_null() const noexcept { return is == form::json && text.front() == 'n'; }
};

struct field {
  std::string_view key;  ///< the inside of the JSON string; empty in arrays
  std::string_view name; ///< what the key means
  value held;
  bool verbatim = false; ///< `"key":value` stands like this in the record's text

  void assign(const value& v) noexcept {
    held = v;
    verbatim = false;
  }
};

/// Lives in the arena and is never destroyed.
class tree_node {
 public:
  bool is_array = false;

  std::span<field> fields() noexcept { return {items_, size_}; }
  std::span<const field> fields() const noexcept { return {items_, size_}; }
  size_t size() const noexcept { return size_; }

  /// The last field of that name, or the element of that index; null when there is none. It
  /// removes earlier fields of the name, so others move.
  field* find(std::string_view name) noexcept { return find_before(name, size_); }
  /// Does the same among the first `limit` fields.
  field* find_before(std::string_view name, size_t limit) noexcept;
  /// Leaves one field of each name, the last. It needs `memory` when there are many fields.
  void leave_one_of_each(arena& memory);
  /// Adds a last field for the caller to fill in.
  field& append(arena& memory) {
    if (size_ == capacity_)
      grow(memory);
    return *new (items_ + size_++) field;
  }
  void append(const field& f, arena& memory) { append(memory) = f; }
  /// Removes the fields for which `unwanted` is true and keeps the order of the others.
  template <class Predicate>
  bool erase_if(Predicate unwanted) {
    size_t kept = 0;
    for (size_t i = 0; i < size_; ++i)
      if (!unwanted(items_[i])) {
        if (kept != i)
          items_[kept] = items_[i];
        ++kept;
      }
    const bool erased = kept != size_;
    size_ = static_cast<uint32_t>(kept);
    return erased;
  }
  bool erase(std::string_view name);

 private:
  void grow(arena& memory);
  field* element(std::string_view index, size_t limit) noexcept;
  field* erase_before(field* last) noexcept;

  field* items_ = nullptr;
  uint32_t size_ = 0;
  uint32_t capacity_ = 0;
};

/// Belongs to one thread and holds one record at a time. The views that it hands out live until
/// the arena's reset.
class record_tree {
 public:
  explicit record_tree(arena& memory) : memory_(memory) {}

  /// Opens the top level and checks all of `record`: valid UTF-8, one JSON object, at most
  /// depth_max deep. False otherwise; the tree is empty then. text_padding readable bytes must
  /// follow `record`. If its `tokens` are given, simdjson has made most of the checks.
  bool parse(std::string_view record, const record_tokens& tokens = {});
  /// Does the same for a container that came out of a string; `depth_left` counts it too.
  tree_node* parse_container(std::string_view json, unsigned depth_left);

  tree_node& root() noexcept { return root_; }
  /// Null when the field is missing. Change it only with field::assign. One field is left of
  /// each name on the way.
  field* find(const field_pointer& at);
  /// The container in `f`, opened if needed; null for a scalar.
  tree_node* open(field& f);

  /// Sets a field or appends it, and makes the objects on the way. False when something on the
  /// way is no container, or an array has no such element.
  bool put(const field_pointer& at, const value& v);
  bool erase(const field_pointer& at);
  enum class moved : uint8_t { done, missing, blocked };
  /// The field stays in its place when only the name changes; else it goes to the end of its
  /// new parent.
  moved rename(const field_pointer& from, const field_pointer& to);

  /// Makes a string value of `text`, which must be valid UTF-8 and live as long as the record.
  value string_of(std::string_view text);
  /// The text that a string value means; of any other value its JSON text.
  std::string_view text_of(const value& v);
  /// Makes an opened container a text, so that two fields never share a container.
  value detach(const value& v);

  /// False, and `out` as before, when steps have nested containers deeper than depth_max.
  bool write(std::string& out) const;

 private:
  bool read_record(std::string_view record);
  bool read_tokens(std::string_view record, const record_tokens& tokens);
  const char* read_members(tree_node& node, const char* at, const char* end,
                           unsigned depth_left);
  const char* read_key(field& f, const char* at, const char* end, bool& spaced);
  const char* read_value(field& f, const char* at, const char* end, unsigned depth_left,
                         bool& spaced);
  const char* read_json(value& into, const char* at, const char* end, unsigned depth_left,
                        bool& spaced);
  tree_node* parent_of(const field_pointer& at, bool make);
  moved rename_here(tree_node& parent, field& source, const pointer_token& from,
                    const pointer_token& to);

  arena& memory_;
  tree_node root_;
  bool deepened_ = false; ///< something was put below the top level
};

} // namespace weir::steps
