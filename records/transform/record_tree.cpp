#include "records/transform/record_tree.hpp"

#include "records/json/text.hpp"

#include <algorithm>
#include <charconv>
#include <numeric>

namespace weir::steps {

value_type value::type() const noexcept {
  switch (is) {
  case form::plain:
  case form::escaped:
    return value_type::string;
  case form::opened:
    return node->is_array ? value_type::array : value_type::object;
  case form::json:
    break;
  }
  switch (text.front()) {
  // The text is valid JSON, so its first byte tells the type.
  case 'n':
    return value_type::null;
  case 't':
  case 'f':
    return value_type::boolean;
  case '{':
    return value_type::object;
  case '[':
    return value_type::array;
  default:
    return value_type::number;
  }
}

field* tree_node::element(std::string_view name, size_t limit) noexcept {
  uint32_t index = 0;
  const auto [end, error] =
    std::from_chars(name.data(), name.data() + name.size(), index);
  const bool exact = error == std::errc{} && end == name.data() + name.size()
                     && (name.size() == 1 || name.front() != '0');
  return exact && index < limit ? items_ + index : nullptr;
}

/// Compares the ends first: names of one length mostly differ in their last byte or their first.
static inline bool same(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size()
         && (a.empty() || (a.back() == b.back() && a.front() == b.front() && a == b));
}

field* tree_node::find_before(std::string_view name, size_t limit) noexcept {
  if (is_array)
    return element(name, limit);
  field* last = items_ + limit;
  do
    if (last == items_)
      return nullptr;
  while (!same((--last)->name, name));
  // A name seldom occurs twice: this loop mostly ends without a find.
  for (const field* earlier = last; earlier-- != items_;)
    if (same(earlier->name, name))
      return erase_before(last);
  return last;
}

/// Removes the fields before `last` that have its name. Returns where `last` is then.
field* tree_node::erase_before(field* last) noexcept {
  const auto name = last->name;
  const auto behind = items_ + size_ - last;
  erase_if([last, name](const field& f) { return &f < last && f.name == name; });
  return items_ + size_ - behind;
}

void tree_node::leave_one_of_each(arena& memory) {
  constexpr uint32_t pairwise_max = 16;
  if (is_array || size_ < 2)
    return;
  if (size_ <= pairwise_max) {
    erase_if([this](const field& f) {
      const field* const end = items_ + size_;
      return std::any_of(&f + 1, end, [&f](const field& g) { return g.name == f.name; });
    });
    return;
  }
  // They are sorted by name, then by place: all but the last of each run are marked to go.
  auto* const order = memory.array<uint32_t>(size_);
  auto* const goes = memory.array<bool>(size_);
  std::iota(order, order + size_, uint32_t{0});
  std::fill_n(goes, size_, false);
  std::sort(order, order + size_, [this](uint32_t a, uint32_t b) {
    const int names = items_[a].name.compare(items_[b].name);
    return names != 0 ? names < 0 : a < b;
  });
  for (uint32_t i = 1; i < size_; ++i)
    goes[order[i - 1]] = items_[order[i - 1]].name == items_[order[i]].name;
  const field* const first = items_;
  erase_if([first, goes](const field& f) { return goes[&f - first]; });
}

void tree_node::grow(arena& memory) {
  capacity_ = capacity_ ? capacity_ * 2 : 16;
  field* const larger = memory.array<field>(capacity_);
  std::uninitialized_copy_n(items_, size_, larger);
  items_ = larger;
}

bool tree_node::erase(std::string_view name) {
  if (!is_array)
    return erase_if([name](const field& f) { return f.name == name; });
  const field* const element = find(name);
  return element && erase_if([element](const field& f) { return &f == element; });
}

tree_node* record_tree::open(field& f) {
  value& v = f.held;
  if (v.is == value::form::opened)
    return v.node;
  if (v.is != value::form::json || (v.text.front() != '{' && v.text.front() != '['))
    return nullptr;
  value opened;
  opened.is = value::form::opened;
  // Its text was checked when the record was read.
  opened.node = parse_container(v.text, depth_max);
  if (!opened.node)
    return nullptr;
  f.assign(opened);
  return opened.node;
}

field* record_tree::find(const field_pointer& at) {
  tree_node* node = &root_;
  for (size_t i = 0; i + 1 < at.tokens().size(); ++i) {
    field* const step = node->find(at.tokens()[i].name);
    if (!step || !(node = open(*step)))
      return nullptr;
  }
  return node->find(at.last().name);
}

tree_node* record_tree::parent_of(const field_pointer& at, bool make) {
  tree_node* node = &root_;
  for (size_t i = 0; i + 1 < at.tokens().size(); ++i) {
    const auto& token = at.tokens()[i];
    field* step = node->find(token.name);
    if (!step) {
      if (!make || node->is_array)
        return nullptr;
      // An object is made here; what stands in the way already is not replaced.
      step = &node->append(memory_);
      step->key = token.key;
      step->name = token.name;
      step->held.is = value::form::opened;
      step->held.node = new (memory_.array<tree_node>(1)) tree_node;
    }
    node = open(*step);
    if (!node)
      return nullptr;
  }
  return node;
}

bool record_tree::put(const field_pointer& at, const value& v) {
  tree_node* const parent = parent_of(at, true);
  deepened_ |= at.nested();
  if (!parent)
    return false;
  if (field* const old = parent->find(at.last().name)) {
    old->assign(v);
    return true;
  }
  if (parent->is_array)
    return false;
  // An array has only the elements it came with: none can be appended.
  field& f = parent->append(memory_);
  f.key = at.last().key;
  f.name = at.last().name;
  f.held = v;
  return true;
}

bool record_tree::erase(const field_pointer& at) {
  tree_node* const parent = parent_of(at, false);
  return parent && parent->erase(at.last().name);
}

record_tree::moved record_tree::rename(const field_pointer& from,
                                       const field_pointer& to) {
  tree_node* const parent = parent_of(from, false);
  field* const source = parent ? parent->find(from.last().name) : nullptr;
  if (!source)
    return moved::missing;
  if (from.same_parent(to))
    return parent->is_array ? moved::blocked
                            : rename_here(*parent, *source, from.last(), to.last());
  const value held = source->held;
  parent->erase(from.last().name);
  return put(to, held) ? moved::done : moved::blocked;
}

record_tree::moved record_tree::rename_here(tree_node& parent, field& source,
                                            const pointer_token& from,
                                            const pointer_token& to) {
  const bool others = parent.erase_if([&](const field& f) {
    return &f != &source && (f.name == from.name || f.name == to.name);
  });
  field& kept = others ? *parent.find(from.name) : source;
  kept.key = to.key;
  kept.name = to.name;
  kept.verbatim = false;
  return moved::done;
}

value record_tree::string_of(std::string_view text) {
  value v;
  v.text = escape(text, memory_);
  v.is = v.text.data() == text.data() ? value::form::plain : value::form::escaped;
  return v;
}

std::string_view record_tree::text_of(const value& v) {
  if (v.is == value::form::escaped)
    return unescape(v.text, memory_);
  return v.is == value::form::opened ? detach(v).text : v.text;
}

} // namespace weir::steps
