#include "records/schema_names.hpp"

#include <bit>
#include <cstring>

namespace weir::schema_detail {

namespace {

template <class Word>
uint64_t load(const char* at) noexcept {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

constexpr int attempts_per_size = 32;
constexpr uint32_t growth_bits_max = 3;

} // namespace

name_table::name_table(std::vector<std::string> names) : names_(std::move(names)) {
  const auto bits_min = static_cast<uint32_t>(std::bit_width(names_.size() * 2 + 1));
  uint64_t multiplier = 0x9e3779b97f4a7c15; // the golden ratio, as in Knuth's 6.4
  for (uint32_t bits = bits_min; bits <= bits_min + growth_bits_max; ++bits)
    for (int attempt = 0; attempt < attempts_per_size; ++attempt) {
      if (fill(bits, multiplier))
        return;
      multiplier = multiplier * 0xd1342543de82ef95 + 2; // an LCG step keeps it odd
      if (names_.size() > 256) {                        // no perfect fit to hope for
        fill(bits, multiplier);
        return;
      }
    }
  fill(bits_min, multiplier);
}

bool name_table::fill(uint32_t bits, uint64_t multiplier) {
  multiplier_ = multiplier;
  shift_ = 64 - bits;
  slots_.assign(size_t{1} << bits, slot{});
  bool perfect = true;
  for (uint32_t index = 0; index < names_.size(); ++index) {
    slot key = key_of(names_[index]);
    key.index = index;
    size_t place = place_of(key);
    for (; slots_[place].index != absent; place = (place + 1) & (slots_.size() - 1))
      perfect = false;
    slots_[place] = key;
  }
  return perfect;
}

name_table::slot name_table::key_of(std::string_view name) noexcept {
  slot key;
  const size_t size = name.size();
  const char* const at = name.data();
  key.size = static_cast<uint32_t>(size);
  if (size >= 8) {
    key.head = load<uint64_t>(at);
    key.tail = load<uint64_t>(at + size - 8);
  } else if (size >= 4) {
    key.head = load<uint32_t>(at);
    key.tail = load<uint32_t>(at + size - 4);
  } else if (size > 0) {
    key.head = load<uint8_t>(at) | load<uint8_t>(at + size / 2) << 8
               | load<uint8_t>(at + size - 1) << 16;
  }
  return key;
}

size_t name_table::place_of(const slot& key) const noexcept {
  const uint64_t mixed = (key.head ^ std::rotl(key.tail, 29) ^ key.size) * multiplier_;
  return (mixed ^ mixed << 32) >> shift_;
}

uint32_t name_table::find(std::string_view name) const noexcept {
  const slot key = key_of(name);
  for (size_t place = place_of(key);; place = (place + 1) & (slots_.size() - 1)) {
    const slot& found = slots_[place];
    if (found.index == absent)
      return absent;
    if (found.head == key.head && found.tail == key.tail && found.size == key.size
        && (key.size <= 16
            || std::memcmp(names_[found.index].data(), name.data(), key.size) == 0))
      return found.index;
  }
}

} // namespace weir::schema_detail
