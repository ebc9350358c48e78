// NAMES: a set of strings that is fixed when a schema is compiled. A name is looked up by a
// hash of its length and its first and last 8 bytes. Up to 16 bytes these are the whole name,
// so a hit costs one slot and no memcmp.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace weir::schema_detail {

class name_table {
 public:
  static constexpr uint32_t absent = UINT32_MAX;

  name_table() : name_table(std::vector<std::string>{}) {}
  /// The index of a name is its position in `names`; they must be distinct.
  explicit name_table(std::vector<std::string> names);

  /// Returns the index of `name`, or absent. Any thread may call it.
  uint32_t find(std::string_view name) const noexcept;
  bool empty() const noexcept { return names_.empty(); }
  /// Does the same without a branch on the size, for names with 8 readable bytes from the first
  /// one on: keys and strings of a simdjson document, whose string buffer ends in
  /// SIMDJSON_PADDING.
  uint32_t find_padded(std::string_view name) const noexcept {
    return find_key(padded_key(name), name);
  }
  /// Does the same and tries `guess` first: an index, or any other number. The names of records
  /// mostly come in the same order, and the processor need not wait for a right guess as it
  /// does for the place of a hash.
  uint32_t find_padded(std::string_view name, uint32_t guess) const noexcept {
    const slot key = padded_key(name);
    if (guess < keys_.size() && is(keys_[guess], key, name))
      return guess;
    return find_key(key, name);
  }
  const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  struct slot {
    uint64_t head = 0; ///< the first 8 bytes; shorter names end in zeros
    uint64_t tail = 0; ///< the last 8 bytes, head if there are no more than 8
    uint32_t size = 0;
    uint32_t index = absent;
  };
  static slot padded_key(std::string_view name) noexcept;
  size_t place_of(const slot& key) const noexcept {
    const uint64_t mixed = (key.head ^ std::rotl(key.tail, 29) ^ key.size) * multiplier_;
    return (mixed ^ mixed << 32) >> shift_;
  }
  bool is(const slot& found, const slot& key, std::string_view name) const noexcept {
    return found.head == key.head && found.tail == key.tail && found.size == key.size
           && (key.size <= 16
               || std::memcmp(names_[found.index].data(), name.data(), key.size) == 0);
  }
  uint32_t find_key(const slot& key, std::string_view name) const noexcept;
  /// Fills a table of 2^bits slots; false if two names wanted the same one.
  bool fill(uint32_t bits, uint64_t multiplier);

  std::vector<std::string> names_;
  std::vector<slot> keys_;  ///< by index
  std::vector<slot> slots_; ///< at least half are empty, so every probe ends
  uint64_t multiplier_ = 1;
  uint32_t shift_ = 63;
};

inline name_table::slot name_table::padded_key(std::string_view name) noexcept {
  const size_t size = name.size();
  const uint64_t mask = size >= 8 ? ~uint64_t{0} : (uint64_t{1} << size * 8 % 64) - 1;
  slot key;
  std::memcpy(&key.head, name.data(), 8);
  std::memcpy(&key.tail, name.data() + (size > 8 ? size - 8 : 0), 8);
  key.head &= mask;
  key.tail &= mask;
  key.size = static_cast<uint32_t>(size);
  return key;
}

inline uint32_t name_table::find_key(const slot& key,
                                     std::string_view name) const noexcept {
  for (size_t place = place_of(key);; place = (place + 1) & (slots_.size() - 1)) {
    const slot& found = slots_[place];
    if (is(found, key, name))
      return found.index;
    if (found.index == absent)
      return absent;
  }
}

} // namespace weir::schema_detail
