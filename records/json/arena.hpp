// ARENA: gives memory to the steps that one record takes, and gets it back all at once. After
// a few records it holds a block that is large enough and rarely allocates again.
#pragma once

#include "proto/batch.hpp"

#include <cstddef>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace weir::steps {

/// Belongs to one thread. It destroys nothing: only trivially destructible things live here.
class arena {
 public:
  /// The memory is 16-byte aligned and uninitialised; `text_padding` readable bytes follow it.
  char* allocate(size_t bytes) {
    const size_t rounded = (bytes + 15) & ~size_t{15};
    if (rounded > static_cast<size_t>(end_ - at_))
      grow(rounded);
    char* const start = at_;
    at_ += rounded;
    return start;
  }

  /// Gives back the tail of the most recent allocation.
  void shrink(char* start, size_t used) noexcept {
    at_ = start + ((used + 15) & ~size_t{15});
  }

  std::string_view copy(std::string_view text) {
    char* const start = allocate(text.size());
    if (!text.empty())
      std::memcpy(start, text.data(), text.size());
    return {start, text.size()};
  }

  template <class T>
  T* array(size_t count) {
    static_assert(std::is_trivially_destructible_v<T> && alignof(T) <= 16);
    return reinterpret_cast<T*>(allocate(count * sizeof(T)));
  }

  /// Takes back all memory handed out. Keeps one block of at most `kept_bytes_max` bytes.
  void reset();

  /// reset(), and keeps nothing.
  void release() noexcept {
    blocks_.clear();
    at_ = end_ = nullptr;
  }

  /// What it holds, handed out or not.
  size_t capacity() const noexcept {
    size_t bytes = 0;
    for (const auto& b : blocks_)
      bytes += b.size;
    return bytes;
  }

  static constexpr size_t first_block_bytes = size_t{32} << 10;
  static constexpr size_t kept_bytes_max = size_t{1} << 20;

 private:
  struct block {
    std::unique_ptr<char[]> bytes;
    size_t size = 0;
  };
  void grow(size_t bytes);
  void add_block(size_t bytes);

  std::vector<block> blocks_;
  char* at_ = nullptr;
  char* end_ = nullptr;
};

} // namespace weir::steps
