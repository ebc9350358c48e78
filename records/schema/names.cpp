#include "records/schema/names.hpp"

#include <bit>

namespace weir::schema_detail {

namespace {

constexpr int attempts_per_size = 32;
constexpr uint32_t growth_bits_max = 3;

} // namespace

name_table::name_table(std::vector<std::string> names) : names_(std::move(names)) {
  const auto bits_min = static_cast<uint32_t>(std::bit_width(names_.size() * 2 + 1));
  uint64_t multiplier = 0x9e3779b97f4a7c15; // the golden ratio, as in Knuth, section 6.4
  for (uint32_t bits = bits_min; bits <= bits_min + growth_bits_max; ++bits)
    for (int attempt = 0; attempt < attempts_per_size; ++attempt) {
      if (fill(bits, multiplier))
        return;
      multiplier = multiplier * 0xd1342543de82ef95 + 2; // an LCG step keeps it odd
      if (names_.size() > 256) {                        // too many for a perfect fit
        fill(bits, multiplier);
        return;
      }
    }
  fill(bits_min, multiplier);
}

bool name_table::fill(uint32_t bits, uint64_t multiplier) {
  multiplier_ = multiplier;
  shift_ = 64 - bits;
  keys_.resize(names_.size());
  slots_.assign(size_t{1} << bits, slot{});
  bool perfect = true;
  for (uint32_t index = 0; index < names_.size(); ++index) {
    std::string padded = names_[index];
    // padded_key() reads 8 bytes from the first one on, whatever the size.
    padded.resize(padded.size() + 8);
    slot key = padded_key({padded.data(), names_[index].size()});
    key.index = index;
    size_t place = place_of(key);
    for (; slots_[place].index != absent; place = (place + 1) & (slots_.size() - 1))
      perfect = false;
    keys_[index] = slots_[place] = key;
  }
  return perfect;
}

uint32_t name_table::find(std::string_view name) const noexcept {
  if (name.size() >= 8)
    return find_padded(name);
  char padded[8] = {};
  if (!name.empty())
    std::memcpy(padded, name.data(), name.size());
  return find_padded({padded, name.size()});
}

} // namespace weir::schema_detail
