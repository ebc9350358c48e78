// NAMES: a set of strings fixed at compile time of a schema, looked up by hash of length,
// first and last 8 bytes. For names of up to 16 bytes these three are the whole name, so
// a hit costs one slot and no memcmp.
#pragma once

#include <cstdint>
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

  /// Any thread.
  uint32_t find(std::string_view name) const noexcept;
  const std::vector<std::string>& names() const noexcept { return names_; }

 private:
  struct slot {
    uint64_t head = 0; ///< first 8 bytes; shorter names are spread over head and tail
    uint64_t tail = 0; ///< last 8 bytes
    uint32_t size = 0;
    uint32_t index = absent;
  };
  static slot key_of(std::string_view name) noexcept;
  size_t place_of(const slot& key) const noexcept;
  /// Fills a table of 2^bits slots; false if two names wanted the same one.
  bool fill(uint32_t bits, uint64_t multiplier);

  std::vector<std::string> names_;
  std::vector<slot> slots_; ///< at least half are empty, so every probe ends
  uint64_t multiplier_ = 1;
  uint32_t shift_ = 63;
};

} // namespace weir::schema_detail
