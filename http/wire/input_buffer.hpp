// INPUT BUFFER: what a connection has sent and nobody has used yet. Small while the
// connection is idle, since there may be thousands.
#pragma once

#include <cstddef>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

namespace weir {

class input_buffer {
 public:
  static constexpr size_t idle_bytes = size_t{4} << 10;

  std::string_view view() const noexcept {
    return {block_.get() + begin_, end_ - begin_};
  }
  bool empty() const noexcept { return begin_ == end_; }
  size_t size() const noexcept { return end_ - begin_; }

  /// Room for at least one byte, growing up to `bytes_max` in all; empty when there is
  /// none left. Moves what is unread: not to be called while a read into the room is
  /// under way.
  std::span<char> prepare(size_t bytes_max) {
    compact();
    if (end_ == capacity_ && capacity_ < bytes_max)
      grow(capacity_ == 0              ? idle_bytes
           : capacity_ * 4 < bytes_max ? capacity_ * 4
                                       : bytes_max);
    return {block_.get() + end_, capacity_ - end_};
  }
  void commit(size_t bytes) noexcept { end_ += bytes; }
  void consume(size_t bytes) noexcept { begin_ += bytes; }

  /// Gives back what a large head or body made it grow to, as far as what is unread lets it.
  void shrink() {
    size_t wanted = idle_bytes;
    while (wanted < size())
      wanted *= 4;
    if (capacity_ > wanted)
      grow(wanted);
  }

 private:
  void compact() noexcept {
    if (begin_ == 0)
      return;
    if (begin_ != end_)
      std::memmove(block_.get(), block_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  void grow(size_t capacity) {
    std::unique_ptr<char[]> bigger(new char[capacity]);
    const auto kept = size();
    if (kept > 0)
      std::memcpy(bigger.get(), block_.get() + begin_, kept);
    block_ = std::move(bigger);
    capacity_ = capacity;
    begin_ = 0;
    end_ = kept;
  }

  std::unique_ptr<char[]> block_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

} // namespace weir
