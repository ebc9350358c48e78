#include "records/schema/equal.hpp"

#include "records/schema/element.hpp"
#include "records/schema/number.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <vector>

namespace weir::schema_detail {

using simdjson::dom::element;
using simdjson::dom::element_type;

namespace {

constexpr size_t pairwise_max = 12;  ///< up to it comparing all pairs beats hashing
constexpr size_t on_stack_max = 256; ///< takes 6 KiB

uint64_t mix(uint64_t a, uint64_t b) noexcept {
  a = (a ^ std::rotl(b, 31)) * 0x9e3779b97f4a7c15;
  return (a ^ a >> 29) * 0xbf58476d1ce4e5b9 ^ b;
}

uint64_t hash_text(std::string_view text) noexcept {
  uint64_t hash = text.size();
  for (; text.size() >= 8; text.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, text.data(), 8);
    hash = mix(hash, word);
  }
  uint64_t rest = 0;
  if (!text.empty())
    std::memcpy(&rest, text.data(), text.size());
  return mix(hash, rest);
}

uint64_t hash_number(const number& given) noexcept {
  const number value = normalized(given);
  if (value.what == number::kind::real)
    return mix(3, std::bit_cast<uint64_t>(value.d));
  return mix(4, value.what == number::kind::uint64 ? value.u
                                                   : static_cast<uint64_t>(value.i));
}

uint64_t hash_array(simdjson::dom::array items, work_budget& work) noexcept {
  uint64_t hash = 5;
  for (const element item : items) {
    hash = mix(hash, hash_of(item, work));
    if (work.exhausted())
      break;
  }
  return hash;
}

uint64_t hash_object(simdjson::dom::object members, work_budget& work) noexcept {
  uint64_t hash = 6;
  for (const auto [key, value] : members) { // a sum, since their order does not matter
    hash += mix(hash_text(key), hash_of(value, work));
    if (!work.spend_bytes(key.size()))
      break;
  }
  return hash;
}

bool equal_arrays(simdjson::dom::array left, simdjson::dom::array right,
                  work_budget& work) noexcept {
  auto other = right.begin();
  for (const element item : left) {
    if (other == right.end() || !equal(item, *other, work))
      return false;
    ++other;
  }
  return other == right.end();
}

bool find_equal(simdjson::dom::object in, std::string_view key, element value,
                work_budget& work) noexcept {
  for (const auto [name, candidate] : in) {
    if (!work.spend(1))
      return false;
    if (name == key && equal(value, candidate, work))
      return true;
  }
  return false;
}

bool equal_objects(simdjson::dom::object left, simdjson::dom::object right,
                   work_budget& work) noexcept {
  if (left.size() != right.size()) // saturates at 2^24 - 1: then the members decide
    return false;
  // Both ways are needed: a name may occur twice in either.
  for (const auto [key, value] : left)
    if (!find_equal(right, key, value, work))
      return false;
  for (const auto [key, value] : right)
    if (!find_equal(left, key, value, work))
      return false;
  return true;
}

struct hashed {
  uint64_t hash = 0;
  element value;
};

bool unique_by_hash(std::span<hashed> items, work_budget& work) noexcept {
  std::sort(items.begin(), items.end(),
            [](const hashed& a, const hashed& b) { return a.hash < b.hash; });
  for (size_t i = 1; i < items.size(); ++i)
    for (size_t j = i; j-- > 0 && items[j].hash == items[i].hash;)
      if (equal(items[i].value, items[j].value, work) || work.exhausted())
        return false;
  return true;
}

template <class Store>
bool hash_and_compare(simdjson::dom::array items, Store& store, work_budget& work) {
  size_t count = 0;
  for (const element item : items) {
    store[count++] = {hash_of(item, work), item};
    if (work.exhausted())
      return false;
  }
  return unique_by_hash({store.data(), count}, work);
}

bool unique_by_pairs(simdjson::dom::array items, work_budget& work) noexcept {
  for (auto right = items.begin(); right != items.end(); ++right)
    for (auto left = items.begin(); left != right; ++left)
      if (equal(*left, *right, work) || work.exhausted())
        return false;
  return true;
}

bool is_number(element_type type) noexcept {
  return type == element_type::INT64 || type == element_type::UINT64
         || type == element_type::DOUBLE;
}

bool equal_text(std::string_view left, std::string_view right,
                work_budget& work) noexcept {
  return left.size() == right.size() && work.spend_bytes(left.size()) && left == right;
}

} // namespace

bool equal(element left, element right, work_budget& work) noexcept {
  if (!work.spend(1))
    return false;
  const element_type type = left.type();
  if (is_number(type))
    return is_number(right.type()) && compare(number::of(left), number::of(right)) == 0;
  if (type != right.type())
    return false;
  switch (type) {
  case element_type::STRING:
    return equal_text(text_of(left), text_of(right), work);
  case element_type::BOOL:
    return truth_of(left) == truth_of(right);
  case element_type::ARRAY:
    return equal_arrays(items_of(left), items_of(right), work);
  case element_type::OBJECT:
    return equal_objects(members_of(left), members_of(right), work);
  default:
    return true; // null
  }
}

uint64_t hash_of(element value, work_budget& work) noexcept {
  if (!work.spend(1))
    return 0;
  switch (value.type()) {
  // Each type mixes in a number of its own, so that null, 0, false and "" differ.
  case element_type::NULL_VALUE:
    return 1;
  case element_type::BOOL:
    return mix(2, truth_of(value) ? 1 : 0);
  case element_type::STRING: {
    const std::string_view text = text_of(value);
    return work.spend_bytes(text.size()) ? mix(7, hash_text(text)) : 0;
  }
  case element_type::ARRAY:
    return hash_array(items_of(value), work);
  case element_type::OBJECT:
    return hash_object(members_of(value), work);
  default:
    return hash_number(number::of(value));
  }
}

bool all_unique(simdjson::dom::array items, work_budget& work) {
  size_t count = 0;
  // items.size() saturates at 2^24 - 1.
  for (auto at = items.begin(); at != items.end(); ++at)
    ++count;
  if (!work.spend(count))
    return false;
  if (count <= pairwise_max)
    return unique_by_pairs(items, work);
  if (count <= on_stack_max) {
    std::array<hashed, on_stack_max> store;
    return hash_and_compare(items, store, work);
  }
  std::vector<hashed> store(count);
  return hash_and_compare(items, store, work);
}

} // namespace weir::schema_detail
